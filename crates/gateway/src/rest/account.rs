//! Accounts as their owners and others see them.

use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode, header};
use protocol::{
    DeletionConfirmation, Privacy, PrivacyChanges, Profile, ProfileChanges, UserId, UserPage, UserPageRequest,
};

use super::objects::SearchRequest;
use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door, Json, etag};
use crate::commands::{account, admin};
use crate::{CommandError, limits};

pub(super) async fn get_privacy(State(shared): Door, As(caller): As) -> Answer<Privacy> {
    Ok(axum::Json(account::get_privacy(&shared, caller).await?))
}

pub(super) async fn set_privacy(
    State(shared): Door,
    As(caller): As,
    Json(changes): Json<PrivacyChanges>,
) -> Answer<Privacy> {
    Ok(axum::Json(account::set_privacy(&shared, caller, changes).await?))
}

pub(super) async fn get_profile(
    State(shared): Door,
    As(caller): As,
    Named(user): Named<UserId>,
) -> Answer<Profile> {
    Ok(axum::Json(account::get_profile(&shared, caller, user).await?))
}

pub(super) async fn update_profile(
    State(shared): Door,
    As(caller): As,
    Named(user): Named<UserId>,
    headers: HeaderMap,
    Json(changes): Json<ProfileChanges>,
) -> Result<impl IntoResponse, CommandError> {
    let mut unchanged_since = None;
    if headers.contains_key(header::IF_MATCH) {
        let now = account::get_profile(&shared, caller, user).await?;
        if !etag::matches(&headers, &now) {
            return Err(accounts::AccountError::Changed.into());
        }
        // Absent for those who may not change it, and are refused below.
        unchanged_since = now.updated_at;
    }
    let changed: Result<Profile, CommandError> =
        account::update_profile_of(&shared, caller, user, changes, unchanged_since).await;
    let changed = changed?;
    Ok(([(header::ETAG, etag::of_answer(&changed))], axum::Json(changed)))
}

pub(super) async fn search(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<SearchRequest>,
) -> Answer<UserPage> {
    let page = UserPageRequest { after: request.after, limit: request.limit };
    Ok(axum::Json(account::search(&shared, caller, request.q, Some(page)).await?))
}

/// One's own takes a confirmation, another's a permission.
pub(super) async fn delete(
    State(shared): Door,
    As(caller): As,
    from: limits::Asked,
    Named(user): Named<UserId>,
    Json(confirmation): Json<DeletionConfirmation>,
) -> Done {
    if user == caller.user {
        account::delete_from(&shared, caller, from.address, confirmation).await?;
    } else {
        admin::delete(&shared, caller, user).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
