//! Every command of the hub, typed.

mod admin;
mod chats;
mod people;

use std::time::Duration;

use protocol::{ConversationId, OutgoingMessage, Sent, Seq, SyncPage, SyncRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use signalr::client::{Connection, InvokeError};

use crate::runtime::{self, BoxFuture};
use crate::{Error, Link};

/// A call without an answer after this long means that the connection is broken.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection to the hub. Cheap to clone; closed when the last clone is dropped.
///
/// Calls go out in the order in which these functions are called, before what they return is awaited.
#[derive(Clone)]
pub struct Hub(Connection);

/// What a call comes to.
type Answer<T> = BoxFuture<'static, Result<T, Error>>;

impl Hub {
    /// The hub behind a connection.
    pub fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Calls any command. The arguments are a tuple.
    pub fn call<T, A>(&self, target: &str, arguments: A) -> Answer<T>
    where
        T: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let call = self.0.invoke_raw(target, arguments);
        Box::pin(async move {
            let answer = runtime::timeout(CALL_TIMEOUT, call).await;
            let payload = answer.ok_or(Error::Timeout(CALL_TIMEOUT.as_secs()))?.map_err(invoke_error)?;
            payload.decode().map_err(|error| Error::Protocol(error.to_string()))
        })
    }

    /// Ends the connection after what was called was sent.
    pub fn disconnect(&self) {
        self.0.close();
    }
}

impl Link for Hub {
    fn sync(&self, request: SyncRequest) -> BoxFuture<'static, Result<SyncPage, Error>> {
        self.sync_page(request)
    }

    fn send(
        &self,
        conversation: ConversationId,
        message: OutgoingMessage,
    ) -> BoxFuture<'static, Result<Sent, Error>> {
        self.send_message(conversation, message)
    }

    fn acknowledge(&self, conversation: ConversationId, seq: Seq) -> BoxFuture<'static, Result<(), Error>> {
        self.acknowledge_up_to(conversation, seq)
    }

    fn check_in(&self) -> BoxFuture<'static, Result<(), Error>> {
        Hub::check_in(self)
    }

    fn close(&self) {
        self.disconnect();
    }
}

/// What a failed call means.
pub(crate) fn invoke_error(error: InvokeError) -> Error {
    match error {
        InvokeError::Server(text) => Error::from_hub(&text),
        error @ (InvokeError::Encode(_) | InvokeError::Decode(_)) => Error::Protocol(error.to_string()),
        error @ (InvokeError::Closed | InvokeError::Full) => Error::Network(error.to_string()),
    }
}
