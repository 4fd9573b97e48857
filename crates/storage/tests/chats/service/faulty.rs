//! A store that fails: before it did anything, after it did it, or so that it happens only later.

mod groups;
mod sweep;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use chats::store::*;
use protocol::{ConversationKind, LinkCode, MembershipRecord, Timestamp};
use tokio::sync::Notify;

use crate::*;

/// What faults come, how often in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// A write that did not happen.
    pub(crate) lost: u64,
    /// A write that did happen.
    pub(crate) done: u64,
    /// A write that happens a little later, if it still can.
    pub(crate) late: u64,
    /// A read.
    pub(crate) read: u64,
}

pub(crate) struct Faulty {
    pub(super) inner: Store,
    rates: Rates,
    seed: AtomicU64,
    pub(crate) on: AtomicBool,
    /// Whether a write came late.
    pub(crate) was_late: AtomicBool,
    panics: AtomicBool,
    panics_after: AtomicBool,
    /// 1 and 2 are now, before and after it is done; 3 and 4 are the next time.
    expire_fault: AtomicU64,
    /// The next reading of this name waits after it has read.
    held: Mutex<Option<(&'static str, Arc<Notify>)>>,
}

enum Fault {
    Lost,
    Done,
    Late,
}

fn away() -> StoreError {
    StoreError::Unavailable("on purpose".into())
}

impl Faulty {
    pub(crate) fn new(inner: Store, rates: Rates, seed: u64) -> Arc<Self> {
        let (on, was_late) = (AtomicBool::new(true), AtomicBool::new(false));
        let (panics, panics_after) = (AtomicBool::default(), AtomicBool::default());
        let (seed, held) = (AtomicU64::new(seed), Mutex::default());
        Arc::new(Self {
            inner,
            rates,
            seed,
            on,
            was_late,
            panics,
            panics_after,
            expire_fault: AtomicU64::new(0),
            held,
        })
    }

    /// The next commit panics, before or after it is done.
    pub(crate) fn panic_in_commit(&self, after: bool) {
        let panics = if after { &self.panics_after } else { &self.panics };
        panics.store(true, Ordering::SeqCst);
    }

    /// The second write of the sweeper from now on fails, before or after it is done.
    pub(crate) fn expire_once(&self, after: bool) {
        self.expire_fault.store(if after { 4 } else { 3 }, Ordering::SeqCst);
    }

    /// Makes the next reading of this name wait once it has read, until the answer is used.
    pub(crate) fn hold(&self, reading: &'static str) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        *self.held.lock().unwrap() = Some((reading, Arc::clone(&gate)));
        gate
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.held.lock().unwrap().is_none()
    }

    async fn wait(&self, reading: &'static str) {
        let gate = self.held.lock().unwrap().take_if(|(held, _)| *held == reading);
        if let Some((_, gate)) = gate {
            gate.notified().await;
        }
    }

    fn roll(&self) -> u64 {
        let mut seed = self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if self.on.load(Ordering::SeqCst) { (seed ^ (seed >> 31)) % 1_000 } else { u64::MAX }
    }

    fn write_fault(&self) -> Option<Fault> {
        let (roll, rates) = (self.roll(), self.rates);
        if roll < rates.lost {
            Some(Fault::Lost)
        } else if roll < rates.lost + rates.done {
            Some(Fault::Done)
        } else if roll < rates.lost + rates.done + rates.late {
            Some(Fault::Late)
        } else {
            None
        }
    }

    pub(super) fn read_fault(&self) -> Result<(), StoreError> {
        if self.roll() < self.rates.read { Err(away()) } else { Ok(()) }
    }
}

#[async_trait]
impl ChatStore for Faulty {
    async fn create(&self, new: NewConversation) -> Result<(ConversationId, bool), StoreError> {
        match self.write_fault() {
            None => self.inner.create(new).await,
            Some(Fault::Done) => self.inner.create(new).await.and(Err(away())),
            Some(Fault::Lost | Fault::Late) => Err(away()),
        }
    }

