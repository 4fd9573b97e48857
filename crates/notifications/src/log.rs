//! Codes on a server that cannot send any.

/// Writes codes to the server's log, for whoever can read it.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSender;

impl LogSender {
    /// Writes the code. `kind` is what would carry it: `email`, `phone`.
    pub fn send_code(&self, kind: &str, to: &str, code: &str) {
        tracing::info!(
            "this server has no way to send codes by {kind}: the one-time code for {to} is {code}"
        );
    }
}
