//! Accounts over real databases: what a store must do, on both backends, and what the service makes of it.

mod administration;
#[path = "../both/mod.rs"]
mod both;
mod codes;
mod credentials;
mod devices;
mod profiles;
mod service;
mod sessions;
mod timeouts;
mod users;

use std::sync::Arc;

use accounts::store::{CodeAttempt, CodeDigest, NewCode, NewSession, NewUser};
use accounts::{AccountStore, Address};
use protocol::{DeviceId, UserId};
use testkit::unique;

use both::on_both;

/// A time to start from.
const START: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;
const MAX_DEVICES: u32 = 3;

type Store = Arc<dyn AccountStore>;

fn new_user(username: Option<&str>, address: Option<&Address>) -> NewUser {
    NewUser {
        id: UserId::compose(START, unique()),
        username: username.map(str::to_owned),
        address: address.cloned(),
        name: "Somebody".to_owned(),
        password_hash: username.map(|name| format!("hash of {name}")),
        created_at: START,
    }
}

fn new_session(created_at: i64) -> NewSession {
    NewSession {
        device: DeviceId::compose(created_at, unique()),
        name: "laptop".to_owned(),
        created_at,
        expires_at: created_at + 365 * DAY,
    }
}

/// A registered user with one session.
async fn registered(store: &Store, username: &str) -> (UserId, DeviceId) {
    let (user, session) = (new_user(Some(username), None), new_session(START));
    let ids = (user.id, session.device);
    assert!(store.register(user, session).await.unwrap());
    ids
}

fn email(text: &str) -> Address {
    Address::email(text).unwrap()
}

fn digest(code: u8) -> CodeDigest {
    CodeDigest([code; 32])
}

/// Where codes are asked for.
const HOME: u8 = 100;

fn new_code(address: &Address, code: u8, now: i64) -> NewCode {
    NewCode {
        address: address.clone(),
        digest: digest(code),
        asker: digest(HOME),
        readable: None,
        created_at: now,
        expires_at: now + 600_000,
        resend_at: now + 60_000,
        max_per_hour: 3,
    }
}

fn attempt(address: &Address, code: u8, now: i64) -> CodeAttempt {
    CodeAttempt {
        address: address.clone(),
        digest: digest(code),
        asker: digest(HOME),
        now,
        max_tries: 5,
        max_others: 15,
    }
}
