//! The hub: who may connect, and what a call runs.

use std::sync::{Arc, Mutex, PoisonError};

use chats::Caller;
use http::request::Parts;
use protocol::ErrorCode;
use signalr::Payload;
use signalr::server::{BoxStream, Call, ConnectionHandle, Hub, HubError, MethodKind, Refusal, access_token};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::CommandError;
use crate::commands;
use crate::limits::{Asked, Crowded, Place};
use crate::state::Shared;

/// The hub at `/hub`.
pub(crate) struct ChatHub(pub(crate) Arc<Shared>);

/// A connection's user.
pub(crate) struct Client {
    pub(crate) caller: Caller,
    /// Until the connection is registered: its session is checked once more then.
    token: Mutex<Option<Box<str>>>,
    /// Among the connections of its address, where a proxy's socket says nothing of that.
    _place: Option<Box<Place>>,
}

impl Client {
    fn number(&self) -> u64 {
        self.caller.connection.unwrap_or_default()
    }
}

impl ChatHub {
    /// Whether the account may call so often. Whoever goes on far beyond what it may loses the connection.
    fn admit(&self, call: &Call<Client>) -> Result<(), CommandError> {
        let user = call.client.caller.user;
        self.0.limits.account(user, commands::class(&call.target)).inspect_err(|_| {
            if let Err(error) = self.0.limits.excess(user, 1) {
                call.connection.close(Some(error.text()), true);
            }
        })
    }

    fn place(&self, request: &Parts) -> Result<Option<Box<Place>>, Refusal> {
        let Some(asked) = request.extensions.get::<Asked>().filter(|asked| asked.forwarded) else {
            return Ok(None);
        };
        let place = self.0.limits.place(asked.address).map_err(|Crowded| {
            CommandError::new(ErrorCode::RateLimited, "too many connections from this address").refusal()
        })?;
        Ok(place.map(Box::new))
    }
}

impl Hub for ChatHub {
    type Client = Client;

    async fn authenticate(&self, request: &Parts) -> Result<Client, Refusal> {
        let token = access_token(request).ok_or_else(|| CommandError::no_token().refusal())?;
        let session = self.0.services.accounts.authenticate(&token).await;
        let session = session.map_err(|error| CommandError::from(error).refusal())?;
        let place = self.place(request)?;
        let caller = Caller {
            user: session.user,
            device: session.device,
            since: session.created_at,
            connection: Some(self.0.connection_number()),
        };
        Ok(Client { caller, token: Mutex::new(Some(token.into())), _place: place })
    }

    fn is_same(&self, client: &Client, again: &Client) -> bool {
        (client.caller.user, client.caller.device) == (again.caller.user, again.caller.device)
    }

    /// As at the opening, but no further connection: it has no number and takes no place.
    async fn verify(&self, client: &Client, request: &Parts) -> Result<(), Refusal> {
        let token = access_token(request).ok_or_else(|| CommandError::no_token().refusal())?;
        let session = self.0.services.accounts.authenticate(&token).await;
        let session = session.map_err(|error| CommandError::from(error).refusal())?;
        if (session.user, session.device) != (client.caller.user, client.caller.device) {
            let text = "this connection is another device's";
            return Err(CommandError::new(ErrorCode::Forbidden, text).refusal());
        }
        Ok(())
    }

    fn idle_messages(&self, client: &Client, count: u32) -> Result<(), HubError> {
        Ok(self.0.limits.idle_messages(client.caller.user, count)?)
    }

    async fn connected(&self, client: &Arc<Client>, connection: &ConnectionHandle) {
        let caller = &client.caller;
        // A client that opens another connection has given up the one whose socket it lost.
        for lost in self.0.directory.of_device(caller.user, caller.device) {
            if lost.is_detached() {
                lost.close(None, true);
            }
        }
        // Register, then sync: whatever is appended from here on comes to this connection.
        let registered =
            self.0.directory.register(caller.user, caller.device, client.number(), connection.clone());
        if let Err(error) = registered {
            return connection.close(Some(CommandError::from(error).text()), false);
        }
        tracing::debug!(connection = client.number(), user = %caller.user, device = %caller.device, "connected");
        if self.0.services.presence.connected(caller.user, client.number()) {
            self.0.bulletin.moved(caller.user);
        }
        let token = client.token.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A session that ended since the first look was not closed by the doorkeeper.
        if let Some(token) = token
            && let Err(error) = self.0.services.accounts.authenticate(&token).await
        {
            let (text, may_return) = turned_away(error.into());
            connection.close(Some(text), may_return);
        }
        self.0.services.accounts.note_activity(caller.device);
    }

    fn method(&self, target: &str) -> Option<MethodKind> {
        commands::kind(target)
    }

    async fn invoke(&self, call: Call<Client>) -> Result<Payload, HubError> {
        self.admit(&call)?;
        let span = traced(&call);
        if span.is_disabled() {
            return commands::invoke(&self.0, call).await;
        }
        // Boxed, so that calls without a span are no larger for it.
        Box::pin(async move {
            let outcome = commands::invoke(&self.0, call).instrument(span.clone()).await;
            span.record("outcome", outcome.as_ref().map_or_else(code, |_| "ok"));
            outcome
        })
        .await
    }

    async fn stream(
        &self,
        call: Call<Client>,
    ) -> Result<BoxStream<'static, Result<Payload, HubError>>, HubError> {
        self.admit(&call)?;
        let span = traced(&call);
        let outcome = commands::stream(Arc::clone(&self.0), call).await;
        span.record("outcome", outcome.as_ref().map_or_else(code, |_| "ok"));
        outcome
    }

    async fn disconnected(&self, client: &Arc<Client>, _: &ConnectionHandle) {
        tracing::debug!(connection = client.number(), user = %client.caller.user, "disconnected");
        self.0.directory.remove(client.caller.user, client.number());
        self.0.bulletin.unwatch(client.number());
        if self.0.services.presence.disconnected(client.caller.user, client.number()) {
            self.0.bulletin.moved(client.caller.user);
        }
        self.0.services.accounts.note_activity(client.caller.device);
    }
}

/// What a connection is told whose session was looked for once more in vain, and whether it may come back: only a session
/// that is known to be over ends it for good.
fn turned_away(error: CommandError) -> (String, bool) {
    match error.code {
        ErrorCode::Unauthenticated => ("unauthenticated: this device was signed out".into(), false),
        _ => (error.text(), true),
    }
}

/// The span of a command, for OpenTelemetry. Whose it is and what it holds is not told.
fn traced(call: &Call<Client>) -> Span {
    tracing::trace_span!(
        target: crate::TRACES,
        "command",
        "otel.name" = call.target.as_str(),
        "otel.kind" = "server",
        "request.id" = call.client.number(),
        "outcome" = Empty,
    )
}

/// The stable code that a refusal begins with.
fn code(error: &HubError) -> &str {
    error.0.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use accounts::AccountError;

    use super::*;

    #[test]
    fn a_store_that_does_not_answer_signs_nobody_out() {
        let (text, may_return) = turned_away(AccountError::Unavailable("no connection".into()).into());
        assert!(may_return && text.starts_with("unavailable: "), "{text}");
        let (text, may_return) = turned_away(AccountError::Internal("a bug".into()).into());
        assert!(may_return && text.starts_with("internal: "), "{text}");
        let (text, may_return) = turned_away(AccountError::Unauthenticated.into());
        assert!(!may_return && text.starts_with("unauthenticated: "), "{text}");
    }
}
