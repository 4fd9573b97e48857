//! What members keep for themselves about messages, and what they do with those that are there: hide, star, look at
//! what is pinned, forward.

use std::collections::HashMap;

use protocol::{
    Body, Content, ConversationId, ConversationKind, Message, MessageId, OutgoingMessage, PinnedMessage,
    Sent, Seq, StarredPage, StarredRequest, UserId,
};

use crate::log::message_of;
use crate::read::at_most;
use crate::service::Visible;
use crate::store::Place;
use crate::{Caller, ChatError, Chats};

impl Chats {
    /// Deletes an entry for the caller alone: none of their devices is shown it again.
    ///
    /// # Errors
    /// The caller may not see that entry, or the store did not answer.
    pub async fn hide(&self, caller: Caller, id: ConversationId, seq: Seq) -> Result<(), ChatError> {
        let conversation = self.check_visible(caller, id, seq).await?;
        let hidden = self.store.hide(caller.user, (id, seq)).await;
        // Also after an error, which may have come too late.
        conversation.state().hid(caller.user);
        Ok(hidden?)
    }

    /// Stars an entry for the caller alone, or takes the star away.
    ///
    /// # Errors
    /// The caller may not see that entry, or the store did not answer.
    pub async fn star(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
        starred: bool,
    ) -> Result<(), ChatError> {
        self.check_visible(caller, id, seq).await?;
        Ok(self.store.star(caller.user, (id, seq), starred).await?)
    }

    /// Forgets what a user did and set for themselves alone. What they said stays with the others. Twice is once.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn forget(&self, user: UserId) -> Result<(), ChatError> {
        // How far their devices were may be on its way.
        self.flush_receipts().await;
        Ok(self.store.forget(user).await?)
    }

    /// The caller's starred messages, the last starred first. What was deleted since is left out.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn starred(&self, caller: Caller, request: StarredRequest) -> Result<StarredPage, ChatError> {
        let most = self.policy.page_messages;
        let limit = at_most(request.limit, most, most)?;
        let before = request.before.unwrap_or(u64::MAX);
        let stars = self.store.stars(caller.user, before, limit + 1).await?;
        let next = stars.get(limit).and_then(|_| stars.get(limit - 1)).map(|star| star.number);
        let places = stars.iter().take(limit).map(|star| (star.conversation, star.seq)).collect();
        let messages = self.messages_at(caller, places).await?;
        Ok(StarredPage { messages: messages.into_iter().flatten().collect(), next })
    }

    /// What is pinned in a conversation and visible to the caller, the last pinned first.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn pinned(&self, caller: Caller, id: ConversationId) -> Result<Vec<PinnedMessage>, ChatError> {
        let (_, visible) = self.visible(caller.user, id).await?;
        let mut pins = self.store.pins(id).await?;
        pins.retain(|pin| shown(&visible, pin.seq));
        let messages = self.messages_at(caller, pins.iter().map(|pin| (id, pin.seq)).collect()).await?;
        let pinned = pins.into_iter().zip(messages).filter_map(|(pin, message)| {
            Some(PinnedMessage { message: message?, pinned_by: pin.by, pinned_at: pin.time })
        });
        Ok(pinned.collect())
    }

    /// Says in another conversation what a message says, without telling who said it. As a message of the caller's own,
    /// with all that goes for one; what it answered and whom it mentioned is not carried over.
    ///
    /// # Errors
    /// The caller may not see that message, it is no text, it or the other conversation is not plain, the caller is no
    /// member there, or the store did not answer.
    pub async fn forward(
        &self,
        caller: Caller,
        (from, seq): Place,
        to: ConversationId,
        id: Option<MessageId>,
    ) -> Result<Sent, ChatError> {
        let conversation = self.check_visible(caller, from, seq).await?;
        if conversation.kind() != ConversationKind::Plain {
            return Err(ChatError::Invalid("what is sealed is for its readers to forward".into()));
        }
        let message = self.messages_at(caller, vec![(from, seq)]).await?.pop().flatten();
        let Body::Open(Content::Text { text, .. }) = message.ok_or(ChatError::NotFound("message"))?.body
        else {
            return Err(ChatError::Invalid("only a text can be forwarded".into()));
        };
        let body = Content::Text { text, reply_to: None, mentions: Vec::new(), forwarded: true };
        let message = OutgoingMessage {
            id,
            text: None,
            body: Some(Body::Open(body)),
            kind: protocol::MessageKind::Content,
            epoch: None,
            devices: Vec::new(),
        };
        // Their client has no such message at hand: it is told as all others are.
        self.send_as_it_is(Caller { connection: None, ..caller }, to, message).await
    }

    async fn check_visible(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
    ) -> Result<std::sync::Arc<crate::Conversation>, ChatError> {
        let (conversation, visible) = self.visible(caller.user, id).await?;
        if shown(&visible, seq) { Ok(conversation) } else { Err(ChatError::NotFound("message")) }
    }

    /// The messages at these places; none where there is nothing, or nothing any more, for the caller.
    pub(crate) async fn messages_at(
        &self,
        caller: Caller,
        places: Vec<Place>,
    ) -> Result<Vec<Option<Message>>, ChatError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let loaded = self.cache.load(&*self.store, places.iter().map(|(id, _)| *id)).await?;
        let kinds: HashMap<_, _> = loaded.into_iter().map(|(id, it)| (id, it.kind())).collect();
        let hidden = self.store.hidden(caller.user, places.clone()).await?;
        let entries = self.store.entries_at(places).await?;
        let messages = entries.into_iter().zip(hidden).map(|(entry, hidden)| {
            let entry = entry.filter(|_| !hidden)?;
            let message = message_of(*kinds.get(&entry.conversation)?, entry);
            (message.body != Body::Open(Content::Removed)).then_some(message)
        });
        Ok(messages.collect())
    }
}

fn shown(visible: &[Visible], seq: Seq) -> bool {
    visible.iter().any(|part| part.after < seq && seq <= part.to)
}
