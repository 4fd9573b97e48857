//! What users are told of beside messages: where it is noted, and how it rings.

use std::sync::Arc;

use chats::Appended;
use notifications::in_app::{Bell, InApp, Note, StoredNotice};
use presence::Directory;
use protocol::{Body, Content, Invite, InviteDirection, InviteStatus, NotificationKind, UserId, events};
use signalr::Broadcast;
use signalr::server::ConnectionHandle;

/// Brings notifications to those connected. Names are left to those who list them.
pub(crate) struct Doorbell {
    pub(crate) directory: Arc<Directory<ConnectionHandle>>,
}

impl Bell for Doorbell {
    fn ring(&self, notices: Vec<StoredNotice>) {
        for notice in notices {
            let user = notice.user;
            if self.directory.is_connected(user) {
                let news = Broadcast::new(events::NOTIFICATION, (notice.shown(None),));
                self.directory.for_each(user, |_, _, connection| {
                    let _ = connection.send(&news);
                });
            }
        }
    }
}

/// What an invite that has news means to one of the two, if they have not brought it about themselves.
pub(crate) fn of_invite(user: UserId, invite: &Invite) -> Option<Note> {
    let kind = match (invite.direction, invite.status) {
        (InviteDirection::Received, InviteStatus::Pending) => NotificationKind::Invite,
        (InviteDirection::Sent, InviteStatus::Accepted | InviteStatus::Rejected) => {
            NotificationKind::InviteAnswer
        }
        _ => return None,
    };
    Some(Note {
        conversation: invite.conversation,
        by: Some(invite.user.id),
        detail: (kind == NotificationKind::InviteAnswer).then(|| invite.status.to_string()),
        ..Note::new(user, kind)
    })
}

/// Notes what an entry means to some of those who get it, beside its being there.
pub(crate) fn of_entry(notices: &InApp, entry: &Appended) {
    let message = &entry.message;
    let about = |user, kind| Note {
        conversation: Some(message.conversation),
        seq: Some(message.seq),
        by: Some(message.sender),
        ..Note::new(user, kind)
    };
    if message.conversation.is_group() {
        let joined = entry.joined.iter().filter(|user| **user != message.sender);
        notices.note(joined.map(|user| about(*user, NotificationKind::Group)));
    }
    if let Body::Open(Content::Text { mentions, .. }) = &message.body {
        // Each is mentioned once.
        let others = mentions.iter().filter(|user| **user != message.sender);
        notices.note(others.map(|user| about(*user, NotificationKind::Mention)));
    }
}
