//! What happened while one looked elsewhere.

use std::cmp::Reverse;
use std::collections::HashMap;

use chats::Caller;
use notifications::in_app::NoticeError;
use protocol::events::Own;
use protocol::{
    ConversationSummary, Message, Notification, NotificationId, NotificationKind, NotificationPage,
    NotificationsRequest, UserId,
};

use super::{messages, own, some};
use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    request: Option<NotificationsRequest>,
) -> Result<NotificationPage, CommandError> {
    let NotificationsRequest { before, limit } = request.unwrap_or_default();
    some(limit)?;
    let notices = &shared.services.notices;
    // What the caller has just brought about is in it.
    notices.settle().await;
    catch_up(shared, caller).await?;
    let (found, more) = notices.list(caller.user, before, limit).await?;
    let by: Vec<UserId> = found.iter().filter_map(|notice| notice.by).collect();
    let users = shared.services.accounts.users(&by).await?;
    let names: HashMap<_, _> = users.into_iter().map(|user| (user.id, user.name)).collect();
    let mut notifications: Vec<Notification> = found
        .into_iter()
        .map(|notice| {
            let name = notice.by.and_then(|by| names.get(&by).cloned());
            notice.shown(name)
        })
        .collect();
    let unseen = shared.services.chats.unseen(caller).await?;
    let conversations = u32::try_from(unseen.len()).unwrap_or(u32::MAX);
    if before.is_none() {
        for summary in unseen.into_iter().take(shared.options.page_unread) {
            // What was seen or deleted just now is no news any more.
            if let Some(last) = shared.services.chats.last_unread(caller, summary.id).await? {
                notifications.push(of_conversation(summary, &last));
            }
        }
        notifications.sort_by_key(|notification| Reverse(notification.created_at));
    }
    let unread = notices.unread(caller.user).await?.saturating_add(conversations);
    Ok(NotificationPage { notifications, unread, more })
}

/// What the user has seen in a conversation, or what is not there any more, needs no looking at: it counts as read.
async fn catch_up(shared: &Shared, caller: Caller) -> Result<(), CommandError> {
    let (notices, chats) = (&shared.services.notices, &shared.services.chats);
    let unread = notices.unread_places(caller.user).await?;
    let places = unread.iter().map(|(_, place)| *place).collect();
    let gone = chats.passed(caller, places).await?;
    for ((notice, _), _) in unread.into_iter().zip(gone).filter(|(_, gone)| *gone) {
        // Forgotten meanwhile is as good.
        match notices.mark_read(caller.user, notice).await {
            Ok(()) | Err(NoticeError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn of_conversation(summary: ConversationSummary, last: &Message) -> Notification {
    Notification {
        id: NotificationId::Conversation(summary.id),
        kind: NotificationKind::Messages,
        created_at: last.sent_at,
        read: false,
        conversation: Some(summary.id),
        seq: Some(last.seq),
        by: Some(last.sender),
        name: Some(summary.name),
        count: Some(summary.unread),
        detail: None,
    }
}

pub(crate) async fn mark_read(
    shared: &Shared,
    caller: Caller,
    notification: NotificationId,
) -> Result<(), CommandError> {
    match notification {
        NotificationId::Notice(notice) => {
            shared.services.notices.settle().await;
            shared.services.notices.mark_read(caller.user, notice).await?;
            own::changed(shared, caller, Own::Notifications);
            Ok(())
        }
        NotificationId::Conversation(conversation) => {
            let last = shared.services.chats.get(caller, conversation).await?.last_seq;
            messages::mark_seen(shared, caller, conversation, last).await
        }
    }
}

pub(crate) async fn mark_all_read(shared: &Shared, caller: Caller) -> Result<(), CommandError> {
    shared.services.notices.settle().await;
    shared.services.notices.mark_all_read(caller.user).await?;
    for summary in shared.services.chats.unseen(caller).await? {
        messages::mark_seen(shared, caller, summary.id, summary.last_seq).await?;
    }
    own::changed(shared, caller, Own::Notifications);
    Ok(())
}
