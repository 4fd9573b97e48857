//! What the people service asks of conversations and of those connected, answered by the services that know.

use std::sync::{Arc, Weak};

use accounts::people::Neighbours;
use async_trait::async_trait;
use chats::Chats;
use notifications::in_app::InApp;
use presence::{Directory, Presence};
use protocol::{Body, Content, ConversationId, ConversationKind, Invite, Seq, UserId, events};
use signalr::Broadcast;
use signalr::server::ConnectionHandle;

use crate::bulletin::Bulletin;
use crate::notices;

/// Does not keep what it asks alive.
pub(crate) struct Neighbourhood {
    pub(crate) chats: Weak<Chats>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) directory: Arc<Directory<ConnectionHandle>>,
    pub(crate) bulletin: Weak<Bulletin>,
    pub(crate) notices: Arc<InApp>,
}

impl Neighbourhood {
    fn chats(&self) -> Result<Arc<Chats>, String> {
        self.chats.upgrade().ok_or_else(|| "the server is stopping".to_owned())
    }
}

#[async_trait]
impl Neighbours for Neighbourhood {
    async fn have_talked(&self, one: UserId, other: UserId) -> Result<bool, String> {
        self.chats()?.have_talked(one, other).await.map_err(|error| error.to_string())
    }

    async fn converse(&self, one: UserId, other: UserId) -> Result<ConversationId, String> {
        let begun = self.chats()?.converse(one, other, ConversationKind::default()).await;
        begun.map_err(|error| error.to_string())
    }

    async fn settle(&self, one: UserId, other: UserId) -> Result<(), String> {
        self.chats()?.settle_direct(one, other).await.map_err(|error| error.to_string())
    }

    async fn message(
        &self,
        reader: UserId,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<Option<(UserId, Option<String>)>, String> {
        let entry = self.chats()?.entry(reader, conversation, seq).await;
        let said = |body| match body {
            Body::Open(Content::Text { text, .. }) => Some(text),
            _ => None,
        };
        Ok(entry.map_err(|error| error.to_string())?.map(|entry| (entry.sender, said(entry.body))))
    }

    fn is_online(&self, user: UserId) -> bool {
        self.presence.is_online(user)
    }

    fn invite_changed(&self, user: UserId, invite: Invite) {
        self.notices.note(notices::of_invite(user, &invite));
        let news = Broadcast::new(events::INVITE, (invite,));
        self.directory.for_each(user, |_, _, connection| {
            // One that is closing needs no news.
            let _ = connection.send(&news);
        });
    }

    fn visibility_changed(&self, user: UserId, viewer: Option<UserId>) {
        if let Some(bulletin) = self.bulletin.upgrade() {
            bulletin.visibility_changed(user, viewer);
        }
    }
}
