//! Reports to moderators.

use axum::extract::State;
use protocol::{NewReport, Report, ReportId, ReportsPage, ReportsRequest};

use super::objects::{ReportNote, ReportRef};
use super::parameters::{Asked, Named};
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

pub(super) async fn list(
    State(shared): Door,
    As(caller): As,
    Asked(request): Asked<ReportsRequest>,
) -> Answer<ReportsPage> {
    Ok(axum::Json(reports::list(&shared, caller, Some(request)).await?))
}

pub(super) async fn close(
    State(shared): Door,
    As(caller): As,
    Named(report): Named<ReportId>,
    Json(body): Json<ReportNote>,
) -> Answer<Report> {
    Ok(axum::Json(reports::close(&shared, caller, report, body.note).await?))
}
