//! Buffers that a task holds only while it is polled.

use std::cell::Cell;

/// What one poll reads at most at a time.
const INPUT_BYTES: usize = 32 * 1024;

/// A buffer that grew beyond this is not kept.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// The buffers of one thread, borrowed for the time of a poll: an idle connection has none.
pub(crate) struct Scratch {
    /// What was read.
    pub(crate) input: Vec<u8>,
    /// What is to be written.
    pub(crate) out: Vec<u8>,
}

thread_local! {
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

impl Scratch {
    pub(crate) fn borrow() -> Scratch {
        SCRATCH.take().unwrap_or_else(|| Scratch { input: vec![0; INPUT_BYTES], out: Vec::new() })
    }

    pub(crate) fn give_back(mut self) {
        self.out.clear();
        if self.out.capacity() <= MAX_KEPT_BYTES {
            SCRATCH.set(Some(self));
        }
    }
}
