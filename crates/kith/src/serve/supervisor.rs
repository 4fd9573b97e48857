//! Telling systemd how the server is (sd_notify(3)), where it is started with `Type=notify`: ready, reloading, stopping, and a
//! sign of life as often as `WatchdogSec` asks for one. Elsewhere there is nobody to tell.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Who started the server, if they want to know.
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// Whom the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`).
    #[must_use]
    pub fn find() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()).and_then(|name| {
            let address = match name.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().and_then(|socket| Ok((socket, address?)));
            socket.inspect_err(|error| tracing::warn!(%error, "systemd cannot be told anything")).ok()
        });
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let every = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0);
        Self { socket, watchdog: every.map(Duration::from_micros) }
    }

    /// Connections are taken.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Settings are read again; [`ready`](Self::ready) ends it.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// No more connections are taken.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Gives signs of life, twice as often as they are waited for. Ends at once if nobody does. That this task runs shows that
    /// the others can.
    pub async fn keep_alive(&self) {
        let Some(within) = self.watchdog else { return };
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(within / 2).await;
        }
    }

    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::warn!(%error, what, "systemd was not told");
        }
    }
}
