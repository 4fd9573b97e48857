//! Links by which users join groups.
//!
//! A link admits whoever has it. Whom an admin removed it does not admit again, unless it was made after that. Joining
//! is an entry of the log; the batcher counts uses in the write that makes it, so that no race admits one too many. In
//! `mls` groups it makes a member on the server alone: keys come with the commit by which an admin's client adds them.

use protocol::{ConversationId, GroupLink, GroupPreview, JoinedGroup, LATEST, LinkCode, NewGroupLink, Role};

use crate::log::{Change, GroupChange, Operation};
use crate::store::Link;
use crate::{Caller, ChatError, Chats};

/// What whoever has a code that is no good hears, whatever the reason.
pub(crate) const NO_LINK: ChatError = ChatError::NotFound("link, or it admits nobody any more");

impl Chats {
    /// Makes a link to a group.
    ///
    /// # Errors
    /// The caller is no admin of the group, a bound makes no sense, the group has as many links as it may, or the
    /// store did not answer.
    pub async fn create_link(
        &self,
        caller: Caller,
        group: ConversationId,
        new: NewGroupLink,
    ) -> Result<GroupLink, ChatError> {
        let created_seq = self.check_admin(caller, group).await?;
        let now = self.clock.now();
        if new.expires_at.is_some_and(|end| !(now + 1..=LATEST).contains(&end)) {
            let why =
                format!("a link's end lies in the future, and is at most {LATEST} milliseconds since 1970");
            return Err(ChatError::Invalid(why));
        }
        let uses = self.policy.link_uses;
        if new.max_uses.is_some_and(|most| !(1..=uses).contains(&most)) {
            return Err(ChatError::Invalid(format!("a link admits 1 to {uses}, or any number")));
        }
        let mut code = [0; 16];
        self.randomness.fill(&mut code);
        let link = Link {
            code: LinkCode::from_bytes(code),
            conversation: group,
            created_by: caller.user,
            created_at: now,
            created_seq,
            expires_at: new.expires_at,
            max_uses: new.max_uses,
            uses: 0,
        };
        let most = self.policy.group_links;
        if !self.store.add_link(link, most).await? {
            return Err(ChatError::Invalid(format!("a group has at most {most} links: revoke one first")));
        }
        Ok(shown(&link))
    }

    /// A group's links, the oldest first, also those that admit nobody any more.
    ///
    /// # Errors
    /// The caller is no admin of the group, or the store did not answer.
    pub async fn list_links(
        &self,
        caller: Caller,
        group: ConversationId,
    ) -> Result<Vec<GroupLink>, ChatError> {
        self.check_admin(caller, group).await?;
        Ok(self.store.links(group).await?.iter().map(shown).collect())
    }

    /// Revokes a link: from now on it admits nobody.
    ///
    /// # Errors
    /// The caller is no admin of the group, it has no such link, or the store did not answer.
    pub async fn revoke_link(
        &self,
        caller: Caller,
        group: ConversationId,
        code: LinkCode,
    ) -> Result<(), ChatError> {
        self.check_admin(caller, group).await?;
        if self.store.remove_link(group, code).await? { Ok(()) } else { Err(NO_LINK) }
    }

    /// What a link leads to.
    ///
    /// # Errors
    /// There is no such link or it admits nobody any more, or the store did not answer.
    pub async fn preview_link(&self, caller: Caller, code: LinkCode) -> Result<GroupPreview, ChatError> {
        let link = self.link(caller, code).await?;
        let conversation = self.conversation(link.conversation).await?;
        let now = conversation.snapshot();
        let is_member = now.members.get(caller.user).is_some();
        let admits = link.admits(self.clock.now(), link.uses) && !now.members.is_empty();
        if !is_member && (now.info.deleted || !admits) {
            return Err(NO_LINK);
        }
        Ok(GroupPreview {
            name: now.info.name.as_ref().into(),
            description: now.info.description.clone(),
            picture: now.info.picture.clone(),
            kind: conversation.kind,
            member_count: u32::try_from(now.members.len()).unwrap_or(u32::MAX),
            group: is_member.then_some(link.conversation),
        })
    }

    /// Joins a group by a link. A member joins nothing, takes no use of the link, and is answered all the same.
    ///
    /// # Errors
    /// There is no such link or it admits nobody any more, the group is full, an admin has removed the caller since the
    /// link was made, or the store did not answer.
    pub async fn join_group(&self, caller: Caller, code: LinkCode) -> Result<JoinedGroup, ChatError> {
        let group = self.link(caller, code).await?.conversation;
        let what = GroupChange::Join(code);
        let change = Change { actor: caller.user, device: caller.device, id: self.message_id(), what };
        let outcome = self.batchers()?.run(group, Operation::Change(change)).await?;
        Ok(JoinedGroup { group, seq: outcome.seq })
    }

    async fn link(&self, caller: Caller, code: LinkCode) -> Result<Link, ChatError> {
        let found = self.store.admissions(vec![(code, caller.user)]).await?.pop().flatten();
        found.map(|admission| admission.link).ok_or(NO_LINK)
    }

    /// The log's last entry, if the caller is an admin of that group.
    async fn check_admin(&self, caller: Caller, group: ConversationId) -> Result<u64, ChatError> {
        let now = self.conversation(group).await?.snapshot();
        let member = now.members.get(caller.user).ok_or(ChatError::NotFound("conversation"))?;
        if !group.is_group() {
            return Err(ChatError::Forbidden("a direct conversation has its two members and no links"));
        }
        match member.role {
            Role::Admin => Ok(now.last_seq),
            Role::Member => Err(ChatError::Forbidden("only an admin may do that")),
        }
    }
}

fn shown(link: &Link) -> GroupLink {
    GroupLink {
        code: link.code,
        group: link.conversation,
        created_by: link.created_by,
        created_at: link.created_at,
        expires_at: link.expires_at,
        max_uses: link.max_uses,
        uses: link.uses,
    }
}
