//! The engine against a server that breaks connections, loses pushes and answers, and says no for the moment.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{Backoff, Error, Options, Session, Update};
use platform::SeededRandomness;
use protocol::{ConversationId, Message, OutgoingMessage, Seq};

use server::{ALICE, Server, conversation, device};

mod server;

fn options() -> Options {
    let backoff = Backoff { min: Duration::from_millis(50), max: Duration::from_secs(1) };
    Options { backoff, ready_max: 16, outbox_max: 32, ..Options::default() }
}

async fn next_message(updates: &mut client::Updates) -> Message {
    loop {
        match updates.next().await.expect("the session goes on") {
            Update::Message(message) => return *message,
            Update::Ended(error) => panic!("{error}"),
            _ => (),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_comes_once_and_in_order_and_is_sent_once_whatever_breaks() {
    const EACH: usize = 120;
    let mut connections = 0;
    for seed in 0..40 {
        let server = Server::new(seed, if seed % 4 == 0 { 0 } else { 40 });
        let ids = [conversation(1), conversation(2)];
        server.others_say(ids[0], 20);
        server.others_say(ids[1], 1);
        server.state.lock().unwrap().acknowledged.insert(ids[0], 5);
        let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(seed));

        let sender = session.clone();
        let sending = tokio::spawn(async move {
            let mut tickets = Vec::new();
            for number in 0..EACH {
                for id in ids {
                    let message = OutgoingMessage::text(format!("a{number}").parse().unwrap(), "x");
                    tickets.push((id, sender.send(id, message).await.unwrap()));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            for (_, ticket) in &mut tickets {
                ticket.await.unwrap();
            }
        });
        let talker = server.clone();
        let talking = tokio::spawn(async move {
            for number in 0..EACH {
                talker.others_say(ids[number % 2], 1);
                tokio::time::sleep(Duration::from_millis(7)).await;
            }
        });

        let expected = 2 * EACH + EACH + 15 + 1;
        let mut got: BTreeMap<ConversationId, Vec<Message>> = BTreeMap::new();
        for _ in 0..expected {
            let wait = tokio::time::timeout(Duration::from_secs(120), next_message(&mut updates));
            let message = wait.await.unwrap_or_else(|_| panic!("seed {seed}: something is missing"));
            got.entry(message.conversation).or_default().push(message);
        }
        sending.await.unwrap();
        talking.await.unwrap();
        updates.take();
        session.close().await;

        let state = server.state.lock().unwrap();
        connections += state.connections;
        for (id, log) in &state.logs {
            let from = if *id == ids[0] { 5 } else { 0 };
            let ids_of = |messages: &[Message]| -> Vec<_> {
                messages.iter().map(|message| (message.seq, message.device, message.id.clone())).collect()
            };
            assert_eq!(ids_of(&got[id]), ids_of(&log[from..]), "seed {seed}");
            let own: Vec<_> = log.iter().filter(|message| message.device == device(ALICE.1)).collect();
            assert_eq!(own.len(), EACH, "seed {seed}: each of one's own once");
            if state.trouble == 0 {
                let in_order =
                    own.iter().enumerate().all(|(place, message)| message.id.as_str() == format!("a{place}"));
                assert!(in_order, "seed {seed}: in the order of sending");
                assert_eq!(state.acknowledged[id], log.len() as Seq, "seed {seed}");
                assert_eq!(state.connections, 1);
            }
        }
    }
    assert!(connections > 100, "{connections}: the trouble was too little to prove anything");
}

#[tokio::test(start_paused = true)]
async fn only_what_was_taken_is_acknowledged() {
    let server = Server::new(1, 0);
    let id = conversation(1);
    server.others_say(id, 9);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    for _ in 0..4 {
        next_message(&mut updates).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The fourth is in the consumer's hands.
    assert_eq!(server.state.lock().unwrap().acknowledged.get(&id), Some(&3));
    updates.take();
    session.close().await;
    assert_eq!(server.state.lock().unwrap().acknowledged.get(&id), Some(&4));
    assert!(server.state.lock().unwrap().connected.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_told_and_answers_who_waits() {
    let server = Server::new(1, 0);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    assert_eq!(updates.next().await, Some(Update::Connected));
    {
        let mut state = server.state.lock().unwrap();
        state.signed_out = true;
        state.connected = None;
    }
    let ticket =
        session.send(conversation(1), OutgoingMessage::text("a".parse().unwrap(), "x")).await.unwrap();
    assert_eq!(ticket.await, Err(Error::SignedOut));
    let mut last = None;
    while let Some(update) = updates.next().await {
        last = Some(update);
    }
    assert_eq!(last, Some(Update::Ended(Error::SignedOut)));
    assert_eq!(session.link().await.err(), Some(Error::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_takes_nothing_is_not_flooded() {
    let server = Server::new(1, 0);
    let id = conversation(1);
    server.others_say(id, 2_000);
    let (session, mut updates) = Session::start(server.clone(), options(), SeededRandomness::new(1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    for seq in 1..=2_000 {
        assert_eq!(next_message(&mut updates).await.seq, seq);
    }
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_that_the_server_lost_are_made_again() {
    let server = Server::new(1, 0);
    let (id, other) = (conversation(1), conversation(2));
    server.others_say(id, 3);
    server.others_say(other, 2);
    // Held since an earlier session of this device.
    let positions = std::collections::HashMap::from([(other, 2)]);
    let options = Options { positions, ..options() };
    let (session, mut updates) = Session::start(server.clone(), options, SeededRandomness::new(1));
    for seq in 1..=3 {
        let message = next_message(&mut updates).await;
        assert_eq!((message.conversation, message.seq), (id, seq));
    }
    updates.take();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.state.lock().unwrap().acknowledged, BTreeMap::from([(id, 3), (other, 2)]));
    {
        // A crash that takes the last second of receipts with it.
        let mut state = server.state.lock().unwrap();
        state.acknowledged.clear();
        state.connected = None;
    }
    server.others_say(id, 1);
    assert_eq!(next_message(&mut updates).await.seq, 4);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(server.state.lock().unwrap().acknowledged, BTreeMap::from([(id, 3), (other, 2)]));
    assert_eq!(updates.new_positions(), std::collections::HashMap::from([(id, 3)]));
    session.close().await;
}
