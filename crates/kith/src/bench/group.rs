//! `kith bench group`: a group with all its members online.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use protocol::{ConversationId, MessageId, NewGroup};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::accounts::Account;
use super::direct::Sender;
use super::gauge::{Gauge, Phase};
use super::receiver::Receiver;
use super::report::Report;
use super::stage::{Stage, last_seq};
use super::tally::Faults;
use super::wire::Wire;
use super::{Common, Outcome};

/// What to measure: see the command's help.
#[derive(Debug, Args)]
pub(super) struct Group {
    /// Members, all of them online
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..))]
    members: u32,
    /// Members that send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    senders: u32,
    /// Messages of a sender that may be on their way at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    window: u64,
    /// Size of a message's text, in bytes
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// Measure for so long
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Stop measuring after so many deliveries, if that is sooner
    #[arg(long)]
    deliveries: Option<u64>,
}

/// Which of a sender's messages not everyone has.
#[derive(Debug, Default)]
struct Board {
    state: RefCell<State>,
    /// The sender sends no more, and waits no longer.
    ended: Cell<bool>,
    /// A message has reached everyone.
    complete: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Messages that everyone has: all before these.
    done: u64,
    /// How many have each of the others.
    have: VecDeque<u32>,
}

impl Board {
    fn arrived(&self, index: u64, members: u32) {
        let mut state = self.state.borrow_mut();
        let Some(place) = index.checked_sub(state.done).and_then(|place| usize::try_from(place).ok()) else {
            return;
        };
        if state.have.len() <= place {
            state.have.resize(place + 1, 0);
        }
        state.have[place] += 1;
        while state.have.front().is_some_and(|have| *have >= members) {
            state.have.pop_front();
            state.done += 1;
            self.complete.notify_one();
        }
    }

    fn done(&self) -> u64 {
        self.state.borrow().done
    }
}

#[derive(Clone)]
struct Shared {
    gauge: Rc<Gauge>,
    /// One for each sender.
    boards: Rc<Vec<Board>>,
    /// Members that must have a message.
    others: u32,
    drain: Duration,
}

pub(super) async fn run(common: &Common, args: &Group) -> anyhow::Result<Outcome> {
    ensure!(args.senders <= args.members, "there are more --senders than --members");
    let stage = Stage::new(common).await?;
    let accounts = stage.accounts(args.members as usize).await?;
    let rss_before = stage.processes.rss()?;
    let wires = stage.connect_all(&accounts).await?;
    let mut sending = stage.connect_all(&accounts[..args.senders as usize]).await?;
    let group = create(&stage, &mut sending[0], &accounts).await?;
    let last = last_seq(&mut sending[0], group).await?;

    let shared = Shared {
        gauge: Rc::new(Gauge::new(args.deliveries)?),
        boards: Rc::new((0..args.senders).map(|_| Board::default()).collect()),
        others: args.members - 1,
        drain: common.drain(),
    };
    let mut senders = Vec::new();
    for (number, wire) in (0..).zip(sending) {
        let sender = Sender::new(wire, group, stage.run, number, args.bytes);
        senders.push(tokio::task::spawn_local(send(sender, shared.clone(), args.window)));
    }
    let mut receivers = Vec::new();
    for (number, wire) in (0..).zip(wires) {
        // The receiving connection of a sender gets the sender's own messages too, as another device would; they are
        // no deliveries.
        let own = (number < args.senders).then_some(number);
        let receiver = Receiver::new(wire, group, last, stage.run, own)?;
        receivers.push(tokio::task::spawn_local(receive(receiver, own, shared.clone())));
    }
    let seconds = Duration::try_from_secs_f64(args.seconds)?;
    let measuring = shared.gauge.conduct(common.warmup(), seconds, &stage.processes);
    let (senders, receivers) = (try_join_all(senders), try_join_all(receivers));
    let (measured, senders, receivers) =
        tokio::try_join!(measuring, async { senders.await.context("a sender's task") }, async {
            receivers.await.context("a member's task")
        },)?;
    let rss_after = stage.processes.rss()?;

    let senders = senders.into_iter().collect::<anyhow::Result<Vec<Sender>>>()?;
    let mut faults = Faults::default();
    faults.reordered += senders.iter().map(|sender| sender.disordered).sum::<u64>();
    let (mut syncs, mut sent) = (0, 0);
    for (number, receiver) in (0..).zip(receivers) {
        let receiver = receiver?;
        let others = senders.iter().filter(|sender| sender.number != number);
        faults += receiver.tally.faults(others.map(|sender| (sender.number, sender.answered)));
        syncs += receiver.syncs;
    }
    senders.iter().for_each(|sender| sent += sender.sent);
    let mut report = Report::new(
        "group",
        json!({
            "members": args.members, "senders": args.senders, "window": args.window, "bytes": args.bytes,
            "acknowledged": "once per burst read",
        }),
    );
    report.stage(&stage);
    report.measured(None, "deliveries", &measured);
    report.rss(rss_before, rss_after, &stage.processes);
    report.set("sentInAll", sent.into());
    report.set("syncs", syncs.into());
    report.faults(faults);
    Ok(report.finish())
}

