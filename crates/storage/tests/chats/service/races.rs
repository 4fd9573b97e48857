//! Readings that are overtaken between what they read and what they do with it.

use chats::Policy;
use protocol::HistoryRequest;

use super::faulty::Rates;
use super::life::{Backend, Life, caller, policy};
use super::stories::{eventually, group_of, stories, text};
use crate::*;

stories! {
    a_slow_load_brings_nothing_old_into_memory,
    who_is_removed_while_reading_sees_nothing_later,
    receipts_written_while_others_are_read_are_not_missed,
}

fn a_slow_load_brings_nothing_old_into_memory(backend: &Backend) {
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    let life = Life::start(backend, Rates::default(), 1);
    let (id, others) = life.runtime.block_on(async {
        let start = async || life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        (start().await, [start().await, start().await, start().await])
    });
    life.stop();
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        let gate = life.faulty.hold("load");
        let chats = Arc::clone(&life.chats);
        let slow = tokio::spawn(async move { chats.get(bob, id).await });
        eventually("the load waits", async || life.faulty.is_waiting().then_some(())).await;
        // Meanwhile the log grows, and memory needs the place for others.
        life.chats.send(alice, id, text("m")).await.unwrap();
        for other in others {
            life.chats.get(alice, other).await.unwrap();
        }
        gate.notify_one();
        slow.await.unwrap().unwrap();
        assert_eq!(life.chats.get(bob, id).await.unwrap().last_seq, 2);
    });
    life.stop();
}

fn who_is_removed_while_reading_sees_nothing_later(backend: &Backend) {
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    let life = Life::start(backend, Rates::default(), 1);
    life.runtime.block_on(async {
        for reading in ["history", "sync"] {
            let id = life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
            let gate = life.faulty.hold("stays");
            let chats = Arc::clone(&life.chats);
            let slow = tokio::spawn(async move {
                let messages = match reading {
                    "history" => chats.history(bob, id, HistoryRequest::default()).await.unwrap().messages,
                    _ => chats.read_new(bob, None).await.unwrap().messages,
                };
                let mut seqs: Vec<_> =
                    messages.iter().filter(|it| it.conversation == id).map(|it| it.seq).collect();
                seqs.sort_unstable();
                seqs
            });
            eventually("the reading waits", async || life.faulty.is_waiting().then_some(())).await;
            life.chats.remove_member(alice, id, bob.user).await.unwrap();
            life.chats.send(alice, id, text("secret")).await.unwrap();
            gate.notify_one();
            assert_eq!(slow.await.unwrap(), [1, 2], "{reading}");
        }
    });
    life.stop();
}

fn receipts_written_while_others_are_read_are_not_missed(backend: &Backend) {
    let (alice, bob) = (caller(new_user(), new_device()), caller(new_user(), new_device()));
    // Written after a moment in which the reading below begins.
    let policy = Policy { receipts_flush_ms: 300, ..policy() };
    let life = Life::with(backend, Rates::default(), 1, policy);
    life.runtime.block_on(async {
        let start = async || life.chats.start_group(alice, group_of(&[bob.user])).await.unwrap();
        let (id, others) = (start().await, [start().await, start().await, start().await]);
        life.chats.send(alice, id, text("m")).await.unwrap();
        life.chats.mark_seen(bob, id, 2).await.unwrap();
        // Who is to be told is told, and memory forgets the conversation.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        for other in others {
            life.chats.get(alice, other).await.unwrap();
        }
        let gate = life.faulty.hold("receipts");
        let chats = Arc::clone(&life.chats);
        let slow = tokio::spawn(async move { chats.get(bob, id).await.unwrap().seen });
        eventually("the reading waits", async || life.faulty.is_waiting().then_some(())).await;
        let written = async || (!life.raw.receipts_of(bob.user).await.unwrap().is_empty()).then_some(());
        eventually("written", written).await;
        // What was being written is now in the store alone.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        gate.notify_one();
        assert_eq!(slow.await.unwrap(), 2);
    });
    life.stop();
}
