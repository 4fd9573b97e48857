//! In-app notifications: what happened to users, kept until they have looked.
//!
//! Whoever knows that something happened [notes](InApp::note) it and goes on; it is written behind, many at once, and told to
//! a [`Bell`] once it is on disk. What is lost when the server is killed in between is the hint alone, never the thing.

mod store;

use std::sync::Arc;

use platform::{Clock, Randomness};
use protocol::{
    ConversationId, ErrorCode, NoticeId, Notification, NotificationId, NotificationKind, Seq, UserId,
};
use tokio::sync::{mpsc, oneshot};

pub use store::{NoticeStore, StoreError, StoredNotice};

/// Notes that one transaction takes.
const BATCH: usize = 512;
/// Characters of a detail that are kept.
const DETAIL_CHARS: usize = 200;
/// How long a user's notifications are kept, and how many; what is older or more is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// In days.
    pub keep_days: u32,
    /// The newest so many of each user.
    pub per_user: usize,
    /// The most on one page.
    pub page: usize,
    /// Notes that may wait to be written. Beyond it they are dropped, and the log says so.
    pub waiting: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { keep_days: 90, per_user: 500, page: 100, waiting: 8_192 }
    }
}

/// Notifications that one page holds if it is not said how many.
const PAGE: usize = 50;
/// Notifications that one turn of the upkeep forgets.
const SWEPT_AT_ONCE: usize = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Something that happened, to be told to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// To whom.
    pub user: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// The conversation it is about.
    pub conversation: Option<ConversationId>,
    /// The entry it is about.
    pub seq: Option<Seq>,
    /// Who caused it.
    pub by: Option<UserId>,
    /// More, in a word or two; cut after 200 characters.
    pub detail: Option<String>,
}

impl Note {
    /// A note that says no more than what kind of thing happened.
    pub fn new(user: UserId, kind: NotificationKind) -> Self {
        Self { user, kind, conversation: None, seq: None, by: None, detail: None }
    }
}

/// Whoever tells users at once, if they are there. Must not block.
pub trait Bell: Send + Sync + 'static {
    /// These are on disk now.
    fn ring(&self, notices: Vec<StoredNotice>);
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// The user has no such notification.
    #[error("there is no such notification")]
    NotFound,
    /// The store does not answer: try again later. The reason is for the log.
    #[error("not available right now: {0}")]
    Unavailable(String),
}

impl NoticeError {
    /// The stable code for clients.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::NotFound,
            Self::Unavailable(_) => ErrorCode::Unavailable,
        }
    }
}

impl From<StoreError> for NoticeError {
    fn from(StoreError(reason): StoreError) -> Self {
        Self::Unavailable(reason)
    }
}

enum Work {
    Note(Note),
    /// Everything noted before is written when this is answered.
    Settle(oneshot::Sender<()>),
}

/// Notifications of all users.
pub struct InApp {
    store: Arc<dyn NoticeStore>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    policy: Policy,
    work: mpsc::Sender<Work>,
    waiting: std::sync::Mutex<Option<mpsc::Receiver<Work>>>,
}

impl InApp {
    /// The service over this store. It writes once it is [run](Self::run).
    pub fn new(
        store: Arc<dyn NoticeStore>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        policy: Policy,
    ) -> Self {
        let (work, waiting) = mpsc::channel(policy.waiting);
        Self { store, clock, randomness, policy, work, waiting: std::sync::Mutex::new(Some(waiting)) }
    }

    /// Takes notes down, to be written soon. Waits for nothing.
    pub fn note(&self, notes: impl IntoIterator<Item = Note>) {
        for note in notes {
            if self.work.try_send(Work::Note(note)).is_err() {
                tracing::warn!("too many notifications wait: one is dropped");
            }
        }
    }

