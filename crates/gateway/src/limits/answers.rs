//! Answers of REST that are on their way: so many of an account, so many bytes in all. Without a bound, whoever asks and never
//! reads makes the server keep what they asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::{HeaderValue, header};
use protocol::{ErrorCode, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::CommandError;
use crate::state::Shared;

/// An answer of up to so many bytes is not counted: a socket takes as much anyway.
const SMALL: u64 = 16 * 1024;
/// What an answer counts whose length is not known, in bytes: it holds a page at a time.
const STREAMED: u64 = 2 * 1024 * 1024;
/// How long a request waits for earlier answers to be taken.
const WAIT: Duration = Duration::from_secs(5);
/// In what bytes are counted.
const UNIT: u64 = 1024;

/// What is on its way.
pub(super) struct Answers {
    per_account: usize,
    /// Of those who ask right now.
    by_account: Mutex<HashMap<UserId, Arc<Semaphore>>>,
    units: u32,
    left: Arc<Semaphore>,
    pub(super) refused_account: AtomicU64,
    pub(super) refused_bytes: AtomicU64,
}

impl Answers {
    /// Nothing is on its way; 0 is no bound.
    pub(super) fn new(per_account: usize, bytes: usize) -> Self {
        let units = u32::try_from(bytes as u64 / UNIT).unwrap_or(u32::MAX);
        Self {
            per_account,
            by_account: Mutex::default(),
            units,
            left: Arc::new(Semaphore::new((units as usize).min(Semaphore::MAX_PERMITS))),
            refused_account: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
        }
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, Arc<Semaphore>>> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's place among those of its account, until its answer has been taken.
pub(crate) struct Seat {
    shared: Arc<Shared>,
    user: UserId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Seat {
    /// Waits for a place, for a while.
    pub(crate) async fn take(shared: &Arc<Shared>, user: UserId) -> Result<Self, CommandError> {
        let answers = &shared.limits.answers;
        if answers.per_account == 0 {
            return Ok(Self { shared: Arc::clone(shared), user, permit: None });
        }
        let seats = {
            let mut accounts = answers.accounts();
            Arc::clone(accounts.entry(user).or_insert_with(|| Arc::new(Semaphore::new(answers.per_account))))
        };
        // From here on, whatever comes of it, it is given back.
        let mut seat = Self { shared: Arc::clone(shared), user, permit: None };
        if let Ok(Ok(permit)) = timeout(WAIT, seats.acquire_owned()).await {
            seat.permit = Some(permit);
            return Ok(seat);
        }
        answers.refused_account.fetch_add(1, Ordering::Relaxed);
        shared.limits.mention(&user.to_string(), "answers_per_account", shared.limits.now());
        let message = "too many answers to this account have not been taken: read those first";
        Err(CommandError::new(ErrorCode::RateLimited, message))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut accounts = self.shared.limits.answers.accounts();
        drop(self.permit.take());
        // Nobody else has it, and nobody can get it while the map is locked.
        if accounts.get(&self.user).is_some_and(|seats| Arc::strong_count(seats) == 1) {
            accounts.remove(&self.user);
        }
        // What a flood took is given back when it is over.
        if accounts.is_empty() && accounts.capacity() > 1_024 {
            *accounts = HashMap::new();
        }
    }
}

/// Where a request's seat waits for its answer.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Seat>>>);

impl Slot {
    pub(crate) fn put(&self, seat: Seat) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
    }

    fn take(&self) -> Option<Seat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What is held while an answer is on its way.
struct Hold {
    _seat: Seat,
    _bytes: Option<OwnedSemaphorePermit>,
}

/// Bytes that hold it until they have been written.
struct Held {
    bytes: Bytes,
    _hold: Arc<Hold>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Gives a request a slot for its seat, and lets its answer hold that until it has been taken.
pub(crate) async fn hold(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    // What whoever asks is shown, signed in or not, is there once for all.
    let Some(seat) = slot.take() else { return response };
    let length = response.body().size_hint().exact();
    if length.is_some_and(|length| length <= SMALL) {
        return response;
    }
    let limits = &shared.limits;
    let Some(bytes) = limits.answers.bytes(length.unwrap_or(STREAMED)) else {
        limits.answers.refused_bytes.fetch_add(1, Ordering::Relaxed);
        limits.mention("everybody", "answers_bytes", limits.now());
        let message = "too much is on its way to others: try again soon";
        return CommandError::new(ErrorCode::Unavailable, message).into_response();
    };
    let hold = Arc::new(Hold { _seat: seat, _bytes: bytes });
    let (mut parts, body) = response.into_parts();
    let Some(length) = length else {
        let held = body
            .into_data_stream()
            .map(move |chunk| chunk.map(|bytes| Bytes::from_owner(Held { bytes, _hold: Arc::clone(&hold) })));
        return Response::from_parts(parts, Body::from_stream(held));
    };
    // It was made in memory, in one piece: this copies nothing.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return CommandError::new(ErrorCode::Internal, "the answer was lost").into_response();
    };
    parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    Response::from_parts(parts, Body::from(Bytes::from_owner(Held { bytes, _hold: hold })))
}

impl Answers {
    /// Room for so many bytes, an empty one where they are not counted; none if there is none. One answer may always go.
    fn bytes(&self, length: u64) -> Option<Option<OwnedSemaphorePermit>> {
        if self.units == 0 {
            return Some(None);
        }
        let units = u32::try_from(length.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        Arc::clone(&self.left).try_acquire_many_owned(units).ok().map(Some)
    }
}
