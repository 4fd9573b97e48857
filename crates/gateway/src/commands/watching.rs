//! Seeing others come and go.

use std::collections::HashSet;

use chats::Caller;
use protocol::{ErrorCode, Presence, UserId};

use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn watch(
    shared: &Shared,
    caller: Caller,
    mut users: Vec<UserId>,
) -> Result<Vec<Presence>, CommandError> {
    let most = shared.options.users_watched;
    if users.len() > most {
        return Err(CommandError::invalid(format!("a connection watches at most {most} users")));
    }
    let mut named = HashSet::with_capacity(users.len());
    users.retain(|user| named.insert(*user));
    let gone = || CommandError::new(ErrorCode::Unavailable, "the connection is closing");
    let connection = caller.connection.ok_or_else(gone)?;
    let handle = shared.directory.find(caller.user, connection).ok_or_else(gone)?;
    let states = shared.bulletin.watch(caller.user, connection, &handle, &users).await;
    if shared.directory.find(caller.user, connection).is_none() {
        // It has ended meanwhile, perhaps before it was noted that it watches.
        shared.bulletin.unwatch(connection);
    }
    states
}
