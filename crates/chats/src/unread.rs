//! What a member has not seen.

use std::collections::HashMap;

use protocol::{ConversationId, ConversationSummary, Message, MessageKind, Seq, UserId};

use crate::conversation::Unread;
use crate::log::message_of;
use crate::read::Mine;
use crate::store::{NewEntry, Range, Span};
use crate::{Caller, ChatError, Chats};

/// Entries read at once on the way back to the last unread message.
const UNREAD_READ: usize = 50;

impl Chats {
    /// Those of the caller's conversations that want notices and hold messages of others that the caller has not seen, the
    /// one with the latest entry first: all of them, each named by its summary, as `list` has them but without members of
    /// groups and last messages.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn unseen(&self, caller: Caller) -> Result<Vec<ConversationSummary>, ChatError> {
        let mine = self.conversations_of(caller.user).await?;
        let mut summaries = self.summaries(caller.user, &mine, false).await?;
        summaries.retain(|summary| summary.unread > 0 && summary.muted_until.is_none());
        Ok(summaries)
    }

    /// Of each of these entries, whether the caller has seen it, or it is not there for them any more.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn passed(
        &self,
        caller: Caller,
        places: Vec<(ConversationId, Seq)>,
    ) -> Result<Vec<bool>, ChatError> {
        let mut passed = Vec::with_capacity(places.len());
        for (id, seq) in &places {
            passed.push(match self.conversation(*id).await {
                Ok(conversation) => self.receipts_in(&conversation, caller.user).await?.seen >= *seq,
                Err(ChatError::NotFound(_)) => true,
                Err(error) => return Err(error),
            });
        }
        let mine = if places.is_empty() { Vec::new() } else { self.conversations_of(caller.user).await? };
        let visible: HashMap<_, _> =
            mine.iter().map(|it| (it.conversation.id, it.visible.as_slice())).collect();
        let there =
            self.messages_at(caller, places, |id| visible.get(&id).copied().unwrap_or_default()).await?;
        Ok(passed.into_iter().zip(there).map(|(passed, there)| passed || there.is_none()).collect())
    }

    /// The last message of others that counts as unread, if the caller has not seen it.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn last_unread(
        &self,
        caller: Caller,
        id: ConversationId,
    ) -> Result<Option<Message>, ChatError> {
        let (conversation, visible) = self.visible(caller.user, id).await?;
        let seen = self.receipts_in(&conversation, caller.user).await?.seen;
        for part in visible.iter().rev() {
            let (after, mut before) = (seen.max(part.after), part.to + 1);
            while after + 1 < before {
                let range = Range {
                    newest_first: true,
                    no_annotations: true,
                    reader: Some(caller.user),
                    bytes: self.policy.page_bytes,
                    ..Range::between(id, after, before, UNREAD_READ)
                };
                let entries = self.store.read(range).await?;
                let Some(last) = entries.last().map(|entry| entry.seq) else { break };
                let others =
                    |entry: &NewEntry| entry.kind == MessageKind::Content && entry.sender != caller.user;
                if let Some(entry) = entries.into_iter().find(others) {
                    let mut shown = self.shown(&conversation, &visible, vec![entry]).await?;
                    let Some(entry) = shown.pop() else { break };
                    return Ok(Some(message_of(conversation.kind, entry)));
                }
                before = last;
            }
        }
        Ok(None)
    }

    /// How many messages of others there are in each after what was seen of it.
    pub(crate) async fn unread<'a>(
        &self,
        user: UserId,
        mine: impl Iterator<Item = (&'a Mine, Seq)>,
    ) -> Result<Vec<u32>, ChatError> {
        let most = self.policy.unread_count;
        let (mut counts, mut spans, mut counting) = (Vec::new(), Vec::new(), Vec::new());
        for (mine, seen) in mine {
            let (conversation, mut counted) = (&mine.conversation, 0);
            for (index, part) in mine.visible.iter().enumerate() {
                let (after, to) = (seen.max(part.after), part.to);
                if after >= to {
                    continue;
                }
                let (known, mark) = conversation.state().counted(user, after, to);
                counted += known.count;
                if known.to < to {
                    spans.push(Span { conversation: conversation.id, after: known.to, to });
                    // Only the last part grows, so only that is kept.
                    let kept = (index + 1 == mine.visible.len()).then_some((conversation, known, mark));
                    counting.push((counts.len(), to, kept));
                }
            }
            counts.push(counted);
        }
        if !spans.is_empty() {
            let found = self.store.count_unread(user, spans, most).await?;
            for ((place, to, kept), count) in counting.into_iter().zip(found) {
                counts[place] += count;
                if let Some((conversation, known, mark)) = kept {
                    let unread = Unread { to, count: most.min(known.count + count), ..known };
                    conversation.state().keep_counted(user, unread, mark);
                }
            }
        }
        counts.iter_mut().for_each(|count| *count = most.min(*count));
        Ok(counts)
    }
}
