//! One connection over a pipe, with virtual time.

mod bounds;
mod peer;
mod resuming;

use std::{sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt, duplex},
    task::JoinHandle,
    time::{Instant, advance, sleep},
};

use super::*;
use crate::{Broadcast, client::ClientEvent, server::Options};
use peer::{Peer, RecordingHub};

fn broadcast(number: u32) -> Broadcast {
    Broadcast::new("Event", (number, "x".repeat(100)))
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_and_goes_on() {
    let options = Options { lagging: Some("Lagging"), max_queued_frames: 100, ..Options::default() };
    let mut peer = Peer::open(options, 1024).await;
    for round in 0..3 {
        for number in 0..1000 {
            peer.handle.send(&broadcast(number)).unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut received = 0;
        let mut target = peer.next_target().await;
        while target == "Event" {
            received += 1;
            target = peer.next_target().await;
        }
        assert_eq!(target, "Lagging");
        assert!((1..=500).contains(&received), "{received} in round {round}");
        // Sending has resumed, with nothing between.
        peer.handle.send(&Broadcast::new("Later", ())).unwrap();
        assert_eq!(peer.next_target().await, "Later");
    }
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_by_size_too() {
    let options = Options { lagging: Some("Lagging"), max_queued_bytes: 10_000, ..Options::default() };
    let mut peer = Peer::open(options, 64).await;
    for _ in 0..3 {
        peer.handle.send(&Broadcast::new("Event", ("x".repeat(6000),))).unwrap();
    }
    assert_eq!(peer.next_target().await, "Lagging");
}

#[tokio::test(start_paused = true)]
async fn without_a_notice_a_slow_reader_is_closed() {
    let mut peer = Peer::open(Options { max_queued_frames: 10, ..Options::default() }, 64).await;
    let mut sent = 0;
    while peer.handle.send(&broadcast(sent)).is_ok() {
        sent += 1;
        assert!(sent < 100);
    }
    loop {
        match peer.next().await.unwrap() {
            ClientEvent::Closed { error, allow_reconnect } => {
                assert_eq!(error.as_deref(), Some("Too many messages waited to be sent."));
                assert!(allow_reconnect);
                break;
            }
            other => assert!(matches!(other, ClientEvent::Invocation { .. })),
        }
    }
    assert!(peer.next().await.is_none() && peer.closed);
    peer.task.await.unwrap();
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn completions_are_never_dropped_and_reading_pauses() {
    let options = Options {
        lagging: Some("Lagging"),
        max_queued_bytes: 20_000,
        max_in_flight: 4,
        ..Options::default()
    };
    let mut peer = Peer::open(options, 1 << 20).await;
    let mut bytes = Vec::new();
    for _ in 0..500 {
        peer.machine.invoke("Big", &(20_000,), &mut bytes).unwrap();
    }
    peer.write(&bytes).await;
    sleep(Duration::from_secs(1)).await;
    // The pipe is full and no more is taken on than that and a little more.
    let begun = peer.hub.begun.lock().unwrap().len();
    assert!((50..70).contains(&begun), "{begun}");
    for expected in 0..500 {
        let mut event = peer.next().await.unwrap();
        while matches!(event, ClientEvent::Invocation { .. }) {
            event = peer.next().await.unwrap();
        }
        let ClientEvent::Completed { id, outcome } = event else { panic!("{event:?}") };
        assert_eq!((id, outcome.unwrap().decode::<String>().unwrap().len()), (expected, 20_000));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_begin_in_order_and_only_so_many_run() {
    let mut peer = Peer::open(Options { max_in_flight: 5, ..Options::default() }, 1 << 20).await;
    let mut bytes = Vec::new();
    for number in 0..300 {
        peer.machine.invoke("Wait", &(number,), &mut bytes).unwrap();
    }
    // Cut anywhere.
    for piece in bytes.chunks(17) {
        peer.write(piece).await;
    }
    let mut results = Vec::new();
    while results.len() < 300 {
        if let Some(ClientEvent::Completed { id, outcome }) = peer.next().await {
            assert_eq!(outcome.unwrap().decode::<u64>().unwrap(), id);
            results.push(id);
        }
    }
    assert_eq!(*peer.hub.begun.lock().unwrap(), (0..300).collect::<Vec<_>>());
    assert_eq!(peer.hub.max_running.load(Ordering::SeqCst), 5);
    assert!(!results.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_items_waits_for_the_reader_and_leaves_room_for_others() {
    let mut peer = Peer::open(Options::default(), 4096).await;
    let mut bytes = Vec::new();
    let stream = peer.machine.stream("Flood", &(), &mut bytes).unwrap();
    let call = peer.machine.invoke("Big", &(1,), &mut bytes).unwrap();
    peer.write(&bytes).await;
    loop {
        match peer.next().await.unwrap() {
            ClientEvent::Item { id, .. } => assert_eq!(id, stream),
            ClientEvent::Completed { id, .. } => {
                assert_eq!(id, call);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let mut cancel = Vec::new();
    peer.machine.cancel(stream, &mut cancel);
    peer.write(&cancel).await;
    loop {
        match peer.next().await.unwrap() {
            ClientEvent::Item { .. } => (),
            ClientEvent::Completed { id, outcome } => {
                assert_eq!(id, stream);
                assert!(outcome.unwrap().is_void());
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Lets time pass until the connection's task has ended; tells how long it took.
async fn ends_after(task: &JoinHandle<()>) -> Duration {
    let start = Instant::now();
    while !task.is_finished() {
        sleep(Duration::from_millis(100)).await;
        assert!(start.elapsed() < Duration::from_secs(200), "it does not end");
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_nothing_is_given_up() {
    let options = Options { lagging: Some("Lagging"), ..Options::default() };
    let mut peer = Peer::open(options, 1024).await;
    for number in 0..100 {
        peer.handle.send(&broadcast(number)).unwrap();
    }
    tokio::task::yield_now().await;
    // It talks, but does not read.
    for _ in 0..5 {
        let mut ping = Vec::new();
        crate::wire::ping(Protocol::MessagePack, &mut ping);
        peer.write(&ping).await;
        sleep(Duration::from_secs(11)).await;
        assert!(!peer.task.is_finished());
    }
    let waited = ends_after(&peer.task).await;
    assert!(waited < Duration::from_secs(7), "{waited:?}");
    assert!(peer.handle.is_closed() && peer.handle.send(&broadcast(0)).is_err());
}

#[tokio::test(start_paused = true)]
async fn silence_ends_the_connection_and_pings_come_meanwhile() {
    let mut peer = Peer::open(Options::default(), 1024).await;
    assert!(peer.held.is_empty());
    let waited = ends_after(&peer.task).await;
    assert!((Duration::from_secs(59)..Duration::from_secs(62)).contains(&waited), "{waited:?}");
    // Every 20 s a ping came, which is no event.
    let mut bytes = Vec::new();
    peer.io.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, [0x82, 3, 2, 0x91, 6].repeat(2));
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_finish_the_handshake_is_given_up() {
    let (mut io, server) = duplex(1024);
    let hub = Arc::new(RecordingHub::default());
    let handle = ConnectionHandle::new("id".to_owned(), Arc::new(Settings::new(Options::default())));
    let task = tokio::spawn(run(server, hub.clone(), Arc::new(()), handle, 1, None));
    let waited = ends_after(&task).await;
    assert!((Duration::from_secs(14)..Duration::from_secs(16)).contains(&waited), "{waited:?}");
    assert_eq!(io.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert_eq!(hub.disconnected.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn websocket_pings_are_answered_and_a_close_frame_ends_it() {
    let mut peer = Peer::open(Options::default(), 1024).await;
    // A client's pong counts as a ping here: only the opcode differs.
    let mut frame = vec![0x89, 0x80, 0, 0, 0, 0];
    tokio::io::AsyncWriteExt::write_all(&mut peer.io, &frame).await.unwrap();
    peer.invoke("Big", 1).await;
    assert!(matches!(peer.next().await, Some(ClientEvent::Completed { .. })));
    frame[0] = 0x88;
    tokio::io::AsyncWriteExt::write_all(&mut peer.io, &frame).await.unwrap();
    assert!(peer.next().await.is_none());
    assert!(peer.closed && peer.pongs == 1);
    advance(Duration::from_secs(1)).await;
    peer.task.await.unwrap();
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_go_on_after_the_connections_end() {
    let mut peer = Peer::open(Options::default(), 1024).await;
    peer.invoke("Wait", 6).await;
    drop(peer.io);
    peer.task.await.unwrap();
    assert_eq!(*peer.hub.begun.lock().unwrap(), [6]);
    assert_eq!(peer.hub.running.load(Ordering::SeqCst), 0);
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
}
