//! The service with a clock that stands still, over SQLite.

mod deletion;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use accounts::{AccountError, Accounts, CodeSender, Policy, SecretKey, SendError, Session, SessionObserver};
use async_trait::async_trait;
use platform::{ManualClock, SystemRandomness};
use protocol::{
    CodeRequest, CodeVerification, Credentials, CredentialsChange, ErrorCode, RefreshRequest, SignedIn,
};

use crate::*;

/// What came out of the service.
#[derive(Default)]
struct Outside {
    codes: Mutex<Vec<(Address, String)>>,
    ended: Mutex<Vec<DeviceId>>,
    doubted: Mutex<Vec<UserId>>,
    broken: AtomicBool,
}

#[async_trait]
impl CodeSender for Outside {
    async fn send(&self, to: &Address, code: &str) -> Result<(), SendError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(SendError("broken".to_owned()));
        }
        self.codes.lock().unwrap().push((to.clone(), code.to_owned()));
        Ok(())
    }
}

impl SessionObserver for Outside {
    fn ended(&self, _user: UserId, device: DeviceId) {
        self.ended.lock().unwrap().push(device);
    }

    fn doubted(&self, user: UserId) {
        self.doubted.lock().unwrap().push(user);
    }
}

/// Where those are who ask for codes.
const HERE: &str = "192.0.2.1";

struct Fixture {
    accounts: Accounts,
    clock: Arc<ManualClock>,
    outside: Arc<Outside>,
    store: Arc<storage::sqlite::Database>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(storage::sqlite::Database::open(&folder.path().join("kith.db")).unwrap());
        let clock = Arc::new(ManualClock::new(START));
        let outside = Arc::new(Outside::default());
        let accounts = Accounts::new(
            store.clone(),
            clock.clone(),
            Arc::new(SystemRandomness),
            outside.clone(),
            &SecretKey::new([7; 32]),
            policy,
        );
        accounts.observe(outside.clone());
        Self { accounts, clock, outside, store, _folder: folder }
    }

    async fn register(&self, username: &str) -> SignedIn {
        self.accounts.register(credentials(username, "correct horse")).await.unwrap()
    }

    async fn session(&self, signed_in: &SignedIn) -> Result<Session, AccountError> {
        self.accounts.authenticate(&signed_in.tokens.access_token).await
    }

    fn last_code(&self) -> String {
        self.outside.codes.lock().unwrap().last().unwrap().1.clone()
    }

    fn ended(&self) -> Vec<DeviceId> {
        std::mem::take(&mut *self.outside.ended.lock().unwrap())
    }
}

fn credentials(username: &str, password: &str) -> Credentials {
    Credentials { username: username.to_owned(), password: password.to_owned(), name: None, device: None }
}

fn by_email(address: &str) -> CodeRequest {
    CodeRequest { email: Some(address.to_owned()), phone: None }
}

fn verification(address: &str, code: &str) -> CodeVerification {
    CodeVerification { email: Some(address.to_owned()), code: code.to_owned(), ..CodeVerification::default() }
}

fn code_of<T: std::fmt::Debug>(result: Result<T, AccountError>) -> ErrorCode {
    result.unwrap_err().code()
}

