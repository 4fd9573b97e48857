//! `kith group …`

use clap::{Args, Subcommand};
use client::Hub;
use protocol::{ConversationId, GroupChanges, MemberInfo, MembershipRecord, NewGroup, Role, Seq};
use serde_json::json;

use super::context::Context;
use super::output::{clean, clean_line, table};
use super::send::new_id;
use super::{Failure, Options, With, group_link, resolve, show, time};

/// What one can do with groups. GROUP is an id or the name of a group of one's own; USER a username, email, phone or id.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Create a group with yourself as its admin
    Create(With<Create>),
    /// Show a group and its members
    Show(With<Named>),
    /// Add members
    Add(With<Members>),
    /// Remove members
    Remove(With<Members>),
    /// Make members admins
    Promote(With<Members>),
    /// Make admins ordinary members
    Demote(With<Members>),
    /// Leave a group
    Leave(With<Leave>),
    /// Give a group another name
    Rename(With<Rename>),
    /// Change what a group is about, or its picture
    Describe(With<Describe>),
    /// Delete a group for everyone
    Delete(With<Delete>),
    /// Show who was a member when
    History(With<Named>),
    /// Make, list and revoke links by which users join
    #[command(subcommand)]
    Link(group_link::Link),
    /// Show what a link leads to
    Preview(With<group_link::Code>),
    /// Join a group by a link
    Join(With<group_link::Code>),
}

#[derive(Debug, Args)]
pub struct Create {
    /// Its name
    name: String,
    /// Its first members besides yourself
    #[arg(value_name = "USER")]
    members: Vec<String>,
    /// What it is about
    #[arg(long, default_value = "")]
    description: String,
    /// A reference to a picture
    #[arg(long, value_name = "REFERENCE")]
    picture: Option<String>,
}

#[derive(Debug, Args)]
pub struct Named {
    group: String,
}

#[derive(Debug, Args)]
pub struct Leave {
    group: String,
    /// Who becomes its admin in your place
    #[arg(long, value_name = "USER")]
    successor: Option<String>,
}

#[derive(Debug, Args)]
pub struct Members {
    group: String,
    #[arg(value_name = "USER", required = true)]
    users: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Rename {
    group: String,
    /// The new name
    name: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "what")]
pub(super) struct Described {
    /// What it is about, at most 1,000 characters; empty for nothing
    #[arg(long, value_name = "TEXT", group = "what")]
    description: Option<String>,
    /// A reference to a picture, at most 300 bytes; empty for none
    #[arg(long, value_name = "REFERENCE", group = "what")]
    picture: Option<String>,
}

#[derive(Debug, Args)]
pub struct Describe {
    group: String,
    #[command(flatten)]
    what: Described,
}

