//! Streams that run.

use std::task::{Context, Poll};

use futures_util::{future::BoxFuture, stream::BoxStream};

use super::{
    HubError,
    calls::{Outcome, guard},
};
use crate::Payload;

pub(super) type Items = BoxStream<'static, Outcome>;

/// The streams of one connection.
#[derive(Default)]
pub(super) struct Streams {
    running: Vec<Running>,
    /// Where the next poll begins: a stream that always has an item does not keep the others waiting.
    next: usize,
}

struct Running {
    id: String,
    target: String,
    stage: Stage,
}

enum Stage {
    Opening(BoxFuture<'static, Result<Items, HubError>>),
    Items(Items),
}

/// What a stream came up with.
pub(super) enum Progress<'a> {
    Item(&'a str, Payload),
    Ended(&'a str, Result<(), HubError>),
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.iter().any(|stream| stream.id == id)
    }

    pub(super) fn start(
        &mut self,
        id: String,
        target: String,
        opening: BoxFuture<'static, Result<Items, HubError>>,
    ) {
        self.running.push(Running { id, target, stage: Stage::Opening(opening) });
    }

    /// Ends a stream at once. False: there was none.
    pub(super) fn cancel(&mut self, id: &str) -> bool {
        let Some(at) = self.running.iter().position(|stream| stream.id == id) else { return false };
        self.running.remove(at);
        true
    }

    pub(super) fn clear(&mut self) {
        self.running = Vec::new();
    }

    /// Polls the streams in turn while `take` says that it takes more. True: there may be more.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut take: impl FnMut(Progress<'_>) -> bool,
    ) -> bool {
        let mut waiting = 0;
        while waiting < self.running.len() {
            let at = self.next % self.running.len();
            let Running { id, target, stage } = &mut self.running[at];
            let ended = match guard(target, || stage.poll(context)) {
                Ok(Poll::Pending) => {
                    self.next = at + 1;
                    waiting += 1;
                    continue;
                }
                Ok(Poll::Ready(Some(Ok(Some(item))))) => {
                    waiting = 0;
                    self.next = at + 1;
                    if !take(Progress::Item(id, item)) {
                        return true;
                    }
                    continue;
                }
                Ok(Poll::Ready(Some(Ok(None)))) => continue,
                Ok(Poll::Ready(None)) => Ok(()),
                Ok(Poll::Ready(Some(Err(error)))) => Err(error),
                Err(text) => Err(HubError(text)),
            };
            waiting = 0;
            let more = take(Progress::Ended(id, ended));
            self.running.remove(at);
            if !more {
                return true;
            }
        }
        false
    }

    /// Gives back memory when there is nothing to do.
    pub(super) fn shrink(&mut self) {
        if self.running.is_empty() {
            self.clear();
        }
    }
}

impl Stage {
    /// The next item; Some(Ok(None)) when it has just opened.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Option<Payload>, HubError>>> {
        match self {
            Stage::Opening(opening) => opening.as_mut().poll(context).map(|opened| match opened {
                Ok(items) => {
                    *self = Stage::Items(items);
                    Some(Ok(None))
                }
                Err(error) => Some(Err(error)),
            }),
            Stage::Items(items) => {
                items.as_mut().poll_next(context).map(|item| item.map(|item| item.map(Some)))
            }
        }
    }
}
