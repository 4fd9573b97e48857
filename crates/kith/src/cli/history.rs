//! `kith history`

use clap::Args;
use protocol::{HistoryRequest, Message, Seq};

use super::context::Context;
use super::resolve::{self, Absent};
use super::{Failure, show, time};

#[derive(Debug, Args)]
pub struct History {
    /// A username, email, phone, user id, conversation id, or a group's name
    to: String,
    /// Only messages before this one
    #[arg(long, value_name = "SEQ")]
    before: Option<Seq>,
    /// At most so many, the latest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

pub(super) async fn history(context: &Context, args: History) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = resolve::conversation(&hub, account.user.id, &args.to, Absent::Fail).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut messages: Vec<Message> = Vec::new();
    let mut before = args.before;
    while messages.len() < limit {
        let missing = u32::try_from(limit - messages.len()).ok();
        let request = HistoryRequest { before, before_time: None, limit: missing };
        let page = hub.history(conversation, request).await?;
        before = page.messages.last().map(|message| message.seq);
        messages.extend(page.messages);
        if !page.more || before.is_none() {
            break;
        }
    }
    messages.truncate(limit);
    messages.reverse();
    if context.output.is_json() {
        return messages.iter().try_for_each(|message| context.output.object(message));
    }
    let mut names = show::Names::new(account.user.id);
    names.fetch_for(&hub, &messages).await?;
    let mut day = String::new();
    for message in &messages {
        let today = time::day(message.sent_at);
        if today != day {
            context.output.text(&format!("── {today} ──"))?;
            day = today;
        }
        let head = format!("{:>5}  {}  ", message.seq, time::clock(message.sent_at));
        context.output.text(&show::indent(&head, &names.sentence(message)))?;
    }
    Ok(())
}
