//! A signed-in device at work: what its user holds of the engine.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use platform::Randomness;
use protocol::events::Own;
use protocol::{
    ConversationId, ConversationSettings, ConversationSummary, DeviceId, DeviceMessage, Invite, Message,
    OutgoingMessage, Presence, Sent, Seq, SyncPage, SyncRequest, UserId,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::engine::Engine;
use crate::runtime::{self, BoxFuture};
use crate::{Backoff, Error, Push, ReceiptUpdate};

/// Both halves of a connection.
pub type Halves<L> = (L, Box<dyn Pushes>);

/// Makes connections.
pub trait Connector: Send + Sync + 'static {
    /// What it makes.
    type Link: Link;
    /// Connects and authenticates. [`Error::SignedOut`] is final, any other error is tried again.
    fn connect(&self) -> BoxFuture<'_, Result<Halves<Self::Link>, Error>>;
    /// What must be done besides, for as long as the session lasts, such as renewing tokens. Ends only when the session
    /// has ended on the server.
    fn tend(&self) -> BoxFuture<'_, Error> {
        Box::pin(std::future::pending())
    }
    /// Who one is.
    fn identity(&self) -> (UserId, DeviceId);
}

/// The sending half of a connection: the calls the engine makes. Every call ends in bounded time.
pub trait Link: Clone + Send + Sync + 'static {
    /// `Sync`.
    fn sync(&self, request: SyncRequest) -> BoxFuture<'static, Result<SyncPage, Error>>;
    /// `SendMessage`.
    fn send(
        &self,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> BoxFuture<'static, Result<Sent, Error>>;
    /// `Acknowledge`.
    fn acknowledge(&self, conversation: ConversationId, seq: Seq) -> BoxFuture<'static, Result<(), Error>>;
    /// `CheckIn`.
    fn check_in(&self) -> BoxFuture<'static, Result<(), Error>>;
    /// Ends the connection, after what was called was sent.
    fn close(&self);
}

/// The receiving half of a connection.
pub trait Pushes: Send + 'static {
    /// The next event, or why there will be none. Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Push, Error>>;
}

/// How a session works. All bounds are per session.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether messages are received. Without, only sends and calls are made, and nothing is acknowledged.
    pub receive: bool,
    /// Give and acknowledge messages of this conversation alone; those of others keep waiting for another session.
    pub only: Option<ConversationId>,
    /// What is held already of conversations, from an earlier session of the same device: up to there nothing is given
    /// again. Where there is nothing, the server's memory of what this device acknowledged counts.
    pub positions: HashMap<ConversationId, Seq>,
    /// The last mark that is known already, from an earlier session of the same device: those after it are given. 0 if
    /// messages are held and no such number; without, none is given that was made before the session.
    pub mark: Option<u64>,
    /// Whether one is shown as online.
    pub check_in: bool,
    /// Sends of one conversation that may be under way at a time.
    pub window: usize,
    /// Sends that may wait; further ones wait for room.
    pub outbox_max: usize,
    /// Updates made ready for a consumer that does not take them, beyond which the connection is not read. A page of
    /// `Sync` is taken whole.
    pub ready_max: usize,
    /// How long acknowledgements are gathered.
    pub acknowledge_after: Duration,
    /// Waits between attempts to connect.
    pub backoff: Backoff,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            receive: true,
            only: None,
            positions: HashMap::new(),
            mark: None,
            check_in: false,
            window: 16,
            outbox_max: 256,
            ready_max: 1_024,
            acknowledge_after: Duration::from_millis(50),
            backoff: Backoff::default(),
        }
    }
}

/// What happens in a session, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// The next message of a conversation, one's own included: each once, in order within its conversation.
    Message(Box<Message>),
    /// How far others have come with one's own messages.
    Receipts(ConversationId, Vec<ReceiptUpdate>),
    /// Somebody types, or stops.
    Typing(ConversationId, UserId, bool),
    /// A conversation is new, or changed.
    Conversation(Box<ConversationSummary>),
    /// An invite came, was answered, or was withdrawn.
    Invite(Box<Invite>),
    /// Somebody watched came or went.
    Presence(Presence),
    /// Another device of this user set this for a conversation. At the session's start nothing is told: ask for the list.
    Settings(ConversationId, ConversationSettings),
    /// The user has seen a conversation up to there, on another device. At the session's start nothing is told.
    Seen(ConversationId, Seq),
    /// Another device of this user changed something of the user's own: whoever shows it asks for it again. Only while
    /// connected.
    Own(Own),
    /// Another device of this user deleted an entry for the user alone: not to be shown any more.
    Hidden(ConversationId, Seq),
    /// Another device of this user starred a message, or took the star away.
    Starred(ConversationId, Seq, bool),
    /// A message to this device alone.
    Device(Box<DeviceMessage>),
    /// Connected. What was missed follows.
    Connected,
    /// Everything missed has been given.
    Synced {
        /// The last mark among it: see [`Options::mark`].
        mark: u64,
    },
    /// Not connected; the next attempt comes by itself.
    Disconnected {
        /// Why.
        error: Error,
        /// The wait before the next attempt.
        retry_in: Duration,
    },
    /// The session is over; nothing follows.
    Ended(Error),
}

