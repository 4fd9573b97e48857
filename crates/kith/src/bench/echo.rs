//! `kith bench echo`: the least that a message through a WebSocket costs on this machine.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::{SinkExt, StreamExt, future::try_join_all};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::gauge::{Gauge, Phase};
use super::mark::{Mark, now_ns};
use super::process::Processes;
use super::report::Report;
use super::tally::{Faults, Tally};
use super::websocket::{Opcode, Target, WebSocket};
use super::{Common, Outcome};

/// Of the echo server, for each connection.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Echo {
    /// Connections
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Messages of a connection that may be on their way at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Size of a message, in bytes
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// Measure for so long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// The echo server; ended when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) async fn run(common: &Common, args: &Echo) -> anyhow::Result<Outcome> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "echo-server"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Server(command.spawn().context("cannot start the echo server")?);
    let mut address = String::new();
    BufReader::new(server.0.stdout.take().context("no output")?).read_line(&mut address)?;
    let address = address.trim().parse().context("the echo server did not start")?;
    let processes = Processes::find(Some(server.0.id()), None, 0)?;
    let target = Target { address, host: "echo".to_owned(), path: "/" };

    tokio::time::sleep(Duration::from_millis(100)).await;
    let rss_before = processes.rss()?;
    let connecting = (0..args.connections).map(|_| WebSocket::connect(&target, None, None));
    let sockets = try_join_all(connecting).await?;
    let rss_connected = processes.rss()?;

    let gauge = Rc::new(Gauge::new(None)?);
    let tasks = (0..).zip(sockets).map(|(number, socket)| {
        let connection = Connection { socket, number, window: args.window, bytes: args.bytes };
        tokio::task::spawn_local(drive(connection, Rc::clone(&gauge), common.drain()))
    });
    let tasks = try_join_all(tasks.collect::<Vec<_>>());
    let seconds = Duration::try_from_secs_f64(args.seconds)?;
    let measuring = gauge.conduct(common.warmup(), seconds, &processes);
    let (measured, ended) =
        tokio::try_join!(measuring, async { tasks.await.context("a connection's task") })?;
    let rss_after = processes.rss()?;

    let mut faults = Faults::default();
    for ended in ended {
        faults += ended?;
    }
    let parameters = json!({ "connections": args.connections, "window": args.window, "bytes": args.bytes });
    let mut report = Report::new("echo", parameters);
    report.set("server", "tokio-tungstenite echo".into());
    report.measured(None, "messages", &measured);
    report.rss(rss_before, rss_after, &processes);
    let each = rss_connected.server.saturating_sub(rss_before.server) / u64::from(args.connections);
    report.set("rssBytesPerConnection", each.into());
    report.faults(faults);
    Ok(report.finish())
}

struct Connection {
    socket: WebSocket,
    number: u32,
    window: u64,
    bytes: usize,
}

async fn drive(connection: Connection, gauge: Rc<Gauge>, drain: Duration) -> anyhow::Result<Faults> {
    let Connection { mut socket, number, window, bytes } = connection;
    let (mut changes, mut tally, mut text) = (gauge.changes(), Tally::default(), String::new());
    let (mut sent, mut input) = (0, Vec::new());
    let length = bytes.max(super::mark::MARK_BYTES);
    let mut until: Option<Instant> = None;
    loop {
        let received = tally.received(number);
        if gauge.is_loading() {
            while sent < received + window {
                Mark { run: 0, sender: number, index: sent, sent_ns: now_ns() }.write(bytes, &mut text);
                socket.frame(Opcode::Binary, text.as_bytes());
                sent += 1;
            }
        } else if received >= sent {
            return Ok(tally.faults([(number, sent)]));
        } else {
            until.get_or_insert(Instant::now() + drain);
        }
        socket.flush().await?;
        let reading = async {
            tokio::select! {
                read = socket.read() => read,
                _ = changes.wait_for(|phase| *phase == Phase::Drain), if until.is_none() => Ok(()),
            }
        };
        match until {
            Some(until) => match timeout_at(until, reading).await {
                Ok(read) => read?,
                Err(_) => return Ok(tally.faults([(number, sent)])),
            },
            None => reading.await?,
        }
        while let Some(piece) = socket.next()? {
            input.extend_from_slice(&piece);
        }
        let whole = input.len() / length * length;
        for message in input[..whole].chunks_exact(length) {
            let Some(mark) = Mark::read(message) else { bail!("the echo is not what was sent") };
            tally.accept(tally.last_seq + 1, mark.sender, mark.index);
            gauge.arrived(mark.sent_ns);
        }
        input.drain(..whole);
    }
}

/// Runs the echo server until its standard input ends, which it does with the process that started it.
pub(super) async fn serve() -> anyhow::Result<()> {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(ended);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                // The default sets 128 KiB aside for each connection.
                let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
                let Ok(mut socket) = accept_async_with_config(stream, Some(config)).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if !message.is_binary() || socket.send(message).await.is_err() {
                        break;
                    }
                }
            });
        }
    };
    tokio::select! {
        _ = end => Ok(()),
        error = accept => error,
    }
}
