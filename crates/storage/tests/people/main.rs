//! People over real databases: what a store must do, on both backends, and what the service makes of it.

#[path = "../both/mod.rs"]
mod both;
mod invites;
mod lists;
mod reports;
mod service;

use std::sync::Arc;

use accounts::PeopleStore;
use protocol::UserId;
use testkit::unique;

use both::on_both;

/// A time to start from.
const START: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;

type Store = Arc<dyn PeopleStore>;

fn user() -> UserId {
    UserId::compose(START, unique())
}

fn sorted<T: Ord>(mut some: Vec<T>) -> Vec<T> {
    some.sort();
    some
}
