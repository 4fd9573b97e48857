//! What a user does on one device, told to their others.

use chats::Caller;
use protocol::events;
use protocol::events::Own;
use serde::Serialize;
use signalr::Broadcast;

use crate::state::Shared;

/// Tells the caller's other connections.
pub(super) fn tell(
    shared: &Shared,
    caller: Caller,
    event: &'static str,
    arguments: impl Serialize + Clone + Send + Sync + 'static,
) {
    let mut news = None;
    shared.directory.for_each(caller.user, |_, number, connection| {
        if Some(number) != caller.connection {
            // Mostly there is no other. One that is closing needs no news.
            let news = news.get_or_insert_with(|| Broadcast::new(event, arguments.clone()));
            let _ = connection.send(news);
        }
    });
}

/// Something of the caller's own is to be asked for again.
pub(super) fn changed(shared: &Shared, caller: Caller, what: Own) {
    tell(shared, caller, events::OWN, (what,));
}
