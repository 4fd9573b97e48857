//! Reports to moderators. Who may read them is for the door to check.

use protocol::{NewReport, Report, ReportId, ReportsPage, ReportsRequest, UserId};

use super::{Bound, People, PeopleError, bounded};

impl People {
    /// Reports a user, or a message that the reporter may read. A copy of a readable message is kept with the report,
    /// cut where that is too long.
    ///
    /// # Errors
    /// It names neither, or no reason; there is no such user or message; the reporter has too many open reports; the
    /// store did not answer.
    pub async fn report(&self, reporter: UserId, new: NewReport) -> Result<ReportId, PeopleError> {
        let reason = bounded("reason", Some(new.reason), self.0.policy.reason_characters)?
            .ok_or_else(|| PeopleError::Invalid("reason: say what is wrong".into()))?;
        let (user, text) = match (new.user, new.conversation, new.seq) {
            (Some(user), None, None) => (user, None),
            (user, Some(conversation), Some(seq)) => {
                let message = self.neighbours()?.message(reporter, conversation, seq).await;
                let message = message.map_err(PeopleError::Unavailable)?;
                let (sender, text) = message.ok_or(PeopleError::NotFound("message"))?;
                if user.is_some_and(|user| user != sender) {
                    return Err(PeopleError::Invalid("user: the message was sent by another".into()));
                }
                (sender, text.map(|text| text.chars().take(self.0.policy.reported_characters).collect()))
            }
            _ => {
                let why = "name a user, or a message by its conversation and seq";
                return Err(PeopleError::Invalid(why.into()));
            }
        };
        self.check_other(reporter, user, "report").await?;
        let now = self.now();
        let id = ReportId::compose(now, self.random());
        let report = Report {
            id,
            reporter,
            user,
            reason,
            conversation: new.conversation,
            seq: new.seq,
            text,
            created_at: now,
            closed_at: None,
            closed_by: None,
            note: None,
        };
        if self.0.store.report(report, self.0.policy.reports_open).await? {
            return Ok(id);
        }
        self.0.refusals.count(Bound::OpenReports);
        Err(PeopleError::TooSoon { why: "too many reports of yours wait for a moderator", retry_after: None })
    }

    /// A page of reports. The caller is a moderator.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn reports(&self, request: ReportsRequest) -> Result<ReportsPage, PeopleError> {
        let most = self.0.policy.reports_page;
        let limit = request.limit.unwrap_or(most).clamp(1, most);
        let closed = request.closed.unwrap_or_default();
        let mut reports = self.0.store.reports(closed, request.before, limit + 1).await?;
        let more = reports.len() > limit as usize;
        reports.truncate(limit as usize);
        Ok(ReportsPage { reports, more })
    }

    /// Closes a report; closed already, it stays as it is. The caller is a moderator.
    ///
    /// # Errors
    /// There is no such report, the note is too long, the store did not answer.
    pub async fn close_report(
        &self,
        moderator: UserId,
        report: ReportId,
        note: Option<String>,
    ) -> Result<Report, PeopleError> {
        let note = bounded("note", note, self.0.policy.reason_characters)?;
        let closed = self.0.store.close_report(report, moderator, note, self.now()).await?;
        closed.ok_or(PeopleError::NotFound("report"))
    }
}
