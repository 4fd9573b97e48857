//! Accounts as their owners and others see them.

use std::net::IpAddr;

use accounts::Permission;
use chats::Caller;
use platform::Timestamp;
use protocol::events::Own;
use protocol::{
    DeletionConfirmation, Privacy, PrivacyChanges, Profile, ProfileChanges, UserId, UserPage, UserPageRequest,
};

use super::{own, some};
use crate::CommandError;
use crate::limits::{HUB, network};
use crate::state::Shared;

pub(crate) async fn get_privacy(shared: &Shared, caller: Caller) -> Result<Privacy, CommandError> {
    Ok(shared.services.accounts.privacy(caller.user).await?)
}

pub(crate) async fn set_privacy(
    shared: &Shared,
    caller: Caller,
    changes: PrivacyChanges,
) -> Result<Privacy, CommandError> {
    let privacy = shared.services.accounts.set_privacy(caller.user, changes).await?;
    shared.services.people.privacy_changed(caller.user);
    own::changed(shared, caller, Own::Privacy);
    Ok(privacy)
}

pub(crate) async fn get_profile(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<Profile, CommandError> {
    Ok(shared.services.accounts.profile(caller.user, user).await?)
}

pub(crate) async fn update_profile(
    shared: &Shared,
    caller: Caller,
    changes: ProfileChanges,
    user: Option<UserId>,
) -> Result<Profile, CommandError> {
    update_profile_of(shared, caller, user.unwrap_or(caller.user), changes, None).await
}

/// With `unchanged_since`, only if it was last changed then.
pub(crate) async fn update_profile_of(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    changes: ProfileChanges,
    unchanged_since: Option<Timestamp>,
) -> Result<Profile, CommandError> {
    let accounts = &shared.services.accounts;
    if user != caller.user {
        accounts.authorize(caller.user, Permission::EditProfiles).await?;
    }
    let profile = accounts.update_profile(caller.user, user, changes, unchanged_since).await?;
    // An admin's own connections have none of it.
    let connection = caller.connection.filter(|_| user == caller.user);
    own::changed(shared, Caller { user, connection, ..caller }, Own::Profile);
    Ok(profile)
}

pub(crate) async fn search(
    shared: &Shared,
    _: Caller,
    text: String,
    page: Option<UserPageRequest>,
) -> Result<UserPage, CommandError> {
    let page = page.unwrap_or_default();
    some(page.limit)?;
    Ok(shared.services.accounts.search(&text, &page).await?)
}

pub(crate) async fn delete(
    shared: &Shared,
    caller: Caller,
    confirmation: DeletionConfirmation,
) -> Result<(), CommandError> {
    delete_from(shared, caller, HUB, confirmation).await
}

pub(crate) async fn delete_from(
    shared: &Shared,
    caller: Caller,
    address: IpAddr,
    confirmation: DeletionConfirmation,
) -> Result<(), CommandError> {
    let guess = shared.limits.own_guess(caller.user, caller.device, address)?;
    let from = network(address).to_string();
    guess.judge(shared.services.accounts.delete_own(caller.user, confirmation, &from).await)
}
