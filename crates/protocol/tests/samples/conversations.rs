//! Conversations and who is in them.

use protocol::*;

use super::{AT, Samples, id, some};
use crate::Area;

pub(super) fn conversations(it: &Samples, area: &mut Area) {
    area.object("MemberInfo", &it.member());
    area.object("ConversationSummary", &it.summary());
    area.object("GroupInfo", &GroupInfo { summary: it.summary(), membership_version: 3 });
    area.object("MembershipRecord", &it.record());
    let settings = ConversationSettings { archived: true, muted_until: Some(AT) };
    area.object("ConversationSettings", &settings);
    area.object(
        "ConversationFilter",
        &ConversationFilter { archived: Some(false), after: Some(it.group), limit: Some(100) },
    );
    area.object("NewGroup", &it.new_group());
    area.object(
        "GroupChanges",
        &GroupChanges { name: some("Us"), description: some("Two"), picture: some("p1") },
    );
}

pub(super) fn links(it: &Samples, area: &mut Area) {
    area.object("NewGroupLink", &NewGroupLink { expires_at: Some(AT), max_uses: Some(10) });
    area.object("GroupLink", &it.link());
    area.object("GroupPreview", &it.preview());
    area.object("JoinedGroup", &JoinedGroup { group: it.group, seq: 7 });
}

impl Samples {
    pub(super) fn member(&self) -> MemberInfo {
        MemberInfo { user: self.bob, name: "Bob".into(), role: Role::Admin, joined_at: AT }
    }

    pub(super) fn summary(&self) -> ConversationSummary {
        ConversationSummary {
            id: self.group,
            kind: ConversationKind::Mls,
            name: "Us".into(),
            description: "Two".into(),
            picture: some("p1"),
            created_by: self.bob,
            created_at: AT,
            updated_by: self.bob,
            updated_at: AT + 1,
            member_count: 2,
            members: vec![self.member()],
            role: Some(Role::Member),
            epoch: Some(4),
            first_seq: 1,
            last_seq: 7,
            delivered: 7,
            seen: 5,
            unread: 2,
            last_message: Some(self.message()),
            status: Some(MessageStatus::Seen),
            archived: true,
            muted_until: Some(AT + 3_600_000),
            retention: Some(Retention::UntilDelivered),
        }
    }

    pub(super) fn record(&self) -> MembershipRecord {
        MembershipRecord {
            user: self.alice,
            role: Role::Member,
            added_by: self.bob,
            added_at: AT,
            from_seq: 1,
            removed_by: Some(self.bob),
            removed_at: Some(AT + 1),
            to_seq: Some(7),
            version: 3,
        }
    }

    pub(super) fn new_group(&self) -> NewGroup {
        NewGroup {
            name: "Us".into(),
            description: "Two".into(),
            picture: some("p1"),
            members: vec![self.alice],
            kind: ConversationKind::Plain,
            id: Some(id("g1")),
        }
    }

    pub(super) fn link(&self) -> GroupLink {
        GroupLink {
            code: LinkCode::from_bytes([7; 16]),
            group: self.group,
            created_by: self.alice,
            created_at: AT,
            expires_at: Some(AT + 86_400_000),
            max_uses: Some(10),
            uses: 3,
        }
    }

    pub(super) fn preview(&self) -> GroupPreview {
        GroupPreview {
            name: "Us".into(),
            description: "Two".into(),
            picture: some("p1"),
            kind: ConversationKind::Mls,
            member_count: 2,
            group: Some(self.group),
        }
    }
}
