//! What is set for a conversation: by a member for themselves, and for all how long bodies are kept.

use protocol::{
    ConversationId, ConversationKind, ConversationSettings, LATEST, Retention, Role, Seq, Timestamp, UserId,
};

use crate::log::{Change, GroupChange, Operation};
use crate::store::{MemberSettings, SettingsChange};
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// Puts a conversation away, or takes it back. New messages leave it where it is.
    ///
    /// # Errors
    /// The caller has no part in it, or the store did not answer.
    pub async fn set_archived(
        &self,
        caller: Caller,
        conversation: ConversationId,
        archived: bool,
    ) -> Result<ConversationSettings, ChatError> {
        self.set(caller, conversation, SettingsChange::Archived(archived)).await
    }

    /// Wants no notices of a conversation until then; wants them again if that is past or absent.
    ///
    /// # Errors
    /// The caller has no part in it, the time is out of bounds, or the store did not answer.
    pub async fn set_muted(
        &self,
        caller: Caller,
        conversation: ConversationId,
        until: Option<Timestamp>,
    ) -> Result<ConversationSettings, ChatError> {
        let until = until.unwrap_or(0);
        if !(0..=LATEST).contains(&until) {
            return Err(ChatError::Invalid(format!("a time is 0 to {LATEST} milliseconds since 1970")));
        }
        self.set(caller, conversation, SettingsChange::MutedUntil(until)).await
    }

    async fn set(
        &self,
        caller: Caller,
        conversation: ConversationId,
        change: SettingsChange,
    ) -> Result<ConversationSettings, ChatError> {
        let set = self.store.set(caller.user, conversation, change).await?;
        let settings = shown(set.ok_or(ChatError::NotFound("conversation"))?, self.clock.now());
        self.audience.settings(caller.user, caller.connection, conversation, settings);
        Ok(settings)
    }

    /// Sets how long a conversation's bodies are kept: what is there already is looked at by the new measure too, but
    /// what is gone stays gone. Answers the entry that records it, or the log's last one if nothing changed.
    ///
    /// # Errors
    /// The caller is no admin of the group or no member of the direct conversation, or the store did not answer.
    pub async fn set_retention(
        &self,
        caller: Caller,
        conversation: ConversationId,
        retention: Retention,
    ) -> Result<Seq, ChatError> {
        let here = self.conversation(conversation).await?;
        let may = here
            .members()
            .get(caller.user)
            .is_some_and(|it| !conversation.is_group() || it.role == Role::Admin);
        // Others are refused below.
        if may {
            self.sweep_due(&here).await?;
        }
        let what = GroupChange::Retention(retention);
        let change = Change { actor: caller.user, device: caller.device, id: self.message_id(), what };
        Ok(self.batchers()?.run(conversation, Operation::Change(change)).await?.seq)
    }

    /// The direct conversation with `peer` that there is; the plain one if there are two.
    ///
    /// # Errors
    /// There is none, or the store did not answer.
    pub async fn direct_with(&self, caller: Caller, peer: UserId) -> Result<ConversationId, ChatError> {
        let (low, high) = (caller.user.min(peer), caller.user.max(peer));
        for kind in [ConversationKind::Plain, ConversationKind::Mls] {
            if let Some(id) = self.store.pair(low, high, kind).await? {
                return Ok(id);
            }
        }
        Err(ChatError::NotFound("conversation"))
    }
}

/// As clients see them.
pub(crate) fn shown(settings: MemberSettings, now: Timestamp) -> ConversationSettings {
    let MemberSettings { archived, muted_until } = settings;
    ConversationSettings { archived, muted_until: Some(muted_until).filter(|until| *until > now) }
}
