//! Reports to moderators.

use axum::extract::State;
use protocol::NewReport;

use super::objects::ReportRef;
use super::{Answer, As, Door, Json};
use crate::commands::reports;

pub(super) async fn report(
    State(shared): Door,
    As(caller): As,
    Json(body): Json<NewReport>,
) -> Answer<ReportRef> {
    let id = reports::report(&shared, caller, body).await?;
    Ok(axum::Json(ReportRef { id }))
}
