//! The command-line client: a person's messenger in a terminal, and a script's in a pipe.
//!
//! One file per command. What a command prints goes through [`output::Output`]: one JSON object a line with `--json`,
//! whose fields are those of the `protocol` crate's types, or text for people. What goes wrong is a [`Failure`], one
//! sentence on standard error and an exit code. No command prints anywhere else.

mod account;
mod actions;
mod admin;
mod chat;
mod confirm;
mod contacts;
mod context;
mod conversations;
mod credentials;
mod export;
mod failure;
mod group;
mod group_link;
mod history;
mod info;
mod invite;
mod keep;
mod listen;
mod notifications;
mod output;
mod own;
mod password;
mod positions;
mod presence;
mod privacy;
mod profile;
mod report;
mod resolve;
mod search;
mod send;
mod show;
mod time;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use admin::Command as AdminCommand;
use context::Context;
pub use failure::Failure;

/// What `kith --help` ends with.
pub const EXIT_CODES: &str = "\
Exit codes of the client's commands:
  0  done
  1  the server could not be reached, or failed
  2  wrong usage: arguments that make no sense
  3  not signed in, or the session has ended
  4  not found: no such user, conversation or message
  5  refused: wrong password, no permission, a name that is taken
  6  not now: too many requests, or the server is busy; try again later";

const SERVER_VARIABLE: &str = "KITH_SERVER";
const PROFILE_VARIABLE: &str = "KITH_PROFILE";
const CA_VARIABLE: &str = "KITH_CLIENT_CA_FILE";

/// Whether an environment variable is the client's, and so none of the server's settings.
pub fn is_variable(name: &std::ffi::OsStr) -> bool {
    name == SERVER_VARIABLE || name == PROFILE_VARIABLE
}

/// Which server, as whom, and how to print.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Client options")]
pub struct Options {
    /// The server's address [env: KITH_SERVER] [default: the one signed in to, or http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A PEM file of authorities to trust besides this machine's, for a server with a certificate of its own making; kept with
    /// the sign-in [env: KITH_CLIENT_CA_FILE]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Whose sign-in to use: each profile is one signed-in device [env: KITH_PROFILE] [default: default]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print one JSON object a line, errors on standard error too
    #[arg(long)]
    json: bool,
}

impl Options {
    /// These, and what they leave open from `other`.
    fn or(self, other: Self) -> Self {
        Self {
            server: self.server.or(other.server),
            ca_file: self.ca_file.or(other.ca_file),
            profile: self.profile.or(other.profile),
            json: self.json || other.json,
        }
    }
}

/// A command's own arguments, then those of all.
#[derive(Debug, Args)]
pub struct With<A: Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    options: Options,
}

/// The client's commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create an account and sign in
    Register(With<account::Register>),
    /// Sign in with a password or a one-time code
    Login(With<account::Login>),
    /// Sign out: end this device's session
    Logout(With<account::Logout>),
    /// Show who is signed in
    Whoami(With<account::Whoami>),
    /// List the account's signed-in devices, or sign one out
    Devices(With<account::Devices>),
    /// Change your password; other devices are signed out
    Password(With<own::Password>),
    /// Change your username
    Username(With<own::Username>),
    /// Change where your codes go, or delete your account
    #[command(subcommand)]
    Account(own::Account),
    /// Looks after a server: `kith admin`
    #[command(skip)]
    Admin(admin::Command),
    /// Show profiles, and change your own
    #[command(subcommand)]
    Profile(profile::Command),
    /// Search users by name, username, email or phone
    Search(With<search::Search>),
    /// Show and change what others may know and do
    #[command(subcommand)]
    Privacy(privacy::Command),
    /// Send a message
    Send(With<send::Send>),
    /// Print messages as they come, and those missed before
    Listen(With<listen::Listen>),
    /// Talk with somebody: print what comes, send what is typed
    Chat(With<chat::Chat>),
    /// List conversations, the latest first
    #[command(visible_alias = "ls")]
    Conversations(With<conversations::Conversations>),
    /// Put a conversation away
    Archive(With<keep::Named>),
    /// Take a conversation back that was put away
    Unarchive(With<keep::Named>),
    /// Want no notices of a conversation
    Mute(With<keep::Mute>),
    /// Want notices of a conversation again
    Unmute(With<keep::Named>),
    /// Show or set how long a conversation's messages are kept
    Retention(With<keep::Retain>),
    /// Write a conversation to a file, one JSON object a line
    Export(With<export::Export>),
    /// Create, show and change groups
    #[command(subcommand)]
    Group(group::Group),
    /// Print a conversation's past
    History(With<history::History>),
    /// Show who got a message, who saw it, and when
    Info(With<info::Info>),
    /// List your contacts, or change whom you list
    Contacts(With<contacts::Contacts>),
    /// Block users, or list whom you have blocked
    Block(With<contacts::Block>),
    /// End blocks
    Unblock(With<contacts::Unblock>),
    /// Ask to talk, and answer those who ask
    #[command(subcommand)]
    Invite(invite::Invite),
    /// Report a user or a message to the moderators
    Report(With<report::Report>),
    /// For moderators: list reports, or close one
    Reports(With<report::Reports>),
    /// Show whether users are online, or watch them come and go
    Presence(With<presence::Presence>),
    /// Show what happened: unread messages, mentions, groups, invites, sign-ins
    Notifications(With<notifications::Notifications>),
    /// Change what a message of one's own says
    Edit(With<actions::Edit>),
    /// Delete a message, for everyone or for oneself
    Delete(With<actions::Delete>),
    /// React to a message with an emoji, or take that back
    React(With<actions::React>),
    /// Pin a message for everyone, or list what is pinned
    Pin(With<actions::Pin>),
    /// Star a message for oneself, or list what is starred
    Star(With<actions::Star>),
    /// Send what a message says to somebody else
    Forward(With<actions::Forward>),
    /// Find messages by their words
    SearchMessages(With<actions::Search>),
}

