//! What tests need around the code under test: real servers in temporary folders that never outlive the test, and
//! checks on the source tree itself. Holds no rule of the product, and nothing but tests depends on it.

pub mod generated;
pub mod http;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod server;
mod watchdog;

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How long to rest between two looks at something that has no way to tell us that it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Looks again and again until `look` answers, at most for `limit`.
///
/// # Errors
/// What `look` failed with, or `TimedOut` naming `what`.
pub fn poll<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > limit {
            let text = format!("{what}: not within {limit:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Ten bytes for an id: they differ from call to call within a process, and grow.
pub fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}
