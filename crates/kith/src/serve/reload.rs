//! What a running server takes over of changed settings (SIGHUP).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accounts::Accounts;

use super::Tls;
use crate::log::Level;
use crate::settings::Settings;

/// Settings that count from the next moment on. All others wait for a restart.
const LIVE: &[&str] = &["accounts.registration_open", "log.level", "server.drain_timeout_s"];

/// The parts of a server that heed changed settings.
pub struct Reloader {
    pub(super) settings: Settings,
    pub(super) accounts: Accounts,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) drain_timeout_s: Arc<AtomicU64>,
}

impl Reloader {
    /// Takes over what can be, and says in the log what that was and what has to wait. Certificate files are read in any case.
    pub fn reload(&mut self, loaded: anyhow::Result<Settings>, level: &Level) {
        let new = match loaded {
            Ok(new) => new,
            Err(error) => return tracing::error!("the settings stay as they were: {error:#}"),
        };
        let changed = self.settings.changed(&new);
        let (live, waiting): (Vec<_>, Vec<_>) = changed.into_iter().partition(|key| LIVE.contains(&&**key));
        self.settings.accounts.registration_open = new.accounts.registration_open;
        self.accounts.open_registration(new.accounts.registration_open);
        self.settings.server.drain_timeout_s = new.server.drain_timeout_s;
        self.drain_timeout_s.store(new.server.drain_timeout_s, Ordering::Relaxed);
        if let Some(tls) = &self.tls {
            tls.reload();
        }
        let (live, waiting) = (listed(&live), listed(&waiting));
        tracing::info!(in_use = live, need_a_restart = waiting, "the settings were read again");
        // Last: the line above is what whoever asked looks for.
        if self.settings.log.level != new.log.level {
            if let Err(error) = level.set(&new.log.level) {
                tracing::error!("log.level stays as it was: {error:#}");
            }
            self.settings.log.level = new.log.level;
        }
    }
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}