pub(crate) enum Command {
    Send(ConversationId, OutgoingMessage, Waiting),
    Close(oneshot::Sender<()>),
}

/// Who waits for a send's answer, and the room it takes.
pub(crate) struct Waiting {
    pub(crate) answer: oneshot::Sender<Result<Sent, Error>>,
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What the consumer has taken and the server has not been told.
#[derive(Default)]
pub(crate) struct Taken {
    up_to: Mutex<HashMap<ConversationId, Seq>>,
    pub(crate) changed: Notify,
}

impl Taken {
    fn add(&self, conversation: ConversationId, seq: Seq) {
        let mut up_to = self.up_to.lock().unwrap_or_else(PoisonError::into_inner);
        let known = up_to.entry(conversation).or_default();
        *known = seq.max(*known);
        drop(up_to);
        self.changed.notify_one();
    }

    pub(crate) fn drain(&self) -> HashMap<ConversationId, Seq> {
        std::mem::take(&mut self.up_to.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A signed-in device at work. Cheap to clone. It goes on until [`Session::close`], until the server ends it, or until
/// the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Session<L> {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    link: watch::Receiver<Option<L>>,
}

impl<L: Link> Session<L> {
    /// Starts one: it connects, and stays connected.
    pub fn start<C>(connector: C, options: Options, randomness: impl Randomness) -> (Self, Updates)
    where
        C: Connector<Link = L>,
    {
        let (commands, incoming) = mpsc::channel(16);
        // Small: what waits here counts as given, and is still the engine's to acknowledge only once taken.
        let (outgoing, receiver) = mpsc::channel(16);
        let (link_sender, link) = watch::channel(None);
        let taken = Arc::new(Taken::default());
        let room = Arc::new(Semaphore::new(options.outbox_max.max(1)));
        let engine = Engine::new(
            connector,
            options,
            Box::new(randomness),
            incoming,
            outgoing,
            link_sender,
            Arc::clone(&taken),
        );
        runtime::spawn(engine.run());
        (Self { commands, room, link }, Updates::new(receiver, taken))
    }

    /// Queues a message, which must have an id, behind earlier ones of its conversation; waits while the outbox is
    /// full. The ticket yields the server's answer, however many connections that takes; whoever drops it does not take
    /// the message back.
    ///
    /// # Errors
    /// [`Error::Closed`] once the session has ended.
    pub async fn send(
        &self,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> Result<Ticket, Error> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (answer, ticket) = oneshot::channel();
        let waiting = Waiting { answer, _room: room };
        self.commands.send(Command::Send(conversation, message, waiting)).await.map_err(|_| Error::Closed)?;
        Ok(Ticket(ticket))
    }

    /// The connection for other calls; waits until there is one. What is called on it fails if it breaks.
    ///
    /// # Errors
    /// [`Error::Closed`] once the session has ended.
    pub async fn link(&self) -> Result<L, Error> {
        let mut link = self.link.clone();
        let found = link.wait_for(Option::is_some).await.map_err(|_| Error::Closed)?;
        found.clone().ok_or(Error::Closed)
    }

    /// Acknowledges what was taken, ends the connection and the session. Sends without an answer are given up.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error means that the engine is gone, which was the wish.
            let _ = closed.await;
        }
    }
}

/// The answer to a send, once there is one.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<Sent, Error>>);

impl Future for Ticket {
    type Output = Result<Sent, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(Error::Closed)))
    }
}

/// What comes in. A message counts as taken, and is acknowledged soon, when the next update is asked for.
pub struct Updates {
    receiver: mpsc::Receiver<Update>,
    taken: Arc<Taken>,
    last: Option<(ConversationId, Seq)>,
    positions: HashMap<ConversationId, Seq>,
    last_mark: Option<u64>,
    mark: Option<u64>,
}

impl Updates {
    fn new(receiver: mpsc::Receiver<Update>, taken: Arc<Taken>) -> Self {
        Self { receiver, taken, last: None, positions: HashMap::new(), last_mark: None, mark: None }
    }

    /// The next update; `None` once the session is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Update> {
        self.take();
        let update = self.receiver.recv().await;
        match &update {
            Some(Update::Message(message)) => self.last = Some((message.conversation, message.seq)),
            Some(Update::Synced { mark }) => self.last_mark = Some(*mark),
            _ => (),
        }
        update
    }

    /// Marks the last message as taken without asking for another.
    pub fn take(&mut self) {
        if let Some((conversation, seq)) = self.last.take() {
            self.positions.insert(conversation, seq);
            self.taken.add(conversation, seq);
        }
        self.mark = self.last_mark.take().or(self.mark);
    }

    /// The last mark that was taken since the last call, for whoever keeps [`Options::mark`].
    pub fn new_mark(&mut self) -> Option<u64> {
        self.mark.take()
    }

    /// Up to where each conversation was taken since the last call, for whoever keeps [`Options::positions`].
    pub fn new_positions(&mut self) -> HashMap<ConversationId, Seq> {
        std::mem::take(&mut self.positions)
    }
}
