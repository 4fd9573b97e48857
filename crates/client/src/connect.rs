//! Connecting to the hub.

use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use protocol::{DeviceId, UserId};
use signalr::Protocol;
use signalr::client::{CloseReason, ConnectError, Connection, Events, Options, Tls};

use crate::runtime::BoxFuture;
use crate::{Connector, Error, Halves, Hub, Keeper, Push, Pushes};

/// Connects to the hub of the keeper's server with its tokens, renewing them where needed.
#[derive(Clone)]
pub struct HubConnector {
    keeper: Keeper,
    identity: (UserId, DeviceId),
    protocol: Protocol,
    first: Arc<Mutex<Option<(Hub, Events)>>>,
}

impl HubConnector {
    /// `identity` is whose tokens these are.
    pub fn new(keeper: Keeper, identity: (UserId, DeviceId)) -> Self {
        Self { keeper, identity, protocol: Protocol::MessagePack, first: Arc::default() }
    }

    /// Uses this connection first, which is open already. Events that came on it are kept for the engine.
    pub fn with_first(self, hub: Hub, events: Events) -> Self {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some((hub, events));
        self
    }

    /// One connection, without the engine around it.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if the session has ended; or the server was not reached.
    pub async fn open(&self) -> Result<(Hub, Events), Error> {
        let url = self.keeper.api().hub_url();
        let open = |token: String| {
            let (url, tls) = (&url, self.keeper.api().tls());
            async move { open_hub(url, &token, self.protocol, tls).await }
        };
        let (connection, events) = self.keeper.with_token(open).await?;
        Ok((Hub::new(connection), events))
    }
}

impl Connector for HubConnector {
    type Link = Hub;

    fn connect(&self) -> BoxFuture<'_, Result<Halves<Hub>, Error>> {
        Box::pin(async {
            let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (hub, events) = match first {
                Some(first) => first,
                None => self.open().await?,
            };
            Ok((hub, Box::new(events) as Box<dyn Pushes>))
        })
    }

    fn tend(&self) -> BoxFuture<'_, Error> {
        Box::pin(self.keeper.keep_fresh())
    }

    fn identity(&self) -> (UserId, DeviceId) {
        self.identity
    }
}

impl Pushes for Events {
    fn next(&mut self) -> BoxFuture<'_, Result<Push, Error>> {
        Box::pin(async {
            loop {
                let Some(event) = Events::next(self).await else {
                    return Err(Error::Network(match self.close_reason() {
                        Some(CloseReason::Server { error: Some(error), .. }) => error,
                        Some(CloseReason::Server { .. }) => "it closed the connection".to_owned(),
                        Some(CloseReason::Lost(reason)) => reason,
                        _ => "the connection ended".to_owned(),
                    }));
                };
                match Push::decode(&event.target, &event.arguments) {
                    Ok(Some(push)) => return Ok(push),
                    Ok(None) => tracing::debug!(target = event.target, "an event of a later version"),
                    // What it said is lost; a sync brings it, if this version can read it there.
                    Err(error) => {
                        tracing::warn!(target = event.target, %error, "an event could not be read");
                        return Ok(Push::Resync);
                    }
                }
            }
        })
    }
}

/// Opens a connection to a hub at `ws://…` or `wss://…`. [`Error::SignedOut`] if the server refuses the token.
///
/// # Errors
/// As just said; [`Error::Timeout`] or [`Error::Network`] if the server was not reached.
pub async fn connect_hub(url: &str, token: &str, protocol: Protocol) -> Result<(Connection, Events), Error> {
    open_hub(url, token, protocol, None).await
}

async fn open_hub(
    url: &str,
    token: &str,
    protocol: Protocol,
    tls: Option<Tls>,
) -> Result<(Connection, Events), Error> {
    let options = Options { tls, ..Options::default() };
    signalr::client::connect(url, Some(token), protocol, options).await.map_err(connect_error)
}

fn connect_error(error: ConnectError) -> Error {
    match error {
        ConnectError::Refused { status: StatusCode::UNAUTHORIZED, .. } => Error::SignedOut,
        ConnectError::TimedOut => Error::Timeout(Options::default().connect_timeout.as_secs()),
        error => Error::Network(error.to_string()),
    }
}
