//! A conversation in memory: what the log's last entry left, and how far each member has come.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{
    Body, Content, ConversationId, ConversationKind, DeviceId, Message, MessageId, MessageKind, Receipt, Seq,
    Timestamp, UserId,
};

use crate::Appended;
use crate::store::{Head, Info, Member};

/// The last entries of a conversation that are remembered: who sent what.
const RECENT_ENTRIES: usize = 64;

/// The members of a conversation at one moment, sorted by user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members(Vec<Member>);

impl Members {
    /// These members.
    pub fn new(mut members: Vec<Member>) -> Self {
        members.sort_unstable_by_key(|member| member.user);
        Self(members)
    }

    /// One of them.
    pub fn get(&self, user: UserId) -> Option<&Member> {
        self.0.binary_search_by_key(&user, |member| member.user).ok().map(|index| &self.0[index])
    }

    /// All of them, by user.
    pub fn as_slice(&self) -> &[Member] {
        &self.0
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a conversation is between two entries.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) info: Arc<Info>,
    pub(crate) members: Arc<Members>,
    pub(crate) last_seq: Seq,
    pub(crate) last_time: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) membership_version: u64,
}

impl Snapshot {
    fn of(head: Head) -> Self {
        Self {
            info: Arc::new(head.info),
            members: Arc::new(Members::new(head.members)),
            last_seq: head.last_seq,
            last_time: head.last_time,
            epoch: head.epoch,
            membership_version: head.membership_version,
        }
    }
}

/// One of the last entries.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
    pub(crate) sender: UserId,
    pub(crate) device: DeviceId,
    pub(crate) id: MessageId,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Snapshot,
    /// The log's end, without a gap; what stood before it was loaded is not in it.
    pub(crate) recent: VecDeque<Recent>,
    /// The last entry that is no annotation, once somebody asked for it or appended it.
    pub(crate) last: Option<Arc<Message>>,
    /// Bodies up to here have gone, as far as this process knows.
    swept: Seq,
    /// Of those members who have been asked for.
    pub(crate) receipts: HashMap<UserId, Receipt>,
    /// What was counted for those members who had something unread when they last asked.
    unread: HashMap<UserId, Unread>,
    /// How often a member has hidden an entry: what was counted meanwhile is not kept.
    hidings: u64,
}

/// How many messages in a part of the log a member has not seen: those of others that they have not hidden.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread {
    pub(crate) after: Seq,
    pub(crate) to: Seq,
    pub(crate) count: u32,
}

impl State {
    /// Bodies up to `to` have gone from the store: so they do from here.
    pub(crate) fn expire(&mut self, to: Seq) {
        self.swept = self.swept.max(to);
        self.last.take_if(|last| last.seq <= to);
    }

    /// Keeps what was read as the last entry when the log ended at `end`, unless it has moved on, or it may have been read
    /// before its body went.
    pub(crate) fn keep_last(&mut self, message: &Arc<Message>, end: Seq) {
        let gone = matches!(message.body, Body::Open(Content::Expired));
        if self.now.last_seq == end && (message.seq > self.swept || gone) {
            self.last = Some(Arc::clone(message));
        }
    }

    /// How much of what `user` has not seen after `after`, and up to `to`, was counted before; and the mark to keep with what
    /// is counted beyond it.
    pub(crate) fn counted(&self, user: UserId, after: Seq, to: Seq) -> (Unread, u64) {
        let known = self.unread.get(&user).filter(|known| known.after == after && known.to <= to);
        (known.copied().unwrap_or(Unread { after, to: after, count: 0 }), self.hidings)
    }

    /// Keeps what was counted since that mark was given, unless something was hidden since.
    pub(crate) fn keep_counted(&mut self, user: UserId, unread: Unread, mark: u64) {
        if self.hidings == mark {
            self.unread.insert(user, unread);
        }
    }

    /// `user` may have hidden an entry: what was counted for them may be too much.
    pub(crate) fn hid(&mut self, user: UserId) {
        self.hidings += 1;
        self.unread.remove(&user);
    }

    /// Keeps the log's newest entry in mind.
    pub(crate) fn remember(&mut self, message: &Arc<Message>) {
        if self.recent.len() == RECENT_ENTRIES {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent {
            seq: message.seq,
            time: message.sent_at,
            sender: message.sender,
            device: message.device,
            id: message.id.clone(),
        });
        if message.kind != MessageKind::Annotation {
            self.last = Some(Arc::clone(message));
        }
    }
}

/// A conversation in memory.
#[derive(Debug)]
pub struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) kind: ConversationKind,
    state: Mutex<State>,
}

impl Conversation {
    pub(crate) fn new(head: Head) -> Self {
        let (id, kind, now) = (head.id, head.kind, Snapshot::of(head));
        let state = Mutex::new(State {
            now,
            recent: VecDeque::new(),
            last: None,
            swept: 0,
            receipts: HashMap::new(),
            unread: HashMap::new(),
            hidings: 0,
        });
        Self { id, kind, state }
    }

    /// Takes over what the store says, and its newest entries. Receipts stay: they only ever grow.
    pub(crate) fn renew(&self, head: Head, news: &[Appended]) {
        let mut state = self.state();
        state.now = Snapshot::of(head);
        state.recent.clear();
        state.last = None;
        for entry in news {
            state.remember(&entry.message);
        }
    }

    /// Never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.state().now.clone()
    }

    /// Who is in it now.
    pub fn members(&self) -> Arc<Members> {
        Arc::clone(&self.state().now.members)
    }

    /// Whether the server can read it.
    pub fn kind(&self) -> ConversationKind {
        self.kind
    }
}
