//! What a reader is shown of entries: as they were when the reader's part of the log ended, and nothing of what is due to go.

use std::collections::HashSet;

use bytes::Bytes;
use protocol::{Body, Content, ConversationId, Message, MessageKind, Seq, Timestamp};

use crate::conversation::Conversation;
use crate::service::Visible;
use crate::store::{NewEntry, Place};
use crate::{ChatError, Chats};

impl Chats {
    /// Entries of one conversation, as whoever may see these parts of it is shown them. Asks the store only of what was said
    /// in a part that has ended.
    pub(crate) async fn shown(
        &self,
        conversation: &Conversation,
        visible: &[Visible],
        mut entries: Vec<NewEntry>,
    ) -> Result<Vec<NewEntry>, ChatError> {
        if !entries.is_empty() {
            self.as_left(&mut entries, |_| visible).await?;
            let cutoff = self.cutoff(conversation);
            entries.iter_mut().filter(|entry| is_due(entry.kind, entry.time, cutoff)).for_each(empty);
        }
        Ok(entries)
    }

    /// Puts entries in parts that have ended back to what they were then, and answers which were something else. A change
    /// that the reader sees elsewhere, having come back, is one that they may know.
    pub(crate) async fn as_left<'a>(
        &self,
        entries: &mut [NewEntry],
        visible: impl Fn(ConversationId) -> &'a [Visible],
    ) -> Result<HashSet<Place>, ChatError> {
        let mut changed = HashSet::new();
        let (mut asked, mut places) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate().filter(|(_, it)| it.kind == MessageKind::Content) {
            let part = Visible::holding(visible(entry.conversation), entry.seq);
            if let Some(part) = part.filter(|part| part.ended_at.is_some()) {
                asked.push(((entry.conversation, entry.seq), part.to));
                places.push(index);
            }
        }
        if asked.is_empty() {
            return Ok(changed);
        }
        for (index, former) in places.into_iter().zip(self.store.former(asked).await?) {
            let entry = &mut entries[index];
            let parts = visible(entry.conversation);
            if let Some(then) = former.into_iter().find(|it| Visible::holding(parts, it.at).is_none()) {
                (entry.body, entry.edited_at, entry.reactions) = (then.body, then.edited_at, then.reactions);
                changed.insert((entry.conversation, entry.seq));
            }
        }
        Ok(changed)
    }

    /// What was sent up to this time is due to go, though the sweeper may not have come by yet.
    pub(crate) fn cutoff(&self, conversation: &Conversation) -> Option<Timestamp> {
        let retention = conversation.state().now.info.retention;
        self.policy.cutoff(retention, self.clock.now())
    }
}

/// Whether what such an entry says has gone, or is to go, by its time alone.
pub(crate) fn is_due(kind: MessageKind, time: Timestamp, cutoff: Option<Timestamp>) -> bool {
    let kept = matches!(kind, MessageKind::Proposal | MessageKind::Commit | MessageKind::System);
    !kept && cutoff.is_some_and(|cutoff| time <= cutoff)
}

/// Leaves of an entry what the sweeper leaves of it.
pub(crate) fn empty(entry: &mut NewEntry) {
    (entry.body, entry.reactions) = (Bytes::new(), None);
}

/// The same, of a message.
pub(crate) fn empty_message(message: &mut Message) {
    (message.body, message.reactions) = (Body::Open(Content::Expired), Vec::new());
}

impl Visible {
    /// The part that holds this entry.
    pub(crate) fn holding(parts: &[Self], seq: Seq) -> Option<&Self> {
        parts.iter().find(|part| part.after < seq && seq <= part.to)
    }
}
