//! `kith bench reconnect`: devices that lost their connection and come back.

use anyhow::ensure;
use clap::Args;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{ConversationId, Seq, SyncPage, SyncRequest};
use serde_json::json;
use tokio::time::Instant;

use super::accounts::Account;
use super::gauge::{Measured, histogram};
use super::mark::now_ns;
use super::report::Report;
use super::stage::Stage;
use super::wire::Wire;
use super::{Common, Outcome};

/// Users set up at a time.
const SETUP_CONCURRENCY: usize = 16;

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Reconnect {
    /// Users, each with one connection
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Conversations of each
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    conversations: u32,
    /// How often each comes back while measuring; once more before
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Connections that come back at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    returning: u32,
}

/// A user and what their device holds.
struct Device<'a> {
    account: &'a Account,
    number: usize,
    positions: Vec<(ConversationId, Seq)>,
    wire: Option<Wire>,
}

pub(super) async fn run(common: &Common, args: &Reconnect) -> anyhow::Result<Outcome> {
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts((args.connections + args.conversations) as usize).await?;
    let (users, peers) = accounts.split_at(args.connections as usize);
    let setup = users.iter().enumerate().map(|(number, account)| set_up(&stage, account, number, peers));
    let mut devices: Vec<Device<'_>> = stream::iter(setup).buffered(SETUP_CONCURRENCY).try_collect().await?;
    let rss_before = stage.processes.rss()?;

    round(&stage, &mut devices, args.returning).await?;
    let (started, before) = (Instant::now(), stage.processes.cpu()?);
    let mut latency = histogram()?;
    for _ in 0..args.rounds {
        for taken in round(&stage, &mut devices, args.returning).await? {
            latency.saturating_record(taken.max(1));
        }
    }
    let (elapsed, cpu) = (started.elapsed(), stage.processes.cpu()? - before);
    let count = u64::from(args.rounds) * u64::from(args.connections);
    let measured = Measured { count, elapsed, cpu, latency };
    let rss_after = stage.processes.rss()?;

    let mut report = Report::new(
        "reconnect",
        json!({
            "connections": args.connections, "conversations": args.conversations, "rounds": args.rounds,
            "returning": args.returning,
        }),
    );
    report.stage(&stage);
    report.measured(None, "reconnects", &measured);
    report.rss(rss_before, rss_after, &stage.processes);
    Ok(report.finish())
}

/// Makes the conversations, each with a message, and acknowledges everything.
async fn set_up<'a>(
    stage: &Stage,
    account: &'a Account,
    number: usize,
    peers: &[Account],
) -> anyhow::Result<Device<'a>> {
    let mut wire = stage.connect(account, number).await?;
    for peer in peers {
        let conversation = super::stage::direct(&mut wire, peer).await?;
        if super::stage::last_seq(&mut wire, conversation).await? < 2 {
            let text = "the last message of a conversation";
            wire.ask::<serde::de::IgnoredAny, _>("SendMessage", &(conversation, text)).await?;
        }
    }
    let mut positions = std::collections::HashMap::new();
    loop {
        let after = positions.iter().map(|(id, seq)| (*id, *seq)).collect();
        let page: SyncPage = wire.ask("Sync", &(SyncRequest { after, ..SyncRequest::default() },)).await?;
        for message in &page.messages {
            positions.insert(message.conversation, message.seq);
        }
        if !page.more {
            page.conversations.iter().for_each(|summary| {
                positions.insert(summary.id, summary.last_seq);
            });
            break;
        }
    }
    ensure!(
        positions.len() >= peers.len(),
        "Sync names {} conversations of {}",
        positions.len(),
        peers.len()
    );
    for (conversation, seq) in &positions {
        wire.ask::<(), _>("Acknowledge", &(conversation, seq)).await?;
    }
    Ok(Device { account, number, positions: positions.into_iter().collect(), wire: Some(wire) })
}

/// Everyone comes back once; answers how long each took, in nanoseconds.
async fn round(stage: &Stage, devices: &mut [Device<'_>], returning: u32) -> anyhow::Result<Vec<u64>> {
    // All at once lose their connections.
    let dropped = devices.iter_mut().filter_map(|device| device.wire.take());
    drop(dropped.collect::<Vec<_>>());
    let returning = stream::iter(devices.iter_mut().map(|device| come_back(stage, device)))
        .buffered(returning as usize)
        .try_collect();
    let taken: Vec<u64> = returning.await?;
    // Whatever was pushed meanwhile is taken off the sockets.
    try_join_all(devices.iter_mut().filter_map(|device| device.wire.as_mut()).map(|wire| wire.flush()))
        .await?;
    Ok(taken)
}

async fn come_back(stage: &Stage, device: &mut Device<'_>) -> anyhow::Result<u64> {
    let started = now_ns();
    let mut wire = stage.connect(device.account, device.number).await?;
    let mut request = SyncRequest { after: device.positions.clone(), ..SyncRequest::default() };
    loop {
        let page: SyncPage = wire.ask("Sync", &(&request,)).await?;
        ensure!(page.conversations.len() >= device.positions.len(), "Sync does not name every conversation");
        if !page.more {
            break;
        }
        for message in &page.messages {
            for (conversation, seq) in &mut request.after {
                if *conversation == message.conversation {
                    *seq = message.seq;
                }
            }
        }
    }
    device.wire = Some(wire);
    Ok(now_ns() - started)
}
