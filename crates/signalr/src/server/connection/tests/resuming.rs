//! Connections that lose their WebSocket and get another.

use tokio::{io::AsyncWriteExt, time::timeout};

use super::*;
use crate::server::seat::Stage;

/// Lets the connection's task see what happened, and `connected` end, before which nothing is read.
async fn settle() {
    sleep(Duration::from_millis(20)).await;
}

fn lagging() -> Options {
    Options { lagging: Some("Lagging"), ..Options::default() }
}

async fn event(peer: &mut Peer) -> u32 {
    match peer.next().await {
        Some(ClientEvent::Invocation { arguments, .. }) => arguments.get(0).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_the_socket_is_away_comes_with_the_next() {
    let mut peer = Peer::open_stateful(lagging(), 4096).await;
    peer.handle.send(&broadcast(0)).unwrap();
    assert_eq!(event(&mut peer).await, 0);
    // Sent, and lost on its way.
    peer.handle.send(&broadcast(1)).unwrap();
    peer.invoke("Wait", 5).await;
    settle().await;
    assert!(!peer.handle.is_detached());
    peer.cut();
    settle().await;
    assert!(peer.handle.is_detached() && !peer.handle.is_closed());
    for number in 2..10 {
        peer.handle.send(&broadcast(number)).unwrap();
    }
    sleep(Duration::from_secs(20)).await;
    peer.come_back().await;
    settle().await;
    assert!(!peer.handle.is_detached());
    assert_eq!(event(&mut peer).await, 1);
    let answer = peer.next().await;
    assert!(matches!(answer, Some(ClientEvent::Completed { id: 0, outcome: Ok(_) })), "{answer:?}");
    for number in 2..10 {
        assert_eq!(event(&mut peer).await, number);
    }
    // It began once, and goes on.
    peer.invoke("Big", 100).await;
    assert!(matches!(peer.next().await, Some(ClientEvent::Completed { id: 1, .. })));
    assert_eq!(*peer.hub.begun.lock().unwrap(), [5, 100]);
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_in_time_is_gone() {
    let mut peer = Peer::open_stateful(lagging(), 4096).await;
    peer.cut();
    let waited = ends_after(&peer.task).await;
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&waited), "{waited:?}");
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
    assert!(peer.handle.is_closed() && peer.seat.stage() == Stage::Over);
}

#[tokio::test(start_paused = true)]
async fn a_second_socket_takes_the_place_of_the_first() {
    let mut peer = Peer::open_stateful(lagging(), 4096).await;
    let mut first = std::mem::replace(&mut peer.io, duplex(1).0);
    peer.come_back().await;
    peer.handle.send(&broadcast(1)).unwrap();
    assert_eq!(event(&mut peer).await, 1);
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, [0_u8; 0], "it is hung up on without a word");
}

#[tokio::test(start_paused = true)]
async fn too_much_while_away_is_a_resync() {
    let mut peer = Peer::open_stateful(Options { max_queued_frames: 10, ..lagging() }, 4096).await;
    peer.cut();
    settle().await;
    for number in 0..100 {
        peer.handle.send(&broadcast(number)).unwrap();
    }
    assert_eq!(peer.handle.settings().overflows.load(Ordering::SeqCst), 1);
    peer.come_back().await;
    assert_eq!(peer.next_target().await, "Lagging");
    peer.handle.send(&Broadcast::new("Later", ())).unwrap();
    assert_eq!(peer.next_target().await, "Later");
}