#[derive(Debug, Args)]
pub struct Delete {
    group: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Group {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Create(with) => &with.options,
            Self::Show(with) | Self::History(with) => &with.options,
            Self::Leave(with) => &with.options,
            Self::Link(link) => link.options(),
            Self::Preview(with) | Self::Join(with) => &with.options,
            Self::Add(with) | Self::Remove(with) | Self::Promote(with) | Self::Demote(with) => &with.options,
            Self::Rename(with) => &with.options,
            Self::Describe(with) => &with.options,
            Self::Delete(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, command: Group) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let names = show::Names::new(account.user.id);
    match command {
        Group::Create(with) => create(context, &hub, with.args).await,
        Group::Show(with) => group_show(context, &hub, &with.args.group).await,
        Group::History(with) => history(context, &hub, names, &with.args.group).await,
        Group::Link(link) => group_link::run(context, &hub, link).await,
        Group::Preview(with) => group_link::preview(context, &hub, with.args).await,
        Group::Join(with) => group_link::join(context, &hub, with.args).await,
        Group::Add(with) => {
            let (group, users) = group_and_users(&hub, &with.args).await?;
            done(context, group, hub.add_to_group(group, users).await?, "added")
        }
        Group::Remove(with) => {
            let (group, users) = group_and_users(&hub, &with.args).await?;
            let mut seq = 0;
            for user in users {
                seq = hub.remove_from_group(group, user).await?;
            }
            done(context, group, seq, "removed")
        }
        Group::Promote(with) => {
            let (group, users) = group_and_users(&hub, &with.args).await?;
            let mut seq = 0;
            for user in users {
                seq = hub.promote_to_admin(group, user).await?;
            }
            done(context, group, seq, "made admin")
        }
        Group::Demote(with) => {
            let (group, users) = group_and_users(&hub, &with.args).await?;
            let mut seq = 0;
            for user in users {
                seq = hub.demote_admin(group, user).await?;
            }
            done(context, group, seq, "made an ordinary member")
        }
        Group::Leave(with) => {
            let group = resolve::group(&hub, &with.args.group).await?;
            let mut successor = None;
            if let Some(name) = with.args.successor {
                successor = resolve::users(&hub, &[name]).await?.pop();
            }
            done(context, group, hub.leave_group(group, successor).await?, "left")
        }
        Group::Rename(with) => {
            let group = resolve::group(&hub, &with.args.group).await?;
            let changes = GroupChanges { name: Some(with.args.name), ..GroupChanges::default() };
            done(context, group, hub.update_group(group, changes).await?, "renamed")
        }
        Group::Describe(with) => {
            let group = resolve::group(&hub, &with.args.group).await?;
            let Described { description, picture } = with.args.what;
            let changes = GroupChanges { name: None, description, picture };
            done(context, group, hub.update_group(group, changes).await?, "changed")
        }
        Group::Delete(with) => {
            let group = resolve::group(&hub, &with.args.group).await?;
            if !with.args.yes {
                confirm(&hub, group).await?;
            }
            done(context, group, hub.delete_group(group).await?, "deleted")
        }
    }
}

async fn group_and_users(
    hub: &Hub,
    args: &Members,
) -> Result<(ConversationId, Vec<protocol::UserId>), Failure> {
    tokio::try_join!(resolve::group(hub, &args.group), resolve::users(hub, &args.users))
}

fn done(context: &Context, group: ConversationId, seq: Seq, what: &str) -> Result<(), Failure> {
    context.output.put(&json!({ "conversation": group, "seq": seq }), || what.to_owned())
}

async fn create(context: &Context, hub: &Hub, args: Create) -> Result<(), Failure> {
    let members = resolve::users(hub, &args.members).await?;
    let Create { name, description, picture, .. } = args;
    let new = NewGroup { name, description, picture, members, id: Some(new_id()), ..NewGroup::default() };
    let group = hub.initiate_group(new).await?;
    context.output.put(&json!({ "conversation": group }), || group.to_string())
}

async fn group_show(context: &Context, hub: &Hub, name: &str) -> Result<(), Failure> {
    let id = resolve::group(hub, name).await?;
    let group = hub.get_group(id).await?;
    if context.output.is_json() {
        return context.output.object(&group);
    }
    let summary = &group.summary;
    let (title, created) = (show::name(summary), time::minute(summary.created_at));
    let count = summary.member_count;
    context.output.text(&format!("{title}  {id}\ncreated {created}, {count} members"))?;
    context.output.text(&clean(&summary.description))?;
    let row = |member: &MemberInfo| {
        let role = if member.role == Role::Admin { "admin" } else { "" };
        [
            clean_line(&member.name, 40),
            role.to_owned(),
            time::minute(member.joined_at),
            member.user.to_string(),
        ]
    };
    let rows: Vec<_> = summary.members.iter().map(row).collect();
    context.output.text(&table(["MEMBER", "ROLE", "JOINED", "USER"], &rows))
}

async fn history(context: &Context, hub: &Hub, mut names: show::Names, name: &str) -> Result<(), Failure> {
    let group = resolve::group(hub, name).await?;
    let records = hub.membership_history(group).await?;
    if context.output.is_json() {
        return records.iter().try_for_each(|record| context.output.object(record));
    }
    let users = records.iter().flat_map(|record| {
        [Some(record.user), Some(record.added_by), record.removed_by].into_iter().flatten()
    });
    names.fetch(hub, users).await?;
    let row = |record: &MembershipRecord| {
        let role = if record.role == Role::Admin { "admin" } else { "" };
        let messages = match record.to_seq {
            Some(last) => format!("{}-{last}", record.from_seq),
            None => format!("{}-", record.from_seq),
        };
        let added = format!("{} by {}", time::minute(record.added_at), names.of(record.added_by));
        let removed = match (record.removed_at, record.removed_by) {
            (Some(at), Some(by)) if by == record.user => format!("{} left", time::minute(at)),
            (Some(at), Some(by)) => format!("{} by {}", time::minute(at), names.of(by)),
            _ => String::new(),
        };
        [names.of(record.user), role.to_owned(), messages, added, removed]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    context.output.text(&table(["MEMBER", "ROLE", "MESSAGES", "ADDED", "REMOVED"], &rows))
}

async fn confirm(hub: &Hub, group: ConversationId) -> Result<(), Failure> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("deleting a group cannot be undone: confirm with --yes"));
    }
    let summary = hub.get_conversation(group).await?;
    eprint!("Delete {:?} with {} members for everyone? [y/N] ", show::name(&summary), summary.member_count);
    let answer = super::password::line_from_stdin("answer")?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::failed("not deleted")) }
}
