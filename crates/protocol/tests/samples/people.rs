//! What users are to each other, and what they are told.

use protocol::*;

use super::{AT, Samples, some};
use crate::Area;

pub(super) fn people(it: &Samples, area: &mut Area) {
    let contact = Contact { user: it.user(), added_at: AT };
    area.object("Contact", &contact);
    area.object("ContactsRequest", &ContactsRequest { after: Some(it.bob), limit: Some(50) });
    area.object("ContactsPage", &ContactsPage { contacts: vec![contact], next: Some(it.bob) });
    area.object("BlockedUser", &BlockedUser { user: it.user(), blocked_at: AT });
    area.object("Invite", &it.invite());
    area.object(
        "InviteOutcome",
        &InviteOutcome {
            status: InviteStatus::Accepted,
            online: true,
            invite: Some(it.invite().id),
            conversation: Some(it.direct),
        },
    );
    area.object(
        "NewReport",
        &NewReport { user: Some(it.bob), conversation: Some(it.direct), seq: Some(7), reason: "spam".into() },
    );
    area.object("Report", &it.report());
    let request = ReportsRequest { closed: Some(true), before: Some(it.report().id), limit: Some(9) };
    area.object("ReportsRequest", &request);
    area.object("ReportsPage", &ReportsPage { reports: vec![it.report()], more: true });
}

pub(super) fn notifications(it: &Samples, area: &mut Area) {
    let unread = Notification {
        id: NotificationId::Conversation(it.direct),
        kind: NotificationKind::Messages,
        created_at: AT,
        read: false,
        conversation: Some(it.direct),
        seq: Some(7),
        by: Some(it.bob),
        name: Some("Bob".into()),
        count: Some(3),
        detail: some("laptop"),
    };
    let notice = NoticeId::from_bytes([7; 16]);
    area.object("Notification", &unread);
    let id = NotificationId::Notice(notice);
    let page = NotificationPage { notifications: vec![Notification { id, ..unread }], unread: 1, more: true };
    area.object("NotificationPage", &page);
    area.object("NotificationsRequest", &NotificationsRequest { before: Some(notice), limit: Some(9) });
}

impl Samples {
    pub(super) fn invite(&self) -> Invite {
        Invite {
            id: InviteId::from_bytes([9; 16]),
            direction: InviteDirection::Received,
            user: self.user(),
            message: some("Hello"),
            status: InviteStatus::Accepted,
            created_at: AT,
            expires_at: AT + 1,
            answered_at: Some(AT + 2),
            conversation: Some(self.direct),
        }
    }

    pub(super) fn report(&self) -> Report {
        Report {
            id: ReportId::from_bytes([8; 16]),
            reporter: self.alice,
            user: self.bob,
            reason: "spam".into(),
            conversation: Some(self.direct),
            seq: Some(7),
            text: some("buy"),
            created_at: AT,
            closed_at: Some(AT + 1),
            closed_by: Some(self.alice),
            note: some("warned"),
        }
    }
}
