//! `kith bench setup`: a group from nothing to all of it online.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{ConversationId, MessageId, NewGroup, SyncPage, SyncRequest};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::accounts::Account;
use super::gauge::{Measured, histogram};
use super::mark::{Mark, now_ns};
use super::receiver::Receiver;
use super::report::Report;
use super::stage::Stage;
use super::tally::Faults;
use super::wire::Wire;
use super::{Common, Outcome};

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Members, its creator among them
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..))]
    members: u32,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    opening: u32,
}

pub(super) async fn run(common: &Common, args: &Setup) -> anyhow::Result<Outcome> {
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts(args.members as usize).await?;
    let rss_before = stage.processes.rss()?;
    let (started, cpu_before) = (Instant::now(), stage.processes.cpu()?);

    let mut creator = stage.connect(&accounts[0], 0).await?;
    let group = create(&stage, &mut creator, &accounts).await?;
    let created = started.elapsed();
    let mut latency = histogram()?;
    let coming = accounts.iter().enumerate().skip(1).map(|(number, account)| {
        let stage = &stage;
        async move {
            let began = now_ns();
            let wire = come(stage, account, number, group).await?;
            anyhow::Ok((wire, now_ns() - began))
        }
    });
    let came: Vec<(Wire, u64)> = stream::iter(coming).buffered(args.opening as usize).try_collect().await?;
    let online = started.elapsed();
    let mut text = String::new();
    Mark { run: stage.run, sender: 0, index: 0, sent_ns: now_ns() }.write(200, &mut text);
    creator.ask::<serde::de::IgnoredAny, _>("SendMessage", &(group, text)).await?;
    let receiving = came.into_iter().map(|(wire, taken)| {
        latency.saturating_record(taken.max(1));
        receive(wire, group, stage.run)
    });
    let receiving = timeout(common.drain(), try_join_all(receiving.collect::<Vec<_>>()));
    let receivers = receiving.await.context("the first message did not reach everyone")??;
    let (elapsed, cpu) = (started.elapsed(), stage.processes.cpu()? - cpu_before);
    let rss_after = stage.processes.rss()?;

    let mut faults = Faults::default();
    for receiver in &receivers {
        faults += receiver.tally.faults([(0, 1)]);
    }
    let mut report = Report::new("setup", json!({ "members": args.members, "opening": args.opening }));
    report.stage(&stage);
    let measured = Measured { count: args.members.into(), elapsed, cpu, latency };
    report.measured(None, "members", &measured);
    let seconds = |time: Duration| (time.as_secs_f64() * 1e3).round() / 1e3;
    report.set("createdSeconds", json!(seconds(created)));
    report.set("onlineSeconds", json!(seconds(online)));
    report.set("firstMessageSeconds", json!(seconds(elapsed - online)));
    report.rss(rss_before, rss_after, &stage.processes);
    report.faults(faults);
    Ok(report.finish())
}

async fn create(stage: &Stage, wire: &mut Wire, accounts: &[Account]) -> anyhow::Result<ConversationId> {
    let id: MessageId = format!("setup-{:08x}", stage.run).parse()?;
    let members = accounts[1..].iter().map(|account| account.user).collect();
    let group = NewGroup { name: "bench".to_owned(), members, id: Some(id), ..NewGroup::default() };
    wire.ask("InitiateGroupChatSession", &(group,)).await
}

/// Connects with a token and syncs, which names the group.
async fn come(
    stage: &Stage,
    account: &Account,
    number: usize,
    group: ConversationId,
) -> anyhow::Result<Wire> {
    let mut wire = stage.connect(account, number).await?;
    let mut request = SyncRequest::default();
    loop {
        let page: SyncPage = wire.ask("Sync", &(&request,)).await?;
        ensure!(page.conversations.iter().any(|summary| summary.id == group), "Sync does not name the group");
        for message in &page.messages {
            request.after.retain(|(conversation, _)| *conversation != message.conversation);
            request.after.push((message.conversation, message.seq));
        }
        if !page.more {
            return Ok(wire);
        }
    }
}

/// Waits for the first message and acknowledges it.
async fn receive(wire: Wire, group: ConversationId, run: u32) -> anyhow::Result<Receiver> {
    // Entry 1 records the creation.
    let mut receiver = Receiver::new(wire, group, 1, run, None)?;
    let mut arrived = false;
    loop {
        receiver.take_in(|_| arrived = true, |_| Ok(()))?;
        if arrived {
            receiver.acknowledge()?;
            receiver.wire.flush().await?;
            return Ok(receiver);
        }
        receiver.wire.flush().await?;
        receiver.wire.read().await?;
    }
}
