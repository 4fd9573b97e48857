//! The service with a clock that stands still and neighbours that may be away.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use accounts::people::{Consent, Neighbours};
use accounts::store::{NewSession, NewUser};
use accounts::{AccountStore, Accounts, CodeSender, People, PeopleError, Policy, SecretKey, SendError};
use async_trait::async_trait;
use platform::{ManualClock, SystemRandomness};
use protocol::{
    ConversationId, ConversationShape, DeviceId, ErrorCode, Invite, InviteDirection, InviteStatus,
    LastSeenTo, MessagesFrom, NewReport, PrivacyChanges, Seq,
};

use crate::*;

on_both! {
    an_acceptance_outlives_a_crash,
    blocks_are_in_memory_and_never_stale,
    a_block_cut_short_is_not_half_done,
    who_may_be_seen_and_talked_with,
    reports_copy_what_the_reporter_may_read,
}

/// Somewhere else.
#[derive(Default)]
struct Elsewhere {
    away: AtomicBool,
    talks: Mutex<HashMap<(UserId, UserId), ConversationId>>,
    told: Mutex<Vec<(UserId, Invite)>>,
}

#[async_trait]
impl Neighbours for Elsewhere {
    async fn have_talked(&self, one: UserId, other: UserId) -> Result<bool, String> {
        Ok(self.talks.lock().unwrap().contains_key(&(one.min(other), one.max(other))))
    }
    async fn converse(&self, one: UserId, other: UserId) -> Result<ConversationId, String> {
        if self.away.load(Ordering::SeqCst) {
            return Err("away".to_owned());
        }
        let new = || ConversationId::compose(ConversationShape::Direct, START, unique());
        let key = (one.min(other), one.max(other));
        Ok(*self.talks.lock().unwrap().entry(key).or_insert_with(new))
    }
    async fn settle(&self, _: UserId, _: UserId) -> Result<(), String> {
        if self.away.load(Ordering::SeqCst) { Err("away".to_owned()) } else { Ok(()) }
    }
    async fn message(
        &self,
        _: UserId,
        _: ConversationId,
        seq: Seq,
    ) -> Result<Option<(UserId, Option<String>)>, String> {
        let sender = UserId::compose(START, [9; 10]);
        Ok((seq == 7).then(|| (sender, Some("x".repeat(20_000)))))
    }
    fn is_online(&self, _: UserId) -> bool {
        true
    }
    fn invite_changed(&self, user: UserId, invite: Invite) {
        self.told.lock().unwrap().push((user, invite));
    }
    fn visibility_changed(&self, _: UserId, _: Option<UserId>) {}
}

struct NoSender;

#[async_trait]
impl CodeSender for NoSender {
    async fn send(&self, _: &accounts::Address, _: &str) -> Result<(), SendError> {
        Err(SendError("nobody sends".to_owned()))
    }
}

struct World {
    people: People,
    accounts: Accounts,
    store: Arc<dyn AccountStore>,
    lists: Store,
    elsewhere: Arc<Elsewhere>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new<D: AccountStore + PeopleStore>(database: Arc<D>) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let store: Arc<dyn AccountStore> = database.clone();
        let accounts = Accounts::new(
            store.clone(),
            clock.clone(),
            Arc::new(SystemRandomness),
            Arc::new(NoSender),
            &SecretKey::new([7; 32]),
            Policy::default(),
        );
        let lists: Store = database;
        let people = People::new(
            lists.clone(),
            accounts.clone(),
            clock.clone(),
            Arc::new(SystemRandomness),
            accounts::people::Policy::default(),
        );
        let elsewhere = Arc::<Elsewhere>::default();
        people.meet(elsewhere.clone());
        Self { people, accounts, store, lists, elsewhere, clock }
    }

    async fn register(&self, name: &str) -> UserId {
        self.register_as(UserId::compose(START, unique()), name).await
    }

    async fn register_as(&self, id: UserId, name: &str) -> UserId {
        let new = NewUser {
            id,
            username: Some(name.to_owned()),
            address: None,
            name: name.to_owned(),
            password_hash: None,
            created_at: START,
        };
        let session = NewSession {
            device: DeviceId::compose(START, unique()),
            name: "laptop".to_owned(),
            created_at: START,
            expires_at: START + 365 * DAY,
        };
        assert!(self.store.register(new, session).await.unwrap());
        id
    }

    async fn set(&self, user: UserId, changes: PrivacyChanges) {
        self.accounts.set_privacy(user, changes).await.unwrap();
    }

    async fn by_invite(&self, user: UserId) {
        let messages = Some(MessagesFrom::Invite);
        self.set(user, PrivacyChanges { messages, ..PrivacyChanges::default() }).await;
    }
}

