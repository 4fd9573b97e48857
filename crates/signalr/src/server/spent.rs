//! Ids whose connection has ended while their token could still open one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::token::{ConnectionId, Ticket};

/// Ids are forgotten when there are this many or twice those that could not be forgotten last time.
const MIN_SPENT: usize = 64;

/// A late poll, or a client that comes back to a connection that is no more, must not open another.
#[derive(Default)]
pub(super) struct Spent(Mutex<State>);

#[derive(Default)]
struct State {
    /// With their token's expiry, in Unix seconds.
    ids: HashMap<ConnectionId, u64>,
    prune_at: usize,
}

impl Spent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn contains(&self, id: ConnectionId) -> bool {
        self.lock().ids.contains_key(&id)
    }

    pub(super) fn add(&self, ticket: Ticket, now_s: u64) {
        if now_s > ticket.expires_s {
            return;
        }
        let mut state = self.lock();
        state.ids.insert(ticket.id, ticket.expires_s);
        if state.ids.len() >= state.prune_at.max(MIN_SPENT) {
            state.ids.retain(|_, &mut expires_s| now_s <= expires_s);
            state.prune_at = state.ids.len() * 2;
        }
    }
}
