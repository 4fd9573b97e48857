//! `kith info`

use clap::Args;
use protocol::{MemberReceipt, Seq};

use super::context::Context;
use super::output::{clean_line, table};
use super::resolve::{self, Absent};
use super::{Failure, show, time};

#[derive(Debug, Args)]
pub struct Info {
    /// A username, email, phone, user id, conversation id, or a group's name
    conversation: String,
    /// The message's number
    seq: Seq,
}

pub(super) async fn info(context: &Context, args: Info) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let conversation = resolve::conversation(&hub, account.user.id, &args.conversation, Absent::Fail).await?;
    let info = hub.message_info(conversation, args.seq).await?;
    if context.output.is_json() {
        return context.output.object(&info);
    }
    let mut names = show::Names::new(account.user.id);
    names.fetch(&hub, [info.sender]).await?;
    let (sender, sent) = (names.of(info.sender), time::full(info.sent_at));
    let head = format!("message {} from {sender}, {sent}  {}", info.seq, show::ticks(info.status));
    context.output.text(&head)?;
    let mut receipts = info.receipts;
    if receipts.is_empty() {
        return Ok(());
    }
    if receipts.len() > 1 {
        let count = |has: fn(&MemberReceipt) -> bool| receipts.iter().filter(|it| has(it)).count();
        let (all, delivered) = (receipts.len(), count(|it| it.delivered_at.is_some()));
        let seen = count(|it| it.seen_at.is_some());
        context.output.text(&format!("{delivered} of {all} have it, {seen} of {all} saw it"))?;
    }
    // Who saw it first stands first, who has not got it last.
    let last = protocol::Timestamp::MAX;
    receipts.sort_by_key(|it| (it.seen_at.unwrap_or(last), it.delivered_at.unwrap_or(last)));
    let row = |receipt: &MemberReceipt| {
        let (delivered, seen) =
            (time::full_or_dash(receipt.delivered_at), time::full_or_dash(receipt.seen_at));
        [clean_line(&receipt.name, 40), delivered, seen]
    };
    let rows: Vec<_> = receipts.iter().map(row).collect();
    context.output.text(&table(["MEMBER", "DELIVERED", "SEEN"], &rows))
}
