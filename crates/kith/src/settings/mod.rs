//! The server's settings: defaults in code, overridden by a TOML file, by the environment, by flags, in this order.
//!
//! A section is a file here, a key is a field there, and its documentation, default and bounds stand at the field and
//! nowhere else: `kith serve --help` and `docs/settings.md` are made from them ([`help`]). Whatever is not understood, an
//! unknown key as much as a bad value, is an error at start: nothing is ever ignored. Reads no global state; the caller
//! hands in the environment.

mod accounts;
mod chats;
mod database;
mod limits;
mod log;
mod mail;
mod metrics;
mod server;
mod sms;
mod telemetry;

mod error;
pub mod help;
mod live;
mod load;
mod table;
mod value;

use std::{ffi::OsString, path::Path};

pub(crate) use self::live::is_live;
pub use self::{
    accounts::Accounts,
    chats::Chats,
    database::{Database, DatabaseUrl},
    error::Error,
    limits::Limits,
    log::{Format, Log, LogFilter},
    mail::{Encryption, Mail},
    metrics::Metrics,
    server::{Domain, Redirect, Server},
    sms::Sms,
    telemetry::Telemetry,
    value::{Origins, Secret, WebUrl},
};

/// Where settings come from besides their defaults. Later ones win: file, environment, flags.
#[derive(Debug, Clone, Default)]
pub struct Sources<'a> {
    /// A TOML file. Named by the operator, so it has to be there.
    pub file: Option<&'a Path>,
    /// All environment variables; those that do not start with `KITH_` are left alone, as are the [`NOT_SETTINGS`].
    pub environment: Vec<(OsString, OsString)>,
    /// Values given on the command line, by key: `("server.listen", "127.0.0.1:0")`.
    pub flags: Vec<(&'static str, OsString)>,
}

/// Starts of `KITH_…` environment variables that are no settings of the server: the name of its file, and what the
/// command-line client, tests and benchmarks read.
pub const NOT_SETTINGS: &[&str] = &["KITH_CONFIG", "KITH_CLIENT_", "KITH_TEST_", "KITH_BENCH_"];

table::sections! {
    server: Server,
    database: Database,
    limits: Limits,
    accounts: Accounts,
    chats: Chats,
    mail: Mail,
    sms: Sms,
    log: Log,
    metrics: Metrics,
    telemetry: Telemetry,
}

impl Settings {
    /// Reads the sources over the defaults.
    ///
    /// # Errors
    /// Everything that is wrong, in all sources at once, so that an operator repairs it in one go.
    pub fn load(sources: Sources<'_>) -> Result<Self, Error> {
        load::load(&sources)
    }

    /// The database to open: the one that is set, else an SQLite file in the data folder.
    #[must_use]
    pub fn database_url(&self) -> DatabaseUrl {
        let embedded = || DatabaseUrl::Sqlite(self.server.data.join("kith.db"));
        self.database.url.clone().unwrap_or_else(embedded)
    }
}

#[cfg(test)]
mod tests;
