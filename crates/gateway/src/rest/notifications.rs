//! What happened while one looked elsewhere.

use axum::extract::State;
use http::StatusCode;
use protocol::{NotificationId, NotificationPage, NotificationsRequest};

use super::parameters::{Asked, Named};
use super::{Answer, As, Done, Door};
use crate::commands::notifications;

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<NotificationsRequest>,
) -> Answer<NotificationPage> {
    Ok(axum::Json(notifications::list(&shared, caller, Some(request)).await?))
}

pub(super) async fn mark_read(
    State(shared): Door,
    As(caller): As,
    Named(notification): Named<NotificationId>,
) -> Done {
    notifications::mark_read(&shared, caller, notification).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn mark_all_read(State(shared): Door, As(caller): As) -> Done {
    notifications::mark_all_read(&shared, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
