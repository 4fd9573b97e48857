//! Panics, caught where a task must outlive them: a bug in one batch must not silence the service.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What `work` answers; none if it panicked. Whatever it held is dropped then.
pub(crate) async fn caught<T>(what: &'static str, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
        Err(panic) => Poll::Ready(report(what, &*panic)),
    })
    .await
}

/// The same for what does not wait.
pub(crate) fn caught_now<T>(what: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).map_or_else(|panic| report(what, &*panic), Some)
}

fn report<T>(what: &'static str, panic: &(dyn Any + Send)) -> Option<T> {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = said.unwrap_or("?"), "{what} panicked");
    None
}
