//! One's own account.

use axum::extract::State;
use protocol::{Privacy, PrivacyChanges};

use super::{Answer, As, Door, Json};
use crate::commands::account;

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
