//! Editing, deleting, reacting, pinning: entries of the log that are about earlier ones.

use protocol::{Content, ConversationId, MessageEdit, MessageId, Sent, Seq};

use crate::emoji::is_one_emoji;
use crate::log::{Annotation, Note, Operation};
use crate::send::each_once;
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// Changes what a message of the caller's says; mentions of the old text are gone. Answers the entry that records
    /// it, or the message itself if nothing changed; so do all of the following. Asked again under the same id from the
    /// same device, it answers what it answered first.
    ///
    /// # Errors
    /// The caller may not see that message, did not write it, or too long ago; it is no text, or deleted; the new text
    /// breaks a bound or mentions who is no member; the conversation is not plain; or the store did not answer.
    pub async fn edit(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
        edit: MessageEdit,
    ) -> Result<Sent, ChatError> {
        let MessageEdit { text, mut mentions, id } = edit;
        self.check_bytes(text.len())?;
        each_once(&mut mentions);
        self.annotate(caller, conversation, seq, Note::Edit { text, mentions }, id).await
    }

    /// Deletes a message for everyone: its author, or an admin of the group. Its place stays, what it said does not.
    ///
    /// # Errors
    /// The caller may not see that message or not delete it, it is nothing that a member said, the conversation is not
    /// plain, or the store did not answer.
    pub async fn delete(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
        id: Option<MessageId>,
    ) -> Result<Sent, ChatError> {
        self.annotate(caller, conversation, seq, Note::Delete, id).await
    }

    /// Reacts to a message, in place of the reaction before; without an emoji that one is taken back.
    ///
    /// # Errors
    /// The emoji breaks a bound, the caller may not see that message, it is deleted or nothing that a member said, too
    /// many have reacted, the conversation is not plain, or the store did not answer.
    pub async fn react(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
        emoji: Option<String>,
    ) -> Result<Sent, ChatError> {
        let most = Content::EMOJI_BYTES;
        if !emoji.as_ref().is_none_or(|emoji| emoji.len() <= most && is_one_emoji(emoji)) {
            return Err(ChatError::Invalid(format!("a reaction is one emoji, of at most {most} bytes")));
        }
        self.annotate(caller, conversation, seq, Note::React(emoji), None).await
    }

    /// Pins a message for everyone, or takes the pin out.
    ///
    /// # Errors
    /// The caller may not see that message, it is deleted or nothing that a member said, too many are pinned, the
    /// conversation is not plain, or the store did not answer.
    pub async fn pin(
        &self,
        caller: Caller,
        conversation: ConversationId,
        seq: Seq,
        pinned: bool,
    ) -> Result<Sent, ChatError> {
        self.annotate(caller, conversation, seq, Note::Pin(pinned), None).await
    }

    async fn annotate(
        &self,
        caller: Caller,
        conversation: ConversationId,
        target: Seq,
        what: Note,
        id: Option<MessageId>,
    ) -> Result<Sent, ChatError> {
        // Whoever was removed keeps these parts; whether the caller is a member still is for the log to say.
        let (_, visible) = self.visible(caller.user, conversation).await?;
        let id = id.unwrap_or_else(|| self.message_id());
        let annotation =
            Annotation { actor: caller.user, device: caller.device, id: id.clone(), target, visible, what };
        let outcome = self.batchers()?.run(conversation, Operation::Annotate(annotation)).await?;
        // Whatever records something stands behind what it is about.
        let id = if outcome.seq == target {
            let entry = self.store.entries_at(vec![(conversation, target)]).await?.pop().flatten();
            entry.ok_or(ChatError::NotFound("message"))?.id
        } else {
            id
        };
        Ok(Sent { id, seq: outcome.seq, sent_at: outcome.time })
    }
}
