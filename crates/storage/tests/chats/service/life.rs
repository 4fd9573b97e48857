//! One life of the service: from its start on a database to its end, orderly or not.

use std::sync::Arc;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chats::{Appended, Audience, Caller, Chats, Policy, ReceiptNotice, Users};
use platform::{ManualClock, Randomness, SystemRandomness};
use protocol::ConversationSettings;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::faulty::{Faulty, Rates};
use crate::*;

/// A database that outlives those who open it.
pub(crate) enum Backend {
    Sqlite(TempDir),
    Postgres(testkit::postgres::Database),
}

impl Backend {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(testkit::postgres::database().unwrap())
    }

    async fn open(&self) -> Store {
        match self {
            Self::Sqlite(folder) => {
                Arc::new(storage::sqlite::Database::open(&folder.path().join("kith.db")).unwrap())
            }
            Self::Postgres(database) => {
                Arc::new(storage::postgres::Database::open(&database.url(), 6).await.unwrap())
            }
        }
    }
}

/// Everybody exists.
struct Everybody;

#[async_trait]
impl Users for Everybody {
    async fn names(&self, users: &[UserId]) -> Result<Vec<(UserId, Arc<str>)>, String> {
        Ok(users.iter().map(|user| (*user, user.to_string().into())).collect())
    }
}

/// Puts all conversations into one part of the cache, so that they drive each other out.
struct Crowded;

impl Randomness for Crowded {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandomness.fill(bytes);
        if let Some(part) = bytes.get_mut(8) {
            *part = 0;
        }
    }
}

/// Who set what for which conversation, over which connection.
type Told = (UserId, Option<u64>, ConversationId, ConversationSettings);

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) entries: Mutex<Vec<Appended>>,
    pub(crate) receipts: Mutex<Vec<ReceiptNotice>>,
    pub(crate) started: Mutex<Vec<(ConversationId, Vec<UserId>)>>,
    pub(crate) settings: Mutex<Vec<Told>>,
    /// Calls of `appended` that panic first.
    pub(crate) panics: AtomicUsize,
}

impl Audience for Recorder {
    fn appended(&self, entries: Vec<Appended>) {
        if self.panics.load(Ordering::SeqCst) > 0 {
            self.panics.fetch_sub(1, Ordering::SeqCst);
            panic!("on purpose");
        }
        self.entries.lock().unwrap().extend(entries);
    }

    fn started(&self, conversation: ConversationId, users: Vec<UserId>) {
        self.started.lock().unwrap().push((conversation, users));
    }

    fn settings(
        &self,
        user: UserId,
        origin: Option<u64>,
        conversation: ConversationId,
        settings: ConversationSettings,
    ) {
        self.settings.lock().unwrap().push((user, origin, conversation, settings));
    }

    fn receipts(&self, notices: Vec<ReceiptNotice>) {
        self.receipts.lock().unwrap().extend(notices);
    }
}

impl Recorder {
    /// The entries told, by conversation, in the order of telling.
    pub(crate) fn told(&self) -> HashMap<ConversationId, Vec<Appended>> {
        let mut told: HashMap<_, Vec<_>> = HashMap::new();
        for entry in self.entries.lock().unwrap().iter() {
            told.entry(entry.message.conversation).or_default().push(entry.clone());
        }
        told
    }
}

pub(crate) struct Life {
    pub(crate) runtime: Runtime,
    pub(crate) chats: Arc<Chats>,
    /// Without faults.
    pub(crate) raw: Store,
    pub(crate) faulty: Arc<Faulty>,
    pub(crate) audience: Arc<Recorder>,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn policy() -> Policy {
    Policy {
        group_members: 5,
        page_messages: 7,
        batchers: 2,
        cached_conversations: 2,
        receipts_flush_ms: 5,
        receipts_notice_ms: 2,
        ..Policy::default()
    }
}

impl Life {
    pub(crate) fn start(backend: &Backend, rates: Rates, seed: u64) -> Self {
        Self::with(backend, rates, seed, policy())
    }

    pub(crate) fn with(backend: &Backend, rates: Rates, seed: u64, policy: Policy) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let raw = runtime.block_on(backend.open());
        let faulty = Faulty::new(Arc::clone(&raw), rates, seed);
        let audience = Arc::new(Recorder::default());
        let clock = Arc::new(ManualClock::new(START));
        let store: Arc<dyn ChatStore> = faulty.clone();
        let guard = runtime.enter();
        let chats = Chats::start(
            store,
            Arc::new(Everybody),
            audience.clone(),
            clock.clone(),
            Arc::new(Crowded),
            policy,
        );
        drop(guard);
        Self { runtime, chats, raw, faulty, audience, clock }
    }

    /// Ends as an operator would end it.
    pub(crate) fn stop(self) {
        self.runtime.block_on(self.chats.stop());
        self.crash();
    }

    /// Ends in the middle of whatever it is doing.
    pub(crate) fn crash(self) {
        let Self { runtime, chats, raw, faulty, .. } = self;
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        drop((chats, raw, faulty));
    }
}

pub(crate) fn caller(user: UserId, device: DeviceId) -> Caller {
    Caller { user, device, since: START, connection: Some(1) }
}
