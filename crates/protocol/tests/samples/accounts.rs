//! Users, their accounts, and how they sign in.

use protocol::*;

use super::{AT, Samples, some};
use crate::Area;

pub(super) fn users(it: &Samples, area: &mut Area) {
    area.object("UserInfo", &it.user());
    let presence = Presence { user: it.bob, online: false, last_seen: Some(AT) };
    area.object("Presence", &presence);
    area.object("WhoAmI", &WhoAmI { user: it.user(), device: it.phone });
}

pub(super) fn accounts(it: &Samples, area: &mut Area) {
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
        updated_at: Some(AT + 1),
        updated_by: Some(it.bob),
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
}

pub(super) fn sign_in(it: &Samples, area: &mut Area) {
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
}

impl Samples {
    pub(super) fn user(&self) -> UserInfo {
        UserInfo { id: self.alice, username: Some("alice".into()), name: "Alice".into() }
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
}
