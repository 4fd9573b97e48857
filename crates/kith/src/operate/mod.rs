//! What an operator does besides serving: backups.

mod archive;
mod backup;
mod restore;

pub use backup::backup;
pub use restore::restore;