    /// Returns when everything noted so far is written, or could not be.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.work.send(Work::Settle(done)).await.is_ok() {
            let _ = settled.await;
        }
    }

    /// Writes what is noted and rings `bell` for it, until the task is dropped. Once for each service.
    pub async fn run(self: Arc<Self>, bell: Arc<dyn Bell>) {
        let taken = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut waiting) = taken else { return };
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            let (mut notices, mut settled) = (Vec::new(), Vec::new());
            for work in batch.drain(..) {
                match work {
                    Work::Note(note) => notices.push(self.notice(note)),
                    Work::Settle(done) => settled.push(done),
                }
            }
            if !notices.is_empty() {
                match self.store.add(notices.clone(), self.policy.per_user).await {
                    Ok(()) => bell.ring(notices),
                    Err(StoreError(reason)) => {
                        tracing::warn!(reason, notices = notices.len(), "notifications could not be written");
                    }
                }
            }
            for done in settled {
                // Whoever asked may be gone.
                let _ = done.send(());
            }
        }
    }

    fn notice(&self, note: Note) -> StoredNotice {
        let mut random = [0; 10];
        self.randomness.fill(&mut random);
        let created_at = self.clock.now();
        StoredNotice {
            id: NoticeId::compose(created_at, random),
            user: note.user,
            kind: note.kind,
            created_at,
            read: false,
            conversation: note.conversation,
            seq: note.seq,
            by: note.by,
            detail: note.detail.map(|detail| detail.chars().take(DETAIL_CHARS).collect()),
        }
    }

    /// A page of a user's notifications, the newest first, and whether there are older ones.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn list(
        &self,
        user: UserId,
        before: Option<NoticeId>,
        limit: Option<u32>,
    ) -> Result<(Vec<StoredNotice>, bool), NoticeError> {
        let most = self.policy.page;
        let limit =
            limit.map_or(PAGE.min(most), |limit| usize::try_from(limit).unwrap_or(most).clamp(1, most));
        let mut found = self.store.list(user, before, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found, more))
    }

    /// How many of a user's notifications have not been read.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn unread(&self, user: UserId) -> Result<u32, NoticeError> {
        Ok(self.store.unread(user).await?)
    }

    /// Those unread notifications of a user that are about an entry of a conversation, and which.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn unread_places(
        &self,
        user: UserId,
    ) -> Result<Vec<(NoticeId, (ConversationId, Seq))>, NoticeError> {
        Ok(self.store.unread_places(user).await?)
    }

    /// Marks one as read.
    ///
    /// # Errors
    /// [`NoticeError::NotFound`], [`NoticeError::Unavailable`].
    pub async fn mark_read(&self, user: UserId, notice: NoticeId) -> Result<(), NoticeError> {
        if self.store.mark_read(user, notice).await? { Ok(()) } else { Err(NoticeError::NotFound) }
    }

    /// Marks all of a user's notifications as read.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn mark_all_read(&self, user: UserId) -> Result<(), NoticeError> {
        Ok(self.store.mark_all_read(user).await?)
    }

    /// Erases what is kept for a user.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn forget(&self, user: UserId) -> Result<(), NoticeError> {
        Ok(self.store.forget(user).await?)
    }

    /// Forgets what is too old, a bounded number in one transaction. To be called now and then.
    ///
    /// # Errors
    /// [`NoticeError::Unavailable`].
    pub async fn upkeep(&self) -> Result<(), NoticeError> {
        let before = self.clock.now() - i64::from(self.policy.keep_days) * DAY_MS;
        while self.store.sweep(before, SWEPT_AT_ONCE).await? == SWEPT_AT_ONCE {
            // Others may write in between.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl StoredNotice {
    /// As clients see it. `name` is that of who caused it.
    pub fn shown(self, name: Option<Arc<str>>) -> Notification {
        let Self { id, user: _, kind, created_at, read, conversation, seq, by, detail } = self;
        let id = NotificationId::Notice(id);
        Notification { id, kind, created_at, read, conversation, seq, by, name, count: None, detail }
    }
}
