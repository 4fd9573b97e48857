//! `kith report` and `kith reports`

use clap::Args;
use protocol::{NewReport, ReportId, ReportsRequest, Seq};
use serde_json::json;

use super::context::Context;
use super::output::{clean_line, table};
use super::resolve::{self, Absent};
use super::{Failure, show, time};

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

#[derive(Debug, Args)]
pub struct Reports {
    /// Those that are closed
    #[arg(long, conflicts_with = "close")]
    closed: bool,
    /// Close a report
    #[arg(long, value_name = "REPORT")]
    close: Option<ReportId>,
    /// With --close: what other moderators should know
    #[arg(long, requires = "close")]
    note: Option<String>,
}

pub(super) async fn reports(context: &Context, args: Reports) -> Result<(), Failure> {
    let (hub, account) = context.hub().await?;
    if let Some(id) = args.close {
        let closed = hub.close_report(id, args.note).await?;
        return context.output.put(&closed, || "closed".to_owned());
    }
    let mut reports: Vec<protocol::Report> = Vec::new();
    loop {
        let before = reports.last().map(|report| report.id);
        let request = ReportsRequest { closed: Some(args.closed), before, limit: None };
        let page = hub.list_reports(request).await?;
        if context.output.is_json() {
            page.reports.iter().try_for_each(|report| context.output.object(report))?;
        }
        reports.extend(page.reports);
        if !page.more {
            break;
        }
    }
    if context.output.is_json() {
        return Ok(());
    }
    if reports.is_empty() {
        context.output.note("no reports");
        return Ok(());
    }
    let mut names = show::Names::new(account.user.id);
    names.fetch(&hub, reports.iter().flat_map(|report| [report.user, report.reporter])).await?;
    let row = |report: &protocol::Report| {
        [
            time::minute(report.created_at),
            names.of(report.user),
            names.of(report.reporter),
            clean_line(&report.reason, 40),
            clean_line(report.text.as_deref().unwrap_or_default(), 40),
            report.id.to_string(),
        ]
    };
    let rows: Vec<_> = reports.iter().map(row).collect();
    context.output.text(&table(["TIME", "USER", "REPORTED BY", "REASON", "MESSAGE", "REPORT"], &rows))
}
