//! Deletions that do not come to their end at once, and what else takes the service's clock.

use std::sync::atomic::AtomicU32;

use accounts::Farewell;
use protocol::{AccountState, DeletionConfirmation, LastSeenTo, PrivacyChanges, ServerRole, UserPageRequest};

use super::*;

/// Fails so many times, then forgets.
struct Forgetful {
    failures: AtomicU32,
    asked: Mutex<Vec<UserId>>,
}

impl Forgetful {
    fn new(failures: u32) -> Arc<Self> {
        Arc::new(Self { failures: AtomicU32::new(failures), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<UserId> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Farewell for Forgetful {
    async fn forget(&self, user: UserId) -> Result<(), String> {
        self.asked.lock().unwrap().push(user);
        let left = self.failures.load(Ordering::SeqCst);
        self.failures.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { Ok(()) } else { Err("not now".to_owned()) }
    }
}

async fn state(fixture: &Fixture, user: UserId) -> AccountState {
    let store: Store = fixture.store.clone();
    store.account(user).await.unwrap().unwrap().state
}

fn by_password(password: &str) -> DeletionConfirmation {
    DeletionConfirmation { password: Some(password.to_owned()), code: None }
}

#[tokio::test]
async fn a_deletion_goes_on_until_all_have_forgotten() {
    let fixture = Fixture::new(Policy::default());
    let (ready, slow, last) = (Forgetful::new(0), Forgetful::new(2), Forgetful::new(0));
    for farewell in [&ready, &slow, &last] {
        fixture.accounts.on_deletion(farewell.clone());
    }
    let alice = fixture.register("alice").await;
    let user = alice.user.id;
    let wrong = fixture.accounts.delete_own(user, by_password("wrong horse"), HERE).await;
    assert_eq!(code_of(wrong), ErrorCode::WrongPassword);
    assert_eq!((ready.asked(), state(&fixture, user).await), (vec![], AccountState::Active));

    fixture.accounts.delete_own(user, by_password("correct horse"), HERE).await.unwrap();
    assert_eq!(fixture.ended(), [alice.device], "signed out at once");
    assert_eq!(fixture.session(&alice).await, Err(AccountError::Unauthenticated));
    assert_eq!(state(&fixture, user).await, AccountState::Deleting);
    assert_eq!((ready.asked(), slow.asked(), last.asked()), (vec![user], vec![user], vec![]));
    fixture.accounts.upkeep().await.unwrap();
    assert_eq!(state(&fixture, user).await, AccountState::Deleting);
    fixture.accounts.upkeep().await.unwrap();
    assert_eq!(state(&fixture, user).await, AccountState::Deleted);
    assert_eq!(last.asked(), [user]);
    ready.asked();
    fixture.accounts.upkeep().await.unwrap();
    assert_eq!(ready.asked(), [], "once is enough");
    assert_eq!(fixture.accounts.users(&[user]).await.unwrap()[0].name.as_ref(), accounts::DELETED_NAME);
}

/// The process died after the first step: whoever starts next ends it.
#[tokio::test]
async fn a_deletion_survives_the_end_of_the_process() {
    let fixture = Fixture::new(Policy::default());
    fixture.accounts.on_deletion(Forgetful::new(u32::MAX));
    let alice = fixture.register("alice").await;
    fixture.accounts.delete_own(alice.user.id, by_password("correct horse"), HERE).await.unwrap();
    let next = Accounts::new(
        fixture.store.clone(),
        fixture.clock.clone(),
        Arc::new(SystemRandomness),
        fixture.outside.clone(),
        &SecretKey::new([7; 32]),
        Policy::default(),
    );
    let farewell = Forgetful::new(0);
    next.on_deletion(farewell.clone());
    next.upkeep().await.unwrap();
    assert_eq!(farewell.asked(), [alice.user.id]);
    assert_eq!(state(&fixture, alice.user.id).await, AccountState::Deleted);
}

#[tokio::test]
async fn a_one_time_password_is_good_for_a_day() {
    let fixture = Fixture::new(Policy::default());
    let (admin, alice) = (fixture.register("admin").await, fixture.register("alice").await);
    let store: Store = fixture.store.clone();
    let refused = fixture.accounts.reset_password(admin.user.id, alice.user.id).await;
    assert_eq!(code_of(refused), ErrorCode::Forbidden);
    let change = accounts::store::Change { user: admin.user.id, by: admin.user.id, now: START };
    store.set_role(change, ServerRole::Admin).await.unwrap();
    let once = fixture.accounts.reset_password(admin.user.id, alice.user.id).await.unwrap();
    assert_eq!(once.expires_at, START + DAY);
    fixture.clock.advance(DAY);
    let late = fixture.accounts.login(credentials("alice", &once.password)).await;
    assert_eq!(code_of(late), ErrorCode::WrongPassword);
    let once = fixture.accounts.reset_password(admin.user.id, alice.user.id).await.unwrap();
    fixture.clock.advance(DAY - 1);
    fixture.accounts.login(credentials("alice", &once.password)).await.unwrap();
}

#[tokio::test]
async fn privacy_is_kept_in_memory_and_never_stale() {
    let fixture = Fixture::new(Policy::default());
    let user = fixture.register("alice").await.user.id;
    assert_eq!(fixture.accounts.privacy(user).await.unwrap(), protocol::Privacy::default());
    // Behind the service's back: it does not ask again.
    let changes = PrivacyChanges { last_seen: Some(LastSeenTo::Nobody), ..PrivacyChanges::default() };
    let store: Store = fixture.store.clone();
    store.set_privacy(user, changes, START).await.unwrap();
    assert_eq!(fixture.accounts.privacy(user).await.unwrap(), protocol::Privacy::default());
    let changed = fixture.accounts.set_privacy(user, changes).await.unwrap();
    assert_eq!(changed.last_seen, LastSeenTo::Nobody);
    assert_eq!(fixture.accounts.privacy(user).await.unwrap(), changed);
    let nobody = UserId::compose(START, unique());
    assert_eq!(code_of(fixture.accounts.privacy(nobody).await), ErrorCode::UnknownUser);
}

/// Those who were there before there was a search are found too.
#[tokio::test]
async fn upkeep_makes_the_words_that_are_missing() {
    let fixture = Fixture::new(Policy::default());
    for number in 0..3 {
        fixture.register(&format!("user{number}")).await;
    }
    let before = fixture.store.write(|transaction| {
        transaction.execute_batch("DELETE FROM user_terms; UPDATE users SET terms_made = 0")
    });
    before.await.unwrap();
    let found = async || {
        let page = fixture.accounts.search("user", &UserPageRequest::default()).await.unwrap();
        page.users.len()
    };
    assert_eq!(found().await, 0);
    fixture.accounts.upkeep().await.unwrap();
    assert_eq!(found().await, 3);
}
