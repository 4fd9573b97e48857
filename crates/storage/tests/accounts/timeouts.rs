//! When sessions end by themselves, through the service, on both stores.

use accounts::{AccountError, Accounts, CodeSender, Policy, SecretKey, SendError};
use async_trait::async_trait;
use platform::{ManualClock, SystemRandomness};
use protocol::{Credentials, RefreshRequest, Tokens};

use crate::*;

on_both! {
    idle_sessions_end_after_thirty_days,
    no_session_outlives_a_year,
}

struct Nobody;

#[async_trait]
impl CodeSender for Nobody {
    async fn send(&self, _: &Address, _: &str) -> Result<(), SendError> {
        Err(SendError("nobody asks".to_owned()))
    }
}

struct Scene {
    accounts: Accounts,
    store: Store,
    clock: Arc<ManualClock>,
}

impl Scene {
    fn new(store: Store) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let (randomness, key) = (Arc::new(SystemRandomness), SecretKey::new([7; 32]));
        let policy = Policy::default();
        let accounts =
            Accounts::new(store.clone(), clock.clone(), randomness, Arc::new(Nobody), &key, policy);
        Self { accounts, store, clock }
    }

    async fn register(&self, username: &str) -> Tokens {
        let (username, password) = (username.to_owned(), "correct horse".to_owned());
        let credentials = Credentials { username, password, name: None, device: None };
        self.accounts.register(credentials).await.unwrap().tokens
    }

    async fn user(&self, name: &str) -> UserId {
        self.accounts.find(name).await.unwrap().unwrap().id
    }

    async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, AccountError> {
        self.accounts.refresh(&RefreshRequest { refresh_token: tokens.refresh_token.clone() }).await
    }
}

async fn idle_sessions_end_after_thirty_days(store: Store) {
    let scene = Scene::new(store);
    let (late, in_time) = (scene.register("late").await, scene.register("in_time").await);
    assert_eq!(late.refresh_expires_at, START + 30 * DAY);
    scene.clock.advance(30 * DAY - 1);
    let next = scene.refresh(&in_time).await.unwrap();
    assert_eq!(next.refresh_expires_at, START + 60 * DAY - 1, "from its last use on");
    let [late_user, user] = [scene.user("late").await, scene.user("in_time").await];
    let listed = async |user| {
        let listed = scene.accounts.list(user, None).await.unwrap().len();
        assert_eq!(scene.accounts.devices_of(&[user]).await.unwrap().len(), listed);
        listed
    };
    assert_eq!((listed(late_user).await, listed(user).await), (1, 1));
    // To the millisecond: what refreshes, lists and sweeps agree on.
    scene.clock.advance(1);
    assert_eq!((listed(late_user).await, listed(user).await), (0, 1));
    assert_eq!(scene.refresh(&late).await, Err(AccountError::Unauthenticated));
    assert!(scene.accounts.authenticate(&next.access_token).await.is_ok());
    scene.clock.advance(30 * DAY - 2);
    scene.accounts.upkeep().await.unwrap();
    assert_eq!(scene.store.sessions(user).await.unwrap().len(), 1);
    // Nothing was done with it since.
    scene.clock.advance(1);
    assert_eq!(listed(user).await, 0);
    assert_eq!(scene.accounts.authenticate(&next.access_token).await, Err(AccountError::Unauthenticated));
    assert_eq!(scene.refresh(&next).await, Err(AccountError::Unauthenticated));
}

async fn no_session_outlives_a_year(store: Store) {
    let scene = Scene::new(store);
    let mut tokens = scene.register("busy").await;
    for _ in 0..36 {
        scene.clock.advance(10 * DAY);
        tokens = scene.refresh(&tokens).await.unwrap();
    }
    assert_eq!(tokens.refresh_expires_at, START + 365 * DAY);
    scene.clock.advance(5 * DAY - 1);
    let last = scene.refresh(&tokens).await.unwrap();
    assert!(last.access_expires_at <= START + 365 * DAY, "nor does a token");
    scene.clock.advance(1);
    assert_eq!(scene.accounts.authenticate(&last.access_token).await, Err(AccountError::Unauthenticated));
    assert_eq!(scene.refresh(&last).await, Err(AccountError::Unauthenticated));
}
