//! Invocations that run.

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use tokio_util::sync::ReusableBoxFuture;

use super::HubError;
use crate::Payload;

pub(super) type Outcome = Result<Payload, HubError>;

type Boxed = ReusableBoxFuture<'static, Outcome>;

/// Boxes per thread that wait for their next future.
const MAX_SPARE_BOXES: usize = 64;

thread_local! {
    /// All invocations of a hub have the same layout: boxes are used again, so a call costs no allocation for its future.
    static SPARE: RefCell<Vec<Boxed>> = const { RefCell::new(Vec::new()) };
}

/// The invocations of one connection that did not end at their first poll, in order of arrival.
#[derive(Default)]
pub(super) struct Calls {
    running: Vec<Running>,
    /// How many of them may have large answers.
    large: usize,
}

struct Running {
    id: Option<String>,
    is_large: bool,
    target: String,
    future: Boxed,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn large(&self) -> usize {
        self.large
    }

    /// Polls a new invocation for the first time. Some: it has ended already.
    pub(super) fn start(
        &mut self,
        context: &mut Context<'_>,
        id: &mut Option<String>,
        target: String,
        is_large: bool,
        future: impl Future<Output = Outcome> + Send + 'static,
    ) -> Option<Outcome> {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        let mut boxed = match spare {
            Some(mut boxed) => {
                boxed.set(future);
                boxed
            }
            None => Boxed::new(future),
        };
        match poll(&mut boxed, &target, context) {
            Poll::Ready(outcome) => {
                keep(boxed);
                Some(outcome)
            }
            Poll::Pending => {
                self.large += usize::from(is_large);
                self.running.push(Running { id: id.take(), is_large, target, future: boxed });
                None
            }
        }
    }

    /// Polls all of them; they are few, and tracking which one was woken would cost more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, mut ended: impl FnMut(Option<String>, Outcome)) {
        let large = &mut self.large;
        let ready = self.running.extract_if(.., |call| match poll(&mut call.future, &call.target, context) {
            Poll::Pending => false,
            Poll::Ready(outcome) => {
                *large -= usize::from(call.is_large);
                ended(call.id.take(), outcome);
                true
            }
        });
        for call in ready {
            keep(call.future);
        }
    }

    /// Gives back memory when there is nothing to do.
    pub(super) fn shrink(&mut self) {
        if self.running.is_empty() {
            self.running = Vec::new();
        }
    }
}

fn poll(future: &mut Boxed, target: &str, context: &mut Context<'_>) -> Poll<Outcome> {
    guard(target, || future.poll(context)).unwrap_or_else(|text| Poll::Ready(Err(HubError(text))))
}

fn keep(boxed: Boxed) {
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MAX_SPARE_BOXES {
            spare.push(boxed);
        }
    });
}

/// Runs code of the hub; a panic becomes what the client is told.
pub(super) fn guard<T>(target: &str, code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        tracing::error!(target_method = target, panic = panic_text(&*panic), "the hub panicked");
        format!("An unexpected error occurred invoking '{target}' on the server.")
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not a text")
}
