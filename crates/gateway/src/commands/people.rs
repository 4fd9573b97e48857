//! Users, presence, devices.

use chats::Caller;
use protocol::{DeviceId, ErrorCode, Presence, SessionInfo, UserId, UserInfo, WhoAmI};

use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn check_in(shared: &Shared, caller: Caller) -> Result<(), CommandError> {
    if shared.services.presence.check_in(caller.user, caller.connection.unwrap_or_default()) {
        shared.bulletin.moved(caller.user);
    }
    Ok(())
}

pub(crate) async fn check_out(shared: &Shared, caller: Caller) -> Result<(), CommandError> {
    if shared.services.presence.check_out(caller.user, caller.connection.unwrap_or_default()) {
        shared.bulletin.moved(caller.user);
    }
    Ok(())
}

pub(crate) async fn last_status(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<Presence, CommandError> {
    user_info(shared, user).await?;
    let state = shared.bulletin.states(caller.user, &[user]).await?.pop().flatten();
    Ok(state.unwrap_or(Presence { user, online: false, last_seen: None }))
}

pub(crate) async fn find(shared: &Shared, _: Caller, text: String) -> Result<UserInfo, CommandError> {
    let found = shared.services.accounts.find(&text).await?;
    found.ok_or_else(|| CommandError::new(ErrorCode::NotFound, "nobody has that name or address"))
}

pub(crate) async fn get_several(
    shared: &Shared,
    _: Caller,
    users: Vec<UserId>,
) -> Result<Vec<UserInfo>, CommandError> {
    let most = shared.options.users_named;
    if users.len() > most {
        return Err(CommandError::invalid(format!("at most {most} users at once")));
    }
    Ok(shared.services.accounts.users(&users).await?)
}

pub(crate) async fn who_am_i(shared: &Shared, caller: Caller) -> Result<WhoAmI, CommandError> {
    Ok(WhoAmI { user: user_info(shared, caller.user).await?, device: caller.device })
}

pub(crate) async fn sessions(shared: &Shared, caller: Caller) -> Result<Vec<SessionInfo>, CommandError> {
    Ok(shared.services.accounts.list(caller.user, Some(caller.device)).await?)
}

pub(crate) async fn revoke_session(
    shared: &Shared,
    caller: Caller,
    device: DeviceId,
) -> Result<(), CommandError> {
    Ok(shared.services.accounts.revoke(caller.user, device).await?)
}

async fn user_info(shared: &Shared, user: UserId) -> Result<UserInfo, CommandError> {
    let found = shared.services.accounts.users(&[user]).await?.pop();
    found.ok_or_else(|| CommandError::new(ErrorCode::NotFound, "there is no such user"))
}
