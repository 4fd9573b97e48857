//! `kith report`

use clap::Args;
use protocol::{NewReport, Seq};
use serde_json::json;

use super::Failure;
use super::context::Context;
use super::resolve::{self, Absent};

#[derive(Debug, Args)]
pub struct Report {
    /// A user: a username, email, phone or id. With --seq a conversation, by its id, its other user or a group's name
    to: String,
    /// What is wrong
    reason: String,
    /// The message's number in the conversation, as `kith history --json` shows it
    #[arg(long)]
    seq: Option<Seq>,
}

pub(super) async fn report(context: &Context, args: Report) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    let mut report = NewReport { reason: args.reason, seq: args.seq, ..NewReport::default() };
    if args.seq.is_some() {
        let found = resolve::conversation(&hub, account.user.id, &args.to, Absent::Fail).await?;
        report.conversation = Some(found);
    } else {
        report.user = Some(resolve::user(&hub, &args.to).await?);
    }
    let id = hub.report(report).await?;
    context.output.put(&json!({ "report": id }), || format!("reported: {id}"))
}
