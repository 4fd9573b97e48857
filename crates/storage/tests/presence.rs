//! Presence's store: the same on SQLite and on PostgreSQL, alone and beneath the service.

use std::path::PathBuf;
use std::sync::Arc;

use platform::{Clock, ManualClock};
use presence::{Change, Policy, Presence, PresenceStore};
use protocol::{Timestamp, UserId};
use tempfile::TempDir;

const ALICE: UserId = UserId::from_bytes([1; 16]);
const BOB: UserId = UserId::from_bytes([2; 16]);
const CAROL: UserId = UserId::from_bytes([3; 16]);

/// A database that outlives the programs that open it.
enum Backend {
    Sqlite(TempDir),
    Postgres(testkit::postgres::Database),
}

impl Backend {
    async fn open(&self) -> Arc<dyn PresenceStore> {
        match self {
            Self::Sqlite(folder) => {
                let file: PathBuf = folder.path().join("kith.db");
                Arc::new(storage::sqlite::Database::open(&file).unwrap())
            }
            Self::Postgres(database) => {
                Arc::new(storage::postgres::Database::open(&database.url(), 2).await.unwrap())
            }
        }
    }
}

macro_rules! on_both {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Backend::Sqlite(tempfile::tempdir().unwrap())).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Backend::Postgres(testkit::postgres::database().unwrap())).await;
            })*
        }
    };
}

on_both! {
    last_seen_is_the_latest_of_all_nodes_and_never_goes_back
    recovering_touches_only_what_the_node_left_behind
    big_batches_are_kept
    the_service_survives_crashes
    who_is_forgotten_leaves_nothing
}

fn change(user: UserId, online: bool, last_seen: Timestamp) -> Change {
    Change { user, online, last_seen }
}

async fn last_seen(store: &dyn PresenceStore) -> Vec<(UserId, Timestamp)> {
    let mut found = store.last_seen(vec![ALICE, BOB, CAROL]).await.unwrap();
    found.sort();
    found
}

async fn last_seen_is_the_latest_of_all_nodes_and_never_goes_back(backend: Backend) {
    let store = backend.open().await;
    assert_eq!(last_seen(&*store).await, []);
    assert_eq!(store.last_seen(Vec::new()).await.unwrap(), []);
    store.save("a", Vec::new()).await.unwrap();
    store.save("a", vec![change(ALICE, true, 100), change(BOB, false, 110)]).await.unwrap();
    store.save("b", vec![change(ALICE, false, 120)]).await.unwrap();
    assert_eq!(last_seen(&*store).await, [(ALICE, 120), (BOB, 110)]);
    store.save("b", vec![change(ALICE, true, 90)]).await.unwrap();
    store.save("a", vec![change(BOB, false, 90), change(ALICE, false, 115)]).await.unwrap();
    assert_eq!(last_seen(&*store).await, [(ALICE, 120), (BOB, 110)]);
    drop(store);
    assert_eq!(last_seen(&*backend.open().await).await, [(ALICE, 120), (BOB, 110)]);
}

async fn recovering_touches_only_what_the_node_left_behind(backend: Backend) {
    let store = backend.open().await;
    assert_eq!(store.recover("a").await, Ok(0));
    // Alice stays on a, Bob has left it, Carol came after the last heartbeat, and is on b, too.
    let on_a = vec![change(ALICE, true, 100), change(BOB, false, 100), change(CAROL, true, 300)];
    store.save("a", on_a).await.unwrap();
    store.save("b", vec![change(CAROL, true, 100)]).await.unwrap();
    store.beat("a", 200).await.unwrap();
    store.beat("a", 150).await.unwrap();
    store.beat("b", 900).await.unwrap();
    drop(store);
    let store = backend.open().await;
    assert_eq!(store.recover("a").await, Ok(2));
    assert_eq!(last_seen(&*store).await, [(ALICE, 200), (BOB, 100), (CAROL, 300)]);
    store.beat("a", 1_000).await.unwrap();
    assert_eq!(store.recover("a").await, Ok(0), "they are offline now");
    assert_eq!(last_seen(&*store).await, [(ALICE, 200), (BOB, 100), (CAROL, 300)]);
    assert_eq!(store.recover("b").await, Ok(1));
    assert_eq!(last_seen(&*store).await, [(ALICE, 200), (BOB, 100), (CAROL, 900)]);
    // A node that died before its first heartbeat.
    store.save("c", vec![change(BOB, true, 400)]).await.unwrap();
    assert_eq!(store.recover("c").await, Ok(1));
    assert_eq!(last_seen(&*store).await, [(ALICE, 200), (BOB, 400), (CAROL, 900)]);
}

async fn big_batches_are_kept(backend: Backend) {
    let store = backend.open().await;
    let users: Vec<_> = (0..5_000u32)
        .map(|number| {
            let mut bytes = [7; 16];
            bytes[8..12].copy_from_slice(&number.to_be_bytes());
            UserId::from_bytes(bytes)
        })
        .collect();
    for round in 1..=2 {
        let changes = (0..).zip(&users).map(|(number, &user)| change(user, true, round * 1_000 + number));
        store.save("a", changes.collect()).await.unwrap();
    }
    let mut found = store.last_seen(users.clone()).await.unwrap();
    found.sort();
    assert_eq!(found, users.into_iter().zip(2_000..).collect::<Vec<_>>());
    assert_eq!(store.recover("a").await, Ok(5_000));
}

async fn who_is_forgotten_leaves_nothing(backend: Backend) {
    let store = backend.open().await;
    store.forget(ALICE).await.unwrap();
    for node in ["a", "b"] {
        store.save(node, vec![change(ALICE, true, 100), change(BOB, true, 110)]).await.unwrap();
    }
    store.forget(ALICE).await.unwrap();
    assert_eq!(last_seen(&*store).await, [(BOB, 110)]);
    assert_eq!(store.recover("a").await, Ok(1));
    assert_eq!(store.recover("b").await, Ok(1));
}

async fn the_service_survives_crashes(backend: Backend) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let open = async || Presence::open(backend.open().await, clock.clone(), Policy::default()).await.unwrap();
    let told = async |presence: &Presence| {
        let statuses = presence.statuses(&[ALICE, BOB, CAROL]).await.unwrap();
        statuses
            .iter()
            .map(|status| (status.online, status.last_seen.map(|time| time - clock.now())))
            .collect::<Vec<_>>()
    };

    let presence = open().await;
    presence.connected(ALICE, 1);
    presence.connected(BOB, 2);
    for _ in 0..7 {
        presence.flush().await.unwrap(); // heartbeats at 0 and 5 s
        clock.advance(1_000);
    }
    presence.disconnected(BOB, 2);
    clock.advance(60_000);
    assert_eq!(told(&presence).await, [(true, Some(0)), (false, Some(-60_000)), (false, None)]);
    drop(presence); // Bob's leaving was not written

    let presence = open().await;
    assert_eq!(told(&presence).await, [(false, Some(-62_000)), (false, Some(-62_000)), (false, None)]);
    presence.connected(CAROL, 1);
    clock.advance(500);
    presence.close().await.unwrap();
    drop(presence);
    assert_eq!(told(&open().await).await, [(false, Some(-62_500)), (false, Some(-62_500)), (false, Some(0))]);
}
