//! `[mail]`

use std::path::PathBuf;

use super::{Secret, table::section, value::choice};

section! {
    /// The mail server that sends one-time codes. Without one, codes for email addresses go to the server's log and to
    /// `kith admin otp`.
    Mail {
        /// Host name of the mail server. Nothing is sent without it.
        host: Option<String> = "";
        /// Its port: 587 for starttls, 465 for tls, as a rule.
        port: u16 = 587 in 1..=65_535;
        /// starttls: plain at first, then encrypted or nothing is sent. tls: encrypted from the start. none: only for a
        /// server on the same machine.
        encryption: Encryption = "starttls";
        /// A PEM file of authorities to trust besides the machine's, for a mail server with a certificate from one's own.
        ca_file: Option<PathBuf> = "";
        /// User name to sign in with, where the mail server asks for one.
        username: Option<String> = "";
        /// The password that goes with it.
        password: Option<Secret> = "";
        /// The sender, such as `Kith <kith@example.org>`.
        from: Option<String> = "";
    }
    check |it| [
        (it.host.is_some() && it.from.is_none()).then_some(("from", "is needed where mail.host is set")),
        (it.username.is_some() != it.password.is_some())
            .then_some(("username", "and mail.password are set both or neither")),
    ]
}

choice! {
    /// How the connection to a mail server is protected.
    pub enum Encryption {
        /// Upgraded before anything is said; required, not just tried.
        Starttls = "starttls",
        /// From the first byte.
        Tls = "tls",
        /// Not at all.
        None = "none",
    }
}
