//! The directory and presence against a model that only knows the truth: who is connected with what, and when each
//! user really was online last. Connections come, go, check in and out over several devices; the node flushes, cannot
//! flush, closes, and crashes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use platform::{Clock, ManualClock};
use presence::{Change, Counts, Directory, Policy, Presence, PresenceError, PresenceStore};
use proptest::prelude::*;
use protocol::{DeviceId, Timestamp, UserId};

const USERS: u8 = 3;
const DEVICES: u8 = 3;
const USER_CONNECTIONS: usize = 4;

/// What is on disk: outlives the node.
#[derive(Default)]
struct MemoryStore {
    rows: Mutex<BTreeMap<UserId, (bool, Timestamp)>>,
    beat: Mutex<Timestamp>,
    away: AtomicBool,
}

impl MemoryStore {
    fn answer(&self) -> Result<(), PresenceError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(PresenceError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl PresenceStore for MemoryStore {
    async fn save(&self, _: &str, changes: Vec<Change>) -> Result<(), PresenceError> {
        self.answer()?;
        let mut rows = self.rows.lock().unwrap();
        for Change { user, online, last_seen } in changes {
            let row = rows.entry(user).or_insert((online, last_seen));
            *row = (online, last_seen.max(row.1));
        }
        Ok(())
    }

    async fn last_seen(&self, users: Vec<UserId>) -> Result<Vec<(UserId, Timestamp)>, PresenceError> {
        self.answer()?;
        let rows = self.rows.lock().unwrap();
        Ok(users.into_iter().filter_map(|user| Some((user, rows.get(&user)?.1))).collect())
    }

    async fn beat(&self, _: &str, time: Timestamp) -> Result<(), PresenceError> {
        self.answer()?;
        let mut beat = self.beat.lock().unwrap();
        *beat = time.max(*beat);
        Ok(())
    }

    async fn recover(&self, _: &str) -> Result<u64, PresenceError> {
        self.answer()?;
        let (mut rows, beat, mut count) = (self.rows.lock().unwrap(), *self.beat.lock().unwrap(), 0);
        for (online, last_seen) in rows.values_mut().filter(|row| row.0) {
            (*online, *last_seen) = (false, beat.max(*last_seen));
            count += 1;
        }
        Ok(count)
    }

    async fn forget(&self, user: UserId) -> Result<(), PresenceError> {
        self.answer()?;
        self.rows.lock().unwrap().remove(&user);
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Connect {
        user: u8,
        device: u8,
    },
    /// One of those there ever were, which may be gone.
    Disconnect(prop::sample::Index),
    CheckIn(prop::sample::Index),
    CheckOut(prop::sample::Index),
    Wait {
        ms: u16,
    },
    Flush,
    FlushInVain,
    Close,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || any::<prop::sample::Index>();
    let step = prop_oneof![
        6 => (0..USERS, 0..DEVICES).prop_map(|(user, device)| Step::Connect { user, device }),
        4 => index().prop_map(Step::Disconnect),
        2 => index().prop_map(Step::CheckIn),
        2 => index().prop_map(Step::CheckOut),
        6 => (0..3_000u16).prop_map(|ms| Step::Wait { ms }),
        4 => Just(Step::Flush),
        1 => Just(Step::FlushInVain),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..80)
}

struct Connection {
    user: u8,
    device: u8,
    checked_in: bool,
}

/// The truth about one user.
#[derive(Default, Clone, Copy)]
struct User {
    /// When they were online last; while they are, not kept up.
    last_seen: Option<Timestamp>,
    /// What a crash may take of it at most: they must not have been seen earlier than that.
    safe: Option<Timestamp>,
}

struct World {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    policy: Policy,
    presence: Presence,
    directory: Directory<u64>,
    connections: BTreeMap<u64, Connection>,
    /// Who every connection so far belonged to; the index is its number.
    numbers: Vec<u8>,
    users: [User; USERS as usize],
}

fn user_id(user: u8) -> UserId {
    UserId::from_bytes([user; 16])
}

impl World {
    async fn new() -> Self {
        let (clock, store) = (Arc::new(ManualClock::new(1_000_000)), Arc::new(MemoryStore::default()));
        let policy = Policy { user_connections: USER_CONNECTIONS, flush_users: 2, ..Policy::default() };
        let presence = Presence::open(store.clone(), clock.clone(), policy.clone()).await.unwrap();
        let directory = Directory::new(policy.user_connections);
        let (connections, numbers, users) = (BTreeMap::new(), Vec::new(), Default::default());
        Self { clock, store, policy, presence, directory, connections, numbers, users }
    }

    fn is_online(&self, user: u8) -> bool {
        self.connections.values().any(|connection| connection.user == user && connection.checked_in)
    }

    async fn restart(&mut self) {
        self.presence =
            Presence::open(self.store.clone(), self.clock.clone(), self.policy.clone()).await.unwrap();
        self.directory = Directory::new(self.policy.user_connections);
        self.connections.clear();
    }

    /// Changes a connection, here and there, and checks what is answered.
    fn act(&mut self, user: u8, here: impl FnOnce(&mut Self), there: impl FnOnce(&Presence) -> bool) {
        let before = self.is_online(user);
        here(self);
        let after = self.is_online(user);
        if before != after {
            self.users[usize::from(user)].last_seen = Some(self.clock.now());
        }
        assert_eq!(there(&self.presence), before != after);
    }

    async fn take(&mut self, step: Step) {
        let now = self.clock.now();
        match step {
            Step::Connect { user, device } => {
                let number = self.numbers.len() as u64;
                let held = self.connections.values().filter(|held| held.user == user).count();
                let device_id = DeviceId::from_bytes([device; 16]);
                let registered = self.directory.register(user_id(user), device_id, number, number);
                assert_eq!(registered.is_ok(), held < USER_CONNECTIONS);
                if registered.is_ok() {
                    self.numbers.push(user);
                    let connection = Connection { user, device, checked_in: true };
                    self.act(
                        user,
                        |world| {
                            world.connections.insert(number, connection);
                        },
                        |presence| presence.connected(user_id(user), number),
                    );
                }
            }
            Step::Disconnect(index) if !self.numbers.is_empty() => {
                let number = index.index(self.numbers.len());
                let (user, number) = (self.numbers[number], number as u64);
                let was_there = self.connections.contains_key(&number);
                assert_eq!(self.directory.remove(user_id(user), number), was_there.then_some(number));
                self.act(
                    user,
                    |world| {
                        world.connections.remove(&number);
                    },
                    |presence| presence.disconnected(user_id(user), number),
                );
            }
            Step::CheckIn(index) if !self.numbers.is_empty() => self.mark(&index, true),
            Step::CheckOut(index) if !self.numbers.is_empty() => self.mark(&index, false),
            Step::Disconnect(_) | Step::CheckIn(_) | Step::CheckOut(_) => {}
            Step::Wait { ms } => self.clock.advance(ms.into()),
            Step::Flush => {
                self.presence.flush().await.unwrap();
                let heartbeat = i64::try_from(self.policy.heartbeat_ms).unwrap();
                for user in 0..USERS {
                    let online = self.is_online(user);
                    let User { last_seen, safe } = &mut self.users[usize::from(user)];
                    *safe = if online { (*last_seen).max(Some(now - heartbeat)) } else { *last_seen };
                }
            }
            Step::FlushInVain => {
                self.store.away.store(true, Ordering::SeqCst);
                let _ = self.presence.flush().await;
                self.store.away.store(false, Ordering::SeqCst);
            }
            Step::Close => {
                self.presence.close().await.unwrap();
                for user in 0..USERS {
                    let online = self.is_online(user);
                    let truth = &mut self.users[usize::from(user)];
                    truth.last_seen = if online { Some(now) } else { truth.last_seen };
                    truth.safe = truth.last_seen;
                }
                self.restart().await;
            }
            Step::Crash => {
                let online: Vec<_> = (0..USERS).map(|user| self.is_online(user)).collect();
                self.restart().await;
                for (user, online) in (0..USERS).zip(online) {
                    let told = self.presence.status(user_id(user)).await.unwrap().last_seen;
                    let truth = &mut self.users[usize::from(user)];
                    let latest = if online { Some(now) } else { truth.last_seen };
                    assert!(truth.safe <= told && told <= latest, "{:?} {told:?} {latest:?}", truth.safe);
                    *truth = User { last_seen: told, safe: told };
                }
            }
        }
    }

    fn mark(&mut self, index: &prop::sample::Index, checked_in: bool) {
        let number = index.index(self.numbers.len());
        let (user, number) = (self.numbers[number], number as u64);
        self.act(
            user,
            |world| {
                if let Some(connection) = world.connections.get_mut(&number) {
                    connection.checked_in = checked_in;
                }
            },
            |presence| match checked_in {
                true => presence.check_in(user_id(user), number),
                false => presence.check_out(user_id(user), number),
            },
        );
    }

    async fn check(&self) {
        let mut users = 0;
        for user in 0..USERS {
            let status = self.presence.status(user_id(user)).await.unwrap();
            let online = self.is_online(user);
            let truth = self.users[usize::from(user)].last_seen;
            assert_eq!(status.online, online);
            assert_eq!(status.last_seen, if online { Some(self.clock.now()) } else { truth });

            let held = self.connections.iter().filter(|(_, held)| held.user == user);
            let expected: Vec<_> =
                held.map(|(&number, held)| (DeviceId::from_bytes([held.device; 16]), number)).collect();
            let mut visited = Vec::new();
            self.directory.for_each(user_id(user), |device, number, &handle| {
                assert_eq!(number, handle);
                visited.push((device, number));
            });
            visited.sort_by_key(|&(_, number)| number);
            assert_eq!(visited, expected);
            assert_eq!(self.directory.is_connected(user_id(user)), !expected.is_empty());
            for device in 0..DEVICES {
                let device = DeviceId::from_bytes([device; 16]);
                let mut of_device = self.directory.of_device(user_id(user), device);
                of_device.sort_unstable();
                let expected = expected.iter().filter(|held| held.0 == device).map(|held| held.1);
                assert_eq!(of_device, expected.collect::<Vec<_>>());
            }
            users += usize::from(!expected.is_empty());
        }
        assert_eq!(self.directory.counts(), Counts { users, connections: self.connections.len() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn directory_and_presence_tell_the_truth(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(step).await;
                world.check().await;
            }
        });
    }
}
