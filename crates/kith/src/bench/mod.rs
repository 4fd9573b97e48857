//! `kith bench`: a load generator that speaks the real protocol over real sockets to a running server.
//!
//! It runs in one thread, to leave the machine to the server, and prints one JSON line. Nothing in it is simulated: a
//! message counts when its receiver has it, checked by sequence number and by its own mark, and CPU and memory are the
//! kernel's account of the server's process.

mod accounts;
mod direct;
mod echo;
mod fill;
mod gauge;
mod group;
mod idle;
mod mark;
mod offline;
mod process;
mod receiver;
mod reconnect;
mod report;
mod setup;
mod stage;
mod tally;
mod websocket;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use signalr::Protocol;

pub(crate) use report::Outcome;

/// What to measure, on which server.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    scenario: Scenario,
    #[command(flatten)]
    common: Common,
}

/// What every scenario takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The server's address, http only
    #[arg(long, global = true, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// The server's process [default: who listens on that port]
    #[arg(long, global = true, value_name = "PID")]
    pid: Option<u32>,
    /// The postmaster, if the server uses PostgreSQL on this machine; its children are counted with it
    #[arg(long, global = true, value_name = "PID")]
    postgres_pid: Option<u32>,
    /// Keep the accounts made in this file, and take them from there the next time: hashing a password takes 20 ms
    #[arg(long, global = true, value_name = "FILE")]
    accounts_cache: Option<std::path::PathBuf>,
    /// Speak JSON rather than MessagePack
    #[arg(long, global = true)]
    json_protocol: bool,
    /// Seconds of the same load before anything is counted
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 1.0)]
    warmup: f64,
    /// Seconds that what is under way at the end may take to arrive
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 15.0)]
    drain: f64,
    /// Seconds after which the run is given up, set-up included
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 600.0)]
    deadline: f64,
    /// Local addresses 127.0.0.1 … 127.0.0.K to connect from, in turn
    #[arg(long, global = true, value_name = "K", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=254))]
    sources: u8,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Pairs of users, both online: from the sender's socket to the receiver's
    ///
    /// The window counts messages that the sender has sent and the receiver does not have. A receiver acknowledges once per
    /// burst that it read, up to the last message, and wants no answer to that. Latency is from the sender's socket to the
    /// receiver's, by one clock.
    Direct(direct::Direct),
    /// Store for receivers that are away, then bring them up to date
    ///
    /// First messages are stored for receivers that have no connection: the window counts sends without an answer, latency
    /// is from sending to the answer. Then the receivers come back with their tokens and fetch everything by pages of Sync,
    /// acknowledging each page: latency is from connecting to being up to date.
    Offline(offline::Offline),
    /// A group with all members online
    ///
    /// Deliveries are counted: each message has one for every member but its sender. A sender's window counts messages that
    /// not every member has yet. Each sender has two connections: one that sends, and one that receives what others send.
    Group(group::Group),
    /// A group from nothing to all of it online
    ///
    /// The accounts are there and have tokens, nobody is connected. Counted is from the first connection until the group was
    /// made with everyone in it, each member has connected and synced, and a first message has reached them all. Latency is
    /// from opening a member's socket to the last page of Sync.
    Setup(setup::Setup),
    /// Connections that are signed in and do nothing: memory
    ///
    /// Connections are signed in and have synced, as a client's that has nothing to do. Memory before is read after the
    /// accounts were made: for a clean figure take the accounts from --accounts-cache and start the server anew.
    Idle(idle::Idle),
    /// Devices that come back: from the token to being up to date
    ///
    /// Each user has the same number of direct conversations and has missed nothing. Latency is from opening the socket,
    /// with a token, to the last page of Sync, asked for with the positions of all conversations.
    Reconnect(reconnect::Reconnect),
    /// Fill a stopped server's database with accounts and conversations, to measure what their number costs
    ///
    /// Everything goes through the services and stores of the server itself, without its doors. The accounts made here have
    /// no password that works.
    Fill(fill::Fill),
    /// A bare WebSocket echo in a process of its own, for comparison on the same machine
    ///
    /// The server is tokio and tokio-tungstenite with nothing else: it reads a message and writes it back. Each connection
    /// has a window of messages on their way. --server and --pid do not matter here.
    Echo(echo::Echo),
    /// The echo server itself; prints its address
    #[command(hide = true)]
    EchoServer,
}

impl Common {
    fn protocol(&self) -> Protocol {
        if self.json_protocol { Protocol::Json } else { Protocol::MessagePack }
    }

    fn warmup(&self) -> Duration {
        Duration::try_from_secs_f64(self.warmup).unwrap_or_default()
    }

    fn drain(&self) -> Duration {
        Duration::try_from_secs_f64(self.drain).unwrap_or_default()
    }
}

/// Runs one scenario to its end. Exit code 1 if a message was lost, duplicated, reordered or left without a receipt, or
/// if the run failed.
pub fn run(bench: Bench) -> ExitCode {
    match measure(bench) {
        Ok(Some(outcome)) => {
            println!("{}", outcome.report);
            if outcome.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kith bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(bench: Bench) -> anyhow::Result<Option<Outcome>> {
    let Bench { scenario, common } = bench;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    let deadline = Duration::try_from_secs_f64(common.deadline)?;
    let work = async {
        Ok(Some(match scenario {
            Scenario::Direct(args) => direct::run(&common, &args).await?,
            Scenario::Offline(args) => offline::run(&common, &args).await?,
            Scenario::Group(args) => group::run(&common, &args).await?,
            Scenario::Setup(args) => setup::run(&common, &args).await?,
            Scenario::Fill(args) => fill::run(&args).await?,
            Scenario::Idle(args) => idle::run(&common, &args).await?,
            Scenario::Reconnect(args) => reconnect::run(&common, &args).await?,
            Scenario::Echo(args) => echo::run(&common, &args).await?,
            Scenario::EchoServer => {
                echo::serve().await?;
                return Ok(None);
            }
        }))
    };
    let outcome = tasks.block_on(&runtime, async { tokio::time::timeout(deadline, work).await });
    outcome.unwrap_or_else(|_| anyhow::bail!("not done after {} s (--deadline)", deadline.as_secs_f64()))
}
