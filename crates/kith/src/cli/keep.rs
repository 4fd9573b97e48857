//! `kith archive`, `mute` and `retention`: what is set for a conversation.

use clap::Args;
use platform::{Clock as _, SystemClock};
use protocol::Retention;
use serde_json::json;

use super::context::Context;
use super::resolve::{self, Absent};
use super::{Failure, time};

/// What "always" stands for: the year 2255, which a JavaScript number holds.
const ALWAYS: protocol::Timestamp = 9_000_000_000_000;

#[derive(Debug, Args)]
pub struct Named {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
}

#[derive(Debug, Args)]
pub struct Mute {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// For so many hours; for good without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    hours: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Retain {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// forever, until_delivered, days:N, seconds:N, or default for what the server is set to
    retention: Option<Retention>,
}

pub(super) async fn archive(context: &Context, args: Named, archived: bool) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let id = resolve::conversation(&hub, account.user.id, &args.conversation, Absent::Fail).await?;
    let settings = hub.set_archived(id, archived).await?;
    let said = if archived { "archived" } else { "no longer archived" };
    context.output.put(&json!({ "conversation": id, "settings": settings }), || said.to_owned())
}

pub(super) async fn mute(context: &Context, args: Mute) -> Result<(), Failure> {
    let hours = args.hours.map(|hours| SystemClock.now() + i64::from(hours) * 3_600_000);
    set_muted(context, &args.conversation, Some(hours.unwrap_or(ALWAYS))).await
}

pub(super) async fn unmute(context: &Context, args: Named) -> Result<(), Failure> {
    set_muted(context, &args.conversation, None).await
}

async fn set_muted(context: &Context, name: &str, until: Option<protocol::Timestamp>) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let id = resolve::conversation(&hub, account.user.id, name, Absent::Fail).await?;
    let settings = hub.set_muted(id, until).await?;
    context.output.put(&json!({ "conversation": id, "settings": settings }), || match settings.muted_until {
        None => "not muted".to_owned(),
        Some(ALWAYS..) => "muted".to_owned(),
        Some(until) => format!("muted until {}", time::full(until)),
    })
}

pub(super) async fn retention(context: &Context, args: Retain) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let id = resolve::conversation(&hub, account.user.id, &args.conversation, Absent::Fail).await?;
    if let Some(retention) = args.retention {
        hub.set_retention(id, retention).await?;
    }
    // What holds now: the server's own measure has another name there.
    let holds = hub.get_conversation(id).await?.retention.unwrap_or(Retention::Forever);
    context.output.put(&json!({ "conversation": id, "retention": holds }), || time::retention(holds))
}
