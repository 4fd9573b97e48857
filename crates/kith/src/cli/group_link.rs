//! `kith group link …`, `kith group join`, `kith group preview`: links by which users join groups.

use clap::{Args, Subcommand};
use client::Hub;
use platform::{Clock as _, SystemClock};
use protocol::{GroupLink, LinkCode, NewGroupLink};
use serde_json::json;

use super::context::Context;
use super::output::{clean, clean_line, table};
use super::{Failure, Options, With, resolve, time};

/// What admins do with links.
#[derive(Debug, Subcommand)]
pub enum Link {
    /// Make a link: whoever has its code may join
    Create(With<Create>),
    /// List a group's links
    List(With<List>),
    /// Revoke a link
    Revoke(With<Revoke>),
}

#[derive(Debug, Args)]
pub struct Create {
    group: String,
    /// Good for so many hours; for good without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    hours: Option<u32>,
    /// Admits so many; any number without it
    #[arg(long, value_name = "N")]
    uses: Option<u32>,
}

#[derive(Debug, Args)]
pub struct List {
    group: String,
}

#[derive(Debug, Args)]
pub struct Revoke {
    group: String,
    /// The link's code
    code: LinkCode,
}

#[derive(Debug, Args)]
pub struct Code {
    /// The link's code (l_…)
    code: LinkCode,
}

impl Link {
    pub(super) fn options(&self) -> &Options {
        match self {
            Self::Create(with) => &with.options,
            Self::List(with) => &with.options,
            Self::Revoke(with) => &with.options,
        }
    }
}

pub(super) async fn run(context: &Context, hub: &Hub, command: Link) -> Result<(), Failure> {
    match command {
        Link::Create(with) => create(context, hub, with.args).await,
        Link::List(with) => list(context, hub, &with.args.group).await,
        Link::Revoke(with) => {
            let group = resolve::group(hub, &with.args.group).await?;
            hub.revoke_group_link(group, with.args.code).await?;
            context.output.put(&json!({ "revoked": with.args.code }), || "revoked".to_owned())
        }
    }
}

async fn create(context: &Context, hub: &Hub, args: Create) -> Result<(), Failure> {
    let group = resolve::group(hub, &args.group).await?;
    let expires_at = args.hours.map(|hours| SystemClock.now() + i64::from(hours) * 3_600_000);
    let link = hub.create_group_link(group, NewGroupLink { expires_at, max_uses: args.uses }).await?;
    context.output.put(&link, || link.code.to_string())
}

async fn list(context: &Context, hub: &Hub, name: &str) -> Result<(), Failure> {
    let group = resolve::group(hub, name).await?;
    let links = hub.list_group_links(group).await?;
    if context.output.is_json() {
        return links.iter().try_for_each(|link| context.output.object(link));
    }
    let row = |link: &GroupLink| {
        let uses = match link.max_uses {
            Some(most) => format!("{} of {most}", link.uses),
            None => link.uses.to_string(),
        };
        let until = link.expires_at.map_or_else(|| "-".to_owned(), time::minute);
        [link.code.to_string(), time::minute(link.created_at), until, uses]
    };
    let rows: Vec<_> = links.iter().map(row).collect();
    context.output.text(&table(["CODE", "MADE", "UNTIL", "USES"], &rows))
}

pub(super) async fn join(context: &Context, hub: &Hub, args: Code) -> Result<(), Failure> {
    let joined = hub.join_group(args.code).await?;
    context.output.put(&joined, || format!("joined {}", joined.group))
}

pub(super) async fn preview(context: &Context, hub: &Hub, args: Code) -> Result<(), Failure> {
    let preview = hub.preview_group_link(args.code).await?;
    context.output.put(&preview, || {
        let head = format!("{}, {} members", clean_line(&preview.name, 100), preview.member_count);
        format!("{head}\n{}", clean(&preview.description)).trim_end().to_owned()
    })
}
