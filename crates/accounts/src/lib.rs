//! Accounts: who a user is, how they prove it, and which devices they are signed in on.
//!
//! [`Accounts`] is the door; each use case is one file below. What is kept goes through [`AccountStore`], which
//! `storage` implements; how a code reaches its reader is a [`CodeSender`]. This crate knows no SQL, no HTTP and no
//! other service, and never keeps a password, a token or (unless told so) a one-time code in readable form.

mod address;
mod cache;
mod dates;
mod error;
mod facade;
mod names;
mod password;
pub mod people;
mod policy;
pub mod store;
mod token;

mod administration;
mod codes;
mod credentials;
mod deletion;
mod find;
mod first_admin;
mod login;
mod privacy;
mod profile;
mod refresh;
mod register;
mod roles;
pub mod search;
mod sessions;
mod upkeep;
mod verify;

pub use address::{Address, Channel};
pub use codes::{CodeSender, CodeSent, SendError};
pub use deletion::{DELETED_NAME, Farewell};
pub use error::AccountError;
pub use facade::{Accounts, SecretKey};
pub use people::{People, PeopleError, PeopleStore};
pub use policy::Policy;
pub use roles::{PERMISSIONS, Permission, PermissionDoc};
pub use sessions::{Session, SessionObserver};
pub use store::{AccountStore, PendingCode, StoreError};
