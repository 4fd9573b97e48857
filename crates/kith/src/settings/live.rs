//! Which settings a running server takes over when it reads them again; all others wait for a restart.

/// Those that are no rate.
const LIVE: &[&str] = &[
    "accounts.registration_open",
    "limits.max_connections_per_address",
    "log.level",
    "server.drain_timeout_s",
];

/// Whether a running server takes it over (SIGHUP): these, and all rates.
pub(crate) fn is_live(path: &str) -> bool {
    let is_rate = |key: &str| gateway::Limit::ALL.iter().any(|limit| limit.name() == key);
    LIVE.contains(&path) || path.strip_prefix("limits.").is_some_and(is_rate)
}
