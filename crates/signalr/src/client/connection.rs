//! A connection, as its users see it.

use std::{
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot};

use super::{
    CloseReason, InvokeError,
    state::{Pending, Shared},
};
use crate::{Arguments, Payload, Protocol, codec::encode};

/// An open connection to a hub. Cheap to clone; it is closed when the last clone is dropped.
#[derive(Clone)]
pub struct Connection(Arc<Owner>);

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.request_close();
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>) -> Connection {
        Connection(Arc::new(Owner(shared)))
    }

    fn shared(&self) -> &Shared {
        &self.0.0
    }

    /// How it speaks.
    pub fn protocol(&self) -> Protocol {
        self.shared().protocol
    }

    /// Whether calls are pointless.
    pub fn is_closed(&self) -> bool {
        let state = self.shared().lock();
        state.close || state.ended.is_some()
    }

    /// Calls a method and waits for its result. The arguments are a tuple or an array.
    ///
    /// # Errors
    /// The server said no, the connection has ended, or something has no encoding or is none of that type.
    pub async fn invoke<A: Serialize, R: DeserializeOwned>(
        &self,
        target: &str,
        arguments: A,
    ) -> Result<R, InvokeError> {
        Ok(self.invoke_raw(target, arguments).await?.decode()?)
    }

    /// Calls a method and waits for its result, which is left encoded. The call is on its way, in the order of calls,
    /// when this returns, before it is awaited.
    ///
    /// # Errors
    /// As [`Connection::invoke`], but for the result, which nobody looked at.
    pub fn invoke_raw<A: Serialize>(
        &self,
        target: &str,
        arguments: A,
    ) -> impl Future<Output = Result<Payload, InvokeError>> + Send + use<A> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.call(target, &arguments, Pending::Call(sender));
        async move {
            sent?;
            receiver.await.unwrap_or(Err(InvokeError::Closed))
        }
    }

    /// Calls a method without wanting an answer.
    ///
    /// # Errors
    /// The connection has ended, or an argument has no encoding.
    pub fn send<A: Serialize>(&self, target: &str, arguments: A) -> Result<(), InvokeError> {
        let protocol = self.protocol();
        self.shared()
            .write(|state| Ok(encode::invocation(protocol, None, target, &arguments, false, &mut state.out)?))
    }

    /// Calls a method that streams. Dropping the stream cancels it.
    ///
    /// # Errors
    /// The connection has ended, or an argument has no encoding. What the server says is in the stream.
    pub fn stream<A: Serialize, R: DeserializeOwned>(
        &self,
        target: &str,
        arguments: A,
    ) -> Result<ItemStream<R>, InvokeError> {
        let (sender, items) = mpsc::channel(self.shared().options.max_waiting_items.max(1));
        let id = self.call(target, &arguments, Pending::Stream(sender))?;
        Ok(ItemStream { id, items, shared: self.0.0.clone(), item: PhantomData })
    }

    fn call<A: Serialize>(&self, target: &str, arguments: &A, pending: Pending) -> Result<u64, InvokeError> {
        let protocol = self.protocol();
        let streaming = matches!(pending, Pending::Stream(_));
        self.shared().write(|state| {
            let id = state.next_id;
            let text = id.to_string();
            encode::invocation(protocol, Some(&text), target, arguments, streaming, &mut state.out)?;
            state.next_id += 1;
            state.pending.insert(id, pending);
            Ok(id)
        })
    }

    /// Ends the connection after what was called was sent. Calls that have no answer yet fail.
    pub fn close(&self) {
        self.shared().request_close();
    }
}

/// The server invokes a method of this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The method's name.
    pub target: String,
    /// What it is called with.
    pub arguments: Arguments,
}

/// What the server sends of its own accord. Take it steadily, or drop this if it is of no interest: see
/// [`super::Options::max_waiting_events`].
pub struct Events(Arc<Shared>);

impl Events {
    pub(super) fn new(shared: Arc<Shared>) -> Events {
        Events(shared)
    }

    /// The next event; None when the connection has ended.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next event; None when the connection has ended.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.0.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended.is_some() {
            return Poll::Ready(None);
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// How the connection ended; None while it has not.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.0.lock().ended.clone()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.events_dropped = true;
        state.events.clear();
    }
}

/// The items of a stream. Ends after an error. Dropping it cancels the stream.
pub struct ItemStream<R> {
    id: u64,
    items: mpsc::Receiver<Result<Payload, InvokeError>>,
    shared: Arc<Shared>,
    item: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> ItemStream<R> {
    /// The next item; None when the stream has ended.
    pub async fn next(&mut self) -> Option<Result<R, InvokeError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<R: DeserializeOwned> Stream for ItemStream<R> {
    type Item = Result<R, InvokeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_recv(context).map(|item| Some(item?.and_then(|item| Ok(item.decode()?))))
    }
}

impl<R> Drop for ItemStream<R> {
    fn drop(&mut self) {
        let (id, protocol) = (self.id, self.shared.protocol);
        // If it cannot be written, the connection is closing, and the stream ends with it.
        let _ = self.shared.write(|state| {
            if state.pending.remove(&id).is_some() {
                encode::cancel(protocol, &id.to_string(), &mut state.out);
            }
            Ok(())
        });
    }
}
