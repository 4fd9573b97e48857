//! `kith bench direct`: pairs of users, both online.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::future::try_join_all;
use protocol::{ConversationId, Seq, Timestamp, UserId, events};
use serde::{Deserialize, Serialize};
use serde_json::json;
use signalr::{Message, Payload};
use tokio::time::{Instant, timeout_at};

use super::gauge::{Gauge, Phase};
use super::mark::{Mark, now_ns};
use super::receiver::Receiver;
use super::report::Report;
use super::stage::{Stage, direct, last_seq};
use super::tally::Faults;
use super::wire::Wire;
use super::{Common, Outcome};

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Direct {
    /// Pairs of users
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Messages of a pair that may be on their way at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Size of a message's text, in bytes
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// Measure for so long
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Stop measuring after so many messages, if that is sooner
    #[arg(long)]
    messages: Option<u64>,
}

/// A sender's half of a conversation.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) wire: Wire,
    conversation: ConversationId,
    run: u32,
    pub(super) number: u32,
    bytes: usize,
    /// Messages sent.
    pub(super) sent: u64,
    /// Messages that the server has answered.
    pub(super) answered: u64,
    /// The last send that was answered, and its place in the log.
    last_call: u64,
    last_seq: Seq,
    /// Messages whose place in the log is not in the order of sending.
    pub(super) disordered: u64,
    /// Up to where the least of the others has acknowledged, as far as this sender was told.
    pub(super) delivered: Seq,
    text: String,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    id: &'a str,
    text: &'a str,
}

/// Of an answer, what is needed.
#[derive(Deserialize)]
struct Answer {
    seq: Seq,
}

impl Sender {
    pub(super) fn new(wire: Wire, conversation: ConversationId, run: u32, number: u32, bytes: usize) -> Self {
        Self {
            wire,
            conversation,
            run,
            number,
            bytes,
            sent: 0,
            answered: 0,
            last_call: 0,
            last_seq: 0,
            disordered: 0,
            delivered: 0,
            text: String::new(),
        }
    }

    /// Adds the next message to what is written.
    pub(super) fn send(&mut self) -> anyhow::Result<()> {
        let mark = Mark { run: self.run, sender: self.number, index: self.sent, sent_ns: now_ns() };
        mark.write(self.bytes, &mut self.text);
        let id = format!("b{:x}-{:x}-{:x}", self.run, self.number, self.sent);
        let message = Outgoing { id: &id, text: &self.text };
        self.wire.call("SendMessage", &(self.conversation, message))?;
        self.sent += 1;
        Ok(())
    }

    /// Takes in everything that was read.
    pub(super) fn take_in(&mut self) -> anyhow::Result<()> {
        while let Some(message) = self.wire.next()? {
            self.take(message)?;
        }
        Ok(())
    }

