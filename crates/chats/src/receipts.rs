//! Receipts: cursors that move forward, are written behind, and are told to senders a few times a second.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use protocol::{ConversationId, DeviceId, Receipt, Seq, Timestamp, UserId};
use tokio::sync::Notify;

use crate::conversation::{Conversation, State};
use crate::store::{DeviceCursor, Range, ReceiptKind, ReceiptStep};
use crate::{Caller, ChatError, Chats, ReceiptNotice};

/// Entries looked through for senders to tell, when a cursor jumps over more than is remembered.
const SENDER_ENTRIES: usize = 500;

type StepKey = (ConversationId, UserId, ReceiptKind);
type CursorKey = (UserId, DeviceId, ConversationId);

#[derive(Default)]
struct Unwritten {
    steps: HashMap<StepKey, (Seq, Timestamp)>,
    cursors: HashMap<CursorKey, Seq>,
}

impl Unwritten {
    fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.cursors.is_empty()
    }

    fn step(&mut self, key: StepKey, seq: Seq, time: Timestamp) {
        let step = self.steps.entry(key).or_insert((seq, time));
        if seq > step.0 {
            *step = (seq, time);
        }
    }

    fn cursor(&mut self, key: CursorKey, seq: Seq) {
        let cursor = self.cursors.entry(key).or_insert(seq);
        *cursor = seq.max(*cursor);
    }
}

#[derive(Default)]
struct Pending {
    unwritten: Unwritten,
    /// What is being written right now: not yet to be found in the store for sure.
    writing: Unwritten,
    /// Whom to tell about whom.
    notices: HashMap<(ConversationId, UserId), HashSet<UserId>>,
}

/// What has not yet been written or told.
#[derive(Default)]
pub(crate) struct Receipts {
    pending: Mutex<Pending>,
    to_write: Notify,
    to_tell: Notify,
}

impl Receipts {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what is not written yet over what the store said.
    pub(crate) fn overlay_steps(&self, steps: &mut Vec<ReceiptStep>, matches: impl Fn(&StepKey) -> bool) {
        let pending = self.pending();
        for unwritten in [&pending.writing, &pending.unwritten] {
            for (key, (seq, time)) in unwritten.steps.iter().filter(|(key, _)| matches(key)) {
                let (conversation, user, kind) = *key;
                steps.push(ReceiptStep { user, conversation, kind, seq: *seq, time: *time });
            }
        }
    }

    /// A device's cursors: what the store said and what is not written yet.
    pub(crate) fn overlay_cursors(
        &self,
        user: UserId,
        device: DeviceId,
        stored: Vec<DeviceCursor>,
    ) -> HashMap<ConversationId, Seq> {
        let mut cursors: HashMap<_, _> =
            stored.into_iter().map(|cursor| (cursor.conversation, cursor.seq)).collect();
        let pending = self.pending();
        for unwritten in [&pending.writing, &pending.unwritten] {
            for ((_, _, conversation), seq) in
                unwritten.cursors.iter().filter(|((of, on, _), _)| *of == user && *on == device)
            {
                let cursor = cursors.entry(*conversation).or_default();
                *cursor = (*cursor).max(*seq);
            }
        }
        cursors
    }
}

/// Steps folded into one receipt: the highest of each kind.
pub(crate) fn fold(steps: impl IntoIterator<Item = ReceiptStep>) -> Receipt {
    let mut receipt = Receipt::default();
    for step in steps {
        match step.kind {
            ReceiptKind::Delivered if step.seq > receipt.delivered => {
                (receipt.delivered, receipt.delivered_at) = (step.seq, step.time);
            }
            ReceiptKind::Seen if step.seq > receipt.seen => {
                (receipt.seen, receipt.seen_at) = (step.seq, step.time);
            }
            _ => {}
        }
    }
    receipt
}

