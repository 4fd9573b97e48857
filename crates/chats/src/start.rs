//! Starting a conversation.

use std::collections::HashSet;

use protocol::{
    Content, ConversationId, ConversationKind, ConversationShape, MessageKind, NewGroup, Role, UserId,
};

use crate::consent::unknown;
use crate::groups::check_info;
use crate::log::encode;
use crate::store::{CreationKey, Info, Member, NewConversation, NewEntry};
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// The direct conversation with `peer`, created if need be: from either side or both at once, the same one. The
    /// one with oneself is for notes.
    ///
    /// # Errors
    /// There is no such user, or their account is deleted and there is no conversation yet; they want an invite first; one has blocked the other; or the store did not answer.
    pub async fn start_direct(
        &self,
        caller: Caller,
        peer: UserId,
        kind: ConversationKind,
    ) -> Result<ConversationId, ChatError> {
        match self.begun_with(caller, peer, kind).await? {
            Some(begun) => Ok(begun),
            None => self.converse(caller.user, peer, kind).await,
        }
    }

    /// The direct conversation with `peer`, if there is one already. Without one, the caller may begin it.
    ///
    /// # Errors
    /// There is no such user; they want an invite first; one has blocked the other; or the store did not answer.
    pub async fn begun_with(
        &self,
        caller: Caller,
        peer: UserId,
        kind: ConversationKind,
    ) -> Result<Option<ConversationId>, ChatError> {
        if !self.names(vec![peer]).await?.contains_key(&peer) {
            return Err(ChatError::NotFound("user"));
        }
        match self.check_beginning(caller.user, peer).await {
            // What the two said stays with the one who is left.
            Err(ChatError::NotFound(_)) => {
                let key = CreationKey::Pair(caller.user.min(peer), caller.user.max(peer));
                let found = self.store.find_created(vec![(key, kind)]).await?.pop().flatten();
                return found.map(Some).ok_or(ChatError::NotFound("user"));
            }
            other => other?,
        }
        Ok(self.store.pair(caller.user.min(peer), caller.user.max(peer), kind).await?)
    }

    /// The direct conversation of two who have agreed to it, begun by `one` if there is none.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn converse(
        &self,
        one: UserId,
        peer: UserId,
        kind: ConversationKind,
    ) -> Result<ConversationId, ChatError> {
        let now = self.clock.now();
        let (low, high) = (one.min(peer), one.max(peer));
        let member = |user| Member { user, role: Role::Member, from_seq: 1, added_at: now, added_by: one };
        let members = if low == high { vec![member(low)] } else { vec![member(low), member(high)] };
        let new = NewConversation {
            id: ConversationId::compose(ConversationShape::Direct, now, self.random()),
            kind,
            key: CreationKey::Pair(low, high),
            info: Info {
                created_by: Some(one),
                created_at: now,
                updated_by: Some(one),
                updated_at: now,
                ..Info::default()
            },
            members,
            entry: None,
        };
        let (id, created) = self.store.create(new).await?;
        if created {
            self.audience.started(id, if low == high { vec![low] } else { vec![low, high] });
            self.users.met(one, peer).await;
        }
        Ok(id)
    }

    /// Creates a group with its first members; the caller is its admin. Created again under the same id, it is the
    /// same group.
    ///
    /// # Errors
    /// Name, description or members break a bound, a member does not exist, or the store did not answer.
    pub async fn start_group(&self, caller: Caller, group: NewGroup) -> Result<ConversationId, ChatError> {
        check_info(Some(&group.name), Some(&group.description), group.picture.as_deref())?;
        let mut others: Vec<_> = group.members.iter().copied().collect::<HashSet<_>>().into_iter().collect();
        others.retain(|user| *user != caller.user);
        others.sort_unstable();
        if others.len() + 1 > self.policy.group_members {
            return Err(ChatError::GroupFull { limit: self.policy.group_members });
        }
        self.check_additions(caller.user, &others).await?;
        let now = self.clock.now();
        let id = ConversationId::compose(ConversationShape::Group, now, self.random());
        let creation = group.id.unwrap_or_else(|| self.message_id());
        let member = |user, role| Member { user, role, from_seq: 1, added_at: now, added_by: caller.user };
        let mut members = vec![member(caller.user, Role::Admin)];
        members.extend(others.iter().map(|user| member(*user, Role::Member)));
        let entry = NewEntry {
            conversation: id,
            seq: 1,
            time: now,
            sender: caller.user,
            device: caller.device,
            id: self.message_id(),
            kind: MessageKind::System,
            epoch: None,
            body: encode(&Content::Created)?,
            target: None,
            edited_at: None,
            reactions: None,
        };
        let new = NewConversation {
            id,
            kind: group.kind,
            key: CreationKey::Group(caller.user, creation),
            info: Info {
                name: group.name.into(),
                description: group.description,
                picture: group.picture,
                created_by: Some(caller.user),
                created_at: now,
                updated_by: Some(caller.user),
                updated_at: now,
                deleted: false,
                retention: None,
            },
            members,
            entry: Some(entry),
        };
        self.batchers()?.create(new).await
    }

    /// All of these users have an account.
    pub(crate) async fn check_users(&self, users: &[UserId]) -> Result<(), ChatError> {
        let living: HashSet<_> = self.users.living(users).await.map_err(unknown)?.into_iter().collect();
        match users.iter().all(|user| living.contains(user)) {
            true => Ok(()),
            false => Err(ChatError::NotFound("user")),
        }
    }
}
