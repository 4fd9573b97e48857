//! What a look at a database tells that changes nothing in it.

use crate::Failure;

/// The state of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The version of its tables; 0 if it has none yet.
    pub schema: u64,
    /// The version that this program knows and migrates to.
    pub newest: u64,
    /// What is broken in it, in the engine's words.
    pub problems: Vec<String>,
    /// What time it is there, in milliseconds since the Unix epoch, if it has a clock of its own.
    pub clock: Option<i64>,
    /// How the connection to it is protected. None where nothing leaves this machine.
    pub wire: Option<Wire>,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// By which protocol, such as `TLSv1.3`; None if anybody on the way can read it.
    pub encrypted: Option<String>,
    /// Whether the server has to show who it is.
    pub checked: bool,
}

/// Where migrations write down what they did.
pub(crate) const SCHEMA_VERSION: &str = "SELECT max(version) FROM refinery_schema_history";

/// The newest of the migrations that this program carries.
pub(crate) fn newest(migrations: &[refinery::Migration]) -> u64 {
    let versions = migrations.iter().map(|migration| u64::try_from(migration.version()).unwrap_or(0));
    versions.max().unwrap_or(0)
}

/// An older program knows nothing of what a newer one keeps, and has no business there.
pub(crate) fn newer_is_refused(found: u64, newest: u64) -> Result<(), Failure> {
    if found > newest { Err(Failure::Newer { found, newest }) } else { Ok(()) }
}