impl Chats {
    /// The caller's device holds everything up to `seq`.
    ///
    /// # Errors
    /// The caller has no part in the conversation, there is no such entry, or the store did not answer.
    pub async fn acknowledge(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<(), ChatError> {
        self.advance(caller, conversation, seq, ReceiptKind::Delivered).await
    }

    /// The caller has seen everything up to `seq`; it counts as delivered too.
    ///
    /// # Errors
    /// The caller has no part in the conversation, there is no such entry, or the store did not answer.
    pub async fn mark_seen(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<(), ChatError> {
        self.advance(caller, conversation, seq, ReceiptKind::Seen).await
    }

    async fn advance(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
        kind: ReceiptKind,
    ) -> Result<(), ChatError> {
        let conversation = self.conversation(id).await?;
        let (last, _) = self.horizon(caller.user, &conversation).await?;
        if seq > last {
            return Err(ChatError::Invalid(format!("the last entry is {last}, not {seq}")));
        }
        self.load_receipts(&conversation, &[caller.user]).await?;
        let now = self.clock.now();
        let mut wake = false;
        if kind == ReceiptKind::Delivered {
            let mut pending = self.receipts.pending();
            wake |= pending.unwritten.is_empty();
            pending.unwritten.cursor((caller.user, caller.device, id), seq);
        }
        let moved = {
            let mut state = conversation.state();
            let receipt = state.receipts.entry(caller.user).or_default();
            let before = match kind {
                ReceiptKind::Delivered => receipt.delivered,
                ReceiptKind::Seen => receipt.seen,
            };
            let delivers = seq > receipt.delivered;
            if delivers {
                (receipt.delivered, receipt.delivered_at) = (seq, now);
            }
            if kind == ReceiptKind::Seen && seq > receipt.seen {
                (receipt.seen, receipt.seen_at) = (seq, now);
            }
            (seq > before).then(|| (before, delivers, senders(&state, caller.user, before, seq)))
        };
        if let Some((before, delivers, (mut tell, covered_after))) = moved {
            if covered_after > before {
                self.older_senders(&conversation, caller.user, before, covered_after, &mut tell).await?;
            }
            let mut pending = self.receipts.pending();
            wake |= pending.unwritten.is_empty();
            if delivers {
                pending.unwritten.step((id, caller.user, ReceiptKind::Delivered), seq, now);
            }
            if kind == ReceiptKind::Seen {
                pending.unwritten.step((id, caller.user, ReceiptKind::Seen), seq, now);
            }
            let first = pending.notices.is_empty() && !tell.is_empty();
            for sender in tell {
                pending.notices.entry((id, sender)).or_default().insert(caller.user);
            }
            drop(pending);
            if first {
                self.receipts.to_tell.notify_one();
            }
        }
        if wake {
            self.receipts.to_write.notify_one();
        }
        Ok(())
    }

    /// Brings the receipts of these users into the conversation's memory.
    pub(crate) async fn load_receipts(
        &self,
        conversation: &Conversation,
        users: &[UserId],
    ) -> Result<(), ChatError> {
        let missing: Vec<_> = {
            let state = conversation.state();
            users.iter().copied().filter(|user| !state.receipts.contains_key(user)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut steps = self.store.receipts(conversation.id, missing.clone()).await?;
        let wanted: HashSet<_> = missing.iter().copied().collect();
        self.receipts
            .overlay_steps(&mut steps, |(of, user, _)| *of == conversation.id && wanted.contains(user));
        let mut by_user: HashMap<UserId, Vec<ReceiptStep>> = HashMap::new();
        for step in steps {
            by_user.entry(step.user).or_default().push(step);
        }
        let mut state = conversation.state();
        for user in missing {
            // Whoever was faster may already have moved it.
            state.receipts.entry(user).or_insert_with(|| fold(by_user.remove(&user).unwrap_or_default()));
        }
        Ok(())
    }

    /// The senders of entries after `before` and before those that memory covers.
    async fn older_senders(
        &self,
        conversation: &Conversation,
        reader: UserId,
        before: Seq,
        covered_after: Seq,
        tell: &mut Vec<UserId>,
    ) -> Result<(), ChatError> {
        if !conversation.id.is_group() {
            let members = conversation.members();
            tell.extend(members.as_slice().iter().map(|member| member.user).filter(|user| *user != reader));
        } else {
            let range = Range {
                conversation: conversation.id,
                after: before,
                before: covered_after + 1,
                limit: SENDER_ENTRIES,
                newest_first: true,
            };
            let entries = self.store.read(range).await?;
            tell.extend(entries.into_iter().map(|entry| entry.sender).filter(|sender| *sender != reader));
        }
        tell.sort_unstable();
        tell.dedup();
        Ok(())
    }

    pub(crate) fn start_receipts(self: &Arc<Self>) {
        let write_every = Duration::from_millis(self.policy.receipts_flush_ms);
        let tell_every = Duration::from_millis(self.policy.receipts_notice_ms);
        let (receipts, chats) = (Arc::clone(&self.receipts), Arc::downgrade(self));
        tokio::spawn(async move {
            loop {
                receipts.to_write.notified().await;
                tokio::time::sleep(write_every).await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                chats.flush_receipts().await;
            }
        });
        let (receipts, chats) = (Arc::clone(&self.receipts), Arc::downgrade(self));
        tokio::spawn(async move {
            loop {
                receipts.to_tell.notified().await;
                tokio::time::sleep(tell_every).await;
                let Some(chats) = Weak::upgrade(&chats) else { return };
                chats.tell_receipts();
            }
        });
    }

    /// Writes what has gathered.
    pub(crate) async fn flush_receipts(&self) {
        let (steps, cursors) = {
            let mut pending = self.receipts.pending();
            if pending.unwritten.is_empty() || !pending.writing.is_empty() {
                return;
            }
            pending.writing = std::mem::take(&mut pending.unwritten);
            batch_of(&pending.writing)
        };
        let result = self.store.save_receipts(steps, cursors).await;
        let mut pending = self.receipts.pending();
        let writing = std::mem::take(&mut pending.writing);
        if let Err(error) = result {
            tracing::warn!(%error, "receipts were not written; they will be with the next ones");
            for (key, (seq, time)) in writing.steps {
                pending.unwritten.step(key, seq, time);
            }
            for (key, seq) in writing.cursors {
                pending.unwritten.cursor(key, seq);
            }
        }
        if !pending.unwritten.is_empty() {
            self.receipts.to_write.notify_one();
        }
    }

    fn tell_receipts(&self) {
        let notices = std::mem::take(&mut self.receipts.pending().notices);
        let notices = notices
            .into_iter()
            .filter_map(|((id, sender), readers)| {
                let conversation = self.cache.get(id)?;
                let state = conversation.state();
                let receipts = readers
                    .into_iter()
                    .filter_map(|user| state.receipts.get(&user).map(|receipt| (user, *receipt)))
                    .collect();
                drop(state);
                Some(ReceiptNotice { conversation: id, sender, receipts })
            })
            .collect();
        self.audience.receipts(notices);
    }
}

fn batch_of(unwritten: &Unwritten) -> (Vec<ReceiptStep>, Vec<DeviceCursor>) {
    let mut steps: Vec<_> = unwritten
        .steps
        .iter()
        .map(|((conversation, user, kind), (seq, time))| ReceiptStep {
            user: *user,
            conversation: *conversation,
            kind: *kind,
            seq: *seq,
            time: *time,
        })
        .collect();
    // In the order of their keys on disk: neighbours share pages.
    steps.sort_unstable_by_key(|step| (step.user, step.conversation, step.kind));
    let mut cursors: Vec<_> = unwritten
        .cursors
        .iter()
        .map(|((user, device, conversation), seq)| DeviceCursor {
            user: *user,
            device: *device,
            conversation: *conversation,
            seq: *seq,
        })
        .collect();
    cursors.sort_unstable_by_key(|cursor| (cursor.user, cursor.device, cursor.conversation));
    (steps, cursors)
}

/// The senders, other than the reader, of the remembered entries after `before` up to `seq`; and the entry after
/// which everything is remembered.
fn senders(state: &State, reader: UserId, before: Seq, seq: Seq) -> (Vec<UserId>, Seq) {
    let covered_after = state.recent.front().map_or(seq, |recent| recent.seq - 1).min(seq);
    let mut senders: Vec<_> = state
        .recent
        .iter()
        .filter(|recent| recent.seq > before && recent.seq <= seq && recent.sender != reader)
        .map(|recent| recent.sender)
        .collect();
    senders.sort_unstable();
    senders.dedup();
    (senders, covered_after)
}
