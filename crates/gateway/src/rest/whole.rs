//! Requests that change something go on to their end, also when whoever asked has gone.
//!
//! HTTP drops a handler together with its connection. What stands after the store's answer would not run then: a session
//! would be ended on disk, and its connections stay.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use protocol::ErrorCode;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument;

use crate::CommandError;
use crate::state::Shared;

/// Changing requests under way at once, of all clients. Beyond that they wait outside, where one whose client leaves is
/// dropped before it has done anything.
pub(crate) const UNDER_WAY: usize = 16_384;

/// The changing requests that have begun.
pub(crate) struct Changes {
    places: Arc<Semaphore>,
    /// Each holds a receiver.
    begun: watch::Sender<()>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(UNDER_WAY)), begun: watch::Sender::new(()) }
    }
}

impl Changes {
    /// Ends when none is under way.
    pub(crate) async fn settled(&self) {
        self.begun.closed().await;
    }
}

/// Runs whatever may change something in a task of its own. Reading its body is part of that, and has its own time limit.
pub(super) async fn whole(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let place = Arc::clone(&shared.changes.places).acquire_owned().await;
    let begun = shared.changes.begun.subscribe();
    let work = async move {
        let response = next.run(request).await;
        drop((place, begun));
        response
    };
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request failed");
        CommandError::new(ErrorCode::Internal, ErrorCode::Internal.meaning()).into_response()
    })
}