#[tokio::test]
async fn register_and_log_in_by_password() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let alice = fixture.register(" Alice ").await;
    assert!(alice.registered);
    assert_eq!((alice.user.username.as_deref(), &*alice.user.name), (Some("alice"), "alice"));
    assert_eq!(alice.tokens.access_expires_at, START + 900_000);
    assert_eq!(alice.tokens.refresh_expires_at, START + 30 * DAY);

    let taken = accounts.register(credentials("ALICE", "correct horse")).await;
    assert_eq!(code_of(taken), ErrorCode::UsernameTaken);
    assert_eq!(code_of(accounts.register(credentials("bob", "short")).await), ErrorCode::Invalid);
    assert_eq!(code_of(accounts.register(credentials("b", "correct horse")).await), ErrorCode::Invalid);

    let again = accounts.login(credentials("alice", "correct horse")).await.unwrap();
    assert!(!again.registered);
    assert_eq!(again.user, alice.user);
    assert_ne!(again.device, alice.device);
    assert_eq!(code_of(accounts.login(credentials("alice", "wrong")).await), ErrorCode::WrongPassword);
    assert_eq!(code_of(accounts.login(credentials("bob", "correct horse")).await), ErrorCode::UnknownUser);
    assert_eq!(code_of(accounts.login(credentials("no such name", "x")).await), ErrorCode::Invalid);

    assert_eq!(accounts.users(&[alice.user.id]).await.unwrap().as_slice(), std::slice::from_ref(&alice.user));
    for text in ["alice", "@ALICE", " Alice "] {
        assert_eq!(accounts.find(text).await.unwrap().as_ref(), Some(&alice.user), "{text:?}");
    }
    assert_eq!(accounts.find("bob").await.unwrap(), None);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let fixture = Fixture::new(Policy { registration_open: false, ..Policy::default() });
    let accounts = &fixture.accounts;
    let refused = accounts.register(credentials("alice", "correct horse")).await;
    assert_eq!(code_of(refused), ErrorCode::RegistrationClosed);
    // To a stranger nothing is sent, and nothing is said of that either.
    let pretended = accounts.request_code(by_email("bob@example.org"), HERE, false).await.unwrap();
    assert!(
        !pretended.left && pretended.expires_at > START && fixture.outside.codes.lock().unwrap().is_empty()
    );
    let again = accounts.request_code(by_email("bob@example.org"), HERE, false).await;
    assert_eq!(code_of(again), ErrorCode::RateLimited);
    // Somebody signed in may add the address.
    fixture.clock.advance(60_000);
    assert!(accounts.request_code(by_email("bob@example.org"), HERE, true).await.unwrap().left);
    let refused = accounts.verify_code(verification("bob@example.org", &fixture.last_code()), HERE).await;
    assert_eq!(code_of(refused), ErrorCode::RegistrationClosed);
}

#[tokio::test]
async fn register_and_log_in_by_code() {
    let fixture = Fixture::new(Policy::default());
    let (accounts, address) = (&fixture.accounts, "bob@example.org");
    let sent = accounts.request_code(by_email(" Bob@Example.org"), HERE, false).await.unwrap();
    assert_eq!((sent.expires_at, sent.resend_at), (START + 600_000, START + 60_000));
    fixture.clock.advance(10_000);
    let too_soon = accounts.request_code(by_email(address), HERE, false).await.unwrap_err();
    let wait = Some(std::time::Duration::from_secs(50));
    assert_eq!(too_soon, AccountError::RateLimited { retry_after: wait }, "by the service's clock");

    let code = fixture.last_code();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(code_of(accounts.verify_code(verification(address, wrong), HERE).await), ErrorCode::WrongCode);
    assert_eq!(code_of(accounts.verify_code(verification(address, "12345"), HERE).await), ErrorCode::Invalid);
    let bob = accounts.verify_code(verification("BOB@example.org", &code), HERE).await.unwrap();
    assert!(bob.registered);
    assert_eq!((bob.user.username.as_deref(), &*bob.user.name), (None, "bob"));
    assert_eq!(code_of(accounts.verify_code(verification(address, &code), HERE).await), ErrorCode::WrongCode);

    fixture.clock.advance(60_000);
    accounts.request_code(by_email(address), HERE, false).await.unwrap();
    let again = accounts.verify_code(verification(address, &fixture.last_code()), HERE).await.unwrap();
    assert_eq!((again.registered, again.user), (false, bob.user.clone()));
    assert_eq!(accounts.find("Bob@Example.ORG").await.unwrap(), Some(bob.user));
    assert_eq!(accounts.list_pending_codes().await.unwrap(), [], "a sender was there");
}

#[tokio::test]
async fn an_address_is_added_to_an_account() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let alice = fixture.register("alice").await;
    accounts.request_code(by_email("alice@example.org"), HERE, false).await.unwrap();
    accounts
        .add_address(alice.user.id, verification("alice@example.org", &fixture.last_code()), HERE)
        .await
        .unwrap();
    fixture.clock.advance(60_000);
    accounts.request_code(by_email("alice@example.org"), HERE, false).await.unwrap();
    let again =
        accounts.verify_code(verification("alice@example.org", &fixture.last_code()), HERE).await.unwrap();
    assert_eq!((again.registered, again.user), (false, alice.user));
    let bob = fixture.register("bob").await;
    fixture.clock.advance(60_000);
    accounts.request_code(by_email("alice@example.org"), HERE, false).await.unwrap();
    let taken = accounts
        .add_address(bob.user.id, verification("alice@example.org", &fixture.last_code()), HERE)
        .await;
    assert_eq!(code_of(taken), ErrorCode::Conflict);
}

