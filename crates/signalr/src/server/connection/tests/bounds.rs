//! What one who does not read, or says nothing of use, can make a server do.

use super::*;
use peer::MAX_IDLE;

fn small_queue() -> Options {
    Options { lagging: Some("Lagging"), max_queued_bytes: 20_000, max_large: 2, ..Options::default() }
}

/// So many calls in one piece.
async fn invoke(peer: &mut Peer, target: &str, argument: u32, count: usize) {
    let mut bytes = Vec::new();
    for _ in 0..count {
        peer.machine.invoke(target, &(argument,), &mut bytes).unwrap();
    }
    peer.write(&bytes).await;
}

#[tokio::test(start_paused = true)]
async fn large_answers_are_not_made_for_one_who_does_not_read() {
    const CALLS: usize = 128;
    let mut peer = Peer::open(small_queue(), 16 * 1024).await;
    // All in one piece, none of which ends at its first poll.
    invoke(&mut peer, "Large", 30_001, CALLS).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(peer.hub.begun.lock().unwrap().len(), 2, "and the others wait");
    assert_eq!(peer.hub.max_running.load(Ordering::SeqCst), 2);
    for expected in 0..CALLS as u64 {
        let Some(ClientEvent::Completed { id, outcome }) = peer.next().await else { panic!("no answer") };
        assert_eq!((id, outcome.unwrap().decode::<String>().unwrap().len()), (expected, 30_001));
    }
    assert_eq!(peer.hub.max_running.load(Ordering::SeqCst), 2, "nor more at a time for one who reads");
}

#[tokio::test(start_paused = true)]
async fn when_far_too_much_waits_the_connection_is_closed() {
    let mut peer = Peer::open(small_queue(), 16 * 1024).await;
    // The hub does not say that these are large. They end at different moments, when all have begun.
    let mut bytes = Vec::new();
    for number in (30_000..).filter(|number| number % 7 > 0).take(100) {
        peer.machine.invoke("BigLater", &(number,), &mut bytes).unwrap();
    }
    peer.write(&bytes).await;
    sleep(Duration::from_millis(100)).await;
    assert!(peer.handle.is_closed());
    let waited = ends_after(&peer.task).await;
    assert!(waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_does_nothing_more_and_ends_though_nobody_reads() {
    for blocking in ["Big", "Flood"] {
        let mut peer = Peer::open(Options::default(), 4096).await;
        match blocking {
            "Flood" => {
                let mut bytes = Vec::new();
                peer.machine.stream("Flood", &(), &mut bytes).unwrap();
                peer.write(&bytes).await;
            }
            _ => peer.invoke("Big", 100_000).await,
        }
        sleep(Duration::from_secs(1)).await;
        peer.hub.begun.lock().unwrap().clear();
        peer.handle.close(Some("revoked".to_owned()), false);
        // Before the task has had its turn, and after.
        for _ in 0..4 {
            peer.invoke("Wait", 1).await;
            sleep(Duration::from_secs(1)).await;
        }
        assert!(!peer.task.is_finished(), "whoever reads may learn why");
        let waited = ends_after(&peer.task).await;
        assert!(waited < Duration::from_millis(1_200), "{waited:?}");
        assert!(peer.hub.begun.lock().unwrap().is_empty(), "{blocking}");
        assert_eq!(peer.hub.disconnected.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_in_time_learns_why_it_was_closed() {
    let mut peer = Peer::open(Options::default(), 4096).await;
    peer.invoke("Big", 100_000).await;
    sleep(Duration::from_secs(1)).await;
    peer.handle.close(Some("revoked".to_owned()), false);
    sleep(Duration::from_secs(3)).await;
    assert!(matches!(peer.next().await, Some(ClientEvent::Completed { .. })));
    let closed = ClientEvent::Closed { error: Some("revoked".to_owned()), allow_reconnect: false };
    assert_eq!(peer.next().await, Some(closed));
}

#[tokio::test(start_paused = true)]
async fn messages_that_call_nothing_are_counted_and_too_many_end_it() {
    let mut peer = Peer::open(Options::default(), 1 << 20).await;
    let mut bytes = Vec::new();
    for number in 0..5 {
        crate::wire::ping(Protocol::MessagePack, &mut bytes);
        peer.machine.invoke("Wait", &(number,), &mut bytes).unwrap();
        peer.machine.invoke("Nothing", &(number,), &mut bytes).unwrap();
        let stream = peer.machine.stream("Nothing", &(), &mut bytes).unwrap();
        peer.machine.cancel(stream, &mut bytes);
    }
    peer.write(&bytes).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(peer.hub.begun.lock().unwrap().len(), 5, "calls are for the hub to count");
    assert_eq!(peer.hub.idle.load(Ordering::SeqCst), 5 * 4);
    assert!(!peer.handle.is_closed());

    bytes.clear();
    for _ in 0..2 * MAX_IDLE {
        crate::wire::ping(Protocol::MessagePack, &mut bytes);
    }
    peer.write(&bytes).await;
    loop {
        match peer.next().await.unwrap() {
            ClientEvent::Closed { error, allow_reconnect } => {
                assert_eq!((error.as_deref(), allow_reconnect), (Some("Enough."), true));
                break;
            }
            other => assert!(matches!(other, ClientEvent::Completed { .. }), "{other:?}"),
        }
    }
}
