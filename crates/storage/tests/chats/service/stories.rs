//! Single stories that the random ones would seldom tell.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chats::{ChatError, Policy};
use protocol::{ConversationFilter, GroupChanges, MessageStatus, NewGroup, OutgoingMessage, SyncRequest};

use super::faulty::Rates;
use super::life::{Backend, Life, caller, policy};
use crate::*;

macro_rules! stories {
    ($($name:ident,)+) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&$crate::service::life::Backend::sqlite());
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&$crate::service::life::Backend::postgres());
            })+
        }
    };
}

pub(crate) use stories;

stories! {
    a_creation_is_told_before_what_is_said_there,
    what_the_database_cannot_keep_is_refused_before_the_batch,
    panics_silence_nobody,
    what_a_failed_commit_did_is_told_though_nobody_asks,
    a_receipt_stands_though_its_senders_cannot_be_found,
    receipts_have_their_bounds,
    who_was_away_has_nothing_unread_from_then,
    info_tells_of_receipts_that_are_not_written_yet,
    receipts_survive_memory_and_restart,
}

/// Waits, at most five seconds, until `look` finds something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: not in time")
}

pub(crate) fn group_of(members: &[UserId]) -> NewGroup {
    NewGroup { name: "a group".into(), members: members.to_vec(), ..NewGroup::default() }
}

pub(crate) fn text(id: &str) -> OutgoingMessage {
    OutgoingMessage::text(message_id(id), id)
}

fn a_creation_is_told_before_what_is_said_there(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        // Bob speaks in every group as soon as it shows in his list.
        let chats = Arc::clone(&life.chats);
        let talker = tokio::spawn(async move {
            let mut known = std::collections::HashSet::new();
            while known.len() < 30 {
                for summary in chats.list(bob, ConversationFilter::default()).await.unwrap() {
                    if known.insert(summary.id) {
                        chats.send(bob, summary.id, text("first")).await.unwrap();
                    }
                }
            }
        });
        for _ in 0..30 {
            life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        }
        talker.await.unwrap();
        life.chats.stop().await;
    });
    let told = life.audience.told();
    assert_eq!(told.len(), 30);
    for entries in told.values() {
        let seqs: Vec<_> = entries.iter().map(|entry| entry.message.seq).collect();
        assert_eq!(seqs, [1, 2]);
        assert_eq!(entries[0].joined.len(), 2);
    }
    life.stop();
}

fn what_the_database_cannot_keep_is_refused_before_the_batch(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let alice = caller(new_user(), new_device());
    life.runtime.block_on(async {
        let chats = &life.chats;
        let id = chats.start_group(alice, group_of(&[])).await.unwrap();
        let some = |text: &str| Some(text.to_owned());
        for changes in [
            GroupChanges { name: some("a\0b"), ..GroupChanges::default() },
            GroupChanges { description: some("a\0b"), ..GroupChanges::default() },
            GroupChanges { picture: some("a\0b"), ..GroupChanges::default() },
        ] {
            let new = NewGroup {
                name: changes.name.clone().unwrap_or_else(|| "fine".into()),
                description: changes.description.clone().unwrap_or_default(),
                picture: changes.picture.clone(),
                ..NewGroup::default()
            };
            assert!(matches!(chats.start_group(alice, new).await, Err(ChatError::Invalid(_))));
            let others = text(&format!("{:?}", changes.name.is_some()));
            let (refused, kept) =
                tokio::join!(chats.update_group(alice, id, changes), chats.send(alice, id, others));
            assert!(matches!(refused, Err(ChatError::Invalid(_))));
            kept.unwrap();
        }
        // Bodies are bytes: they may hold anything.
        chats.send(alice, id, OutgoingMessage::text(message_id("nul"), "a\0b")).await.unwrap();
        let lines = GroupChanges { description: some("two\nlines\t…"), ..GroupChanges::default() };
        chats.update_group(alice, id, lines).await.unwrap();
    });
    life.stop();
}

