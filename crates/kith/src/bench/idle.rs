//! `kith bench idle`: what a connection that does nothing costs.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use futures_util::future::FutureExt;
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::{SyncPage, SyncRequest};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::report::Report;
use super::stage::Stage;
use super::wire::Wire;
use super::{Common, Outcome};

/// Every client pings this often.
const PING_EVERY: Duration = Duration::from_secs(15);

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Idle {
    /// Connections
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Users they belong to, each with as many connections as the others [default: one each]
    #[arg(long)]
    users: Option<u32>,
    /// Seconds to wait before memory is read, and during which idle CPU time is measured
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    opening: u32,
}

pub(super) async fn run(common: &Common, args: &Idle) -> anyhow::Result<Outcome> {
    let users = args.users.unwrap_or(args.connections);
    ensure!((1..=args.connections).contains(&users), "--users must be from 1 to the number of connections");
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts(users as usize).await?;
    sleep(common.warmup()).await;
    let rss_before = stage.processes.rss()?;

    let (started, cpu_before) = (Instant::now(), stage.processes.cpu()?);
    let opening = (0..args.connections as usize).map(|number| {
        let (stage, account) = (&stage, &accounts[number % accounts.len()]);
        async move {
            let mut wire = stage.connect(account, number).await?;
            let mut request = SyncRequest::default();
            loop {
                let page: SyncPage = wire.ask("Sync", &(&request,)).await?;
                for message in &page.messages {
                    request.after.retain(|(conversation, _)| *conversation != message.conversation);
                    request.after.push((message.conversation, message.seq));
                }
                if !page.more {
                    for (conversation, seq) in &request.after {
                        wire.notify("Acknowledge", &(conversation, seq))?;
                    }
                    wire.flush().await?;
                    return anyhow::Ok(wire);
                }
            }
        }
    });
    let mut wires: Vec<Wire> = stream::iter(opening).buffered(args.opening as usize).try_collect().await?;
    let (opened, opening_cpu) = (started.elapsed(), stage.processes.cpu()? - cpu_before);

    let (idle_started, idle_before) = (Instant::now(), stage.processes.cpu()?);
    let until = idle_started + Duration::try_from_secs_f64(args.seconds)?;
    while Instant::now() < until {
        let next = (Instant::now() + PING_EVERY).min(until);
        tokio::time::sleep_until(next).await;
        for wire in &mut wires {
            wire.ping();
            wire.flush().await?;
            // Whatever came is taken off the socket; usually there is nothing.
            if let Some(read) = wire.read().now_or_never() {
                read?;
                while wire.next()?.is_some() {}
            }
        }
    }
    let (idle, idle_cpu) = (idle_started.elapsed(), stage.processes.cpu()? - idle_before);
    let rss_after = stage.processes.rss()?;

    let connections = f64::from(args.connections);
    let per_connection = |before: u64, after: u64| (after as f64 - before as f64) / connections;
    let mut report = Report::new("idle", json!({ "connections": args.connections, "users": users }));
    report.stage(&stage);
    report.rss(rss_before, rss_after, &stage.processes);
    report.set("rssBytesPerConnection", json!(per_connection(rss_before.server, rss_after.server).round()));
    if stage.processes.watches_postgres() {
        let postgres = per_connection(rss_before.postgres, rss_after.postgres).round();
        report.set("rssPostgresBytesPerConnection", json!(postgres));
    }
    let milliseconds = |seconds: f64| (seconds * 1e5 / connections).round() / 100.0;
    report.set(
        "opening",
        json!({
            "seconds": (opened.as_secs_f64() * 1e3).round() / 1e3,
            "perSecond": (connections / opened.as_secs_f64()).round(),
            "serverMillisecondsEach": milliseconds(opening_cpu.server_s),
            "postgresMillisecondsEach": milliseconds(opening_cpu.postgres_s),
        }),
    );
    report.set(
        "idle",
        json!({
            "seconds": (idle.as_secs_f64() * 1e3).round() / 1e3,
            "serverCpuSeconds": (idle_cpu.server_s * 1e2).round() / 1e2,
            "postgresCpuSeconds": (idle_cpu.postgres_s * 1e2).round() / 1e2,
            "pingEverySeconds": PING_EVERY.as_secs(),
        }),
    );
    drop(wires);
    Ok(report.finish())
}
