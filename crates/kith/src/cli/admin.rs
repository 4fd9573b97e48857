//! `kith admin …`, but for what is done on the server's machine: looking after a server as one of its admins.

use clap::{Args, Subcommand};
use client::Hub;
use protocol::{
    AccountInfo, AccountState, AccountsRequest, DeviceId, ServerRole, SessionInfo, UserId, UserInfo,
};
use serde_json::json;

use super::context::Context;
use super::output::{clean_line, table};
use super::{Failure, Options, With, show, time};

/// What those signed in as an admin or a moderator can do. USER is a username, email, phone or id.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List accounts, or those found by a text
    Users(With<Users>),
    /// Suspend an account: its devices are signed out, and nobody signs in to it
    Suspend(With<OneUser>),
    /// End a suspension
    Reinstate(With<OneUser>),
    /// Delete an account for good
    Delete(With<Delete>),
    /// Give an account a password that is good for one sign-in
    ResetPassword(With<OneUser>),
    /// Make somebody a user, a moderator or an admin
    Role(With<Role>),
    /// List the devices an account is signed in on, or sign them out
    Sessions(With<Sessions>),
    /// Show how much the server holds
    Stats(With<Stats>),
}

#[derive(Debug, Args)]
pub struct Users {
    /// The beginning of a username or of words of a name; a whole email address or phone number
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// Only those with this role: user, moderator, admin
    #[arg(long)]
    role: Option<ServerRole>,
    /// Only those that stand so: active, suspended, deleting, deleted
    #[arg(long)]
    state: Option<AccountState>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Args)]
pub struct OneUser {
    user: String,
}

#[derive(Debug, Args)]
pub struct Delete {
    user: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub struct Role {
    user: String,
    /// user, moderator or admin
    role: ServerRole,
}

#[derive(Debug, Args)]
pub struct Sessions {
    user: String,
    /// Sign this device out
    #[arg(long, value_name = "DEVICE")]
    end: Option<DeviceId>,
    /// Sign all devices out
    #[arg(long, conflicts_with = "end")]
    end_all: bool,
}

#[derive(Debug, Args)]
pub struct Stats {}

impl Command {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Users(with) => &with.options,
            Self::Suspend(with) | Self::Reinstate(with) | Self::ResetPassword(with) => &with.options,
            Self::Delete(with) => &with.options,
            Self::Role(with) => &with.options,
            Self::Sessions(with) => &with.options,
            Self::Stats(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    match command {
        Command::Users(with) => users(context, &hub, with.args).await,
        Command::Suspend(with) => {
            let user = user(&hub, &with.args.user).await?.id;
            let account = hub.suspend_user(user).await?;
            context.output.put(&account, || format!("suspended {}", show::user(&account.user)))
        }
        Command::Reinstate(with) => {
            let user = user(&hub, &with.args.user).await?.id;
            let account = hub.reinstate_user(user).await?;
            context.output.put(&account, || format!("reinstated {}", show::user(&account.user)))
        }
        Command::Delete(with) => {
            let user = user(&hub, &with.args.user).await?;
            if !with.args.yes {
                super::confirm::yes(&format!("Delete the account of {} for good?", show::user(&user)))?;
            }
            hub.delete_user(user.id).await?;
            context.output.put(&json!({ "deleted": user.id }), || format!("deleted {}", show::user(&user)))
        }
        Command::ResetPassword(with) => {
            let user = user(&hub, &with.args.user).await?.id;
            let reset = hub.reset_password(user).await?;
            context.output.put(&reset, || {
                let (username, until) = (&reset.username, time::minute(reset.expires_at));
                format!("{}\ngood for one sign-in of {username} until {until}; then they set one with kith password", reset.password)
            })
        }
        Command::Role(with) => {
            let user = user(&hub, &with.args.user).await?.id;
            let account = hub.set_role(user, with.args.role).await?;
            context.output.put(&account, || format!("{} is {} now", show::user(&account.user), account.role))
        }
        Command::Sessions(with) => sessions(context, &hub, with.args).await,
        Command::Stats(_) => {
            let stats = hub.get_statistics().await?;
            context.output.put(&stats, || {
                format!(
                    "users          {} ({} suspended)\nsessions       {}\nonline         {}\nconversations  about {}\nmessages       about {}",
                    stats.users, stats.suspended, stats.sessions, stats.online, stats.conversations, stats.messages
                )
            })
        }
    }
}

async fn users(context: &Context, hub: &Hub, args: Users) -> Result<(), Failure> {
    let text = args.text.join(" ");
    let text = (!text.is_empty()).then_some(text);
    let (mut found, mut after): (Vec<AccountInfo>, _) = (Vec::new(), None);
    loop {
        let limit = u32::try_from(args.limit as usize - found.len()).ok();
        let request =
            AccountsRequest { text: text.clone(), role: args.role, state: args.state, after, limit };
        let page = hub.list_accounts(request).await?;
        found.extend(page.accounts);
        after = page.next;
        if after.is_none() || found.len() >= args.limit as usize {
            break;
        }
    }
    if context.output.is_json() {
        return found.iter().try_for_each(|account| context.output.object(account));
    }
    let row = |account: &AccountInfo| {
        let address = account.email.as_deref().or(account.phone.as_deref()).unwrap_or_default();
        [
            clean_line(&account.user.name, 30),
            account.user.username.as_deref().unwrap_or_default().to_owned(),
            clean_line(address, 40),
            account.role.to_string(),
            account.state.to_string(),
            time::minute(account.created_at),
            account.user.id.to_string(),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    context.output.text(&table(["NAME", "USERNAME", "ADDRESS", "ROLE", "STATE", "SINCE", "USER"], &rows))
}

async fn sessions(context: &Context, hub: &Hub, args: Sessions) -> Result<(), Failure> {
    let user = user(hub, &args.user).await?.id;
    if let Some(device) = args.end {
        hub.end_user_session(user, device).await?;
        return context.output.put(&json!({ "ended": device }), || format!("signed out {device}"));
    }
    if args.end_all {
        hub.end_user_sessions(user).await?;
        return context.output.put(&json!({ "ended": "all" }), || "signed out all devices".to_owned());
    }
    let devices = hub.list_user_sessions(user).await?;
    if context.output.is_json() {
        return devices.iter().try_for_each(|device| context.output.object(device));
    }
    let row = |device: &SessionInfo| {
        [
            clean_line(&device.name, 40),
            time::minute(device.last_active_at),
            time::minute(device.created_at),
            device.id.to_string(),
        ]
    };
    let rows: Vec<_> = devices.iter().map(row).collect();
    context.output.text(&table(["NAME", "ACTIVE", "SIGNED IN", "DEVICE"], &rows))
}

/// The user that a text names, whether others may find them or not.
async fn user(hub: &Hub, who: &str) -> Result<UserInfo, Failure> {
    let unknown = || Failure::not_found(format!("there is no account {who}"));
    if let Ok(id) = who.parse::<UserId>() {
        return hub.get_users(vec![id]).await?.pop().ok_or_else(unknown);
    }
    let address = who.starts_with('+') || who.trim_start_matches('@').contains('@');
    let username = who.trim_start_matches('@').to_ascii_lowercase();
    let text = if address { who.to_owned() } else { format!("@{username}") };
    let request = AccountsRequest { text: Some(text), ..AccountsRequest::default() };
    let mut found = hub.list_accounts(request).await?.accounts.into_iter().map(|account| account.user);
    found.find(|one| address || one.username.as_deref() == Some(&username)).ok_or_else(unknown)
}