    async fn find_created(
        &self,
        keys: Vec<(CreationKey, ConversationKind)>,
    ) -> Result<Vec<Option<ConversationId>>, StoreError> {
        self.read_fault()?;
        self.inner.find_created(keys).await
    }

    async fn load(&self, conversations: Vec<ConversationId>) -> Result<Vec<Head>, StoreError> {
        self.read_fault()?;
        let heads = self.inner.load(conversations).await;
        self.wait("load").await;
        heads
    }

    async fn find_sent(
        &self,
        keys: Vec<(ConversationId, DeviceId, MessageId)>,
    ) -> Result<Vec<Option<(Seq, Timestamp)>>, StoreError> {
        self.read_fault()?;
        self.inner.find_sent(keys).await
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<u64>, StoreError> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "on purpose");
        if self.panics_after.swap(false, Ordering::SeqCst) {
            self.inner.commit(commit).await.unwrap();
            panic!("on purpose");
        }
        match self.write_fault() {
            None => self.inner.commit(commit).await,
            Some(Fault::Lost) => Err(away()),
            Some(Fault::Done) => self.inner.commit(commit).await.and(Err(away())),
            Some(Fault::Late) => {
                self.was_late.store(true, Ordering::SeqCst);
                let inner = Arc::clone(&self.inner);
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                    inner.commit(commit).await
                });
                Err(away())
            }
        }
    }

    async fn read(&self, range: Range) -> Result<Vec<NewEntry>, StoreError> {
        self.read_fault()?;
        self.inner.read(range).await
    }

    async fn seq_before(&self, conversation: ConversationId, time: Timestamp) -> Result<Seq, StoreError> {
        self.read_fault()?;
        self.inner.seq_before(conversation, time).await
    }

    async fn count_unread(&self, user: UserId, spans: Vec<Span>, limit: u32) -> Result<Vec<u32>, StoreError> {
        self.read_fault()?;
        self.inner.count_unread(user, spans, limit).await
    }

    async fn stays(
        &self,
        user: UserId,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<Stay>, StoreError> {
        self.read_fault()?;
        let stays = self.inner.stays(user, conversation).await;
        self.wait("stays").await;
        stays
    }

    async fn overview(&self, back: Return) -> Result<Overview, StoreError> {
        self.read_fault()?;
        let overview = self.inner.overview(back).await;
        self.wait("stays").await;
        overview
    }

    async fn membership_history(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        self.read_fault()?;
        self.inner.membership_history(conversation).await
    }

    async fn save_receipts(
        &self,
        steps: Vec<ReceiptStep>,
        cursors: Vec<DeviceCursor>,
    ) -> Result<(), StoreError> {
        match self.write_fault() {
            None => self.inner.save_receipts(steps, cursors).await,
            Some(Fault::Done) => self.inner.save_receipts(steps, cursors).await.and(Err(away())),
            Some(Fault::Lost | Fault::Late) => Err(away()),
        }
    }

    async fn receipts(
        &self,
        conversation: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        self.read_fault()?;
        let found = self.inner.receipts(conversation, users).await;
        self.wait("receipts").await;
        found
    }

    async fn receipts_of(&self, user: UserId) -> Result<Vec<ReceiptStep>, StoreError> {
        self.read_fault()?;
        self.inner.receipts_of(user).await
    }

    async fn first_receipts(
        &self,
        conversation: ConversationId,
        seq: Seq,
        users: Vec<UserId>,
    ) -> Result<Vec<ReceiptStep>, StoreError> {
        self.read_fault()?;
        self.inner.first_receipts(conversation, seq, users).await
    }

    async fn device_cursors(&self, user: UserId, device: DeviceId) -> Result<Vec<DeviceCursor>, StoreError> {
        self.read_fault()?;
        self.inner.device_cursors(user, device).await
    }

    async fn device_queues(&self, devices: Vec<DeviceId>) -> Result<Vec<DeviceQueue>, StoreError> {
        self.read_fault()?;
        self.inner.device_queues(devices).await
    }

    async fn drop_device_messages(&self, device: DeviceId, up_to: u64) -> Result<(), StoreError> {
        self.read_fault()?;
        self.inner.drop_device_messages(device, up_to).await
    }
}
