//! What commands print. Whoever closes the pipe has read enough.

use std::fmt::Display;
use std::io::{self, Write};

/// A line on standard output, or nothing if nobody reads it any more.
///
/// # Errors
/// It cannot be written.
pub fn line(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