#[tokio::test]
async fn who_came_by_code_gets_a_username_and_a_password() {
    let fixture = Fixture::new(Policy::default());
    let (accounts, address) = (&fixture.accounts, "bob@example.org");
    fixture.register("alice").await;
    accounts.request_code(by_email(address), HERE, false).await.unwrap();
    let bob = accounts.verify_code(verification(address, &fixture.last_code()), HERE).await.unwrap();
    let session = fixture.session(&bob).await.unwrap();
    let change = async |username: Option<&str>, password: Option<&str>, current: Option<&str>| {
        let [username, password, current_password] =
            [username, password, current].map(|text| text.map(str::to_owned));
        accounts
            .change_credentials(&session, CredentialsChange { username, password, current_password })
            .await
    };
    for (username, password, code) in [
        (None, None, ErrorCode::Invalid),
        (None, Some("correct horse"), ErrorCode::Invalid),
        (Some("b"), None, ErrorCode::Invalid),
        (Some("bob"), Some("short"), ErrorCode::Invalid),
        (Some("Alice"), None, ErrorCode::UsernameTaken),
    ] {
        assert_eq!(code_of(change(username, password, None).await), code, "{username:?} {password:?}");
    }
    assert_eq!(accounts.users(&[bob.user.id]).await.unwrap()[0].username, None);
    let named = change(Some(" Bob "), Some("correct horse"), None).await.unwrap();
    assert_eq!((named.id, named.username.as_deref()), (bob.user.id, Some("bob")));
    assert_eq!(accounts.users(&[bob.user.id]).await.unwrap(), [named], "not the cached one");

    let other = accounts.login(credentials("bob", "correct horse")).await.unwrap();
    assert_eq!(code_of(change(None, Some("battery staple"), None).await), ErrorCode::Invalid);
    let wrong = change(None, Some("battery staple"), Some("wrong")).await;
    assert_eq!(code_of(wrong), ErrorCode::WrongPassword);
    assert_eq!(fixture.ended(), []);
    change(None, Some("battery staple"), Some("correct horse")).await.unwrap();
    assert_eq!(fixture.ended(), [other.device]);
    assert_eq!(fixture.session(&other).await, Err(AccountError::Unauthenticated));
    assert!(fixture.session(&bob).await.is_ok(), "who changed it stays");
    assert_eq!(code_of(accounts.login(credentials("bob", "correct horse")).await), ErrorCode::WrongPassword);
    accounts.login(credentials("bob", "battery staple")).await.unwrap();
}

#[tokio::test]
async fn codes_stay_readable_where_nobody_sends_them() {
    let fixture = Fixture::new(Policy { readable_phone_codes: true, ..Policy::default() });
    let request = CodeRequest { email: None, phone: Some("+49 151 23456789".to_owned()) };
    fixture.accounts.request_code(request, HERE, false).await.unwrap();
    fixture.accounts.request_code(by_email("bob@example.org"), HERE, false).await.unwrap();
    let pending = fixture.accounts.list_pending_codes().await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].address.as_str(), pending[0].code.len()), ("+4915123456789", 6));
}

#[tokio::test]
async fn a_code_that_could_not_be_sent_may_be_asked_for_again() {
    let fixture = Fixture::new(Policy::default());
    fixture.outside.broken.store(true, Ordering::SeqCst);
    let failed = fixture.accounts.request_code(by_email("bob@example.org"), HERE, false).await;
    assert_eq!(code_of(failed), ErrorCode::Unavailable);
    fixture.outside.broken.store(false, Ordering::SeqCst);
    fixture.accounts.request_code(by_email("bob@example.org"), HERE, false).await.unwrap();
}

