//! Reports to moderators.

use accounts::Permission;
use chats::Caller;
use protocol::{NewReport, Report, ReportId, ReportsPage, ReportsRequest};

use super::some;
use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn report(
    shared: &Shared,
    caller: Caller,
    report: NewReport,
) -> Result<ReportId, CommandError> {
    Ok(shared.services.people.report(caller.user, report).await?)
}

pub(crate) async fn list(
    shared: &Shared,
    caller: Caller,
    request: Option<ReportsRequest>,
) -> Result<ReportsPage, CommandError> {
    shared.services.accounts.authorize(caller.user, Permission::HandleReports).await?;
    let request = request.unwrap_or_default();
    some(request.limit)?;
    Ok(shared.services.people.reports(request).await?)
}

pub(crate) async fn close(
    shared: &Shared,
    caller: Caller,
    report: ReportId,
    note: Option<String>,
) -> Result<Report, CommandError> {
    shared.services.accounts.authorize(caller.user, Permission::HandleReports).await?;
    Ok(shared.services.people.close_report(caller.user, report, note).await?)
}