    /// An answer or a receipt.
    pub(super) fn take(&mut self, message: Message) -> anyhow::Result<()> {
        match message {
            Message::Completion { id, outcome } => self.answer(id.parse()?, outcome),
            Message::Invocation(call) if call.target == events::RECEIPTS => {
                let receipts: Vec<(UserId, Seq, Timestamp, Seq, Timestamp)> = call.arguments.get(1)?;
                let least = receipts.iter().map(|(_, delivered, ..)| *delivered).max();
                self.delivered = self.delivered.max(least.unwrap_or(0));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn answer(&mut self, call: u64, outcome: Result<Payload, String>) -> anyhow::Result<()> {
        let answer: Answer = match outcome {
            Ok(payload) => payload.decode()?,
            Err(error) => bail!("SendMessage: {error}"),
        };
        // Answers may overtake each other; places in the log may not.
        if (call > self.last_call) != (answer.seq > self.last_seq) {
            self.disordered += 1;
        }
        self.last_call = self.last_call.max(call);
        self.last_seq = self.last_seq.max(answer.seq);
        self.answered += 1;
        Ok(())
    }

    /// The place of the last message in the log.
    pub(super) fn last_seq(&self) -> Seq {
        self.last_seq
    }
}

#[derive(Debug)]
struct Pair {
    sender: Sender,
    receiver: Receiver,
}

pub(super) async fn run(common: &Common, args: &Direct) -> anyhow::Result<Outcome> {
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts(args.pairs as usize * 2).await?;
    let rss_before = stage.processes.rss()?;
    let setup = accounts.chunks_exact(2).enumerate().map(|(number, pair)| {
        let stage = &stage;
        async move {
            let mut sender = stage.connect(&pair[0], number).await?;
            let receiver = stage.connect(&pair[1], number).await?;
            let conversation = direct(&mut sender, &pair[1]).await?;
            let last = last_seq(&mut sender, conversation).await?;
            let receiver = Receiver::new(receiver, conversation, last, stage.run, None)?;
            let number = u32::try_from(number)?;
            anyhow::Ok(Pair {
                sender: Sender::new(sender, conversation, stage.run, number, args.bytes),
                receiver,
            })
        }
    });
    let pairs = try_join_all(setup).await?;

    let gauge = Rc::new(Gauge::new(args.messages)?);
    let drain = common.drain();
    let tasks: Vec<_> = pairs
        .into_iter()
        .map(|pair| tokio::task::spawn_local(drive(pair, Rc::clone(&gauge), args.window, drain)))
        .collect();
    let seconds = Duration::try_from_secs_f64(args.seconds)?;
    let working = try_join_all(tasks);
    let measuring = gauge.conduct(common.warmup(), seconds, &stage.processes);
    let (measured, pairs) = tokio::try_join!(measuring, async { working.await.context("a pair's task") })?;
    let rss_after = stage.processes.rss()?;

    let mut faults = Faults::default();
    let (mut unacknowledged, mut syncs, mut sent) = (0, 0, 0);
    for pair in pairs {
        let Pair { sender, receiver } = pair?;
        faults += receiver.tally.faults([(sender.number, sender.answered)]);
        faults.reordered += sender.disordered;
        unacknowledged += sender.last_seq().saturating_sub(sender.delivered);
        syncs += receiver.syncs;
        sent += sender.sent;
    }
    let mut report = Report::new(
        "direct",
        json!({ "pairs": args.pairs, "window": args.window, "bytes": args.bytes, "acknowledged": "once per burst read" }),
    );
    report.stage(&stage);
    report.measured(None, "messages", &measured);
    report.rss(rss_before, rss_after, &stage.processes);
    report.set("sentInAll", sent.into());
    report.set("syncs", syncs.into());
    report.faults(faults);
    report.unacknowledged(unacknowledged);
    Ok(report.finish())
}

/// Keeps the window full until the load ends, then waits for what is under way.
async fn drive(mut pair: Pair, gauge: Rc<Gauge>, window: u64, drain: Duration) -> anyhow::Result<Pair> {
    let mut changes = gauge.changes();
    let mut until: Option<Instant> = None;
    let Pair { sender, receiver } = &mut pair;
    loop {
        let received = receiver.tally.received(sender.number);
        if gauge.is_loading() {
            for _ in sender.sent..(received + window) {
                sender.send()?;
            }
        } else {
            let done = received >= sender.sent && sender.answered == sender.sent;
            if done && sender.delivered >= sender.last_seq() {
                return Ok(pair);
            }
            until.get_or_insert(Instant::now() + drain);
        }
        sender.wire.flush().await?;
        receiver.wire.flush().await?;
        let reading = async {
            tokio::select! {
                read = receiver.wire.read() => read.map(|()| true),
                read = sender.wire.read() => read.map(|()| false),
                _ = changes.wait_for(|phase| *phase == Phase::Drain), if until.is_none() => Ok(false),
            }
        };
        let read = match until {
            // What has not come by now is lost, and the tally says so.
            Some(until) => match timeout_at(until, reading).await {
                Ok(read) => read?,
                Err(_) => return Ok(pair),
            },
            None => reading.await?,
        };
        if read {
            receiver.take_in(|mark| gauge.arrived(mark.sent_ns), |_| Ok(()))?;
            receiver.acknowledge()?;
        }
        sender.take_in()?;
    }
}
