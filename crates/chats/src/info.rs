//! What became of one message.

use std::collections::HashMap;

use protocol::{ConversationId, MemberReceipt, MessageInfo, MessageStatus, Seq, UserId};

use crate::service::Visible;
use crate::store::{Range, ReceiptKind};
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// Who got a message and who has seen it, and when: of everyone who was a member then, without its sender. While one
    /// of a direct conversation's two blocks the other, neither is told that of the other: everything looks `sent`.
    ///
    /// # Errors
    /// The caller may not see that entry, there is none, or the store did not answer.
    pub async fn message_info(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
    ) -> Result<MessageInfo, ChatError> {
        let (conversation, visible) = self.visible(caller.user, id).await?;
        let part = Visible::holding(&visible, seq).ok_or(ChatError::NotFound("message"))?;
        let range = Range::between(id, seq.saturating_sub(1), seq + 1, 1);
        let entry = self.store.read(range).await?.pop().ok_or(ChatError::NotFound("message"))?;
        let addressees: Vec<UserId> = self
            .store
            .membership_history(id)
            .await?
            .into_iter()
            .filter(|stay| stay.from_seq <= seq && stay.to_seq.is_none_or(|to| seq <= to))
            .map(|stay| stay.user)
            .filter(|user| *user != entry.sender)
            .collect();
        let told = id.is_group() || !self.is_barred(&conversation.members()).await?;
        // What is not written yet comes after all that is.
        let unwritten = addressees.iter().flat_map(|user| self.receipts.steps(*user, Some(id)));
        let mut steps: Vec<_> = unwritten.filter(|step| step.seq >= seq).collect();
        steps.extend(self.store.first_receipts(id, seq, addressees.clone()).await?);
        if !told {
            steps.clear();
        }
        // Whoever has gone does not learn what others read since.
        steps.retain(|step| part.ended_at.is_none_or(|end| step.time <= end));
        steps.sort_unstable_by_key(|step| std::cmp::Reverse(step.seq));
        let times: HashMap<_, _> = steps.iter().map(|step| ((step.user, step.kind), step.time)).collect();
        let names = self.names(addressees.clone()).await?;
        let receipts: Vec<_> = addressees
            .into_iter()
            .map(|user| MemberReceipt {
                user,
                name: names.get(&user).cloned().unwrap_or_else(|| "deleted account".into()),
                delivered_at: times.get(&(user, ReceiptKind::Delivered)).copied(),
                seen_at: times.get(&(user, ReceiptKind::Seen)).copied(),
            })
            .collect();
        let status = receipts
            .iter()
            .map(|receipt| match (receipt.delivered_at, receipt.seen_at) {
                (_, Some(_)) => MessageStatus::Seen,
                (Some(_), None) => MessageStatus::Delivered,
                (None, None) => MessageStatus::Sent,
            })
            .min()
            .unwrap_or(MessageStatus::Seen);
        Ok(MessageInfo { conversation: id, seq, sender: entry.sender, sent_at: entry.time, status, receipts })
    }
}