fn panics_silence_nobody(backend: &Backend) {
    let policy = Policy { batchers: 1, ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    let alice = caller(new_user(), new_device());
    life.runtime.block_on(async {
        let id = life.chats.start_group(alice, group_of(&[])).await.unwrap();
        // In the store, before and after it has committed.
        for (number, after) in [(1, false), (2, true)] {
            life.faulty.panic_in_commit(after);
            let message = text(&format!("m{number}"));
            let answer = life.chats.send(alice, id, message.clone()).await;
            assert_eq!(answer, Err(ChatError::Unavailable));
            if after {
                // It did happen, and is told though nobody asks.
                let newest = async || life.audience.told().get(&id)?.last().map(|entry| entry.message.seq);
                eventually("told", async || newest().await.filter(|seq| *seq == number + 1)).await;
            }
            assert_eq!(life.chats.send(alice, id, message).await.unwrap().seq, number + 1);
        }
        // In whoever is told.
        let newest = async || life.audience.told().get(&id)?.last().map(|entry| entry.message.seq);
        eventually("told", async || newest().await.filter(|seq| *seq == 3)).await;
        life.audience.panics.store(1, Ordering::SeqCst);
        life.chats.send(alice, id, text("untold")).await.unwrap();
        life.chats.send(alice, id, text("told")).await.unwrap();
        let seqs = eventually("told", async || {
            let told = life.audience.told();
            let seqs: Vec<_> = told.get(&id)?.iter().map(|entry| entry.message.seq).collect();
            seqs.contains(&5).then_some(seqs)
        });
        assert_eq!(seqs.await, [1, 2, 3, 5]);
    });
    life.stop();
}

fn what_a_failed_commit_did_is_told_though_nobody_asks(backend: &Backend) {
    let life = Life::start(backend, Rates { done: 1_000, ..Rates::default() }, 1);
    life.faulty.on.store(false, Ordering::SeqCst);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        life.faulty.on.store(true, Ordering::SeqCst);
        let removed = life.chats.remove_member(alice, id, bob.user).await;
        assert_eq!(removed, Err(ChatError::Unavailable));
        let other = life.chats.start_group(alice, group_of(&[bob.user])).await;
        assert_eq!(other, Err(ChatError::Unavailable));
        life.faulty.on.store(false, Ordering::SeqCst);
        let told = eventually("told", async || {
            let told = life.audience.told();
            (told.len() == 2 && told[&id].len() == 2).then_some(told)
        });
        for (told_of, entries) in told.await {
            let last = entries.last().unwrap();
            if told_of == id {
                assert_eq!((&last.departed, last.members.len()), (&vec![bob.user], 1));
            } else {
                assert_eq!((last.joined.len(), last.members.len()), (2, 2));
            }
        }
        let sent = life.chats.send(bob, id, text("m")).await;
        assert_eq!(sent, Err(ChatError::NotFound("conversation")));
    });
    life.stop();
}

fn a_receipt_stands_though_its_senders_cannot_be_found(backend: &Backend) {
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    let life = Life::start(backend, Rates::default(), 1);
    let id = life.runtime.block_on(async {
        let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        life.chats.send(alice, id, text("m")).await.unwrap();
        id
    });
    life.stop();
    // Nothing is remembered of what was sent before.
    let life = Life::start(backend, Rates { read: 1_000, ..Rates::default() }, 1);
    life.faulty.on.store(false, Ordering::SeqCst);
    life.runtime.block_on(async {
        life.chats.get(bob, id).await.unwrap();
        life.faulty.on.store(true, Ordering::SeqCst);
        life.chats.mark_seen(bob, id, 2).await.unwrap();
        life.faulty.on.store(false, Ordering::SeqCst);
        let written = async || {
            let steps = life.raw.receipts(id, vec![bob.user]).await.unwrap();
            (steps.len() == 2 && steps.iter().all(|step| step.seq == 2)).then_some(())
        };
        eventually("written", written).await;
    });
    life.stop();
}

fn receipts_have_their_bounds(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let chats = &life.chats;
        let id = chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        for number in 2..=4 {
            chats.send(alice, id, text(&format!("m{number}"))).await.unwrap();
        }
        let of_bob = async || {
            let summary = chats.get(bob, id).await.unwrap();
            (summary.delivered, summary.seen)
        };
        assert!(matches!(chats.acknowledge(bob, id, 5).await, Err(ChatError::Invalid(_))));
        // Nothing comes before the first: no cursor is set.
        chats.acknowledge(bob, id, 0).await.unwrap();
        assert_eq!(of_bob().await, (0, 0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(life.raw.device_cursors(bob.user, bob.device).await, Ok(vec![]));
        chats.acknowledge(bob, id, 3).await.unwrap();
        chats.mark_seen(bob, id, 2).await.unwrap();
        assert_eq!(of_bob().await, (3, 2));
        chats.acknowledge(bob, id, 1).await.unwrap();
        chats.mark_seen(bob, id, 1).await.unwrap();
        assert_eq!(of_bob().await, (3, 2));
        // Seen is delivered, too.
        chats.mark_seen(bob, id, 4).await.unwrap();
        assert_eq!(of_bob().await, (4, 4));
        // Who is out acknowledges up to there, and strangers nothing.
        chats.remove_member(alice, id, bob.user).await.unwrap();
        chats.send(alice, id, text("after")).await.unwrap();
        chats.acknowledge(bob, id, 5).await.unwrap();
        assert!(matches!(chats.acknowledge(bob, id, 6).await, Err(ChatError::Invalid(_))));
        let nobody = caller(new_user(), new_device());
        let nothing = Err(ChatError::NotFound("conversation"));
        assert_eq!(chats.acknowledge(nobody, id, 1).await, nothing);
        assert_eq!(chats.acknowledge(nobody, id, 0).await, nothing);
        // Notes to oneself are seen by all the others.
        let notes = chats.start_direct(alice, alice.user, ConversationKind::Plain).await.unwrap();
        assert_eq!(*life.audience.started.lock().unwrap(), [(notes, vec![alice.user])]);
        chats.send(alice, notes, text("note")).await.unwrap();
        chats.mark_seen(alice, notes, 1).await.unwrap();
        let summary = chats.get(alice, notes).await.unwrap();
        assert_eq!((summary.status, summary.unread), (Some(MessageStatus::Seen), 0));
        assert_eq!(*summary.name, alice.user.to_string());
        assert!(chats.message_info(alice, notes, 1).await.unwrap().receipts.is_empty());
        // Nobody is told of oneself.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let notices = life.audience.receipts.lock().unwrap();
        assert!(notices.iter().all(|notice| notice.sender == alice.user && notice.conversation == id));
    });
    life.stop();
}