async fn an_acceptance_outlives_a_crash<D: AccountStore + PeopleStore>(database: Arc<D>) {
    let world = World::new(database);
    let (ann, bob) = (world.register("ann").await, world.register("bob").await);
    world.by_invite(bob).await;
    let outcome = world.people.invite(ann, bob, Some("  Hello ".into())).await.unwrap();
    assert_eq!((outcome.status, outcome.conversation, outcome.online), (InviteStatus::Pending, None, true));
    let invite = outcome.invite.unwrap();
    // It is on disk that he accepted; then everything stops.
    world.elsewhere.away.store(true, Ordering::SeqCst);
    let error = world.people.answer_invite(bob, invite, true).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(world.people.upkeep().await.is_ok(), "it is not left behind yet");
    world.clock.advance(11_000);
    assert!(world.people.upkeep().await.is_err());
    world.elsewhere.told.lock().unwrap().clear();
    world.elsewhere.away.store(false, Ordering::SeqCst);
    world.people.upkeep().await.unwrap();
    let answered = world.people.answer_invite(bob, invite, true).await.unwrap();
    assert_eq!((answered.status, answered.message.as_deref()), (InviteStatus::Accepted, Some("Hello")));
    let conversation = answered.conversation.unwrap();
    let told = std::mem::take(&mut *world.elsewhere.told.lock().unwrap());
    let told: Vec<_> = told.iter().map(|(user, seen)| (*user, seen.user.id, seen.conversation)).collect();
    assert_eq!(told, [(ann, bob, Some(conversation)), (bob, ann, Some(conversation))], "both, and once");
    let error = world.people.answer_invite(bob, invite, false).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);

    // The same by whoever asks first: by listing, by inviting again.
    let eve = world.register("eve").await;
    for asks_again in [false, true] {
        let carl = world.register(if asks_again { "carl" } else { "cora" }).await;
        world.by_invite(carl).await;
        let invite = world.people.invite(eve, carl, None).await.unwrap().invite.unwrap();
        world.elsewhere.away.store(true, Ordering::SeqCst);
        world.people.answer_invite(carl, invite, true).await.unwrap_err();
        world.elsewhere.away.store(false, Ordering::SeqCst);
        if asks_again {
            let outcome = world.people.invite(eve, carl, None).await.unwrap();
            assert_eq!(outcome.status, InviteStatus::Accepted);
            assert!(outcome.conversation.is_some());
        } else {
            let listed = world.people.invites(eve, InviteDirection::Sent).await.unwrap();
            assert!(listed[0].conversation.is_some(), "{listed:?}");
        }
    }
}

