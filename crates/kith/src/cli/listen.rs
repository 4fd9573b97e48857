//! `kith listen`, and what it shares with `kith chat`.

mod print;

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;
use client::{Backoff, Error, Hub, Options, Session, Ticket, Update, Updates};
use platform::SystemRandomness;
use protocol::{ConversationId, MessageId, OutgoingMessage, Seq};
use signalr::client::Events;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::{Context, SignedIn};
use super::positions::Positions;
use super::resolve::{self, Absent};
use super::send::new_id;
use super::{Failure, show};

/// Marks, and how far was printed, are gathered for this long.
const SEEN_AFTER: Duration = Duration::from_millis(200);
/// Names and marks do not wait longer for a connection.
const HUB_WAIT: Duration = Duration::from_secs(2);
/// Lines read ahead of what is sent.
const LINES_AHEAD: usize = 64;

#[derive(Debug, Args)]
pub struct Listen {
    /// Only this conversation: a username, email, phone, user id, conversation id, or a group's name.
    /// In a terminal, what is typed is sent to it
    to: Option<String>,
    /// Tell the others that their messages were seen
    #[arg(long)]
    seen: bool,
    /// Leave after this many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Leave once nothing has come for this long
    #[arg(long, value_name = "SECONDS")]
    until_idle: Option<f64>,
    /// Print receipts, typing, changes of conversations and of the connection too
    #[arg(long)]
    events: bool,
}

/// What to do with what comes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) to: Option<String>,
    /// Send what standard input says.
    pub(super) input: bool,
    pub(super) seen: bool,
    pub(super) count: Option<u64>,
    pub(super) until_idle: Option<Duration>,
    pub(super) events: bool,
}

pub(super) async fn listen(context: &Context, args: Listen) -> Result<(), Failure> {
    let idle = |seconds: f64| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::usage("--until-idle takes seconds, 0 or more"))
    };
    let input = args.to.is_some() && std::io::stdin().is_terminal() && !context.output.is_json();
    let until_idle = args.until_idle.map(idle).transpose()?;
    let Listen { to, seen, count, events, .. } = args;
    run(context, Plan { to, input, seen, count, until_idle, events }).await
}

/// The lines of standard input as they come. A thread of its own reads them: a read cannot be called off, and must not
/// hold up the end of the program.
pub(super) fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.blocking_send(line.trim_end_matches('\r').to_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

pub(super) async fn run(context: &Context, plan: Plan) -> Result<(), Failure> {
    let mut interrupt = std::pin::pin!(interrupted());
    let signed_in = context.signed_in()?;
    let (hub, events) = tokio::select! {
        connection = first_connection(context, &signed_in) => connection?,
        () = &mut interrupt => return Ok(()),
    };
    let own = signed_in.account.user.id;
    let conversation = match &plan.to {
        Some(to) => Some(resolve::conversation(&hub, own, to, Absent::Create).await?),
        None => None,
    };
    let waiting = hub.list_invites(protocol::InviteDirection::Received).await?;
    let connector = signed_in.connector.clone().with_first(hub, events);
    let positions = Positions::of(&context.profile, signed_in.account.device);
    let (held, mark) = positions.load();
    let options = Options { check_in: true, only: conversation, positions: held, mark, ..Options::default() };
    let (session, mut updates) = Session::start(connector, options, SystemRandomness);
    let mut listener = Listener {
        context,
        session: session.clone(),
        conversation,
        positions,
        names: show::Names::new(own),
        own,
        titles: HashMap::new(),
        day: String::new(),
        typed: HashSet::new(),
        seen: HashMap::new(),
        printed: 0,
        plan,
    };
    for invite in waiting.iter().filter(|invite| invite.status == protocol::InviteStatus::Pending) {
        listener.show_invite(invite)?;
    }
    let outcome = listener.work(&mut updates, &mut interrupt).await;
    let kept = listener.positions.advance(updates.new_positions(), updates.new_mark()).await;
    listener.mark_seen().await;
    session.close().await;
    outcome.and(kept)
}

/// Tries until the server is there.
pub(super) async fn first_connection(
    context: &Context,
    signed_in: &SignedIn,
) -> Result<(Hub, Events), Failure> {
    let backoff = Backoff::default();
    let mut attempt = 0;
    loop {
        match signed_in.connector.open().await {
            Err(error) if error.breaks_connection() => {
                if attempt == 0 {
                    context.output.note(&format!("{error}; trying until it is there"));
                }
                tokio::time::sleep(backoff.wait(attempt, &SystemRandomness)).await;
                attempt += 1;
            }
            other => return Ok(other?),
        }
    }
}

/// Ends with Ctrl-C or a request to terminate.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => if result.is_err() { pending().await },
        () = terminated => (),
    }
}

