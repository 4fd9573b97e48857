use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use platform::ManualClock;

use super::*;

const ALICE: UserId = UserId::from_bytes([1; 16]);
const BOB: UserId = UserId::from_bytes([2; 16]);
const START: Timestamp = 1_000_000;

/// A store of one node, in memory, that can be told to fail.
#[derive(Default)]
struct MemoryStore {
    rows: Mutex<BTreeMap<UserId, Change>>,
    batches: Mutex<Vec<usize>>,
    beats: Mutex<Vec<Timestamp>>,
    fails: AtomicBool,
    /// Happens while the next batch is being written.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl MemoryStore {
    fn answer(&self) -> Result<(), PresenceError> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(PresenceError::Unavailable("told to fail".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl PresenceStore for MemoryStore {
    async fn save(&self, _: &str, changes: Vec<Change>) -> Result<(), PresenceError> {
        self.answer()?;
        if let Some(happen) = self.meanwhile.lock().unwrap().take() {
            happen();
        }
        self.batches.lock().unwrap().push(changes.len());
        self.rows.lock().unwrap().extend(changes.into_iter().map(|change| (change.user, change)));
        Ok(())
    }

    async fn last_seen(&self, users: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError> {
        self.answer()?;
        let rows = self.rows.lock().unwrap();
        Ok(users.into_iter().filter_map(|user| Some((user, rows.get(&user)?.last_seen))).collect())
    }

    async fn beat(&self, _: &str, time: Timestamp) -> Result<(), PresenceError> {
        self.answer()?;
        self.beats.lock().unwrap().push(time);
        Ok(())
    }

    async fn recover(&self, _: &str) -> Result<u64, PresenceError> {
        self.answer().map(|()| 0)
    }

    async fn forget(&self, user: UserId) -> Result<(), PresenceError> {
        self.answer()?;
        self.rows.lock().unwrap().remove(&user);
        Ok(())
    }
}

struct Scene {
    presence: Arc<Presence>,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

async fn scene(policy: Policy) -> Scene {
    let (clock, store) = (Arc::new(ManualClock::new(START)), Arc::new(MemoryStore::default()));
    let presence = Presence::open(store.clone(), clock.clone(), policy).await.unwrap();
    Scene { presence: Arc::new(presence), clock, store }
}

impl Scene {
    async fn alice(&self) -> (bool, Option<Timestamp>) {
        let status = self.presence.status(ALICE).await.unwrap();
        assert_eq!(status.user, ALICE);
        (status.online, status.last_seen.map(|time| time - START))
    }
}

#[tokio::test]
async fn online_is_at_least_one_checked_in_connection() {
    let scene = scene(Policy::default()).await;
    assert_eq!(scene.alice().await, (false, None));
    assert!(scene.presence.connected(ALICE, 1));
    assert!(!scene.presence.connected(ALICE, 2));
    scene.clock.advance(10);
    assert_eq!(scene.alice().await, (true, Some(10)));
    assert!(!scene.presence.disconnected(ALICE, 1));
    assert!(scene.presence.check_out(ALICE, 2));
    assert!(!scene.presence.check_out(ALICE, 2));
    scene.clock.advance(10);
    assert_eq!(scene.alice().await, (false, Some(10)));
    assert!(!scene.presence.disconnected(ALICE, 2), "it did not count any more");
    assert_eq!(scene.alice().await, (false, Some(10)));
}

#[tokio::test]
async fn a_check_in_from_a_connection_that_is_gone_changes_nothing() {
    let scene = scene(Policy::default()).await;
    scene.presence.connected(ALICE, 1);
    scene.presence.disconnected(ALICE, 1);
    assert!(!scene.presence.check_in(ALICE, 1));
    assert!(!scene.presence.disconnected(ALICE, 1));
    assert_eq!(scene.alice().await, (false, Some(0)));
}

#[tokio::test]
async fn changes_are_coalesced_and_written_in_batches() {
    let scene = scene(Policy { flush_users: 4, ..Policy::default() }).await;
    for user in 0..10 {
        for number in 0..5 {
            scene.presence.connected(UserId::from_bytes([user; 16]), number);
            scene.presence.disconnected(UserId::from_bytes([user; 16]), number);
        }
    }
    assert_eq!(scene.presence.flush().await, Ok(10));
    assert_eq!(*scene.store.batches.lock().unwrap(), [4, 4, 2]);
    assert_eq!(scene.presence.flush().await, Ok(0));
    assert_eq!(scene.alice().await, (false, Some(0)), "now from the store");
}

/// Their connections outlive the user by a moment, and leave no trace.
#[tokio::test]
async fn who_is_forgotten_is_never_written_again() {
    let scene = scene(Policy::default()).await;
    for number in 1..=2 {
        scene.presence.connected(ALICE, number);
        scene.presence.connected(BOB, 2 + number);
    }
    scene.presence.flush().await.unwrap();
    scene.presence.check_out(ALICE, 1);
    scene.presence.check_out(ALICE, 2);
    scene.store.fails.store(true, Ordering::SeqCst);
    assert!(scene.presence.forget(ALICE).await.is_err());
    scene.store.fails.store(false, Ordering::SeqCst);
    scene.presence.forget(ALICE).await.unwrap();
    let written = || scene.store.rows.lock().unwrap().keys().copied().collect::<Vec<_>>();
    assert_eq!(written(), [BOB]);
    assert!(scene.presence.check_in(ALICE, 1), "who watches is told all the same");
    scene.presence.connected(ALICE, 9);
    scene.presence.disconnected(ALICE, 2);
    scene.presence.disconnected(ALICE, 1);
    assert!(scene.presence.disconnected(ALICE, 9));
    scene.presence.flush().await.unwrap();
    assert_eq!((written(), scene.alice().await), (vec![BOB], (false, None)));
    // Nor by the end of the node.
    scene.presence.connected(ALICE, 10);
    scene.presence.forget(ALICE).await.unwrap();
    scene.presence.close().await.unwrap();
    assert_eq!(written(), [BOB]);
}

#[tokio::test]
async fn what_could_not_be_written_goes_with_the_next_flush() {
    let scene = scene(Policy::default()).await;
    scene.presence.connected(ALICE, 1);
    scene.store.fails.store(true, Ordering::SeqCst);
    assert!(scene.presence.flush().await.is_err());
    scene.clock.advance(10);
    scene.presence.disconnected(ALICE, 1);
    assert!(scene.presence.flush().await.is_err());
    assert_eq!(scene.alice().await, (false, Some(10)), "known without the store");
    let error = scene.presence.status(BOB).await.unwrap_err();
    assert_eq!(error.code(), protocol::ErrorCode::Unavailable);
    scene.store.fails.store(false, Ordering::SeqCst);
    assert_eq!(scene.presence.flush().await, Ok(1));
    let saved = scene.store.rows.lock().unwrap()[&ALICE];
    assert_eq!(saved, Change { user: ALICE, online: false, last_seen: START + 10 });
}

#[tokio::test]
async fn what_changes_while_it_is_written_goes_with_the_next_flush() {
    let scene = scene(Policy::default()).await;
    scene.presence.connected(ALICE, 1);
    let (presence, clock) = (Arc::clone(&scene.presence), Arc::clone(&scene.clock));
    *scene.store.meanwhile.lock().unwrap() = Some(Box::new(move || {
        clock.advance(10);
        presence.disconnected(ALICE, 1);
    }));
    assert_eq!(scene.presence.flush().await, Ok(1));
    assert!(scene.store.rows.lock().unwrap()[&ALICE].online);
    assert_eq!(scene.alice().await, (false, Some(10)));
    assert_eq!(scene.presence.flush().await, Ok(1));
    let saved = scene.store.rows.lock().unwrap()[&ALICE];
    assert_eq!(saved, Change { user: ALICE, online: false, last_seen: START + 10 });
}

#[tokio::test]
async fn the_heart_beats_while_anybody_is_connected() {
    let scene = scene(Policy { heartbeat_ms: 5_000, ..Policy::default() }).await;
    for second in 0..30 {
        match second {
            3 => assert!(scene.presence.connected(ALICE, 1)),
            20 => assert!(scene.presence.disconnected(ALICE, 1)),
            _ => {}
        }
        scene.presence.flush().await.unwrap();
        scene.clock.advance(1_000);
    }
    let beats: Vec<_> = scene.store.beats.lock().unwrap().iter().map(|time| (time - START) / 1_000).collect();
    assert_eq!(beats, [3, 8, 13, 18]);
}

#[tokio::test]
async fn last_seen_does_not_follow_a_clock_set_back() {
    let scene = scene(Policy::default()).await;
    scene.presence.connected(ALICE, 1);
    scene.clock.advance(1_000);
    assert_eq!(scene.alice().await, (true, Some(1_000)));
    scene.clock.advance(-500);
    assert_eq!(scene.alice().await, (true, Some(1_000)));
    scene.presence.disconnected(ALICE, 1);
    assert_eq!(scene.alice().await, (false, Some(1_000)));
}

#[tokio::test]
async fn many_are_asked_about_at_once() {
    let scene = scene(Policy::default()).await;
    scene.presence.connected(BOB, 1);
    scene.presence.connected(ALICE, 2);
    scene.presence.disconnected(ALICE, 2);
    scene.presence.flush().await.unwrap();
    let stranger = UserId::from_bytes([9; 16]);
    let statuses = scene.presence.statuses(&[stranger, ALICE, BOB, ALICE]).await.unwrap();
    let told: Vec<_> = statuses.iter().map(|status| (status.user, status.online, status.last_seen)).collect();
    let alice = (ALICE, false, Some(START));
    assert_eq!(told, [(stranger, false, None), alice, (BOB, true, Some(START)), alice]);
}

#[tokio::test(start_paused = true)]
async fn the_ticker_writes_every_second_and_closes_at_the_end() {
    let scene = scene(Policy::default()).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ticker = tokio::spawn(Arc::clone(&scene.presence).run(async { drop(stopped.await) }));
    tokio::time::sleep(Duration::from_millis(500)).await;
    for number in 0..3 {
        scene.presence.connected(ALICE, number);
        scene.presence.disconnected(ALICE, number);
    }
    scene.presence.connected(BOB, 3);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(*scene.store.batches.lock().unwrap(), [2]);
    scene.clock.advance(7);
    stop.send(()).unwrap();
    ticker.await.unwrap();
    let saved = scene.store.rows.lock().unwrap()[&BOB];
    assert_eq!(saved, Change { user: BOB, online: false, last_seen: START + 7 });
}
