//! A value of each type on the wire, with every field.

use protocol::*;

use crate::Area;

const AT: Timestamp = 1_700_000_000_000;

pub(crate) struct Samples {
    alice: UserId,
    bob: UserId,
    phone: DeviceId,
    direct: ConversationId,
    group: ConversationId,
}

type Fill = fn(&Samples, &mut Area);

impl Samples {
    /// The snapshots, by what they are about.
    pub(crate) const AREAS: &[(&str, Fill)] = &[
        ("users", |it, area| {
            area.object("UserInfo", &it.user());
            let presence = Presence { user: it.bob, online: false, last_seen: Some(AT) };
            area.object("Presence", &presence);
            area.object("WhoAmI", &WhoAmI { user: it.user(), device: it.phone });
        }),
        ("accounts", |it, area| {
            let profile = Profile {
                user: it.user(),
                about: "Here".into(),
                picture: some("p1"),
                date_of_birth: some("1980-02-29"),
                email: some("alice@example.org"),
                phone: some("+4915123456789"),
                role: Some(ServerRole::Moderator),
                created_at: AT,
                created_by: it.alice,
                updated_at: AT + 1,
                updated_by: it.bob,
            };
            area.object("Profile", &profile);
            let changes = ProfileChanges {
                name: some("Alice A."),
                about: some(""),
                picture: some("p2"),
                date_of_birth: some("1980-02-28"),
            };
            area.object("ProfileChanges", &changes);
            let request = UserPageRequest { after: some("alice/u_…"), limit: Some(20) };
            area.object("UserPageRequest", &request);
            area.object("UserPage", &UserPage { users: vec![it.user()], next: some("alice/u_…") });
            let account = AccountInfo {
                user: it.user(),
                email: some("alice@example.org"),
                phone: some("+4915123456789"),
                role: ServerRole::Admin,
                state: AccountState::Suspended,
                created_at: AT,
                created_by: it.alice,
                updated_at: AT + 1,
                updated_by: it.bob,
            };
            area.object("AccountInfo", &account);
            let request = AccountsRequest {
                text: some("al"),
                role: Some(ServerRole::User),
                state: Some(AccountState::Active),
                after: some("alice/u_…"),
                limit: Some(20),
            };
            area.object("AccountsRequest", &request);
            area.object("AccountPage", &AccountPage { accounts: vec![account], next: some("alice/u_…") });
            let password = OneTimePassword {
                user: it.alice,
                username: "alice".into(),
                password: "abcd-efgh-ijkl-mnop".into(),
                expires_at: AT,
            };
            area.object("OneTimePassword", &password);
            let statistics = Statistics {
                users: 5,
                suspended: 1,
                sessions: 7,
                online: 2,
                conversations: 3,
                messages: 40,
                counted_at: AT,
            };
            area.object("Statistics", &statistics);
            let first = FirstAdmin {
                token: "abc".into(),
                username: "alice".into(),
                password: "correct horse".into(),
                device: some("laptop"),
            };
            area.object("FirstAdmin", &first);
            let confirmation = DeletionConfirmation { password: some("correct horse"), code: some("123456") };
            area.object("DeletionConfirmation", &confirmation);
            let privacy = Privacy { messages: MessagesFrom::Invite, ..Privacy::default() };
            area.object("Privacy", &privacy);
            let changes = PrivacyChanges {
                last_seen: Some(LastSeenTo::Nobody),
                messages: Some(MessagesFrom::Everyone),
                groups: Some(GroupsFrom::Contacts),
                findable_by_name: Some(false),
                findable_by_address: Some(true),
            };
            area.object("PrivacyChanges", &changes);
        }),
        ("people", |it, area| {
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
                &NewReport {
                    user: Some(it.bob),
                    conversation: Some(it.direct),
                    seq: Some(7),
                    reason: "spam".into(),
                },
            );
            area.object("Report", &it.report());
            let request = ReportsRequest { closed: Some(true), before: Some(it.report().id), limit: Some(9) };
            area.object("ReportsRequest", &request);
            area.object("ReportsPage", &ReportsPage { reports: vec![it.report()], more: true });
        }),
        ("conversations", |it, area| {
            area.object("MemberInfo", &it.member());
            area.object("ConversationSummary", &it.summary());
            area.object("GroupInfo", &GroupInfo { summary: it.summary(), membership_version: 3 });
            area.object("MembershipRecord", &it.record());
            let settings = ConversationSettings { archived: true, muted_until: Some(AT) };
            area.object("ConversationSettings", &settings);
            area.object("ConversationFilter", &ConversationFilter { archived: Some(false) });
            area.object("NewGroup", &it.new_group());
            area.object(
                "GroupChanges",
                &GroupChanges { name: some("Us"), description: some("Two"), picture: some("p1") },
            );
        }),
        ("links", |it, area| {
            area.object("NewGroupLink", &NewGroupLink { expires_at: Some(AT), max_uses: Some(10) });
            area.object("GroupLink", &it.link());
            area.object("GroupPreview", &it.preview());
            area.object("JoinedGroup", &JoinedGroup { group: it.group, seq: 7 });
        }),
        ("messages", |it, area| {
            area.object("OutgoingMessage", &it.outgoing());
            area.object("OutgoingDeviceMessage", &it.outgoing().devices[0]);
            area.object("Sent", &Sent { id: id("m1"), seq: 7, sent_at: AT });
            area.object("Message", &it.message());
            area.object("Reaction", &it.message().reactions[0]);
            area.object("DeviceMessage", &it.device_message());
            area.object("MessagePage", &MessagePage { messages: vec![it.message()], more: true });
            let request = HistoryRequest { before: Some(7), before_time: Some(AT), limit: Some(50) };
            area.object("HistoryRequest", &request);
        }),
        ("actions", |it, area| {
            let edit = MessageEdit { text: "Hello".into(), mentions: vec![it.bob], id: Some(id("m1")) };
            area.object("MessageEdit", &edit);
            let pinned = PinnedMessage { message: it.message(), pinned_by: it.bob, pinned_at: AT };
            area.object("PinnedMessage", &pinned);
            area.object("StarredRequest", &StarredRequest { before: Some(7), limit: Some(50) });
            area.object("StarredPage", &StarredPage { messages: vec![it.message()], next: Some(7) });
            let (conversation, before) = (Some(it.group), some("7"));
            area.object("MessageSearch", &MessageSearch { conversation, before, limit: Some(50) });
            area.object("SearchPage", &SearchPage { messages: vec![it.message()], next: some("7") });
        }),
        ("sync", |it, area| {
            let after = vec![(it.direct, 7), (it.group, 0)];
            let mark = Mark { conversation: it.group, seq: 5, kind: MarkKind::Hidden };
            area.object(
                "SyncRequest",
                &SyncRequest { after, after_device_message: Some(3), after_mark: Some(8), limit: Some(100) },
            );
            area.object(
                "SyncPage",
                &SyncPage {
                    conversations: vec![it.summary()],
                    messages: vec![it.message()],
                    device_messages: vec![it.device_message()],
                    marks: vec![mark],
                    mark: 9,
                    more: false,
                },
            );
            area.object("Mark", &mark);
        }),
        ("notifications", |it, area| {
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
            let page = NotificationPage {
                notifications: vec![Notification { id, ..unread }],
                unread: 1,
                more: true,
            };
            area.object("NotificationPage", &page);
            area.object(
                "NotificationsRequest",
                &NotificationsRequest { before: Some(notice), limit: Some(9) },
            );
        }),
        ("receipts", |it, area| {
            let receipt = it.receipt();
            area.object("MemberReceipt", &receipt);
            area.object(
                "MessageInfo",
                &MessageInfo {
                    conversation: it.direct,
                    seq: 7,
                    sender: it.alice,
                    sent_at: AT,
                    status: MessageStatus::Delivered,
                    receipts: vec![receipt],
                },
            );
        }),
        ("sign_in", |it, area| {
            area.object("Credentials", &it.credentials());
            area.object("CredentialsChange", &it.credentials_change());
            let (email, phone) = (some("alice@example.org"), some("+4915123456789"));
            area.object("CodeRequest", &CodeRequest { email, phone });
            area.object("CodeSent", &CodeSent { expires_at: AT + 600_000, resend_at: AT + 60_000 });
            area.object("CodeVerification", &it.verification());
            area.object("Tokens", &it.signed_in().tokens);
            area.object("SignedIn", &it.signed_in());
            area.object("RefreshRequest", &RefreshRequest { refresh_token: "kr_2".into() });
            area.object(
                "SessionInfo",
                &SessionInfo {
                    id: it.phone,
                    name: "phone".into(),
                    created_at: AT,
                    last_active_at: AT + 60_000,
                    current: true,
                },
            );
        }),
    ];

    pub(crate) fn new() -> Self {
        Self {
            alice: UserId::compose(AT, [1; 10]),
            bob: UserId::compose(AT, [2; 10]),
            phone: DeviceId::compose(AT, [3; 10]),
            direct: ConversationId::compose(ConversationShape::Direct, AT, [4; 10]),
            group: ConversationId::compose(ConversationShape::Group, AT, [5; 10]),
        }
    }

    /// One of each, in the order of `protocol::objects::BODIES`.
    pub(crate) fn contents(&self) -> Vec<Content> {
        vec![
            Content::Text {
                text: "Grüße 🦉".into(),
                reply_to: Some(3),
                mentions: vec![self.bob],
                forwarded: true,
            },
            Content::Edit { target: 4, text: "Gruß".into(), mentions: vec![self.bob] },
            Content::Delete { target: 4 },
            Content::Reaction { target: 4, emoji: some("🦉") },
            Content::Pin { target: 4, pinned: true },
            Content::Removed,
            Content::Created,
            Content::Members { change: MemberChange::Added, users: vec![self.alice, self.bob] },
            Content::Info {
                name: some("Us"),
                description: some("Two"),
                picture: some("p1"),
                retention: Some(Retention::Days(30)),
            },
            Content::Deleted,
            Content::Expired,
        ]
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials {
            username: "alice".into(),
            password: "correct horse".into(),
            name: some("Alice"),
            device: some("phone"),
        }
    }

    pub(crate) fn credentials_change(&self) -> CredentialsChange {
        CredentialsChange {
            username: some("alice"),
            password: some("battery staple"),
            current_password: some("correct horse"),
        }
    }

    pub(crate) fn verification(&self) -> CodeVerification {
        CodeVerification {
            email: some("alice@example.org"),
            phone: some("+4915123456789"),
            code: "123456".into(),
            name: some("Alice"),
            device: some("phone"),
        }
    }

    pub(crate) fn signed_in(&self) -> SignedIn {
        SignedIn {
            user: self.user(),
            device: self.phone,
            registered: true,
            tokens: Tokens {
                access_token: "ka_1".into(),
                access_expires_at: AT + 900_000,
                refresh_token: "kr_1".into(),
                refresh_expires_at: AT + 2_592_000_000,
            },
        }
    }

    fn invite(&self) -> Invite {
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

    fn report(&self) -> Report {
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

    fn user(&self) -> UserInfo {
        UserInfo { id: self.alice, username: Some("alice".into()), name: "Alice".into() }
    }

    fn member(&self) -> MemberInfo {
        MemberInfo { user: self.bob, name: "Bob".into(), role: Role::Admin, joined_at: AT }
    }

    fn summary(&self) -> ConversationSummary {
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

    fn link(&self) -> GroupLink {
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

    fn preview(&self) -> GroupPreview {
        GroupPreview {
            name: "Us".into(),
            description: "Two".into(),
            picture: some("p1"),
            kind: ConversationKind::Mls,
            member_count: 2,
            group: Some(self.group),
        }
    }

    fn record(&self) -> MembershipRecord {
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

    fn new_group(&self) -> NewGroup {
        NewGroup {
            name: "Us".into(),
            description: "Two".into(),
            picture: some("p1"),
            members: vec![self.alice],
            kind: ConversationKind::Plain,
            id: Some(id("g1")),
        }
    }

    fn outgoing(&self) -> OutgoingMessage {
        let welcome =
            OutgoingDeviceMessage { user: self.bob, device: self.phone, body: ByteString(vec![1, 2, 3]) };
        OutgoingMessage {
            id: Some(id("m1")),
            text: some("Hello"),
            body: Some(Body::Sealed(ByteString(vec![9, 8, 7]))),
            kind: MessageKind::Commit,
            epoch: Some(4),
            devices: vec![welcome],
        }
    }

    fn message(&self) -> Message {
        Message {
            conversation: self.group,
            seq: 7,
            sender: self.alice,
            device: self.phone,
            id: id("m1"),
            sent_at: AT,
            kind: MessageKind::Content,
            epoch: Some(4),
            body: Body::Sealed(ByteString(vec![9, 8, 7])),
            edited_at: Some(AT + 5),
            reactions: vec![Reaction { user: self.bob, emoji: "🦉".into() }],
        }
    }

    fn device_message(&self) -> DeviceMessage {
        DeviceMessage {
            number: 3,
            conversation: self.group,
            sender: self.alice,
            sender_device: self.phone,
            sent_at: AT,
            body: ByteString(vec![1, 2, 3]),
        }
    }

    fn receipt(&self) -> MemberReceipt {
        MemberReceipt {
            user: self.bob,
            name: "Bob".into(),
            delivered_at: Some(AT),
            seen_at: Some(AT + 1_000),
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}