struct Listener<'a> {
    context: &'a Context,
    session: Session<Hub>,
    conversation: Option<ConversationId>,
    positions: Positions,
    names: show::Names,
    own: protocol::UserId,
    /// What conversations are called.
    titles: HashMap<ConversationId, String>,
    /// The day last printed.
    day: String,
    /// Messages typed here: the terminal shows them already.
    typed: HashSet<MessageId>,
    /// What was printed and not yet marked.
    seen: HashMap<ConversationId, Seq>,
    printed: u64,
    plan: Plan,
}

impl Listener<'_> {
    async fn work(
        &mut self,
        updates: &mut Updates,
        interrupt: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<(), Failure> {
        let mut lines = self.plan.input.then(lines_of_stdin);
        let mut tickets: VecDeque<Ticket> = VecDeque::new();
        let mut idle_since: Option<Instant> = None;
        let mut seen_at: Option<Instant> = None;
        loop {
            if self.plan.count.is_some_and(|count| self.printed >= count) {
                updates.take();
                return Ok(());
            }
            if self.plan.input && lines.is_none() && tickets.is_empty() {
                updates.take();
                return Ok(());
            }
            let idle_until = self.plan.until_idle.zip(idle_since).map(|(idle, since)| since + idle);
            tokio::select! {
                update = updates.next() => {
                    let Some(update) = update else { return Ok(()) };
                    match &update {
                        Update::Synced { .. } | Update::Message(_) => idle_since = Some(Instant::now()),
                        Update::Connected | Update::Disconnected { .. } => idle_since = None,
                        _ => (),
                    }
                    self.show(update).await?;
                    seen_at.get_or_insert(Instant::now() + SEEN_AFTER);
                }
                line = next_line(&mut lines) => match line {
                    Some(line) => tickets.extend(self.say(line).await?),
                    None => lines = None,
                },
                answer = first(&mut tickets) => {
                    tickets.pop_front();
                    if let Err(error) = answer {
                        // One message was refused; the conversation goes on.
                        self.context.output.note(&format!("not sent: {error}"));
                    }
                }
                () = at(seen_at) => {
                    seen_at = None;
                    self.positions.advance(updates.new_positions(), updates.new_mark()).await?;
                    self.mark_seen().await;
                }
                () = at(idle_until) => {
                    updates.take();
                    return Ok(());
                }
                () = &mut *interrupt => {
                    updates.take();
                    return Ok(());
                }
            }
        }
    }

    async fn say(&mut self, line: String) -> Result<Option<Ticket>, Failure> {
        let (Some(conversation), false) = (self.conversation, line.trim().is_empty()) else {
            return Ok(None);
        };
        let id = new_id();
        if std::io::stdin().is_terminal() {
            self.typed.insert(id.clone());
        }
        Ok(Some(self.session.send(conversation, OutgoingMessage::text(id, line)).await?))
    }

    async fn show(&mut self, update: Update) -> Result<(), Failure> {
        let output = self.context.output;
        match update {
            Update::Message(message) => {
                if message.sender != self.own {
                    self.seen.insert(message.conversation, message.seq);
                }
                if !self.typed.remove(&message.id) {
                    self.show_message(&message).await?;
                    self.printed += 1;
                }
            }
            Update::Disconnected { error, retry_in } => {
                output.note(&format!("{error}; trying again in {:.0} s", retry_in.as_secs_f64().ceil()));
                if self.plan.events && output.is_json() {
                    let seconds = retry_in.as_secs_f64();
                    let why = error.to_string();
                    output.object(
                        &serde_json::json!({ "event": "disconnected", "error": why, "retryIn": seconds }),
                    )?;
                }
            }
            Update::Invite(invite) => self.show_invite(&invite)?,
            Update::Ended(Error::Closed) => (),
            Update::Ended(error) => return Err(error.into()),
            other if self.plan.events => self.show_event(other).await?,
            Update::Conversation(summary) => {
                self.names.learn(&summary);
                self.titles.insert(summary.id, show::name(&summary));
            }
            _ => (),
        }
        Ok(())
    }

    /// The connection, if there is one soon.
    async fn hub(&self) -> Option<Hub> {
        tokio::time::timeout(HUB_WAIT, self.session.link()).await.ok()?.ok()
    }

    /// Best effort: what is not marked now is marked with the next message.
    async fn mark_seen(&mut self) {
        if !self.plan.seen || self.seen.is_empty() {
            return self.seen.clear();
        }
        let Some(hub) = self.hub().await else { return };
        for (conversation, seq) in self.seen.drain() {
            let _ = hub.mark_seen(conversation, seq).await;
        }
    }
}

async fn next_line(lines: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match lines {
        Some(lines) => lines.recv().await,
        None => pending().await,
    }
}

async fn first(tickets: &mut VecDeque<Ticket>) -> Result<protocol::Sent, Error> {
    match tickets.front_mut() {
        Some(ticket) => ticket.await,
        None => pending().await,
    }
}

async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => pending().await,
    }
}
