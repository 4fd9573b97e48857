//! People over real databases: what a store must do, on both backends, and what the service makes of it.

mod invites;
mod lists;
mod reports;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accounts::PeopleStore;
use protocol::UserId;

/// A time to start from.
const START: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Runs each of these `async fn(Arc<D>)`, for any database `D`, on a fresh SQLite and on a fresh PostgreSQL database.
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

type Store = Arc<dyn PeopleStore>;

/// Ten bytes that differ from call to call, and grow.
fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

fn user() -> UserId {
    UserId::compose(START, unique())
}

fn sorted<T: Ord>(mut some: Vec<T>) -> Vec<T> {
    some.sort();
    some
}
