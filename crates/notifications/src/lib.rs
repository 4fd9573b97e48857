//! Telling people: how one-time codes leave the server (by email, by SMS, or, where the operator has configured neither, in
//! the log), and the notifications that users find when they look.
//!
//! This crate knows what to say and how to hand it over. It makes no codes, and a send never holds up another for longer
//! than its own deadline.

mod delivery;
pub mod in_app;
mod log;
mod mail;
mod sms;

pub use delivery::{SendError, SetupError};
pub use log::LogSender;
pub use mail::{Encryption, Mail, MailSettings};
pub use sms::{Sms, SmsSettings};
