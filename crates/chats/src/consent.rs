//! Who may come near whom: asked before a conversation begins, before somebody is added to a group, and of every direct
//! message. Who lets whom is not known here, but asked.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{ConversationId, ConversationKind, Message, Seq, UserId};

use crate::audience::{Barrier, Blocks, Users};
use crate::conversation::{Conversation, Members};
use crate::log::message_of;
use crate::store::{CreationKey, Range, StoreError};
use crate::{ChatError, Chats};

/// Direct conversations in which nothing is taken, and who has blocked the other: few or none.
pub(crate) type Barred = HashMap<ConversationId, [Option<UserId>; 2]>;

/// Users that one refusal names.
const NAMED: usize = 10;

impl Chats {
    /// `peer` lets `caller` begin a direct conversation, or they have one. "No such user" if the account is deleted.
    pub(crate) async fn check_beginning(&self, caller: UserId, peer: UserId) -> Result<(), ChatError> {
        if caller == peer {
            return Ok(());
        }
        match self.users.barrier(caller, peer).await.map_err(unknown)? {
            None => Ok(()),
            Some(Barrier::Invite) if self.have_talked(caller, peer).await? => Ok(()),
            Some(Barrier::Invite) => {
                Err(ChatError::InviteRequired("this user talks by invite only: send one".into()))
            }
            Some(Barrier::Gone) => Err(ChatError::NotFound("user")),
            Some(Barrier::BlockedByThem) => Err(ChatError::Forbidden(BLOCKED_BY_THEM)),
            Some(Barrier::BlockedByCaller) => Err(ChatError::Forbidden(BLOCKED_BY_CALLER)),
        }
    }

    /// All of these users exist, and let `caller` add them to a group.
    pub(crate) async fn check_additions(&self, caller: UserId, users: &[UserId]) -> Result<(), ChatError> {
        self.check_users(users).await?;
        let barriers = self.users.barriers_to_groups(caller, users).await.map_err(unknown)?;
        if barriers.iter().any(|(_, barrier)| *barrier == Barrier::BlockedByThem) {
            return Err(ChatError::Forbidden("one of these users does not let you add them to groups"));
        }
        let by_invite: Vec<_> = barriers.iter().take(NAMED).map(|(user, _)| user.to_string()).collect();
        if by_invite.is_empty() {
            return Ok(());
        }
        let who = by_invite.join(", ");
        Err(ChatError::InviteRequired(format!("only their contacts add these users to groups: {who}")))
    }

    /// Whether these two have a direct conversation, of either kind.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn have_talked(&self, one: UserId, other: UserId) -> Result<bool, ChatError> {
        let key = CreationKey::Pair(one.min(other), one.max(other));
        let keys = [ConversationKind::Plain, ConversationKind::Mls].map(|kind| (key.clone(), kind)).to_vec();
        Ok(self.store.find_created(keys).await?.iter().any(Option::is_some))
    }

    /// Whatever was planned before this in the direct conversations of these two is on disk, or refused, once this returns.
    ///
    /// # Errors
    /// The store did not answer, or the service has stopped.
    pub async fn settle_direct(&self, one: UserId, other: UserId) -> Result<(), ChatError> {
        let key = CreationKey::Pair(one.min(other), one.max(other));
        let keys = [ConversationKind::Plain, ConversationKind::Mls].map(|kind| (key.clone(), kind)).to_vec();
        let batchers = self.batchers()?;
        for id in self.store.find_created(keys).await?.into_iter().flatten() {
            batchers.pass(id).await?;
        }
        Ok(())
    }

    /// Whether one of a direct conversation's two has blocked the other: then neither hears that the other types, or how
    /// far they have read. No call to the store while both are in memory.
    ///
    /// # Errors
    /// It cannot be found out now.
    pub async fn is_barred(&self, members: &Members) -> Result<bool, ChatError> {
        let [one, other] = members.as_slice() else { return Ok(false) };
        let blocks = match self.users.known_blocks(one.user, other.user) {
            Some(blocks) => blocks,
            None => {
                let found = self.users.blocks(&[(one.user, other.user)]).await.map_err(unknown)?;
                found.first().copied().unwrap_or_default()
            }
        };
        Ok(blocks.any())
    }

    /// An entry that `reader` may see, if there is one.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn entry(
        &self,
        reader: UserId,
        id: ConversationId,
        seq: Seq,
    ) -> Result<Option<Message>, ChatError> {
        let (conversation, visible) = match self.visible(reader, id).await {
            Err(ChatError::NotFound(_)) => return Ok(None),
            other => other?,
        };
        if !visible.iter().any(|part| part.after < seq && seq <= part.to) {
            return Ok(None);
        }
        let (after, before) = (seq.saturating_sub(1), seq.saturating_add(1));
        let range = Range::between(id, after, before, 1);
        let entries = self.store.read(range).await?;
        let shown = self.shown(&conversation, &visible, entries).await?.pop();
        Ok(shown.map(|entry| message_of(conversation.kind, entry)))
    }
}

/// The direct conversations among these in which one has blocked the other.
pub(crate) async fn barred(
    users: &dyn Users,
    conversations: &HashMap<ConversationId, Arc<Conversation>>,
) -> Result<Barred, StoreError> {
    let mut barred = Barred::new();
    let (mut asked, mut pairs) = (Vec::new(), Vec::new());
    let mut note = |id, (one, other), blocks: Blocks| {
        if blocks.any() {
            barred.insert(id, [blocks.by_first.then_some(one), blocks.by_second.then_some(other)]);
        }
    };
    for (id, conversation) in conversations.iter().filter(|(id, _)| !id.is_group()) {
        let members = conversation.members();
        let [one, other] = members.as_slice() else { continue };
        let pair = (one.user, other.user);
        match users.known_blocks(pair.0, pair.1) {
            Some(blocks) => note(*id, pair, blocks),
            None => {
                asked.push(*id);
                pairs.push(pair);
            }
        }
    }
    if !pairs.is_empty() {
        let found = users.blocks(&pairs).await.map_err(StoreError::Unavailable)?;
        for ((id, pair), blocks) in asked.into_iter().zip(pairs).zip(found) {
            note(id, pair, blocks);
        }
    }
    Ok(barred)
}

/// Why a direct message of `sender` is refused, if it is.
pub(crate) fn refusal(barred: &Barred, id: ConversationId, sender: UserId) -> Option<ChatError> {
    let blockers = barred.get(&id)?;
    let why = if blockers.contains(&Some(sender)) { BLOCKED_BY_CALLER } else { BLOCKED_BY_THEM };
    Some(ChatError::Forbidden(why))
}

const BLOCKED_BY_THEM: &str = "this user does not take messages from you";
const BLOCKED_BY_CALLER: &str = "you have blocked this user: unblock them first";

pub(crate) fn unknown(reason: String) -> ChatError {
    tracing::warn!(reason, "it cannot be found out who lets whom");
    ChatError::Unavailable
}
