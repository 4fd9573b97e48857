//! `kith invite …`

use clap::{Args, Subcommand};
use client::Hub;
use protocol::{InviteDirection, InviteId, InviteStatus};
use serde_json::json;

use super::context::Context;
use super::output::{clean_line, table};
use super::{Failure, Options, With, resolve, show, time};

/// Asking to talk. USER is a username, email, phone or id; INVITE an invite's id or the other user.
#[derive(Debug, Subcommand)]
pub enum Invite {
    /// Ask somebody to talk
    Send(With<Send>),
    /// List who asks to talk, or whom you have asked
    List(With<List>),
    /// Accept an invite: the conversation begins
    Accept(With<One>),
    /// Reject an invite
    Reject(With<One>),
    /// Take an invite back
    Withdraw(With<One>),
}

#[derive(Debug, Args)]
pub struct Send {
    user: String,
    /// What to tell them
    message: Option<String>,
}

#[derive(Debug, Args)]
pub struct List {
    /// Those you have sent
    #[arg(long)]
    sent: bool,
}

#[derive(Debug, Args)]
pub struct One {
    invite: String,
}

impl Invite {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Send(with) => &with.options,
            Self::List(with) => &with.options,
            Self::Accept(with) | Self::Reject(with) | Self::Withdraw(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Invite) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    match command {
        Invite::Send(with) => send(context, &hub, with.args).await,
        Invite::List(with) => list(context, &hub, with.args.sent).await,
        Invite::Accept(with) => answer(context, &hub, &with.args.invite, true).await,
        Invite::Reject(with) => answer(context, &hub, &with.args.invite, false).await,
        Invite::Withdraw(with) => {
            let invite = find(&hub, &with.args.invite, InviteDirection::Sent).await?;
            hub.withdraw_invite(invite).await?;
            context.output.put(&json!({ "withdrawn": invite }), || "withdrawn".to_owned())
        }
    }
}

async fn send(context: &Context, hub: &Hub, args: Send) -> Result<(), Failure> {
    let user = resolve::user(hub, &args.user).await?;
    let outcome = hub.send_invite(user, args.message).await?;
    context.output.put(&outcome, || match (outcome.conversation, outcome.online) {
        (Some(conversation), _) => format!("accepted: {conversation}"),
        (None, true) => "asked: they are online".to_owned(),
        (None, false) => "asked: they will see it when they return".to_owned(),
    })
}

async fn list(context: &Context, hub: &Hub, sent: bool) -> Result<(), Failure> {
    let direction = if sent { InviteDirection::Sent } else { InviteDirection::Received };
    let invites = hub.list_invites(direction).await?;
    if context.output.is_json() {
        return invites.iter().try_for_each(|invite| context.output.object(invite));
    }
    if invites.is_empty() {
        context.output.note("no invites");
        return Ok(());
    }
    let row = |invite: &protocol::Invite| {
        [
            show::user(&invite.user),
            invite.status.to_string(),
            time::minute(invite.created_at),
            clean_line(invite.message.as_deref().unwrap_or_default(), 60),
            invite.id.to_string(),
        ]
    };
    let rows: Vec<_> = invites.iter().map(row).collect();
    context.output.text(&table(["USER", "STATUS", "SENT", "MESSAGE", "INVITE"], &rows))
}

async fn answer(context: &Context, hub: &Hub, name: &str, accept: bool) -> Result<(), Failure> {
    let invite = find(hub, name, InviteDirection::Received).await?;
    let invite = hub.answer_invite(invite, accept).await?;
    context.output.put(&invite, || match invite.conversation {
        Some(conversation) => format!("accepted: {conversation}"),
        None => invite.status.to_string(),
    })
}

/// The invite of that id, or the one that waits between oneself and that user.
async fn find(hub: &Hub, name: &str, direction: InviteDirection) -> Result<InviteId, Failure> {
    if let Ok(invite) = name.parse() {
        return Ok(invite);
    }
    let (user, invites) = tokio::join!(resolve::user(hub, name), hub.list_invites(direction));
    let (user, invites) = (user?, invites?);
    let waits = |invite: &&protocol::Invite| invite.user.id == user && invite.status == InviteStatus::Pending;
    let found = invites.iter().find(waits).map(|invite| invite.id);
    found.ok_or_else(|| Failure::not_found(format!("no invite waits between you and {name}")))
}
