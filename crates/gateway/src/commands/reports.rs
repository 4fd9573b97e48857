//! Reports to moderators.

use chats::Caller;
use protocol::{NewReport, ReportId};

use crate::CommandError;
use crate::state::Shared;

pub(crate) async fn report(
    shared: &Shared,
    caller: Caller,
    report: NewReport,
) -> Result<ReportId, CommandError> {
    Ok(shared.services.people.report(caller.user, report).await?)
}
