//! Looking after a server. Who may what, `accounts` decides by its table of permissions.

use std::sync::PoisonError;

use accounts::Permission;
use chats::Caller;
use notifications::in_app::Note;
use platform::Clock as _;
use protocol::{
    AccountInfo, AccountPage, AccountsRequest, DeviceId, ErrorCode, NotificationKind, OneTimePassword,
    ServerRole, SessionInfo, Statistics, UserId,
};

use super::some;
use crate::CommandError;
use crate::limits::HUB;
use crate::state::Shared;

/// How long what was counted is told again, in milliseconds.
const STATISTICS_MS: i64 = 60_000;

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    request: Option<AccountsRequest>,
) -> Result<AccountPage, CommandError> {
    let request = request.unwrap_or_default();
    some(request.limit)?;
    Ok(shared.services.accounts.list_accounts(caller.user, &request).await?)
}

pub(crate) async fn suspend(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<AccountInfo, CommandError> {
    Ok(shared.services.accounts.suspend(caller.user, user).await?)
}

pub(crate) async fn reinstate(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<AccountInfo, CommandError> {
    Ok(shared.services.accounts.reinstate(caller.user, user).await?)
}

pub(crate) async fn delete(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    Ok(shared.services.accounts.delete_account(caller.user, user).await?)
}

pub(crate) async fn reset_password(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<OneTimePassword, CommandError> {
    let _hash = shared.limits.hash(Some(caller.user), HUB)?;
    Ok(shared.services.accounts.reset_password(caller.user, user).await?)
}

pub(crate) async fn set_role(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    role: ServerRole,
) -> Result<AccountInfo, CommandError> {
    let account = shared.services.accounts.set_role(caller.user, user, role).await?;
    let detail = Some(role.to_string());
    let note = Note { by: Some(caller.user), detail, ..Note::new(user, NotificationKind::Role) };
    shared.services.notices.note([note]);
    Ok(account)
}

pub(crate) async fn sessions(
    shared: &Shared,
    caller: Caller,
    user: UserId,
) -> Result<Vec<SessionInfo>, CommandError> {
    Ok(shared.services.accounts.sessions_of(caller.user, user).await?)
}

pub(crate) async fn end_session(
    shared: &Shared,
    caller: Caller,
    user: UserId,
    device: DeviceId,
) -> Result<(), CommandError> {
    shared.services.accounts.end_sessions_of(caller.user, user, Some(device)).await?;
    Ok(())
}

pub(crate) async fn end_sessions(shared: &Shared, caller: Caller, user: UserId) -> Result<(), CommandError> {
    shared.services.accounts.end_sessions_of(caller.user, user, None).await?;
    Ok(())
}

pub(crate) async fn statistics(shared: &Shared, caller: Caller) -> Result<Statistics, CommandError> {
    let accounts = &shared.services.accounts;
    accounts.authorize(caller.user, Permission::SeeStatistics).await?;
    let now = platform::SystemClock.now();
    let kept = *shared.statistics.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.filter(|kept| (now - kept.counted_at).abs() < STATISTICS_MS) {
        return Ok(kept);
    }
    let counts = accounts.count().await?;
    let (conversations, messages) = shared.services.census.count().await.map_err(|reason| {
        tracing::warn!(reason, "conversations and messages were not counted");
        CommandError::new(ErrorCode::Unavailable, ErrorCode::Unavailable.meaning())
    })?;
    let statistics = Statistics {
        users: counts.users,
        suspended: counts.suspended,
        sessions: counts.sessions,
        online: shared.directory.counts().users as u64,
        conversations,
        messages,
        counted_at: now,
    };
    *shared.statistics.lock().unwrap_or_else(PoisonError::into_inner) = Some(statistics);
    Ok(statistics)
}
