//! `kith privacy …`

use clap::{Args, Subcommand};
use protocol::{GroupsFrom, LastSeenTo, MessagesFrom, Privacy, PrivacyChanges};

use super::context::Context;
use super::output::table;
use super::{Failure, Options, With};

/// What others may know and do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what others may know and do
    Show(With<Show>),
    /// Change what others may know and do
    Set(With<Set>),
}

#[derive(Debug, Args)]
pub struct Show {}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Set {
    /// Who is told when you were last online: everyone, contacts, nobody
    #[arg(long, value_name = "WHO")]
    last_seen: Option<LastSeenTo>,
    /// Who may begin a conversation with you: everyone, invite (those whose invite you accepted)
    #[arg(long, value_name = "WHO")]
    messages: Option<MessagesFrom>,
    /// Who may add you to groups without asking: everyone, contacts
    #[arg(long, value_name = "WHO")]
    groups: Option<GroupsFrom>,
    /// Whether searches find you by your name: true, false
    #[arg(long, value_name = "BOOL")]
    findable_by_name: Option<bool>,
    /// Whether who knows your email address or phone number finds you by it: true, false
    #[arg(long, value_name = "BOOL")]
    findable_by_address: Option<bool>,
}

impl Command {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Show(with) => &with.options,
            Self::Set(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let (hub, _) = context.hub().await?;
    let privacy = match command {
        Command::Show(_) => hub.get_privacy().await?,
        Command::Set(with) => {
            let Set { last_seen, messages, groups, findable_by_name, findable_by_address } = with.args;
            let changes =
                PrivacyChanges { last_seen, messages, groups, findable_by_name, findable_by_address };
            hub.set_privacy(changes).await?
        }
    };
    context.output.put(&privacy, || text(&privacy))
}

fn text(privacy: &Privacy) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let row = |what: &str, who: String| [what.to_owned(), who];
    table(
        ["WHAT", "WHO"],
        &[
            row("last seen", privacy.last_seen.to_string()),
            row("messages", privacy.messages.to_string()),
            row("groups", privacy.groups.to_string()),
            row("findable by name", yes(privacy.findable_by_name)),
            row("findable by address", yes(privacy.findable_by_address)),
        ],
    )
}
