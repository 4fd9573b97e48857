//! Contacts and blocks.

use axum::extract::State;
use http::StatusCode;
use protocol::{BlockedUser, ContactsPage, ContactsRequest, UserId};

use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door};
use crate::commands::contacts;

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<ContactsRequest>,
) -> Answer<ContactsPage> {
    Ok(axum::Json(contacts::list(&shared, caller, Some(request)).await?))
}

pub(super) async fn add(State(shared): Door, As(caller): As, Named(user): Named<UserId>) -> Done {
    contacts::add(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(State(shared): Door, As(caller): As, Named(user): Named<UserId>) -> Done {
    contacts::remove(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn blocked(State(shared): Door, As(caller): As) -> Answer<Vec<BlockedUser>> {
    Ok(axum::Json(contacts::blocked(&shared, caller).await?))
}

pub(super) async fn block(State(shared): Door, As(caller): As, Named(user): Named<UserId>) -> Done {
    contacts::block(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unblock(State(shared): Door, As(caller): As, Named(user): Named<UserId>) -> Done {
    contacts::unblock(&shared, caller, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
