//! What drives the inbox and the outbox over one connection after the other.

mod serve;

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use platform::Randomness;
use protocol::{ConversationId, Seq};
use tokio::sync::{mpsc, oneshot, watch};

use crate::own::OwnState;
use crate::runtime::{self, Instant};
use crate::session::{Command, Connector, Halves, Link, Options, Taken, Update, Waiting};
use crate::{Error, Inbox, Outbox};

/// A connection that lasted this long was a good one: the next wait is the shortest again.
const STABLE: Duration = Duration::from_secs(10);
/// Closing takes no longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct Engine<C: Connector> {
    connector: Arc<C>,
    options: Options,
    randomness: Box<dyn Randomness>,
    commands: mpsc::Receiver<Command>,
    updates: mpsc::Sender<Update>,
    link: watch::Sender<Option<C::Link>>,
    taken: Arc<Taken>,
    inbox: Inbox,
    own: OwnState,
    outbox: Outbox<Waiting>,
    /// Updates on their way to the consumer.
    ready: VecDeque<Update>,
    /// Taken by the consumer, not known to have reached the server.
    unconfirmed: HashMap<ConversationId, Seq>,
    /// Known to have reached the server, which may lose the last second of it in a crash.
    confirmed: HashMap<ConversationId, Seq>,
}

/// The session's end.
enum End {
    Closed(Option<oneshot::Sender<()>>),
    SignedOut,
}

impl<C: Connector> Engine<C> {
    pub(crate) fn new(
        connector: C,
        options: Options,
        randomness: Box<dyn Randomness>,
        commands: mpsc::Receiver<Command>,
        updates: mpsc::Sender<Update>,
        link: watch::Sender<Option<C::Link>>,
        taken: Arc<Taken>,
    ) -> Self {
        Self {
            connector: Arc::new(connector),
            outbox: Outbox::new(options.window),
            inbox: Inbox::after(&options.positions),
            own: OwnState::after(options.mark),
            confirmed: options.positions.clone(),
            options,
            randomness,
            commands,
            updates,
            link,
            taken,
            ready: VecDeque::new(),
            unconfirmed: HashMap::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        let connector = Arc::clone(&self.connector);
        let end = tokio::select! {
            end = self.work() => end,
            _ = connector.tend() => End::SignedOut,
        };
        self.link.send_replace(None);
        let (error, closed) = match end {
            End::Closed(closed) => (Error::Closed, closed),
            End::SignedOut => (Error::SignedOut, None),
        };
        for waiting in self.outbox.drain() {
            let _ = waiting.answer.send(Err(error.clone()));
        }
        if let Some(closed) = closed {
            let _ = closed.send(());
        } else {
            // Whoever still listens learns why; whoever has gone does not mind.
            self.ready.push_back(Update::Ended(error));
            for update in self.ready {
                if self.updates.send(update).await.is_err() {
                    break;
                }
            }
        }
    }

    async fn work(&mut self) -> End {
        let mut attempt = 0;
        loop {
            let (link, pushes) = match self.connect(&mut attempt).await {
                Ok(connection) => connection,
                Err(end) => return end,
            };
            let since = Instant::now();
            self.link.send_replace(Some(link.clone()));
            let outcome = self.serve(link.clone(), pushes).await;
            self.link.send_replace(None);
            self.inbox.abandon();
            self.outbox.restart();
            match outcome {
                ControlFlow::Break(end) => {
                    self.say_goodbye(&link).await;
                    return end;
                }
                ControlFlow::Continue(error) => {
                    if since.elapsed() >= STABLE {
                        attempt = 0;
                    }
                    if let Err(end) = self.wait(&mut attempt, error).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Tries until there is a connection.
    async fn connect(&mut self, attempt: &mut u32) -> Result<Halves<C::Link>, End> {
        loop {
            let connector = Arc::clone(&self.connector);
            let mut connecting = connector.connect();
            let result = loop {
                tokio::select! {
                    result = &mut connecting => break result,
                    flow = Self::idle(&mut self.commands, &mut self.outbox, &mut self.ready, &self.updates) => flow?,
                }
            };
            match result {
                Ok(connection) => return Ok(connection),
                Err(Error::SignedOut) => return Err(End::SignedOut),
                Err(error) => self.wait(attempt, error).await?,
            }
        }
    }

    /// Waits before the next attempt.
    async fn wait(&mut self, attempt: &mut u32, error: Error) -> Result<(), End> {
        let retry_in = self.options.backoff.wait(*attempt, self.randomness.as_ref());
        *attempt = attempt.saturating_add(1);
        if matches!(self.ready.back(), Some(Update::Disconnected { .. })) {
            self.ready.pop_back();
        }
        self.ready.push_back(Update::Disconnected { error, retry_in });
        let until = Instant::now() + retry_in;
        loop {
            tokio::select! {
                () = runtime::sleep_until(until) => return Ok(()),
                flow = Self::idle(&mut self.commands, &mut self.outbox, &mut self.ready, &self.updates) => flow?,
            }
        }
    }

    /// What goes on without a connection. Dropping the future loses nothing.
    async fn idle(
        commands: &mut mpsc::Receiver<Command>,
        outbox: &mut Outbox<Waiting>,
        ready: &mut VecDeque<Update>,
        updates: &mpsc::Sender<Update>,
    ) -> Result<(), End> {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Send(conversation, message, waiting)) => outbox.add(conversation, message, waiting),
                Some(Command::Close(done)) => return Err(End::Closed(Some(done))),
                None => return Err(End::Closed(None)),
            },
            () = hand_over(ready, updates), if !ready.is_empty() => (),
        }
        Ok(())
    }

    /// Tells the server what was taken, and that one goes.
    async fn say_goodbye(&mut self, link: &C::Link) {
        for (conversation, seq) in self.taken.drain() {
            self.unconfirmed.insert(conversation, seq);
        }
        let acknowledgements =
            self.unconfirmed.iter().map(|(conversation, seq)| link.acknowledge(*conversation, *seq));
        let acknowledged = futures_util::future::join_all(acknowledgements);
        let _ = runtime::timeout(CLOSE_TIMEOUT, acknowledged).await;
        link.close();
    }
}

/// Gives the consumer the first update that is ready. Dropping the future loses nothing.
async fn hand_over(ready: &mut VecDeque<Update>, updates: &mpsc::Sender<Update>) {
    match updates.reserve().await {
        Ok(permit) => {
            if let Some(update) = ready.pop_front() {
                permit.send(update);
            }
        }
        // Nobody listens any more.
        Err(_) => ready.clear(),
    }
}
