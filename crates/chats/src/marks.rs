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
use crate::shown::is_due;
use crate::store::{Pin, Place};
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
    /// The caller may not see that entry, or has as many stars as may be; or the store did not answer.
    pub async fn star(
        &self,
        caller: Caller,
        id: ConversationId,
        seq: Seq,
        starred: bool,
    ) -> Result<(), ChatError> {
        self.check_visible(caller, id, seq).await?;
        let most = self.policy.stars;
        if !starred {
            return Ok(self.store.unstar(caller.user, (id, seq)).await?);
        }
        match self.store.star(caller.user, (id, seq), most).await? {
            true => Ok(()),
            false => {
                Err(ChatError::Invalid(format!("at most {most} starred messages: take a star away first")))
            }
        }
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
        let mine = match stars.is_empty() {
            true => Vec::new(),
            false => self.conversations_of(caller.user).await?,
        };
        let visible: HashMap<_, _> =
            mine.iter().map(|it| (it.conversation.id, it.visible.as_slice())).collect();
        let messages =
            self.messages_at(caller, places, |id| visible.get(&id).copied().unwrap_or_default()).await?;
        Ok(StarredPage { messages: messages.into_iter().flatten().collect(), next })
    }

    /// What is pinned in a conversation and visible to the caller, the last pinned first.
    ///
    /// # Errors
    /// The caller has no part in the conversation, or the store did not answer.
    pub async fn pinned(&self, caller: Caller, id: ConversationId) -> Result<Vec<PinnedMessage>, ChatError> {
        let (_, visible) = self.visible(caller.user, id).await?;
        let mut pins = self.store.pins(id).await?;
        // Of pins from before their entries were kept it is not known who saw them made.
        let whole = visible.iter().all(|part| part.ended_at.is_none());
        let made = |pin: &Pin| if pin.at == 0 { whole } else { shown(&visible, pin.at) };
        pins.retain(|pin| shown(&visible, pin.seq) && made(pin));
        let places = pins.iter().map(|pin| (id, pin.seq)).collect();
        let messages = self.messages_at(caller, places, |_| &visible).await?;
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
        let (conversation, visible) = self.visible(caller.user, from).await?;
        if !shown(&visible, seq) {
            return Err(ChatError::NotFound("message"));
        }
        if conversation.kind() != ConversationKind::Plain {
            return Err(ChatError::Invalid("what is sealed is for its readers to forward".into()));
        }
        let message = self.messages_at(caller, vec![(from, seq)], |_| &visible).await?.pop().flatten();
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

    /// The messages at these places; none where there is nothing, or nothing any more, for the caller, who may see these parts
    /// of each conversation.
    pub(crate) async fn messages_at<'a>(
        &self,
        caller: Caller,
        places: Vec<Place>,
        visible: impl Fn(ConversationId) -> &'a [Visible],
    ) -> Result<Vec<Option<Message>>, ChatError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let loaded = self.cache.load(&*self.store, places.iter().map(|(id, _)| *id)).await?;
        let hidden = self.store.hidden(caller.user, places.clone()).await?;
        let found = self.store.entries_at(places.clone()).await?;
        let seen = found.into_iter().zip(hidden).filter_map(|(entry, hidden)| entry.filter(|_| !hidden));
        let mut entries: Vec<_> =
            seen.filter(|entry| shown(visible(entry.conversation), entry.seq)).collect();
        self.as_left(&mut entries, visible).await?;
        let mut messages: HashMap<Place, Message> = HashMap::with_capacity(entries.len());
        for entry in entries {
            let Some(conversation) = loaded.get(&entry.conversation) else { continue };
            if !is_due(entry.kind, entry.time, self.cutoff(conversation)) {
                let message = message_of(conversation.kind(), entry);
                if !matches!(message.body, Body::Open(Content::Removed | Content::Expired)) {
                    messages.insert((message.conversation, message.seq), message);
                }
            }
        }
        Ok(places.iter().map(|place| messages.get(place).cloned()).collect())
    }
}

fn shown(visible: &[Visible], seq: Seq) -> bool {
    visible.iter().any(|part| part.after < seq && seq <= part.to)
}
