//! How far one's own last message has come: the ticks.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{ConversationSummary, Message, MessageKind, MessageStatus, Receipt, Seq, UserId};

use crate::consent::barred;
use crate::conversation::{Conversation, Snapshot};
use crate::read::Mine;
use crate::{ChatError, Chats};

impl Chats {
    /// While one of a direct conversation's two blocks the other, neither is told how far the other has come.
    pub(crate) async fn withhold_receipts(
        &self,
        mine: &[Mine],
        summaries: &mut [ConversationSummary],
    ) -> Result<(), ChatError> {
        let tells = |summary: &ConversationSummary| {
            !summary.id.is_group() && summary.status.is_some_and(|status| status > MessageStatus::Sent)
        };
        let direct = mine.iter().zip(&*summaries).filter(|(_, summary)| tells(summary));
        let direct: HashMap<_, _> =
            direct.map(|(mine, summary)| (summary.id, Arc::clone(&mine.conversation))).collect();
        if direct.is_empty() {
            return Ok(());
        }
        let barred = barred(&*self.users, &direct).await?;
        for summary in summaries.iter_mut().filter(|summary| barred.contains_key(&summary.id)) {
            summary.status = Some(MessageStatus::Sent);
        }
        Ok(())
    }

    pub(crate) async fn status_of_own(
        &self,
        user: UserId,
        conversation: &Conversation,
        message: Option<&Message>,
    ) -> Result<Option<MessageStatus>, ChatError> {
        match message {
            Some(message) if message.sender == user && message.kind != MessageKind::System => {
                self.status(conversation, &conversation.snapshot(), message).await
            }
            _ => Ok(None),
        }
    }

    async fn status(
        &self,
        conversation: &Conversation,
        now: &Snapshot,
        message: &Message,
    ) -> Result<Option<MessageStatus>, ChatError> {
        if now.members.len() > self.policy.status_members {
            return Ok(None);
        }
        let others: Vec<_> = now
            .members
            .as_slice()
            .iter()
            .filter(|member| member.user != message.sender && member.from_seq <= message.seq)
            .map(|member| member.user)
            .collect();
        self.load_receipts(conversation, &others).await?;
        let state = conversation.state();
        let least = others.iter().map(|user| {
            let receipt = state.receipts.get(user).copied().unwrap_or_default();
            status_of(&receipt, message.seq)
        });
        Ok(Some(least.min().unwrap_or(MessageStatus::Seen)))
    }
}

fn status_of(receipt: &Receipt, seq: Seq) -> MessageStatus {
    if receipt.seen >= seq {
        MessageStatus::Seen
    } else if receipt.delivered >= seq {
        MessageStatus::Delivered
    } else {
        MessageStatus::Sent
    }
}
