//! Accounts over real databases: what a store must do, on both backends, and what the service makes of it.

mod administration;
mod codes;
mod credentials;
mod profiles;
mod service;
mod sessions;
mod timeouts;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accounts::store::{CodeAttempt, CodeDigest, NewCode, NewSession, NewUser};
use accounts::{AccountStore, Address};
use protocol::{DeviceId, UserId};

/// A time to start from.
const START: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;
const MAX_DEVICES: u32 = 3;

/// Runs each of these `async fn(Store)` on a fresh SQLite and on a fresh PostgreSQL database.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let store = storage::sqlite::Database::open(&folder.path().join("kith.db")).unwrap();
                super::$name(std::sync::Arc::new(store)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let database = testkit::postgres::database().unwrap();
                let store = storage::postgres::Database::open(&database.url(), 8).await.unwrap();
                super::$name(std::sync::Arc::new(store)).await;
            })+
        }
    };
}
pub(crate) use on_both;

type Store = Arc<dyn AccountStore>;

/// Ten bytes that differ from call to call.
fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

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

fn new_code(address: &Address, code: u8, now: i64) -> NewCode {
    NewCode {
        address: address.clone(),
        digest: digest(code),
        readable: None,
        created_at: now,
        expires_at: now + 600_000,
        resend_at: now + 60_000,
        max_per_hour: 3,
    }
}

fn attempt(address: &Address, code: u8, now: i64) -> CodeAttempt {
    CodeAttempt { address: address.clone(), digest: digest(code), now, max_tries: 5 }
}
