//! Receipts on their way to the disk and to senders.
//!
//! Whoever reads receipts from the store asks here *first*: what is written in between is then found in one place at
//! least. The other way round it could be missed in both.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::{ConversationId, DeviceId, Seq, Timestamp, UserId};
use tokio::sync::Notify;

use crate::conversation::Conversation;
use crate::store::{DeviceCursor, ReceiptKind, ReceiptStep};

#[derive(Default)]
pub(super) struct OfUser {
    steps: HashMap<(ConversationId, ReceiptKind), (Seq, Timestamp)>,
    cursors: HashMap<(DeviceId, ConversationId), Seq>,
}

impl OfUser {
    pub(super) fn step(
        &mut self,
        conversation: ConversationId,
        kind: ReceiptKind,
        seq: Seq,
        time: Timestamp,
    ) {
        let step = self.steps.entry((conversation, kind)).or_insert((seq, time));
        if seq > step.0 {
            *step = (seq, time);
        }
    }

    pub(super) fn cursor(&mut self, device: DeviceId, conversation: ConversationId, seq: Seq) {
        let cursor = self.cursors.entry((device, conversation)).or_insert(seq);
        *cursor = seq.max(*cursor);
    }
}

type Unwritten = HashMap<UserId, OfUser>;

/// A sender to be told how far others have come.
struct Notice {
    /// Held, so that memory keeps what is to be told.
    conversation: Arc<Conversation>,
    readers: HashSet<UserId>,
}

#[derive(Default)]
struct Pending {
    unwritten: Unwritten,
    /// What is being written right now: not yet to be found in the store for sure.
    writing: Unwritten,
    notices: HashMap<(ConversationId, UserId), Notice>,
}

/// What has not yet been written or told.
#[derive(Default)]
pub(crate) struct Receipts {
    pending: Mutex<Pending>,
    /// Whoever writes holds it.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) to_write: Notify,
    pub(super) to_tell: Notify,
}

impl Receipts {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what is to be written of a user.
    pub(super) fn note(&self, user: UserId, change: impl FnOnce(&mut OfUser)) {
        let mut pending = self.pending();
        let first = pending.unwritten.is_empty();
        change(pending.unwritten.entry(user).or_default());
        drop(pending);
        if first {
            self.to_write.notify_one();
        }
    }

    /// Takes down that these senders are to hear of `reader`.
    pub(super) fn notice(&self, conversation: &Arc<Conversation>, senders: Vec<UserId>, reader: UserId) {
        if senders.is_empty() {
            return;
        }
        let mut pending = self.pending();
        let first = pending.notices.is_empty();
        for sender in senders {
            let notice = pending.notices.entry((conversation.id, sender)).or_insert_with(|| Notice {
                conversation: Arc::clone(conversation),
                readers: HashSet::new(),
            });
            notice.readers.insert(reader);
        }
        drop(pending);
        if first {
            self.to_tell.notify_one();
        }
    }

    /// Whom to tell about whom.
    pub(super) fn take_notices(&self) -> Vec<(Arc<Conversation>, UserId, HashSet<UserId>)> {
        let notices = std::mem::take(&mut self.pending().notices);
        notices
            .into_iter()
            .map(|((_, sender), notice)| (notice.conversation, sender, notice.readers))
            .collect()
    }

    /// A user's steps, in one conversation or in all, that the store may not know yet.
    pub(crate) fn steps(&self, user: UserId, within: Option<ConversationId>) -> Vec<ReceiptStep> {
        let pending = self.pending();
        let of_user = [&pending.writing, &pending.unwritten].into_iter().filter_map(|all| all.get(&user));
        of_user
            .flat_map(|of_user| &of_user.steps)
            .filter(|((conversation, _), _)| within.is_none_or(|within| within == *conversation))
            .map(|((conversation, kind), (seq, time))| ReceiptStep {
                user,
                conversation: *conversation,
                kind: *kind,
                seq: *seq,
                time: *time,
            })
            .collect()
    }

    /// A device's cursors that the store may not know yet.
    pub(crate) fn cursors(&self, user: UserId, device: DeviceId) -> Vec<DeviceCursor> {
        let pending = self.pending();
        let of_user = [&pending.writing, &pending.unwritten].into_iter().filter_map(|all| all.get(&user));
        of_user
            .flat_map(|of_user| &of_user.cursors)
            .filter(|((on, _), _)| *on == device)
            .map(|((_, conversation), seq)| DeviceCursor {
                user,
                device,
                conversation: *conversation,
                seq: *seq,
            })
            .collect()
    }

    /// Takes what is to be written, if there is anything. Only one at a time: see `turn`.
    pub(super) fn begin(&self) -> Option<Writing<'_>> {
        let mut pending = self.pending();
        if pending.unwritten.is_empty() {
            return None;
        }
        pending.writing = std::mem::take(&mut pending.unwritten);
        let (mut steps, mut cursors) = (Vec::new(), Vec::new());
        for (&user, of_user) in &pending.writing {
            for (&(conversation, kind), &(seq, time)) in &of_user.steps {
                steps.push(ReceiptStep { user, conversation, kind, seq, time });
            }
            for (&(device, conversation), &seq) in &of_user.cursors {
                cursors.push(DeviceCursor { user, device, conversation, seq });
            }
        }
        // In the order of their keys on disk: neighbours share pages.
        steps.sort_unstable_by_key(|step| (step.user, step.conversation, step.kind));
        cursors.sort_unstable_by_key(|cursor| (cursor.user, cursor.device, cursor.conversation));
        Some(Writing { receipts: self, written: false, steps, cursors })
    }
}

/// Receipts while they are being written. Unless told that they were, they will be written again.
pub(super) struct Writing<'a> {
    receipts: &'a Receipts,
    written: bool,
    pub(super) steps: Vec<ReceiptStep>,
    pub(super) cursors: Vec<DeviceCursor>,
}

impl Writing<'_> {
    pub(super) fn done(mut self) {
        self.written = true;
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut pending = self.receipts.pending();
        let writing = std::mem::take(&mut pending.writing);
        if !self.written {
            for (user, of_user) in writing {
                let back = pending.unwritten.entry(user).or_default();
                for ((conversation, kind), (seq, time)) in of_user.steps {
                    back.step(conversation, kind, seq, time);
                }
                for ((device, conversation), seq) in of_user.cursors {
                    back.cursor(device, conversation, seq);
                }
            }
        }
        if !pending.unwritten.is_empty() {
            self.receipts.to_write.notify_one();
        }
    }
}
