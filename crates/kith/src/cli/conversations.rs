//! `kith conversations`

use clap::Args;
use protocol::{Body, Content, ConversationFilter, ConversationSummary, UserId};

use super::context::Context;
use super::output::{clean_line, table};
use super::{Failure, show, time};

/// Characters of the last message that are shown.
const PREVIEW: usize = 48;

#[derive(Debug, Args)]
pub struct Conversations {
    /// Only those with unread messages
    #[arg(long)]
    unread: bool,
    /// Those put away, instead of the others
    #[arg(long)]
    archived: bool,
}

pub(super) async fn conversations(context: &Context, args: Conversations) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let filter = ConversationFilter { archived: Some(args.archived), ..ConversationFilter::default() };
    let mut list = hub.every_conversation(filter).await?;
    let none = list.is_empty();
    list.retain(|summary| !args.unread || summary.unread > 0);
    list.sort_by_key(|summary| std::cmp::Reverse(last_activity(summary)));
    if context.output.is_json() {
        return list.iter().try_for_each(|summary| context.output.object(summary));
    }
    if list.is_empty() {
        let put_away = async || -> Result<bool, Failure> {
            let archived = ConversationFilter { archived: Some(true), limit: Some(1), after: None };
            Ok(!hub.load_conversations_that(archived).await?.is_empty())
        };
        context.output.note(if !none {
            "nothing unread"
        } else if args.archived {
            "nothing is put away"
        } else if put_away().await? {
            "all conversations are put away: kith ls --archived"
        } else {
            "no conversations yet: kith send NAME TEXT"
        });
        return Ok(());
    }
    let mut names = show::Names::new(account.user.id);
    list.iter().for_each(|summary| names.learn(summary));
    let last: Vec<_> = list.iter().filter_map(|summary| summary.last_message.clone()).collect();
    names.fetch_for(&hub, &last).await?;
    let rows: Vec<_> = list.iter().map(|summary| row(summary, &names, account.user.id)).collect();
    context.output.text(&table(["NAME", "UNREAD", "TIME", "LAST MESSAGE", "ID"], &rows))
}

fn last_activity(summary: &ConversationSummary) -> protocol::Timestamp {
    summary.last_message.as_ref().map_or(summary.updated_at, |message| message.sent_at)
}

fn row(summary: &ConversationSummary, names: &show::Names, own: UserId) -> [String; 5] {
    let unread = match summary.unread {
        0 => String::new(),
        1_000.. => "1000+".to_owned(),
        count => count.to_string(),
    };
    let preview = summary.last_message.as_ref().map_or_else(String::new, |message| match &message.body {
        // In a direct conversation the name beside it says who.
        Body::Open(Content::Text { text, .. }) if !summary.id.is_group() && message.sender != own => {
            text.clone()
        }
        _ => names.sentence(message),
    });
    let status = summary.status.map_or_else(String::new, |status| format!(" {}", show::ticks(status)));
    let group = if summary.id.is_group() { format!(" ({})", summary.member_count) } else { String::new() };
    let gone = if summary.role.is_none() { " (left)" } else { "" };
    [
        format!("{}{group}{gone}", show::name(summary)),
        unread,
        time::minute(last_activity(summary)),
        format!("{}{status}", clean_line(&preview, PREVIEW)),
        summary.id.to_string(),
    ]
}
