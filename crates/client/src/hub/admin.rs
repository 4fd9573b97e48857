//! Looking after a server: reports, accounts, roles.

use protocol::{
    AccountInfo, AccountPage, AccountsRequest, DeviceId, NewReport, OneTimePassword, Report, ReportId,
    ReportsPage, ReportsRequest, ServerRole, SessionInfo, Statistics, UserId,
};

use super::{Answer, Hub};

impl Hub {
    /// Accounts, for those who look after the server.
    pub fn list_accounts(&self, request: AccountsRequest) -> Answer<AccountPage> {
        self.call("ListAccounts", (request,))
    }

    /// Suspends an account.
    pub fn suspend_user(&self, user: UserId) -> Answer<AccountInfo> {
        self.call("SuspendUser", (user,))
    }

    /// Ends a suspension.
    pub fn reinstate_user(&self, user: UserId) -> Answer<AccountInfo> {
        self.call("ReinstateUser", (user,))
    }

    /// Deletes another's account.
    pub fn delete_user(&self, user: UserId) -> Answer<()> {
        self.call("DeleteUser", (user,))
    }

    /// Gives an account a password that is good for one sign-in.
    pub fn reset_password(&self, user: UserId) -> Answer<OneTimePassword> {
        self.call("ResetPassword", (user,))
    }

    /// Gives an account a role.
    pub fn set_role(&self, user: UserId, role: ServerRole) -> Answer<AccountInfo> {
        self.call("SetRole", (user, role))
    }

    /// Another's signed-in devices.
    pub fn list_user_sessions(&self, user: UserId) -> Answer<Vec<SessionInfo>> {
        self.call("ListUserSessions", (user,))
    }

    /// Signs a device of another out.
    pub fn end_user_session(&self, user: UserId, device: DeviceId) -> Answer<()> {
        self.call("EndUserSession", (user, device))
    }

    /// Signs all devices of another out.
    pub fn end_user_sessions(&self, user: UserId) -> Answer<()> {
        self.call("EndUserSessions", (user,))
    }

    /// How much the server holds.
    pub fn get_statistics(&self) -> Answer<Statistics> {
        self.call("GetStatistics", ())
    }

    /// Reports a user or a message to the moderators.
    pub fn report(&self, report: NewReport) -> Answer<ReportId> {
        self.call("Report", (report,))
    }

    /// A page of reports, for moderators.
    pub fn list_reports(&self, request: ReportsRequest) -> Answer<ReportsPage> {
        self.call("ListReports", (request,))
    }

    /// Closes a report, for moderators.
    pub fn close_report(&self, report: ReportId, note: Option<String>) -> Answer<Report> {
        self.call("CloseReport", (report, note))
    }
}