async fn create(stage: &Stage, wire: &mut Wire, accounts: &[Account]) -> anyhow::Result<ConversationId> {
    let id: MessageId = format!("bench-{:08x}", stage.run).parse()?;
    let members = accounts[1..].iter().map(|account| account.user).collect();
    let group = NewGroup { name: "bench".to_owned(), members, id: Some(id), ..NewGroup::default() };
    wire.ask("InitiateGroupChatSession", &(group,)).await
}

/// Keeps the window full until the load ends, then waits until everyone has everything.
async fn send(mut sender: Sender, shared: Shared, window: u64) -> anyhow::Result<Sender> {
    let mut changes = shared.gauge.changes();
    let mut until: Option<Instant> = None;
    let board = &shared.boards[sender.number as usize];
    loop {
        let done = board.done();
        if shared.gauge.is_loading() {
            for _ in sender.sent..(done + window) {
                sender.send()?;
            }
        } else {
            if done >= sender.sent && sender.answered == sender.sent {
                board.ended.set(true);
                return Ok(sender);
            }
            until.get_or_insert(Instant::now() + shared.drain);
        }
        sender.wire.flush().await?;
        let waiting = async {
            tokio::select! {
                read = sender.wire.read() => read,
                () = board.complete.notified() => Ok(()),
                _ = changes.wait_for(|phase| *phase == Phase::Drain), if until.is_none() => Ok(()),
            }
        };
        match until {
            Some(until) => match timeout_at(until, waiting).await {
                Ok(read) => read?,
                Err(_) => {
                    board.ended.set(true);
                    return Ok(sender);
                }
            },
            None => waiting.await?,
        }
        sender.take_in()?;
    }
}

/// Takes in and acknowledges until the load has ended and nothing more is due.
async fn receive(mut receiver: Receiver, own: Option<u32>, shared: Shared) -> anyhow::Result<Receiver> {
    let mut changes = shared.gauge.changes();
    let mut until: Option<Instant> = None;
    loop {
        if !shared.gauge.is_loading() {
            // The senders know when everyone has everything; until then a little later is soon enough.
            let until = *until.get_or_insert(Instant::now() + shared.drain);
            if shared.boards.iter().all(|board| board.ended.get()) || Instant::now() >= until {
                return Ok(receiver);
            }
        }
        let draining = until.map(|_| Instant::now() + Duration::from_millis(100));
        let reading = async {
            tokio::select! {
                read = receiver.wire.read() => read,
                _ = changes.wait_for(|phase| *phase == Phase::Drain), if draining.is_none() => Ok(()),
            }
        };
        match draining {
            Some(soon) => timeout_at(soon, reading).await.unwrap_or(Ok(()))?,
            None => reading.await?,
        }
        let arrived = |mark: super::mark::Mark| {
            if Some(mark.sender) != own {
                shared.gauge.arrived(mark.sent_ns);
                shared.boards[mark.sender as usize].arrived(mark.index, shared.others);
            }
        };
        receiver.take_in(arrived, |_| Ok(()))?;
        receiver.acknowledge()?;
        receiver.wire.flush().await?;
    }
}
