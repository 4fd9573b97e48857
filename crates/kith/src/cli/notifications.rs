//! `kith notifications`

use clap::Args;
use protocol::{Notification, NotificationId, NotificationKind, NotificationsRequest};

use super::context::Context;
use super::output::{clean_line, table};
use super::{Failure, time};

/// Characters of a name that are shown.
const NAME: usize = 40;

#[derive(Debug, Args)]
pub struct Notifications {
    /// Only those not read yet
    #[arg(long)]
    unread: bool,
    /// How many to show, unread conversations not counted
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    /// Mark one as read; a conversation's messages count as seen then
    #[arg(long, value_name = "ID", conflicts_with_all = ["read_all", "unread"])]
    read: Option<NotificationId>,
    /// Mark all as read
    #[arg(long, conflicts_with = "unread")]
    read_all: bool,
}

pub(super) async fn notifications(context: &Context, args: Notifications) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    if let Some(notification) = args.read {
        return Ok(hub.mark_notification_read(notification).await?);
    }
    if args.read_all {
        return Ok(hub.mark_all_notifications_read().await?);
    }
    let mut found = Vec::new();
    let mut request = NotificationsRequest { before: None, limit: Some(args.limit) };
    let mut left = args.limit;
    loop {
        let page = hub.list_notifications(request.clone()).await?;
        let last = page.notifications.iter().rev().find_map(|notification| match notification.id {
            NotificationId::Notice(id) => Some(id),
            NotificationId::Conversation(_) => None,
        });
        let kept = |notification: &&Notification| matches!(notification.id, NotificationId::Notice(_));
        let count = page.notifications.iter().filter(kept).count();
        left = left.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        found.extend(page.notifications);
        if !page.more || left == 0 || last.is_none() {
            break;
        }
        request = NotificationsRequest { before: last, limit: Some(left) };
    }
    found.retain(|notification| !args.unread || !notification.read);
    if context.output.is_json() {
        return found.iter().try_for_each(|notification| context.output.object(notification));
    }
    if found.is_empty() {
        context.output.note("nothing happened");
        return Ok(());
    }
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.text(&table(["", "TIME", "WHAT", "ID"], &rows))
}

fn row(notification: &Notification) -> [String; 4] {
    let new = if notification.read { "" } else { "*" };
    let time = time::minute(notification.created_at);
    [new.to_owned(), time, sentence(notification), notification.id.to_string()]
}

fn sentence(of: &Notification) -> String {
    let name = of.name.as_deref().map_or_else(|| "somebody".to_owned(), |name| clean_line(name, NAME));
    let detail = of.detail.as_deref().map(|detail| clean_line(detail, NAME));
    let group = of.conversation.map_or_else(String::new, |conversation| format!(" ({conversation})"));
    match of.kind {
        NotificationKind::Messages => format!("{} unread from {name}", of.count.unwrap_or_default()),
        NotificationKind::Mention => format!("{name} mentioned you{group}"),
        NotificationKind::Group => format!("{name} added you to a group{group}"),
        NotificationKind::Invite => format!("{name} wants to talk with you"),
        NotificationKind::InviteAnswer => {
            format!("{name} answered your invite: {}", detail.as_deref().unwrap_or("?"))
        }
        NotificationKind::SignIn => {
            format!("signed in on another device: {}", detail.as_deref().unwrap_or("without a name"))
        }
        NotificationKind::Credentials => format!("your {} changed", detail.as_deref().unwrap_or("sign-in")),
        NotificationKind::Role => format!("your role changed: {}", detail.as_deref().unwrap_or("?")),
    }
}
