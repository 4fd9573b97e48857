//! Bringing news to whoever is connected: encoded once, shared by all, waiting for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chats::{Appended, Audience, Chats, ReceiptNotice};
use notifications::in_app::InApp;
use presence::{Counts, Directory};
use protocol::{ConversationId, ConversationSettings, DeviceMessage, Message, Receipt, UserId, events};
use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};
use signalr::Broadcast;
use signalr::server::ConnectionHandle;
use tokio::sync::mpsc;

use crate::notices;

/// Conversations that may wait to be announced to new members. Beyond it they learn of it with the first message.
const ANNOUNCEMENTS: usize = 1_024;

/// Users to whom a conversation is new.
struct Announcement {
    conversation: ConversationId,
    users: Vec<UserId>,
}

/// Knows who is connected, and tells them.
pub struct FanOut {
    directory: Arc<Directory<ConnectionHandle>>,
    announce: mpsc::Sender<Announcement>,
    announcements: std::sync::Mutex<Option<mpsc::Receiver<Announcement>>>,
    delivered: AtomicU64,
    notices: Arc<InApp>,
}

impl FanOut {
    /// Tells those in a directory that takes at most `user_connections` connections of one user, and notes what more an
    /// entry means to somebody.
    pub fn new(user_connections: usize, notices: Arc<InApp>) -> Self {
        let (announce, announcements) = mpsc::channel(ANNOUNCEMENTS);
        Self {
            directory: Arc::new(Directory::new(user_connections)),
            announce,
            announcements: std::sync::Mutex::new(Some(announcements)),
            delivered: AtomicU64::new(0),
            notices,
        }
    }

    /// How many are connected.
    pub fn connected(&self) -> Counts {
        self.directory.counts()
    }

    /// How many messages and receipts were handed to connections so far.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    pub(crate) fn directory(&self) -> Arc<Directory<ConnectionHandle>> {
        Arc::clone(&self.directory)
    }

    /// Starts announcing, once the service that knows conversations runs.
    pub(crate) fn announce_from(&self, chats: &Arc<Chats>) {
        let taken = self.announcements.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut announcements) = taken else { return };
        let (chats, directory) = (Arc::downgrade(chats), self.directory());
        tokio::spawn(async move {
            while let Some(Announcement { conversation, users }) = announcements.recv().await {
                let Some(chats) = chats.upgrade() else { return };
                announce(&chats, &directory, conversation, &users).await;
            }
        });
    }

    /// Answers how many connections took it.
    fn tell(&self, user: UserId, except: Option<u64>, news: &Broadcast) -> u64 {
        let mut taken = 0;
        self.directory.for_each(user, |_, number, connection| {
            if Some(number) != except {
                // One that is closing needs no news.
                taken += u64::from(connection.send(news).is_ok());
            }
        });
        taken
    }
}

/// A direct conversation has another name for each of its two; a group is the same for all who are new to it.
async fn announce(
    chats: &Chats,
    directory: &Directory<ConnectionHandle>,
    conversation: ConversationId,
    users: &[UserId],
) {
    let mut shared: Option<Broadcast> = None;
    let connected: Vec<_> = users.iter().copied().filter(|user| directory.is_connected(*user)).collect();
    // Whoever comes back has read some of it.
    let returning = match chats.returning(conversation, &connected).await {
        Ok(returning) => returning,
        Err(error) => {
            tracing::debug!(%error, %conversation, "a conversation could not be announced");
            return;
        }
    };
    for user in &connected {
        let is_new = conversation.is_group() && !returning.contains(user);
        let news = match &shared {
            Some(news) if is_new => news.clone(),
            _ => match chats.announcement(*user, conversation).await {
                Ok(summary) => Broadcast::new(events::CONVERSATION, (summary,)),
                Err(error) => {
                    tracing::debug!(%error, %conversation, "a conversation could not be announced");
                    return;
                }
            },
        };
        directory.for_each(*user, |_, _, connection| {
            let _ = connection.send(&news);
        });
        if is_new {
            shared = Some(news);
        }
    }
}

impl Audience for FanOut {
    fn appended(&self, entries: Vec<Appended>) {
        let mut delivered = 0;
        for entry in entries {
            let news = Broadcast::new(events::MESSAGE, MessageEvent(Arc::clone(&entry.message)));
            for member in entry.members.as_slice() {
                delivered += self.tell(member.user, entry.origin, &news);
            }
            for user in &entry.departed {
                delivered += self.tell(*user, entry.origin, &news);
            }
            notices::of_entry(&self.notices, &entry);
            if !entry.joined.is_empty() {
                self.started(entry.message.conversation, entry.joined);
            }
            for (number, message) in entry.device_messages {
                let (user, device) = (message.user, message.device);
                let message = DeviceMessage {
                    number,
                    conversation: message.conversation,
                    sender: message.sender,
                    sender_device: message.sender_device,
                    sent_at: message.time,
                    body: message.body,
                };
                let news = Broadcast::new(events::DEVICE_MESSAGE, (message,));
                for connection in self.directory.of_device(user, device) {
                    delivered += u64::from(connection.send(&news).is_ok());
                }
            }
        }
        self.delivered.fetch_add(delivered, Ordering::Relaxed);
    }

    fn started(&self, conversation: ConversationId, users: Vec<UserId>) {
        if self.announce.try_send(Announcement { conversation, users }).is_err() {
            tracing::warn!(%conversation, "too many announcements wait: this one is left to the first message");
        }
    }

    fn settings(
        &self,
        user: UserId,
        origin: Option<u64>,
        conversation: ConversationId,
        settings: ConversationSettings,
    ) {
        self.tell(user, origin, &Broadcast::new(events::SETTINGS, (conversation, settings)));
    }

    fn receipts(&self, notices: Vec<ReceiptNotice>) {
        let mut delivered = 0;
        for ReceiptNotice { conversation, sender, receipts } in notices {
            let rows: Vec<_> =
                receipts.into_iter().map(|(user, receipt)| ReceiptRow(user, receipt)).collect();
            delivered += self.tell(sender, None, &Broadcast::new(events::RECEIPTS, (conversation, rows)));
        }
        self.delivered.fetch_add(delivered, Ordering::Relaxed);
    }
}

/// An entry as an event's positional arguments.
struct MessageEvent(Arc<Message>);

impl Serialize for MessageEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = &self.0;
        let mut arguments = serializer.serialize_tuple(9)?;
        arguments.serialize_element(&message.conversation)?;
        arguments.serialize_element(&message.seq)?;
        arguments.serialize_element(&message.sender)?;
        arguments.serialize_element(&message.body)?;
        arguments.serialize_element(&message.sent_at)?;
        arguments.serialize_element(&message.id)?;
        arguments.serialize_element(&message.device)?;
        arguments.serialize_element(&message.kind)?;
        arguments.serialize_element(&message.epoch)?;
        arguments.end()
    }
}

/// A member's receipt as a row: user, delivered, deliveredAt, seen, seenAt.
struct ReceiptRow(UserId, Receipt);

impl Serialize for ReceiptRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user, receipt) = self;
        (user, receipt.delivered, receipt.delivered_at, receipt.seen, receipt.seen_at).serialize(serializer)
    }
}
