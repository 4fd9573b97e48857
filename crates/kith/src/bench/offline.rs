//! `kith bench offline`: receivers are away, then come back.

use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{ConversationId, Seq, SyncPage, SyncRequest};
use serde_json::json;
use tokio::time::Instant;

use super::accounts::Account;
use super::direct::Sender;
use super::gauge::{Gauge, Measured, histogram};
use super::mark::now_ns;
use super::receiver::mark_of;
use super::report::Report;
use super::stage::{Stage, direct, last_seq};
use super::tally::{Faults, Tally};
use super::{Common, Outcome};

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Offline {
    /// Pairs of a sender and a receiver
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Messages for each receiver
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Sends of a sender that may be without an answer at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Size of a message's text, in bytes
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// Receivers that come back at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    returning: u32,
}

pub(super) async fn run(common: &Common, args: &Offline) -> anyhow::Result<Outcome> {
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts(args.pairs as usize * 2).await?;
    let rss_before = stage.processes.rss()?;
    let setup = accounts.chunks_exact(2).enumerate().map(|(number, pair)| {
        let stage = &stage;
        async move {
            let mut wire = stage.connect(&pair[0], number).await?;
            let conversation = direct(&mut wire, &pair[1]).await?;
            let last = last_seq(&mut wire, conversation).await?;
            // What earlier runs left is none of this one's.
            let mut receiver = stage.connect(&pair[1], number).await?;
            receiver.ask::<(), _>("Acknowledge", &(conversation, last)).await?;
            receiver.close().await;
            let sender = Sender::new(wire, conversation, stage.run, u32::try_from(number)?, args.bytes);
            anyhow::Ok((sender, conversation, last))
        }
    });
    let (senders, conversations): (Vec<Sender>, Vec<(ConversationId, Seq)>) = try_join_all(setup)
        .await?
        .into_iter()
        .map(|(sender, conversation, last)| (sender, (conversation, last)))
        .unzip();

    let (senders, stored) = store(&stage, args, senders).await?;
    let rss_stored = stage.processes.rss()?;
    let (tallies, drained) = drain(&stage, args, &accounts, &conversations).await?;
    let rss_after = stage.processes.rss()?;

    let mut faults = Faults::default();
    for (sender, tally) in senders.iter().zip(&tallies) {
        faults += tally.faults([(sender.number, sender.answered)]);
        faults.reordered += sender.disordered;
    }
    let mut report = Report::new(
        "offline",
        json!({
            "pairs": args.pairs, "messagesEach": args.messages, "window": args.window, "bytes": args.bytes,
            "returning": args.returning,
        }),
    );
    report.stage(&stage);
    report.measured(Some("store"), "messages", &stored);
    report.measured(Some("drain"), "messages", &drained);
    report.rss(rss_before, rss_after, &stage.processes);
    report.set("rssServerStored", rss_stored.server.into());
    report.faults(faults);
    Ok(report.finish())
}

/// A tenth more, first, is not counted.
async fn store(
    stage: &Stage,
    args: &Offline,
    senders: Vec<Sender>,
) -> anyhow::Result<(Vec<Sender>, Measured)> {
    let warm = args.messages.div_ceil(10);
    let senders =
        try_join_all(senders.into_iter().map(|sender| fill(sender, warm, args.window, None))).await?;
    let gauge = Rc::new(Gauge::new(Some(args.messages * u64::from(args.pairs)))?);
    let load = async {
        let fill = |sender| {
            tokio::task::spawn_local(fill(sender, warm + args.messages, args.window, Some(gauge.clone())))
        };
        let senders = try_join_all(senders.into_iter().map(fill)).await?;
        senders.into_iter().collect::<anyhow::Result<Vec<_>>>()
    };
    let limit = Duration::from_secs(24 * 3600); // the run's own deadline comes first
    tokio::pin!(load);
    let measuring = gauge.conduct(Duration::ZERO, limit, &stage.processes);
    let (measured, senders) = tokio::try_join!(measuring, load)?;
    Ok((senders, measured))
}

/// Sends until `count` messages are sent and answered.
async fn fill(
    mut sender: Sender,
    count: u64,
    window: u64,
    gauge: Option<Rc<Gauge>>,
) -> anyhow::Result<Sender> {
    // When those without an answer were sent: answers come in order.
    let mut sent_at = std::collections::VecDeque::new();
    while sender.answered < count {
        while sender.sent < count && sender.sent - sender.answered < window {
            sent_at.push_back(now_ns());
            sender.send()?;
        }
        sender.wire.flush().await?;
        sender.wire.read().await?;
        let before = sender.answered;
        sender.take_in()?;
        for sent in sent_at.drain(..usize::try_from(sender.answered - before)?) {
            if let Some(gauge) = &gauge {
                gauge.arrived(sent);
            }
        }
    }
    Ok(sender)
}

async fn drain(
    stage: &Stage,
    args: &Offline,
    accounts: &[Account],
    conversations: &[(ConversationId, Seq)],
) -> anyhow::Result<(Vec<Tally>, Measured)> {
    let (started, before) = (Instant::now(), stage.processes.cpu()?);
    let returning = conversations.iter().enumerate().map(|(number, (conversation, last))| {
        let account = &accounts[number * 2 + 1];
        come_back(stage, account, number, *conversation, *last)
    });
    let returned: Vec<(Tally, u64, u64)> =
        stream::iter(returning).buffered(args.returning as usize).try_collect().await?;
    let (elapsed, cpu) = (started.elapsed(), stage.processes.cpu()? - before);
    let mut latency = histogram()?;
    returned.iter().for_each(|(_, taken_ns, _)| latency.saturating_record((*taken_ns).max(1)));
    let count = returned.iter().map(|(.., count)| count).sum();
    let tallies = returned.into_iter().map(|(tally, ..)| tally).collect();
    Ok((tallies, Measured { count, elapsed, cpu, latency }))
}

/// Connects and syncs; answers what came, how long it took and how many messages that were.
async fn come_back(
    stage: &Stage,
    account: &Account,
    number: usize,
    conversation: ConversationId,
    last: Seq,
) -> anyhow::Result<(Tally, u64, u64)> {
    let started = now_ns();
    let mut wire = stage.connect(account, number).await?;
    let mut tally = Tally::after(last);
    let mut count = 0;
    // As a device without a store: the server knows what this one has acknowledged.
    let mut request = SyncRequest::default();
    loop {
        let page: SyncPage = wire.ask("Sync", &(&request,)).await?;
        for message in page.messages.iter().filter(|message| message.conversation == conversation) {
            if let Some(mark) = mark_of(&message.body).filter(|mark| mark.run == stage.run) {
                tally.accept(message.seq, mark.sender, mark.index);
                count += 1;
            }
        }
        if tally.last_seq > last {
            request.after = vec![(conversation, tally.last_seq)];
        }
        if !page.more {
            break;
        }
        wire.notify("Acknowledge", &(conversation, tally.last_seq))?;
    }
    // With an answer: the server has everything before the connection ends.
    wire.ask::<(), _>("Acknowledge", &(conversation, tally.last_seq)).await?;
    let taken = now_ns() - started;
    wire.close().await;
    Ok((tally, taken, count))
}
