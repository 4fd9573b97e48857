//! Receipts: cursors that move forward, are written behind, and are told to senders a few times a second.

mod behind;
mod pending;

use std::collections::HashMap;

use protocol::{ConversationId, Receipt, Retention, Seq, UserId};

pub(crate) use pending::Receipts;

use crate::conversation::{Conversation, State};
use crate::store::{Range, ReceiptKind, ReceiptStep};
use crate::{Caller, ChatError, Chats};

/// Entries looked through for senders to tell, when a cursor jumps over more than is remembered.
const SENDER_ENTRIES: usize = 500;

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
        self.advance(caller, conversation, seq, ReceiptKind::Delivered).await.map(drop)
    }

    /// The caller has seen everything up to `seq`; it counts as delivered too. Answers whether that is news.
    ///
    /// # Errors
    /// The caller has no part in the conversation, there is no such entry, or the store did not answer.
    pub async fn mark_seen(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<bool, ChatError> {
        self.advance(caller, conversation, seq, ReceiptKind::Seen).await
    }

    async fn advance(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
        kind: ReceiptKind,
    ) -> Result<bool, ChatError> {
        let conversation = self.conversation(id).await?;
        let (last, _) = self.horizon(caller.user, &conversation).await?;
        if seq > last {
            return Err(ChatError::Invalid(format!("the last entry is {last}, not {seq}")));
        }
        if seq == 0 {
            // Nothing is before the first entry. A cursor there would stand for "begin at the beginning".
            return Ok(false);
        }
        self.load_receipts(&conversation, &[caller.user]).await?;
        let now = self.clock.now();
        // Until it is noted nothing is awaited: what memory tells others is then on its way to the disk.
        let awaited;
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
            awaited = self.policy.retention(state.now.info.retention) == Retention::UntilDelivered;
            (seq > before).then(|| (before, delivers, senders(&state, caller.user, before, seq)))
        };
        if kind == ReceiptKind::Delivered {
            self.receipts.note(caller.user, |unwritten| unwritten.cursor(caller.device, id, seq));
            if awaited {
                self.hints.give(id);
            }
        }
        let Some((before, delivers, (mut tell, covered_after))) = moved else { return Ok(false) };
        self.receipts.note(caller.user, |unwritten| {
            if delivers {
                unwritten.step(id, ReceiptKind::Delivered, seq, now);
            }
            if kind == ReceiptKind::Seen {
                unwritten.step(id, ReceiptKind::Seen, seq, now);
            }
        });
        if covered_after > before {
            let older = self.older_senders(&conversation, caller.user, before, covered_after, &mut tell);
            if let Err(error) = older.await {
                // The receipt stands. Its senders see it when they look.
                tracing::debug!(%error, "some senders are not told of a receipt");
            }
        }
        // In doubt nothing is told: the sender sees it when they look.
        if !tell.is_empty() && !id.is_group() && self.is_barred(&conversation.members()).await.unwrap_or(true)
        {
            return Ok(true);
        }
        self.receipts.notice(&conversation, tell, caller.user);
        Ok(true)
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
        let mut steps: Vec<_> =
            missing.iter().flat_map(|user| self.receipts.steps(*user, Some(conversation.id))).collect();
        steps.extend(self.store.receipts(conversation.id, missing.clone()).await?);
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
            let mut range = Range::between(conversation.id, before, covered_after + 1, SENDER_ENTRIES);
            range.newest_first = true;
            let entries = self.store.read(range).await?;
            tell.extend(entries.into_iter().map(|entry| entry.sender).filter(|sender| *sender != reader));
        }
        tell.sort_unstable();
        tell.dedup();
        Ok(())
    }
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
