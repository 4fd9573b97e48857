//! Spawning and waiting: the seam between the engine and what it runs on.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use tokio::time::Instant;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs a future in the background, until it ends or the runtime does.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

/// Waits.
pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
    tokio::time::sleep(duration)
}

/// Waits until then.
pub(crate) fn sleep_until(then: Instant) -> impl Future<Output = ()> + Send {
    tokio::time::sleep_until(then)
}

/// The future's result, or `None` if it takes longer.
pub(crate) async fn timeout<T>(duration: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(duration, future).await.ok()
}
