//! What a running server takes over of changed settings (SIGHUP).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use accounts::Accounts;
use gateway::Limits;

use super::{Tls, policies};
use crate::log::Level;
use crate::settings::{Settings, is_live};

/// The parts of a server that heed changed settings.
pub struct Reloader {
    pub(super) settings: Settings,
    pub(super) accounts: Accounts,
    pub(super) limits: Arc<Limits>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) drain_timeout_s: Arc<AtomicU64>,
}

impl Reloader {
    /// Takes over what can be, and says in the log what that was and what has to wait. Certificate files are read
    /// whether or not their names changed. If anything in the settings is wrong, nothing is taken over.
    pub fn reload(&mut self, loaded: anyhow::Result<Settings>, level: &Level) {
        let new = match loaded {
            Ok(new) => new,
            Err(error) => return tracing::error!("the settings stay as they were: {error:#}"),
        };
        let changed = self.settings.changed(&new);
        let (live, waiting): (Vec<_>, Vec<_>) = changed.into_iter().partition(|key| is_live(key));
        let filter = self.settings.log.level.clone();
        live.iter().for_each(|key| self.settings.adopt(&new, key));
        let limits = policies::limits(&self.settings);
        self.limits.set(&limits.rates, limits.connections_per_address);
        self.accounts.open_registration(new.accounts.registration_open);
        self.drain_timeout_s.store(new.server.drain_timeout_s, Ordering::Relaxed);
        if let Some(tls) = &self.tls {
            tls.reload();
        }
        let (live, waiting) = (listed(&live), listed(&waiting));
        tracing::info!(in_use = live, need_a_restart = waiting, "the settings were read again");
        // Last: the line above is what whoever asked looks for.
        if filter != new.log.level
            && let Err(error) = level.set(&new.log.level)
        {
            tracing::error!("log.level stays as it was: {error:#}");
        }
    }
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}
