//! Changing a group and who is in it.

use protocol::{ConversationId, GroupChanges, MembershipRecord, Seq, UserId};

use crate::log::{Change, GroupChange, Heir, Operation};
use crate::{Caller, ChatError, Chats};

/// The longest name of a group, in characters.
const NAME_CHARACTERS: usize = 100;
/// The longest description of a group, in characters.
const DESCRIPTION_CHARACTERS: usize = 1_000;
/// The longest reference to a picture, in bytes.
const PICTURE_BYTES: usize = 300;

impl Chats {
    /// Adds users; those who are members already stay as they are. Answers the entry that records it, or the log's
    /// last one if nothing changed; so do all of the following.
    ///
    /// # Errors
    /// The caller is no admin of the group, a user does not exist, the group is full, or the store did not answer.
    pub async fn add_members(
        &self,
        caller: Caller,
        group: ConversationId,
        users: Vec<UserId>,
    ) -> Result<Seq, ChatError> {
        if users.is_empty() {
            return Err(ChatError::Invalid("name at least one user".into()));
        }
        if users.len() > self.policy.group_members {
            return Err(ChatError::GroupFull { limit: self.policy.group_members });
        }
        // First whether the caller may: an outsider learns nothing about users here.
        let members = self.conversation(group).await?.members();
        if members.get(caller.user).is_none() {
            return Err(ChatError::NotFound("conversation"));
        }
        let new: Vec<_> = users.iter().copied().filter(|user| members.get(*user).is_none()).collect();
        self.check_additions(caller.user, &new).await?;
        self.change(caller, group, GroupChange::Add(users)).await
    }

    /// Removes a member, who sees the entry that says so and nothing after it.
    ///
    /// # Errors
    /// The caller is no admin of the group, the user is no member, or the store did not answer.
    pub async fn remove_member(
        &self,
        caller: Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Seq, ChatError> {
        self.change(caller, group, GroupChange::Remove(user)).await
    }

    /// Makes a member an admin.
    ///
    /// # Errors
    /// The caller is no admin of the group, the user is no member, or the store did not answer.
    pub async fn promote(
        &self,
        caller: Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Seq, ChatError> {
        self.check_member(caller, group, user).await?;
        self.change(caller, group, GroupChange::Promote(user)).await
    }

    /// Makes an admin an ordinary member.
    ///
    /// # Errors
    /// The caller is no admin of the group, the user is no member or its last admin, or the store did not answer.
    pub async fn demote(
        &self,
        caller: Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<Seq, ChatError> {
        self.change(caller, group, GroupChange::Demote(user)).await
    }

    /// Leaves a group. An admin may name a successor, who becomes an admin just before, in the same write. A group that
    /// everybody has left is closed.
    ///
    /// # Errors
    /// The caller is no member, or the last admin while others remain and no successor is named; the successor is no
    /// other member, or is named by one who is no admin; or the store did not answer.
    pub async fn leave(
        &self,
        caller: Caller,
        group: ConversationId,
        successor: Option<UserId>,
    ) -> Result<Seq, ChatError> {
        if let Some(user) = successor {
            self.check_member(caller, group, user).await?;
        }
        let heir = successor.map_or(Heir::Nobody, Heir::Named);
        self.change(caller, group, GroupChange::Leave(heir)).await
    }

    /// Changes name, description or picture; an empty picture takes it away.
    ///
    /// # Errors
    /// The caller is no admin of the group, a value breaks its bound, or the store did not answer.
    pub async fn update_group(
        &self,
        caller: Caller,
        group: ConversationId,
        changes: GroupChanges,
    ) -> Result<Seq, ChatError> {
        let GroupChanges { name, description, picture } = changes;
        check_info(name.as_deref(), description.as_deref(), picture.as_deref())?;
        self.change(caller, group, GroupChange::Info { name, description, picture }).await
    }

    /// Deletes a group: everyone is removed, nothing can be appended, and those who were in it keep what they may see.
    ///
    /// # Errors
    /// The caller is no admin of the group, or the store did not answer.
    pub async fn delete_group(&self, caller: Caller, group: ConversationId) -> Result<Seq, ChatError> {
        self.change(caller, group, GroupChange::Delete).await
    }

    /// Everyone who is or was in a conversation, in order of joining.
    ///
    /// # Errors
    /// The caller is not in it, or the store did not answer.
    pub async fn membership_history(
        &self,
        caller: Caller,
        group: ConversationId,
    ) -> Result<Vec<MembershipRecord>, ChatError> {
        let conversation = self.conversation(group).await?;
        if conversation.members().get(caller.user).is_none() {
            return Err(ChatError::NotFound("conversation"));
        }
        Ok(self.store.membership_history(group).await?)
    }

    /// If that is a member and not the caller, they have an account still: whoever is being deleted becomes no admin.
    async fn check_member(
        &self,
        caller: Caller,
        group: ConversationId,
        user: UserId,
    ) -> Result<(), ChatError> {
        let members = self.conversation(group).await?.members();
        let both = members.get(caller.user).is_some() && members.get(user).is_some();
        if both && user != caller.user { self.check_users(&[user]).await } else { Ok(()) }
    }

    async fn change(
        &self,
        caller: Caller,
        group: ConversationId,
        what: GroupChange,
    ) -> Result<Seq, ChatError> {
        let change = Change { actor: caller.user, device: caller.device, id: self.message_id(), what };
        Ok(self.batchers()?.run(group, Operation::Change(change)).await?.seq)
    }
}

pub(crate) fn check_info(
    name: Option<&str>,
    description: Option<&str>,
    picture: Option<&str>,
) -> Result<(), ChatError> {
    let invalid = |why: String| Err(ChatError::Invalid(why));
    if let Some(name) = name
        && (name.trim().is_empty() || name.chars().count() > NAME_CHARACTERS)
    {
        return invalid(format!("a group's name has 1 to {NAME_CHARACTERS} characters, on one line"));
    }
    if let Some(fault) = name.and_then(protocol::name_fault) {
        return invalid(format!("a group's name: {fault}"));
    }
    if description.is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS) {
        return invalid(format!("a group's description has at most {DESCRIPTION_CHARACTERS} characters"));
    }
    // PostgreSQL keeps no NUL in a text.
    let strange = |text: &str| text.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\r' | '\t'));
    if description.is_some_and(strange) {
        return invalid("a group's description has no control characters but line ends and tabs".into());
    }
    if picture
        .is_some_and(|reference| reference.len() > PICTURE_BYTES || reference.chars().any(char::is_control))
    {
        return invalid(format!("a picture's reference has at most {PICTURE_BYTES} bytes, on one line"));
    }
    Ok(())
}