/// Runs a command to its end. `options` are those given before the command's name.
pub fn run(command: Command, options: Options) -> ExitCode {
    let options = command.options().clone().or(options);
    let json = options.json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("cannot start: {error}")).report(json),
    };
    let outcome = runtime.block_on(async {
        let context = Context::new(options)?;
        let outcome = command.run(&context).await;
        context.settle().await;
        outcome
    });
    // Not waiting for a read of standard input that may never end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

impl Command {
    fn options(&self) -> &Options {
        match self {
            Self::Register(with) => &with.options,
            Self::Login(with) => &with.options,
            Self::Logout(with) => &with.options,
            Self::Whoami(with) => &with.options,
            Self::Devices(with) => &with.options,
            Self::Password(with) => &with.options,
            Self::Username(with) => &with.options,
            Self::Account(account) => account.options(),
            Self::Admin(admin) => admin.options(),
            Self::Profile(profile) => profile.options(),
            Self::Search(with) => &with.options,
            Self::Privacy(privacy) => privacy.options(),
            Self::Send(with) => &with.options,
            Self::Listen(with) => &with.options,
            Self::Chat(with) => &with.options,
            Self::Conversations(with) => &with.options,
            Self::Archive(with) | Self::Unarchive(with) | Self::Unmute(with) => &with.options,
            Self::Mute(with) => &with.options,
            Self::Retention(with) => &with.options,
            Self::Export(with) => &with.options,
            Self::Group(group) => group.options(),
            Self::History(with) => &with.options,
            Self::Info(with) => &with.options,
            Self::Contacts(with) => &with.options,
            Self::Block(with) => &with.options,
            Self::Unblock(with) => &with.options,
            Self::Invite(invite) => invite.options(),
            Self::Report(with) => &with.options,
            Self::Reports(with) => &with.options,
            Self::Presence(with) => &with.options,
            Self::Notifications(with) => &with.options,
            Self::Edit(with) => &with.options,
            Self::Delete(with) => &with.options,
            Self::React(with) => &with.options,
            Self::Pin(with) => &with.options,
            Self::Star(with) => &with.options,
            Self::Forward(with) => &with.options,
            Self::SearchMessages(with) => &with.options,
        }
    }

    async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Register(with) => account::register(context, with.args).await,
            Self::Login(with) => account::login(context, with.args).await,
            Self::Logout(with) => account::logout(context, with.args).await,
            Self::Whoami(_) => account::whoami(context).await,
            Self::Devices(with) => account::devices(context, with.args).await,
            Self::Password(with) => own::change_password(context, with.args).await,
            Self::Username(with) => own::change_username(context, with.args).await,
            Self::Account(account) => own::run(context, account).await,
            Self::Admin(admin) => admin::run(context, admin).await,
            Self::Profile(profile) => profile::run(context, profile).await,
            Self::Search(with) => search::search(context, with.args).await,
            Self::Privacy(privacy) => privacy::run(context, privacy).await,
            Self::Send(with) => send::send(context, with.args).await,
            Self::Listen(with) => listen::listen(context, with.args).await,
            Self::Chat(with) => chat::chat(context, with.args).await,
            Self::Conversations(with) => conversations::conversations(context, with.args).await,
            Self::Archive(with) => keep::archive(context, with.args, true).await,
            Self::Unarchive(with) => keep::archive(context, with.args, false).await,
            Self::Mute(with) => keep::mute(context, with.args).await,
            Self::Unmute(with) => keep::unmute(context, with.args).await,
            Self::Retention(with) => keep::retention(context, with.args).await,
            Self::Export(with) => export::export(context, with.args).await,
            Self::Group(group) => group::run(context, group).await,
            Self::History(with) => history::history(context, with.args).await,
            Self::Info(with) => info::info(context, with.args).await,
            Self::Contacts(with) => contacts::contacts(context, with.args).await,
            Self::Block(with) => contacts::block(context, with.args).await,
            Self::Unblock(with) => contacts::unblock(context, with.args).await,
            Self::Invite(invite) => invite::run(context, invite).await,
            Self::Report(with) => report::report(context, with.args).await,
            Self::Reports(with) => report::reports(context, with.args).await,
            Self::Presence(with) => presence::presence(context, with.args).await,
            Self::Notifications(with) => notifications::notifications(context, with.args).await,
            Self::Edit(with) => actions::edit(context, with.args).await,
            Self::Delete(with) => actions::delete(context, with.args).await,
            Self::React(with) => actions::react(context, with.args).await,
            Self::Pin(with) => actions::pin(context, with.args).await,
            Self::Star(with) => actions::star(context, with.args).await,
            Self::Forward(with) => actions::forward(context, with.args).await,
            Self::SearchMessages(with) => actions::search(context, with.args).await,
        }
    }
}