#[tokio::test]
async fn access_ends_with_time_or_at_once() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let alice = fixture.register("alice").await;
    let session = fixture.session(&alice).await.unwrap();
    assert_eq!((session.user, session.device, session.created_at), (alice.user.id, alice.device, START));
    for bad in ["", "ka_", &alice.tokens.refresh_token, &alice.tokens.access_token[1..]] {
        assert_eq!(code_of(accounts.authenticate(bad).await), ErrorCode::Unauthenticated, "{bad:?}");
    }
    // Hot: the store is not asked.
    fixture.store.end_session(alice.user.id, alice.device).await.unwrap();
    assert!(fixture.session(&alice).await.is_ok());
    // What another node's message does.
    accounts.forget(alice.device);
    assert_eq!(fixture.session(&alice).await, Err(AccountError::Unauthenticated));
    assert_eq!(fixture.ended(), []);

    let again = accounts.login(credentials("alice", "correct horse")).await.unwrap();
    let session = fixture.session(&again).await.unwrap();
    accounts.logout(&session).await.unwrap();
    assert_eq!(fixture.session(&again).await, Err(AccountError::Unauthenticated));
    assert_eq!(fixture.ended(), [again.device]);
    accounts.logout(&session).await.unwrap();

    let third = accounts.login(credentials("alice", "correct horse")).await.unwrap();
    fixture.clock.advance(899_999);
    assert!(fixture.session(&third).await.is_ok());
    fixture.clock.advance(1);
    assert_eq!(fixture.session(&third).await, Err(AccountError::Unauthenticated));
}

#[tokio::test]
async fn refresh_rotates_and_reuse_ends_the_session() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let refresh = async |refresh_token: &str| {
        accounts.refresh(&RefreshRequest { refresh_token: refresh_token.to_owned() }).await
    };
    let alice = fixture.register("alice").await;
    fixture.clock.advance(DAY);
    let second = refresh(&alice.tokens.refresh_token).await.unwrap();
    assert_eq!(second.access_expires_at, START + DAY + 900_000);
    let third = refresh(&second.refresh_token).await.unwrap();
    assert!(accounts.authenticate(&third.access_token).await.is_ok());
    assert_eq!(refresh(&third.access_token).await, Err(AccountError::Unauthenticated), "no refresh token");
    assert!(accounts.authenticate(&third.access_token).await.is_ok());

    assert_eq!(refresh(&alice.tokens.refresh_token).await, Err(AccountError::Unauthenticated));
    assert_eq!(fixture.ended(), [alice.device]);
    assert_eq!(accounts.authenticate(&third.access_token).await, Err(AccountError::Unauthenticated));
    assert_eq!(refresh(&third.refresh_token).await, Err(AccountError::Unauthenticated));
}

#[tokio::test]
async fn idle_sessions_end_and_none_lives_for_ever() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let idle = fixture.register("idle").await;
    let mut tokens = fixture.register("busy").await.tokens;
    let mut days = 0;
    let ended = loop {
        fixture.clock.advance(29 * DAY);
        days += 29;
        match accounts.refresh(&RefreshRequest { refresh_token: tokens.refresh_token.clone() }).await {
            Ok(next) => tokens = next,
            Err(error) => break error,
        }
        if days == 58 {
            let request = RefreshRequest { refresh_token: idle.tokens.refresh_token.clone() };
            assert_eq!(accounts.refresh(&request).await, Err(AccountError::Unauthenticated));
        }
        assert!(tokens.refresh_expires_at <= START + 365 * DAY);
    };
    assert_eq!((ended, days), (AccountError::Unauthenticated, 377));
}

/// A store that does a thing may yet be cut off before it says so.
#[tokio::test]
async fn what_the_store_leaves_open_is_asked_again() {
    let fixture = Fixture::new(Policy::default());
    let accounts = &fixture.accounts;
    let alice = fixture.register("alice").await;
    let phone = accounts.login(credentials("alice", "correct horse")).await.unwrap();
    fixture.session(&phone).await.unwrap();
    let other = rusqlite::Connection::open(fixture._folder.path().join("kith.db")).unwrap();
    let hide = |hidden: bool| {
        let (from, to) = if hidden { ("sessions", "away") } else { ("away", "sessions") };
        other.execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}")).unwrap();
    };
    for revoke_all in [false, true] {
        fixture.session(&alice).await.unwrap();
        hide(true);
        let failed = match revoke_all {
            true => accounts.revoke_all(alice.user.id, Some(alice.device)).await.map(drop),
            false => accounts.revoke(alice.user.id, phone.device).await,
        };
        assert!(failed.is_err());
        assert_eq!(std::mem::take(&mut *fixture.outside.doubted.lock().unwrap()), [alice.user.id]);
        hide(false);
        // Who is still signed in is let in again.
        fixture.session(&alice).await.unwrap();
    }
    // As if it had been done all the same: memory does not say otherwise.
    other.execute("DELETE FROM sessions WHERE device = ?1", [phone.device.as_bytes()]).unwrap();
    assert_eq!(fixture.session(&phone).await, Err(AccountError::Unauthenticated));
}

