//! What one does with messages that are there: `kith edit`, `delete`, `react`, `pin`, `star`, `forward`,
//! `search-messages`.

use clap::Args;
use client::Hub;
use protocol::{
    ConversationId, Message, MessageEdit, MessageId, MessageSearch, Sent, Seq, StarredRequest, UserId,
};
use serde::Serialize;

use super::context::Context;
use super::resolve::{self, Absent};
use super::send::new_id;
use super::{Failure, show, time};

/// A message of a conversation.
#[derive(Debug, Args)]
struct Target {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// The message's number, as `kith history` shows it
    seq: Seq,
}

#[derive(Debug, Args)]
pub struct Edit {
    #[command(flatten)]
    target: Target,
    /// What it says from now on; several words are joined
    #[arg(required = true)]
    text: Vec<String>,
    /// The edit's id: repeated with it, it is the same edit
    #[arg(long, value_name = "ID")]
    id: Option<MessageId>,
}

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    target: Target,
    /// Only for oneself: others keep it
    #[arg(long)]
    for_me: bool,
}

#[derive(Debug, Args)]
pub struct React {
    #[command(flatten)]
    target: Target,
    /// An emoji; without one the reaction is taken back
    emoji: Option<String>,
}

#[derive(Debug, Args)]
pub struct Pin {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// The message's number; without one, what is pinned is listed
    seq: Option<Seq>,
    /// Take the pin out
    #[arg(long, requires = "seq")]
    remove: bool,
}

#[derive(Debug, Args)]
pub struct Star {
    /// A username, email, phone, user id, conversation id, or a group's name; without one, what is starred is listed
    #[arg(requires = "seq")]
    conversation: Option<String>,
    /// The message's number
    seq: Option<Seq>,
    /// Take the star away
    #[arg(long, requires = "seq")]
    remove: bool,
}

#[derive(Debug, Args)]
pub struct Forward {
    #[command(flatten)]
    target: Target,
    /// Where to: a username, email, phone, user id, conversation id, or a group's name
    to: String,
    /// The new message's id: repeated with it, it is the same message
    #[arg(long, value_name = "ID")]
    id: Option<MessageId>,
}

#[derive(Debug, Args)]
pub struct Search {
    /// Words that a message has to have, all of them; the last may be the beginning of one
    #[arg(required = true)]
    text: Vec<String>,
    /// Only in this conversation: a username, email, phone, user id, conversation id, or a group's name
    #[arg(long = "in", value_name = "CONVERSATION")]
    within: Option<String>,
    /// At most so many, the latest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

/// What was recorded, and where.
#[derive(Serialize)]
struct Recorded<'a> {
    conversation: ConversationId,
    #[serde(flatten)]
    sent: &'a Sent,
}

/// What was done where nothing is recorded.
#[derive(Serialize)]
struct Done {
    conversation: ConversationId,
    seq: Seq,
}

fn recorded(context: &Context, conversation: ConversationId, sent: &Sent) -> Result<(), Failure> {
    let answer = Recorded { conversation, sent };
    context.output.put(&answer, || format!("{}  {}", sent.seq, sent.id))
}

async fn find(hub: &Hub, own: UserId, conversation: &str) -> Result<ConversationId, Failure> {
    resolve::conversation(hub, own, conversation, Absent::Fail).await
}

pub(super) async fn edit(context: &Context, args: Edit) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = find(&hub, account.user.id, &args.target.conversation).await?;
    let id = Some(args.id.unwrap_or_else(new_id));
    let edit = MessageEdit { text: args.text.join(" "), mentions: Vec::new(), id };
    let sent = hub.edit_message(conversation, args.target.seq, edit).await?;
    recorded(context, conversation, &sent)
}

pub(super) async fn delete(context: &Context, args: Delete) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = find(&hub, account.user.id, &args.target.conversation).await?;
    let seq = args.target.seq;
    if args.for_me {
        hub.hide_message(conversation, seq).await?;
        return context.output.put(&Done { conversation, seq }, String::new);
    }
    let sent = hub.delete_message(conversation, seq, Some(new_id())).await?;
    recorded(context, conversation, &sent)
}

pub(super) async fn react(context: &Context, args: React) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = find(&hub, account.user.id, &args.target.conversation).await?;
    let sent = hub.react(conversation, args.target.seq, args.emoji).await?;
    recorded(context, conversation, &sent)
}

pub(super) async fn pin(context: &Context, args: Pin) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = find(&hub, account.user.id, &args.conversation).await?;
    if let Some(seq) = args.seq {
        let sent = hub.pin_message(conversation, seq, !args.remove).await?;
        return recorded(context, conversation, &sent);
    }
    let pinned = hub.list_pinned(conversation).await?;
    if context.output.is_json() {
        return pinned.iter().try_for_each(|pinned| context.output.object(pinned));
    }
    let messages: Vec<_> = pinned.into_iter().map(|pinned| pinned.message).collect();
    print(context, &hub, account.user.id, &messages, false).await
}

pub(super) async fn star(context: &Context, args: Star) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    if let (Some(conversation), Some(seq)) = (&args.conversation, args.seq) {
        let conversation = find(&hub, account.user.id, conversation).await?;
        hub.star_message(conversation, seq, !args.remove).await?;
        return context.output.put(&Done { conversation, seq }, String::new);
    }
    let mut request = StarredRequest::default();
    loop {
        let page = hub.list_starred(request).await?;
        print(context, &hub, account.user.id, &page.messages, true).await?;
        match page.next {
            None => return Ok(()),
            before => request = StarredRequest { before, ..StarredRequest::default() },
        }
    }
}

pub(super) async fn forward(context: &Context, args: Forward) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let own = account.user.id;
    let conversation = find(&hub, own, &args.target.conversation).await?;
    let to = resolve::conversation(&hub, own, &args.to, Absent::Create).await?;
    let id = Some(args.id.unwrap_or_else(new_id));
    let sent = hub.forward_message(conversation, args.target.seq, to, id).await?;
    recorded(context, to, &sent)
}

pub(super) async fn search(context: &Context, args: Search) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let own = account.user.id;
    let conversation = match &args.within {
        Some(conversation) => Some(find(&hub, own, conversation).await?),
        None => None,
    };
    let (text, mut before, mut left) = (args.text.join(" "), None, args.limit);
    while left > 0 {
        let request = MessageSearch { conversation, before, limit: Some(left) };
        let page = hub.search_messages(&text, request).await?;
        print(context, &hub, own, &page.messages, conversation.is_none()).await?;
        left = left.saturating_sub(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    Ok(())
}

/// Messages with their day, and where they are from if they are not all from one place.
async fn print(
    context: &Context,
    hub: &Hub,
    own: UserId,
    messages: &[Message],
    anywhere: bool,
) -> Result<(), Failure> {
    if context.output.is_json() {
        return messages.iter().try_for_each(|message| context.output.object(message));
    }
    let mut names = show::Names::new(own);
    names.fetch_for(hub, messages).await?;
    for message in messages {
        let place = if anywhere { format!("{}  ", message.conversation) } else { String::new() };
        let head = format!("{place}{:>5}  {}  ", message.seq, time::minute(message.sent_at));
        context.output.text(&show::indent(&head, &names.sentence(message)))?;
    }
    Ok(())
}