#[tokio::test(start_paused = true)]
async fn a_lost_notice_comes_again_before_anything_else() {
    let mut peer = Peer::open_stateful(Options { max_queued_frames: 10, ..lagging() }, 64).await;
    for number in 0..100 {
        peer.handle.send(&broadcast(number)).unwrap();
        tokio::task::yield_now().await;
    }
    settle().await;
    for _ in 0..3 {
        peer.cut();
        settle().await;
        peer.come_back().await;
    }
    let mut expected = 0;
    loop {
        match peer.next().await.unwrap() {
            ClientEvent::Invocation { target, .. } if target == "Lagging" => break,
            ClientEvent::Invocation { arguments, .. } => {
                assert_eq!(arguments.get::<u32>(0).unwrap(), expected);
                expected += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(expected < 90, "{expected}");
    peer.handle.send(&Broadcast::new("Later", ())).unwrap();
    assert_eq!(peer.next_target().await, "Later");
}

#[tokio::test(start_paused = true)]
async fn closed_while_away_it_ends_at_once() {
    let mut peer = Peer::open_stateful(lagging(), 4096).await;
    peer.cut();
    settle().await;
    peer.handle.close(Some("signed out".to_owned()), false);
    settle().await;
    assert!(peer.task.is_finished());
    assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn with_too_much_unacknowledged_nobody_waits_and_a_lost_socket_is_the_end() {
    let options = Options { stateful_buffer_bytes: 10_000, ..lagging() };
    let mut peer = Peer::open_stateful(options, 1 << 20).await;
    for size in [9_000, 9_000] {
        peer.invoke("Big", size).await;
        assert!(matches!(peer.next().await, Some(ClientEvent::Completed { .. })));
    }
    // Both came though the first is not acknowledged. The client acknowledges by size: now it has.
    settle().await;
    peer.cut();
    settle().await;
    assert!(peer.handle.is_detached());
    peer.come_back().await;
    peer.invoke("Big", 12_000).await;
    assert!(matches!(peer.next().await, Some(ClientEvent::Completed { .. })));
    peer.cut();
    settle().await;
    assert!(peer.task.is_finished() && peer.handle.is_closed());
}

#[tokio::test(start_paused = true)]
async fn only_a_goodbye_of_the_websocket_is_the_end() {
    // Without a reason; with one that is no goodbye; the page is left; normal.
    for (code, ends) in [(None, false), (Some(1011_u16), false), (Some(1001), true), (Some(1000), true)] {
        let mut peer = Peer::open_stateful(lagging(), 4096).await;
        let payload = code.map(u16::to_be_bytes).unwrap_or_default();
        let payload = if code.is_some() { &payload[..] } else { &[] };
        let mut frame = vec![0x88, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        AsyncWriteExt::write_all(&mut peer.io, &frame).await.unwrap();
        settle().await;
        assert_eq!(peer.task.is_finished(), ends, "{code:?}");
        assert_eq!(peer.handle.is_detached(), !ends, "{code:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_an_older_version_has_no_seat() {
    let (mut io, server) = duplex(4096);
    let hub = Arc::new(RecordingHub::default());
    let handle = ConnectionHandle::new("id".to_owned(), Arc::new(Settings::new(lagging())));
    let seat = Seat::new();
    let task = tokio::spawn(run(server, hub.clone(), Arc::new(()), handle, 1, Some(seat.clone())));
    assert_eq!(seat.stage(), Stage::Opening);
    let handshake = b"{\"protocol\":\"json\",\"version\":1}\x1e";
    let mut frame = vec![0x81, 0x80 | handshake.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(handshake);
    io.write_all(&frame).await.unwrap();
    settle().await;
    assert_eq!(seat.stage(), Stage::Over);
    drop(io);
    assert!(ends_after(&task).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_pushed_before_the_client_counts() {
    for speaks in [true, false] {
        let mut peer = Peer::start(lagging(), 4096, true).await;
        assert_eq!(peer.next().await, Some(ClientEvent::Opened));
        let start = Instant::now();
        sleep(Duration::from_millis(100)).await;
        if speaks {
            peer.ping().await;
        }
        assert_eq!(peer.next_target().await, "Connecting");
        let expected = Duration::from_millis(if speaks { 100 } else { 500 });
        let waited = start.elapsed();
        assert!((expected..expected + Duration::from_millis(5)).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_acknowledges_by_time_and_by_size() {
    let mut peer = Peer::open_stateful(lagging(), 1 << 20).await;
    let mut out = Vec::new();
    peer.machine.send("Big", &(1, "x"), &mut out).unwrap();
    peer.write(&out).await;
    let ack = |number: u8| [0x82, 4, 3, 0x92, 8, number];
    let mut bytes = [0; 6];
    let start = Instant::now();
    peer.io.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, ack(1));
    let waited = start.elapsed();
    assert!((Duration::from_millis(990)..Duration::from_millis(1100)).contains(&waited), "{waited:?}");
    out.clear();
    peer.machine.send("Big", &(1, "x".repeat(20_000)), &mut out).unwrap();
    peer.write(&out).await;
    let start = Instant::now();
    peer.io.read_exact(&mut bytes).await.unwrap();
    assert_eq!(bytes, ack(2));
    assert!(start.elapsed() < Duration::from_millis(10));
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test(start_paused = true)]
async fn cut_at_any_place_all_comes_once_and_in_order() {
    for seed in 0..20 {
        let options = Options { stateful_buffer_bytes: 1 << 20, ..lagging() };
        let mut peer = Peer::open_stateful(options, 3000).await;
        let mut dice = Dice(seed);
        let (mut called, mut pushed) = (0, 0);
        let (mut answers, mut pushes) = (Vec::new(), Vec::new());
        let mut take = |event: ClientEvent| match event {
            ClientEvent::Completed { id, .. } => answers.push(id),
            ClientEvent::Invocation { arguments, .. } => pushes.push(arguments.get::<u32>(0).unwrap()),
            other => panic!("{other:?}"),
        };
        for _ in 0..60 {
            for _ in 0..dice.throw(4) {
                peer.handle.send(&broadcast(pushed)).unwrap();
                pushed += 1;
            }
            // A pipe takes them with room to spare: the peer never waits for the server to read.
            for _ in 0..dice.throw(4) {
                peer.invoke("Big", called).await;
                called += 1;
            }
            for _ in 0..dice.throw(6) {
                let Ok(event) = timeout(Duration::from_millis(1), peer.next()).await else { break };
                take(event.expect("the server does not hang up"));
            }
            if dice.throw(3) == 0 {
                peer.cut();
                if dice.throw(2) == 0 {
                    sleep(Duration::from_millis(dice.throw(5))).await;
                }
                peer.come_back().await;
            }
        }
        while let Ok(event) = timeout(Duration::from_secs(1), peer.next()).await {
            take(event.expect("the server does not hang up"));
        }
        assert_eq!(answers, (0..u64::from(called)).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(pushes, (0..pushed).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(*peer.hub.begun.lock().unwrap(), (0..called).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 0);
    }
}