#[tokio::test]
async fn devices_are_listed_revoked_and_bounded() {
    let fixture = Fixture::new(Policy { max_devices: 3, ..Policy::default() });
    let accounts = &fixture.accounts;
    let log_in = async |device: &str| {
        fixture.clock.advance(60_000);
        let credentials =
            Credentials { device: Some(device.into()), ..credentials("alice", "correct horse") };
        accounts.login(credentials).await.unwrap()
    };
    let first = fixture.register("alice").await;
    let (phone, laptop) = (log_in("phone").await, log_in("laptop").await);
    fixture.clock.advance(60_000);
    fixture.session(&first).await.unwrap();
    let listed = accounts.list(first.user.id, Some(first.device)).await.unwrap();
    let one = listed.iter().find(|one| one.id == first.device).unwrap();
    assert_eq!((one.last_active_at, one.current), (START + 180_000, true), "before it is written");
    assert_eq!(listed.iter().filter(|one| one.current).count(), 1);
    accounts.upkeep().await.unwrap();
    let names: Vec<_> =
        accounts.list(first.user.id, None).await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["Unnamed device", "laptop", "phone"], "the most recently active first");

    let tablet = log_in("tablet").await;
    assert_eq!(fixture.ended(), [phone.device], "the idlest made room");
    assert_eq!(fixture.session(&phone).await, Err(AccountError::Unauthenticated));

    let bob = fixture.register("bob").await;
    assert_eq!(code_of(accounts.revoke(bob.user.id, laptop.device).await), ErrorCode::NotFound);
    accounts.revoke(first.user.id, laptop.device).await.unwrap();
    assert_eq!(fixture.ended(), [laptop.device]);
    assert_eq!(accounts.revoke_all(first.user.id, Some(tablet.device)).await.unwrap(), 1);
    assert_eq!(fixture.ended(), [first.device]);
    assert!(fixture.session(&tablet).await.is_ok());
}

#[tokio::test]
async fn upkeep_ends_what_has_expired() {
    let fixture = Fixture::new(Policy::default());
    let alice = fixture.register("alice").await;
    fixture.accounts.upkeep().await.unwrap();
    fixture.clock.advance(31 * DAY);
    assert_eq!(fixture.accounts.list(alice.user.id, None).await.unwrap(), []);
    fixture.accounts.upkeep().await.unwrap();
    assert_eq!(fixture.ended(), [alice.device]);
}

#[tokio::test]
async fn devices_that_are_noted_as_active_are_not_idle_whoever_remembers_their_sessions() {
    // One session is remembered.
    let fixture = Fixture::new(Policy { cached_sessions: 1, ..Policy::default() });
    let mut devices = Vec::new();
    for name in ["alice", "bob", "carol", "idle"] {
        let signed_in = fixture.register(name).await;
        fixture.session(&signed_in).await.unwrap();
        devices.push(signed_in.device);
    }
    for _ in 0..3 {
        fixture.clock.advance(20 * DAY);
        for device in &devices[..3] {
            fixture.accounts.note_activity(*device);
        }
        fixture.accounts.upkeep().await.unwrap();
    }
    assert_eq!(fixture.ended(), devices[3..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_load_of_a_session_outlives_its_end() {
    let fixture = Fixture::new(Policy::default());
    for round in 0..100 {
        let address = format!("user{round}@example.org");
        fixture.accounts.request_code(by_email(&address), HERE, false).await.unwrap();
        let code = fixture.last_code();
        let bob = fixture.accounts.verify_code(verification(&address, &code), HERE).await.unwrap();
        let loads: Vec<_> = (0..4)
            .map(|_| {
                let (accounts, token) = (fixture.accounts.clone(), bob.tokens.access_token.clone());
                tokio::spawn(async move { accounts.authenticate(&token).await.is_ok() })
            })
            .collect();
        fixture.accounts.revoke(bob.user.id, bob.device).await.unwrap();
        for load in loads {
            load.await.unwrap(); // before the end or after it: either answer is right
        }
        assert_eq!(fixture.session(&bob).await, Err(AccountError::Unauthenticated), "round {round}");
    }
}
