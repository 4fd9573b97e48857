//! Notifications' store on SQLite and on PostgreSQL, and the service over it.

mod both;

use std::sync::{Arc, Mutex};

use notifications::in_app::{Bell, InApp, Note, NoticeError, NoticeStore, Policy, StoredNotice};
use platform::{Clock, ManualClock, SystemRandomness};
use protocol::{ConversationId, NoticeId, NotificationKind, Timestamp, UserId};

use both::on_both;

const START: Timestamp = 1_700_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const ALICE: UserId = UserId::from_bytes([1; 16]);
const BOB: UserId = UserId::from_bytes([2; 16]);

on_both! {
    what_is_kept_is_listed_by_time,
    only_the_newest_of_a_user_are_kept,
    what_is_too_old_is_swept,
    the_service_writes_behind_and_rings,
}

fn notice(user: UserId, number: u8, created_at: Timestamp) -> StoredNotice {
    StoredNotice {
        id: NoticeId::compose(created_at, [number; 10]),
        user,
        kind: NotificationKind::Group,
        created_at,
        read: false,
        conversation: Some(ConversationId::from_bytes([9; 16])),
        seq: Some(u64::from(number)),
        by: Some(BOB),
        detail: Some("it's “so”".to_owned()),
    }
}

async fn what_is_kept_is_listed_by_time(store: Arc<dyn NoticeStore>) {
    let all: Vec<_> = (0..5).map(|number| notice(ALICE, number, START + i64::from(number))).collect();
    let bare =
        StoredNotice { conversation: None, seq: None, by: None, detail: None, ..notice(BOB, 1, START) };
    store.add(all.iter().rev().cloned().chain([bare.clone()]).collect(), 100).await.unwrap();
    let newest_first: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(store.list(ALICE, None, 9).await.unwrap(), newest_first);
    assert_eq!(store.list(ALICE, None, 2).await.unwrap(), newest_first[..2]);
    assert_eq!(store.list(ALICE, Some(all[2].id), 9).await.unwrap(), newest_first[3..]);
    assert_eq!(store.list(BOB, None, 9).await.unwrap(), [bare]);

    assert_eq!(store.unread(ALICE).await, Ok(5));
    assert_eq!(store.mark_read(ALICE, all[1].id).await, Ok(true));
    assert_eq!(store.mark_read(ALICE, all[1].id).await, Ok(true), "again");
    assert_eq!(store.mark_read(BOB, all[2].id).await, Ok(false), "another's");
    assert_eq!(store.unread(ALICE).await, Ok(4));
    let place = |notice: &StoredNotice| (notice.id, (notice.conversation.unwrap(), notice.seq.unwrap()));
    let about: Vec<_> = store.list(ALICE, None, 9).await.unwrap();
    let mut unread: Vec<_> = about.iter().filter(|it| !it.read && it.seq.is_some()).map(place).collect();
    unread.reverse();
    assert!(!unread.is_empty());
    assert_eq!(store.unread_places(ALICE).await.unwrap(), unread, "the oldest first");
    assert_eq!(store.unread_places(BOB).await.unwrap(), [], "about no entry");
    assert!(store.list(ALICE, Some(all[2].id), 1).await.unwrap()[0].read);
    store.mark_all_read(ALICE).await.unwrap();
    assert_eq!((store.unread(ALICE).await, store.unread(BOB).await), (Ok(0), Ok(1)));
    store.forget(ALICE).await.unwrap();
    assert_eq!(store.list(ALICE, None, 9).await.unwrap(), []);
    assert_eq!(store.unread(BOB).await, Ok(1));
}

async fn only_the_newest_of_a_user_are_kept(store: Arc<dyn NoticeStore>) {
    for number in 0..10 {
        let time = START + i64::from(number);
        store.add(vec![notice(ALICE, number, time), notice(BOB, number, time)], 3).await.unwrap();
    }
    store
        .add((10..20).map(|number| notice(BOB, number, START + i64::from(number))).collect(), 3)
        .await
        .unwrap();
    for (user, newest) in [(ALICE, [9, 8, 7]), (BOB, [19, 18, 17])] {
        let kept = store.list(user, None, 99).await.unwrap();
        assert_eq!(kept.iter().map(|notice| notice.seq.unwrap()).collect::<Vec<_>>(), newest);
    }
}

async fn what_is_too_old_is_swept(store: Arc<dyn NoticeStore>) {
    let all = (0..10).map(|number| notice(ALICE, number, START + i64::from(number)));
    store.add(all.collect(), 100).await.unwrap();
    assert_eq!(store.sweep(START + 5, 3).await, Ok(3));
    assert_eq!(store.sweep(START + 5, 3).await, Ok(2));
    assert_eq!(store.sweep(START + 5, 3).await, Ok(0));
    assert_eq!(store.list(ALICE, None, 99).await.unwrap().len(), 5);
}

#[derive(Default)]
struct Rung(Mutex<Vec<StoredNotice>>);

impl Bell for Rung {
    fn ring(&self, notices: Vec<StoredNotice>) {
        self.0.lock().unwrap().extend(notices);
    }
}

async fn the_service_writes_behind_and_rings(store: Arc<dyn NoticeStore>) {
    let clock = Arc::new(ManualClock::new(START));
    let policy = Policy { keep_days: 2, per_user: 100, ..Policy::default() };
    let service = Arc::new(InApp::new(store, clock.clone(), Arc::new(SystemRandomness), policy));
    let bell = Arc::new(Rung::default());
    let running = tokio::spawn(Arc::clone(&service).run(bell.clone()));
    let long = Note { detail: Some("é".repeat(999)), ..Note::new(ALICE, NotificationKind::SignIn) };
    service.note([
        Note::new(ALICE, NotificationKind::Credentials),
        Note::new(BOB, NotificationKind::Role),
        long,
    ]);
    service.settle().await;
    let (found, more) = service.list(ALICE, None, None).await.unwrap();
    assert_eq!((found.len(), more), (2, false));
    assert!(found.iter().all(|notice| notice.created_at == START && !notice.read));
    let detail = found.iter().find_map(|notice| notice.detail.as_deref()).unwrap();
    assert_eq!(detail, "é".repeat(200));
    assert_eq!(bell.0.lock().unwrap().len(), 3);
    let (page, more) = service.list(ALICE, None, Some(1)).await.unwrap();
    assert_eq!((page.as_slice(), more), (&found[..1], true));

    assert_eq!(service.unread(ALICE).await, Ok(2));
    service.mark_read(ALICE, found[0].id).await.unwrap();
    assert_eq!(service.mark_read(BOB, found[0].id).await, Err(NoticeError::NotFound));
    assert_eq!(service.unread(ALICE).await, Ok(1));
    clock.set(START + 2 * DAY_MS);
    service.upkeep().await.unwrap();
    assert_eq!(service.list(ALICE, None, None).await.unwrap().0.len(), 2, "not older than two days");
    clock.set(START + 2 * DAY_MS + 1);
    service.upkeep().await.unwrap();
    assert_eq!(service.list(ALICE, None, None).await.unwrap().0, []);
    assert_eq!(clock.now(), START + 2 * DAY_MS + 1);
    running.abort();
}
