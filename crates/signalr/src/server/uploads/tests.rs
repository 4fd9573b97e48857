use std::{
    sync::atomic::AtomicUsize,
    task::{Context, Wake},
};

use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::Protocol;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Count>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn item(text: &str) -> Payload {
    Payload::encode(Protocol::Json, text).unwrap()
}

fn started(count: &Arc<Count>, options: &Options) -> (Uploads, Upload, Upload) {
    let waker = Waker::from(count.clone());
    let mut uploads = Uploads::default();
    let ids = vec!["a".to_owned(), "b".to_owned()];
    let mut given = uploads.start(&mut Context::from_waker(&waker), ids, options).unwrap().into_iter();
    let (a, b) = (given.next().flatten().unwrap(), given.next().flatten().unwrap());
    (uploads, a, b)
}

#[test]
fn whoever_takes_items_wakes_the_task_that_waits_for_it_and_only_then() {
    let options = Options { max_upload_items: 3, max_queued_bytes: 100, ..Options::default() };
    let count = Arc::new(Count::default());
    let (mut uploads, mut a, mut b) = started(&count, &options);
    let woken = || count.0.load(Ordering::SeqCst);
    for (id, full) in [("a", false), ("b", false), ("a", true)] {
        uploads.item(id, item("x"));
        assert_eq!(uploads.are_full(&options), full);
    }
    assert_eq!(woken(), 0);
    assert!(b.next().now_or_never().flatten().unwrap().is_ok());
    assert_eq!(woken(), 1);
    assert!(!uploads.are_full(&options));
    assert!(a.next().now_or_never().flatten().unwrap().is_ok());
    assert_eq!(woken(), 1);
    uploads.item("b", item(&"x".repeat(100)));
    assert!(uploads.are_full(&options));
    drop(b);
    assert_eq!(woken(), 2);
    assert!(!uploads.are_full(&options));
    // Nobody wants the rest of it.
    uploads.item("b", item(&"x".repeat(100)));
    assert!(!uploads.are_full(&options));
}

#[test]
fn a_stream_that_was_cut_off_does_not_look_complete() {
    let options = Options::default();
    let (mut uploads, a, b) = started(&Arc::default(), &options);
    uploads.item("a", item("x"));
    assert!(uploads.complete("a", &Ok(Payload::void(Protocol::Json))));
    assert!(!uploads.complete("a", &Ok(Payload::void(Protocol::Json))));
    uploads.item("b", item("y"));
    uploads.end();
    assert_eq!(a.collect::<Vec<_>>().now_or_never().unwrap(), [Ok(item("x"))]);
    let ended = Err(HubError::from("The connection ended before the stream did."));
    assert_eq!(b.collect::<Vec<_>>().now_or_never().unwrap(), [Ok(item("y")), ended]);
}
