//! Contacts and blocks.

use chats::Caller;
use protocol::events::Own;
use protocol::{BlockedUser, ContactsPage, ContactsRequest, UserId};

use super::{own, some};
use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn add(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    shared.services.people.add_contact(caller.user, user).await?;
    own::changed(shared, caller, Own::Contacts);
    Ok(())
}

pub(crate) async fn remove(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    shared.services.people.remove_contact(caller.user, user).await?;
    own::changed(shared, caller, Own::Contacts);
    Ok(())
}

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    request: Option<ContactsRequest>,
) -> Result<ContactsPage, CommandError> {
    let request = request.unwrap_or_default();
    some(request.limit)?;
    Ok(shared.services.people.contacts(caller.user, request).await?)
}

pub(crate) async fn block(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    shared.services.people.block(caller.user, user).await?;
    own::changed(shared, caller, Own::Blocks);
    Ok(())
}

pub(crate) async fn unblock(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    shared.services.people.unblock(caller.user, user).await?;
    own::changed(shared, caller, Own::Blocks);
    Ok(())
}

pub(crate) async fn blocked(shared: &Shared, caller: Caller) -> Result<Vec<BlockedUser>, CommandError> {
    Ok(shared.services.people.blocked_users(caller.user).await?)
}
