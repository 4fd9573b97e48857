//! The service: what it holds, and how it starts and stops.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use platform::{Clock, Randomness};
use protocol::{ConversationId, DeviceId, MessageId, Seq, Timestamp, UserId};
use tokio::task::{JoinHandle, JoinSet};

use crate::cache::Cache;
use crate::caught::caught_now;
use crate::conversation::{Conversation, Snapshot};
use crate::log::Batchers;
use crate::receipts::Receipts;
use crate::search::Searchable;
use crate::store::{ChatStore, MemberSettings, Stay};
use crate::succession::Newcomers;
use crate::sweep::Hints;
use crate::{Audience, ChatError, Policy, Users};

/// How often a user's memberships are read anew because they changed meanwhile.
pub(crate) const READINGS: usize = 10;

/// Who asks: a signed-in device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// When the device signed in.
    pub since: Timestamp,
    /// The connection the request came over, if it came over one.
    pub connection: Option<u64>,
}

/// Conversations, their logs and receipts.
pub struct Chats {
    pub(crate) store: Arc<dyn ChatStore>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) policy: Policy,
    pub(crate) cache: Arc<Cache>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) audience: Arc<dyn Audience>,
    pub(crate) hints: Arc<Hints>,
    /// When the last commit failed; 0 if it did not.
    failed_at: Arc<AtomicI64>,
    batchers: Mutex<Option<Arc<Batchers>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// These end with the service, whatever they are doing.
    behind: Mutex<JoinSet<()>>,
}

impl Chats {
    /// Starts the service. Must be called within a tokio runtime.
    pub fn start(
        store: Arc<dyn ChatStore>,
        users: Arc<dyn Users>,
        audience: Arc<dyn Audience>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        policy: Policy,
    ) -> Arc<Self> {
        let cache = Arc::new(Cache::new(policy.cached_conversations));
        let failed_at = Arc::default();
        let (batchers, news) = Batchers::start(&store, &users, &cache, &clock, &policy, &failed_at);
        let receipts = Arc::new(Receipts::default());
        let mut tasks = Vec::new();
        let searchable = policy.search.then(Arc::<Searchable>::default);
        let newcomers = Arc::<Newcomers>::default();
        for mut routed in news {
            let (audience, searchable) = (Arc::clone(&audience), searchable.clone());
            let newcomers = Arc::clone(&newcomers);
            tasks.push(tokio::spawn(async move {
                while let Some(entries) = routed.recv().await {
                    newcomers.note(&entries);
                    if let Some(searchable) = &searchable {
                        searchable.note(&entries);
                    }
                    caught_now("the audience", || audience.appended(entries));
                }
            }));
        }
        let chats = Arc::new(Self {
            store,
            users,
            clock,
            randomness,
            cache,
            receipts,
            audience,
            hints: Arc::default(),
            failed_at,
            batchers: Mutex::new(Some(Arc::new(batchers))),
            tasks: Mutex::new(tasks),
            behind: Mutex::default(),
            policy,
        });
        chats.start_receipts();
        chats.start_seeing_off(newcomers);
        if let Some(searchable) = searchable {
            chats.start_writing_words(searchable);
        }
        chats
    }

