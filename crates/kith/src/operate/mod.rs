//! What an operator does besides serving: backups, and a look whether all is well.

mod archive;
mod backup;
mod doctor;
mod restore;

pub use backup::backup;
pub use doctor::{Report, examine};
pub use restore::restore;
