//! A connection, as others see it.

use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use bytes::Bytes;
use serde::Serialize;
use tokio::{sync::oneshot, time::timeout};

use super::{
    accept::Settings,
    outbox::{CloseRequest, Outbox, Pushed},
    questions::{Answer, ID_PREFIX, InvokeError, Questions},
};
use crate::{Broadcast, Payload, Protocol, codec::encode};

/// A connection to send to. Cheap to clone; does not keep the connection alive.
#[derive(Clone)]
pub struct ConnectionHandle(Arc<Shared>);

struct Shared {
    id: Box<str>,
    protocol: OnceLock<Protocol>,
    outbox: Outbox,
    questions: Questions,
    settings: Arc<Settings>,
}

/// The connection is closed; nothing can be sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

impl ConnectionHandle {
    pub(super) fn new(id: String, settings: Arc<Settings>) -> ConnectionHandle {
        ConnectionHandle(Arc::new(Shared {
            id: id.into(),
            protocol: OnceLock::new(),
            outbox: Outbox::default(),
            questions: Questions::default(),
            settings,
        }))
    }

    /// The public id: others may know it.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// What the handshake settled on.
    pub fn protocol(&self) -> Protocol {
        // Hubs get a handle only after the handshake.
        self.0.protocol.get().copied().unwrap_or(Protocol::Json)
    }

    /// Queues an invocation of a client method. Never waits: when more wait than [`super::Options::max_queued_frames`]
    /// or [`super::Options::max_queued_bytes`], all of them are dropped, [`super::Options::lagging`] is sent in their
    /// place, and whatever comes until that is written is dropped too, which is no error. The client then has to ask
    /// for what it missed.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn send(&self, broadcast: &Broadcast) -> Result<(), Closed> {
        let frame = broadcast.frame(self.protocol());
        if frame.is_empty() {
            return Ok(());
        }
        match self.push(frame) {
            Pushed::Queued | Pushed::Dropped | Pushed::Overflowed => Ok(()),
            Pushed::Closed => Err(Closed),
        }
    }

    fn push(&self, frame: Bytes) -> Pushed {
        let pushed = self.0.outbox.push(frame, &self.0.settings.outbox);
        if pushed == Pushed::Overflowed {
            self.0.settings.overflows.fetch_add(1, Ordering::Relaxed);
        }
        pushed
    }

    /// Invokes a client method and waits for its result, for [`super::Options::answer_timeout`]. The arguments are a tuple
    /// or an array. The client is asked, in the order of what is sent to it, when this returns, before it is awaited.
    ///
    /// # Errors
    /// The client said no or did not answer in time, the connection has ended, or an argument has no encoding.
    pub fn invoke<A: Serialize>(
        &self,
        target: &str,
        arguments: A,
    ) -> impl Future<Output = Result<Payload, InvokeError>> + Send + use<A> {
        let asked = self.ask(target, &arguments);
        async move {
            let mut question = asked?;
            let limit = question.connection.0.settings.options.answer_timeout;
            match timeout(limit, &mut question.answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(InvokeError::Closed),
                Err(_) => Err(InvokeError::TimedOut),
            }
        }
    }

    fn ask<A: Serialize>(&self, target: &str, arguments: &A) -> Result<Question, InvokeError> {
        let Shared { questions, settings, .. } = &*self.0;
        let (id, answer) = questions.begin(settings.options.max_unanswered).ok_or(InvokeError::TooMany)?;
        let question = Question { connection: self.clone(), id, answer };
        let mut frame = Vec::new();
        let id = format!("{ID_PREFIX}{id}");
        encode::invocation(self.protocol(), Some(&id), target, arguments, false, &mut frame)?;
        match self.push(frame.into()) {
            Pushed::Queued => Ok(question),
            Pushed::Dropped | Pushed::Overflowed => Err(InvokeError::Lagging),
            Pushed::Closed => Err(InvokeError::Closed),
        }
    }

    /// Ends the connection after what is queued was sent. With `allow_reconnect`, clients that reconnect by themselves
    /// do. The first call counts.
    pub fn close(&self, error: Option<String>, allow_reconnect: bool) {
        self.0.outbox.request_close(CloseRequest { error, allow_reconnect });
    }

    /// Whether the connection is closed or about to be.
    pub fn is_closed(&self) -> bool {
        self.0.outbox.is_closed()
    }

    /// Whether the client's socket is lost and the connection waits for it to come back with another: see
    /// [`super::Options::stateful_grace`]. It can be sent to all the same.
    pub fn is_detached(&self) -> bool {
        self.0.outbox.is_detached()
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(super) fn questions(&self) -> &Questions {
        &self.0.questions
    }

    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.0.settings
    }

    pub(super) fn open(&self, protocol: Protocol) {
        let _ = self.0.protocol.set(protocol);
    }
}

/// A call that the client is to answer. Dropping it stops waiting.
struct Question {
    connection: ConnectionHandle,
    id: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.connection.0.questions.forget(self.id);
    }
}

/// Two handles are equal if they are of one connection.
impl PartialEq for ConnectionHandle {
    fn eq(&self, other: &ConnectionHandle) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ConnectionHandle {}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ConnectionHandle").field(&self.0.id).finish()
    }
}