    /// Takes no more appends, waits until everything taken is on disk and told, and writes the receipts.
    pub async fn stop(&self) {
        drop(self.batchers.lock().unwrap_or_else(PoisonError::into_inner).take());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if task.await.is_err() {
                tracing::error!("a task of the chats service ended in a panic");
            }
        }
        self.flush_receipts().await;
    }

    /// For how long it is known that nothing can be written, in milliseconds: the last commit failed, so long ago. None if it
    /// did not.
    pub fn failed_for(&self) -> Option<i64> {
        match self.failed_at.load(Ordering::Relaxed) {
            0 => None,
            at => Some((self.clock.now() - at).max(0)),
        }
    }

    pub(crate) fn run_behind(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    pub(crate) fn batchers(&self) -> Result<Arc<Batchers>, ChatError> {
        let batchers = self.batchers.lock().unwrap_or_else(PoisonError::into_inner);
        batchers.clone().ok_or(ChatError::Unavailable)
    }

    pub(crate) fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.randomness.fill(&mut bytes);
        bytes
    }

    pub(crate) fn message_id(&self) -> MessageId {
        MessageId::compose(self.clock.now(), self.random())
    }

    /// The conversation, if it exists.
    pub(crate) async fn conversation(&self, id: ConversationId) -> Result<Arc<Conversation>, ChatError> {
        self.cache.one(&*self.store, id).await?.ok_or(ChatError::NotFound("conversation"))
    }

    /// The conversation and the parts of its log that `user` may see, oldest first, each `(after, to)`; the last entry
    /// of a current member's part is the log's.
    pub(crate) async fn visible(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<(Arc<Conversation>, Vec<Visible>), ChatError> {
        let (conversation, visible, _) = self.sight(user, id).await?;
        Ok((conversation, visible))
    }

    /// The same, and what `user` has set for the conversation.
    pub(crate) async fn sight(&self, user: UserId, id: ConversationId) -> Result<Sight, ChatError> {
        let conversation = self.conversation(id).await?;
        for _ in 0..READINGS {
            let stays = self.store.stays(user, Some(id)).await?;
            let now = conversation.snapshot();
            match Visible::parts(user, &stays, &now) {
                Some(visible) if visible.is_empty() => return Err(ChatError::NotFound("conversation")),
                Some(visible) => return Ok((conversation, visible, settings_of(&stays))),
                None => {}
            }
        }
        tracing::warn!(conversation = %id, "its membership changes faster than it can be read");
        Err(ChatError::Unavailable)
    }

    /// The last entry `user` may see, and whether the user is a member now. Needs no store for members.
    pub(crate) async fn horizon(
        &self,
        user: UserId,
        conversation: &Conversation,
    ) -> Result<(Seq, bool), ChatError> {
        {
            let state = conversation.state();
            if state.now.members.get(user).is_some() {
                return Ok((state.now.last_seq, true));
            }
        }
        let stays = self.store.stays(user, Some(conversation.id)).await?;
        match stays.iter().filter_map(|stay| stay.to_seq).max() {
            Some(to) => Ok((to, false)),
            None => Err(ChatError::NotFound("conversation")),
        }
    }

    pub(crate) async fn names(&self, users: Vec<UserId>) -> Result<HashMap<UserId, Arc<str>>, ChatError> {
        match self.users.names(&users).await {
            Ok(names) => Ok(names.into_iter().collect()),
            Err(reason) => {
                tracing::warn!(reason, "users cannot be looked up");
                Err(ChatError::Unavailable)
            }
        }
    }
}

/// A conversation, the parts of its log that somebody may see, and what they have set for it.
pub(crate) type Sight = (Arc<Conversation>, Vec<Visible>, MemberSettings);

/// What somebody of these stays in one conversation has set for it: the latest tells.
pub(crate) fn settings_of(stays: &[Stay]) -> MemberSettings {
    stays.iter().max_by_key(|stay| stay.from_seq).map(|stay| stay.settings).unwrap_or_default()
}

/// A part of a log that somebody may see: after `after`, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visible {
    pub(crate) after: Seq,
    pub(crate) to: Seq,
    /// When it ended, unless it still grows.
    pub(crate) ended_at: Option<Timestamp>,
}

impl Visible {
    /// What `user` may see, oldest first: by the stays as the store had them, and by the conversation as memory had it
    /// *afterwards*. None if memory knows of a later change: the stays are to be read again.
    pub(crate) fn parts(user: UserId, stays: &[Stay], now: &Snapshot) -> Option<Vec<Self>> {
        let mut parts = Vec::with_capacity(stays.len());
        for stay in stays {
            let to = match (stay.to_seq, now.members.get(user)) {
                (Some(to), _) => to,
                (None, Some(member)) if member.from_seq == stay.from_seq => now.last_seq,
                // It is being told right now, or will be.
                (None, _) if stay.from_seq > now.last_seq => continue,
                (None, _) => return None,
            };
            let ended_at = stay.to_seq.map(|_| stay.to_time.unwrap_or(0));
            parts.push(Self { after: stay.from_seq.saturating_sub(1), to, ended_at });
        }
        parts.sort_unstable_by_key(|part| part.after);
        Some(parts)
    }
}