async fn blocks_are_in_memory_and_never_stale<D: AccountStore + PeopleStore>(database: Arc<D>) {
    let world = World::new(database);
    let (ann, bob) = (world.register("ann").await, world.register("bob").await);
    assert_eq!(world.people.known_blocks(ann, bob), None, "nobody has asked");
    assert!(!world.people.blocks(&[(ann, bob)]).await.unwrap()[0].any());
    assert_eq!(world.people.known_blocks(ann, bob), Some(Default::default()));
    for turn in 0..50 {
        // Whoever reads meanwhile may bring an old answer into memory, if it is not kept out.
        let people = world.people.clone();
        let reading = tokio::spawn(async move {
            for _ in 0..20 {
                people.blocks(&[(ann, bob)]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        if turn % 2 == 0 {
            world.people.block(ann, bob).await.unwrap();
        } else {
            world.people.unblock(ann, bob).await.unwrap();
        }
        let blocks = world.people.blocks(&[(ann, bob)]).await.unwrap()[0];
        assert_eq!((blocks.by_first, blocks.by_second), (turn % 2 == 0, false), "turn {turn}");
        reading.await.unwrap();
        let blocks = world.people.blocks(&[(bob, ann)]).await.unwrap()[0];
        assert_eq!((blocks.by_first, blocks.by_second), (false, turn % 2 == 0), "turn {turn}");
    }
    world.people.block(ann, bob).await.unwrap();
    world.people.forget(bob).await.unwrap();
    assert!(!world.people.blocks(&[(ann, bob)]).await.unwrap()[0].any());
}

async fn a_block_cut_short_is_not_half_done<D: AccountStore + PeopleStore>(database: Arc<D>) {
    let world = World::new(database);
    let (ann, bob) = (world.register("ann").await, world.register("bob").await);
    for wait_us in 0..40 {
        world.people.blocks(&[(ann, bob)]).await.unwrap();
        let limit = std::time::Duration::from_micros(wait_us * 50);
        let _ = tokio::time::timeout(limit, world.people.block(ann, bob)).await;
        // Sooner or later memory says what the store says.
        let agreed = async {
            loop {
                let stored = !world.lists.blocked(&[ann]).await.unwrap().is_empty();
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                if world.people.blocks(&[(ann, bob)]).await.unwrap()[0].by_first == stored {
                    return;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), agreed).await.expect("they agree");
        world.people.unblock(ann, bob).await.unwrap();
    }
}

async fn who_may_be_seen_and_talked_with<D: AccountStore + PeopleStore>(database: Arc<D>) {
    let world = World::new(database);
    let (ann, bob, eve) =
        (world.register("ann").await, world.register("bob").await, world.register("eve").await);
    let nobody = UserId::compose(1, [1; 10]);
    let people = &world.people;
    let sees = async |viewer: UserId, user: UserId| {
        let one = people.visible_to(viewer, &[user, nobody]).await.unwrap();
        assert!(!one.contains(&nobody));
        let other = people.viewers_of(user, &[viewer]).await.unwrap();
        assert_eq!(one.contains(&user), other.contains(&viewer), "asked either way it is the same");
        one.contains(&user)
    };
    assert!(sees(ann, bob).await && sees(bob, bob).await);
    let last_seen = |to| PrivacyChanges { last_seen: Some(to), ..PrivacyChanges::default() };
    world.set(bob, last_seen(LastSeenTo::Contacts)).await;
    assert!(!sees(ann, bob).await && sees(bob, bob).await);
    people.add_contact(ann, bob).await.unwrap();
    assert!(!sees(ann, bob).await, "whom I list is my affair");
    people.add_contact(bob, ann).await.unwrap();
    assert!(sees(ann, bob).await && !sees(eve, bob).await);
    people.block(bob, ann).await.unwrap();
    assert!(!sees(ann, bob).await && sees(bob, ann).await);
    people.unblock(bob, ann).await.unwrap();
    world.set(bob, last_seen(LastSeenTo::Nobody)).await;
    assert!(!sees(ann, bob).await && sees(bob, bob).await);

    world.by_invite(bob).await;
    assert_eq!(people.may_begin(ann, bob).await.unwrap(), Consent::Given, "he lists her");
    assert_eq!(people.may_begin(eve, bob).await.unwrap(), Consent::ByInvite);
    people.block(bob, eve).await.unwrap();
    assert_eq!(people.may_begin(eve, bob).await.unwrap(), Consent::BlockedByThem);
    assert_eq!(people.may_begin(bob, eve).await.unwrap(), Consent::BlockedByCaller);
    let error = people.invite(eve, bob, None).await.unwrap_err();
    assert!(matches!(error, PeopleError::Forbidden(_)), "{error}");
    let outcome = people.invite(eve, ann, None).await.unwrap();
    assert_eq!(outcome.status, InviteStatus::Accepted, "she takes everybody");
    for (user, code) in [(nobody, ErrorCode::NotFound), (eve, ErrorCode::Invalid)] {
        assert_eq!(people.invite(eve, user, None).await.unwrap_err().code(), code);
        assert_eq!(people.block(eve, user).await.unwrap_err().code(), code);
        assert_eq!(people.add_contact(eve, user).await.unwrap_err().code(), code);
    }
    let long = people.invite(ann, bob, Some("x".repeat(301))).await.unwrap_err();
    assert_eq!(long.code(), ErrorCode::Invalid);
}

async fn reports_copy_what_the_reporter_may_read<D: AccountStore + PeopleStore>(database: Arc<D>) {
    let world = World::new(database);
    let (ann, bob) = (world.register("ann").await, world.register("bob").await);
    let sender = world.register_as(UserId::compose(START, [9; 10]), "sender").await;
    let conversation = Some(ConversationId::compose(ConversationShape::Direct, START, unique()));
    let report = |user, conversation, seq| {
        world.people.report(ann, NewReport { user, conversation, seq, reason: "spam".into() })
    };
    let id = report(None, conversation, Some(7)).await.unwrap();
    let page = world.people.reports(Default::default()).await.unwrap();
    let kept = &page.reports[0];
    assert_eq!((kept.id, kept.user, kept.reporter), (id, sender, ann));
    assert_eq!(kept.text.as_ref().map(String::len), Some(10_000));
    for (user, conversation, seq, code) in [
        (None, None, None, ErrorCode::Invalid),
        (None, conversation, None, ErrorCode::Invalid),
        (Some(bob), conversation, Some(7), ErrorCode::Invalid),
        (None, conversation, Some(8), ErrorCode::NotFound),
        (Some(ann), None, None, ErrorCode::Invalid),
    ] {
        assert_eq!(report(user, conversation, seq).await.unwrap_err().code(), code);
    }
    let blank = NewReport { user: Some(bob), reason: " \n".into(), ..NewReport::default() };
    assert_eq!(world.people.report(ann, blank).await.unwrap_err().code(), ErrorCode::Invalid);
    for _ in 1..accounts::people::Policy::default().reports_open {
        report(Some(bob), None, None).await.unwrap();
    }
    assert_eq!(report(Some(bob), None, None).await.unwrap_err().code(), ErrorCode::RateLimited);
    let page = world.people.reports(Default::default()).await.unwrap();
    assert_eq!((page.reports.len(), page.more), (100, false));
}