fn who_was_away_has_nothing_unread_from_then(backend: &Backend) {
    let life = Life::start(backend, Rates::default(), 1);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let chats = &life.chats;
        let id = chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        chats.send(alice, id, text("one")).await.unwrap();
        chats.remove_member(alice, id, bob.user).await.unwrap();
        for number in 0..5 {
            chats.send(alice, id, text(&format!("away{number}"))).await.unwrap();
        }
        assert_eq!(chats.get(bob, id).await.unwrap().unread, 1);
        chats.add_members(alice, id, vec![bob.user]).await.unwrap();
        chats.send(alice, id, text("two")).await.unwrap();
        assert_eq!(chats.get(bob, id).await.unwrap().unread, 2);
        assert_eq!(chats.list(bob, ConversationFilter::default()).await.unwrap()[0].unread, 2);
        let page = chats.sync(bob, SyncRequest::default()).await.unwrap();
        let seqs: Vec<_> = page.messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 9, 10]);
        assert_eq!(chats.message_info(bob, id, 5).await, Err(ChatError::NotFound("message")));
        assert_eq!(chats.message_info(alice, id, 5).await.unwrap().receipts, []);
        chats.mark_seen(bob, id, 9).await.unwrap();
        assert_eq!(chats.get(bob, id).await.unwrap().unread, 1);
    });
    life.stop();
}

fn info_tells_of_receipts_that_are_not_written_yet(backend: &Backend) {
    let policy = Policy { receipts_flush_ms: 3_600_000, ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    life.runtime.block_on(async {
        let chats = &life.chats;
        let id = chats.start_direct(alice, bob.user, ConversationKind::Plain).await.unwrap();
        for number in 1..=3 {
            chats.send(alice, id, text(&format!("m{number}"))).await.unwrap();
        }
        let info = async |seq| {
            let info = chats.message_info(alice, id, seq).await.unwrap();
            (info.status, info.receipts[0].delivered_at, info.receipts[0].seen_at)
        };
        assert_eq!(info(1).await, (MessageStatus::Sent, None, None));
        life.clock.advance(5);
        chats.acknowledge(bob, id, 2).await.unwrap();
        assert_eq!(info(2).await, (MessageStatus::Delivered, Some(START + 5), None));
        assert_eq!(info(3).await.0, MessageStatus::Sent);
        life.clock.advance(5);
        chats.mark_seen(bob, id, 1).await.unwrap();
        assert_eq!(info(1).await, (MessageStatus::Seen, Some(START + 5), Some(START + 10)));
        assert!(life.raw.receipts_of(bob.user).await.unwrap().is_empty());
    });
    life.stop();
}

fn receipts_survive_memory_and_restart(backend: &Backend) {
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    // Unwritten until the end, in a memory that holds two conversations.
    let policy = Policy { receipts_flush_ms: 3_600_000, ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    let mut ids = Vec::new();
    life.runtime.block_on(async {
        let chats = &life.chats;
        for _ in 0..6 {
            let id = chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
            chats.send(alice, id, text("m")).await.unwrap();
            chats.mark_seen(bob, id, 2).await.unwrap();
            chats.acknowledge(bob, id, 2).await.unwrap();
            ids.push(id);
        }
        for id in &ids {
            let (of_bob, of_alice) =
                (chats.get(bob, *id).await.unwrap(), chats.get(alice, *id).await.unwrap());
            assert_eq!((of_bob.delivered, of_bob.seen, of_bob.unread), (2, 2, 0));
            assert_eq!(of_alice.status, Some(MessageStatus::Seen));
        }
        assert!(chats.read_new(bob, None).await.unwrap().messages.is_empty());
    });
    life.stop();
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        for id in &ids {
            assert_eq!(life.chats.get(bob, *id).await.unwrap().seen, 2);
        }
        assert!(life.chats.read_new(bob, None).await.unwrap().messages.is_empty());
    });
    life.stop();
}
