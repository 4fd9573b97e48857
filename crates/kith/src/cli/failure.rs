//! What went wrong, for people, for scripts and for the shell.

use std::io;
use std::process::ExitCode;

use protocol::ErrorCode;
use serde::Serialize;

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    /// The server's code, or one of ours.
    code: &'static str,
    message: String,
}

/// What the shell sees: see [`super::EXIT_CODES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Standard output was closed: whoever read it has enough.
    Quiet = 0,
    Failed = 1,
    Usage = 2,
    NotSignedIn = 3,
    NotFound = 4,
    Refused = 5,
    TryLater = 6,
}

#[derive(Serialize)]
struct Report<'a> {
    code: &'a str,
    message: &'a str,
    exit: u8,
}

impl Failure {
    /// Something failed that neither the user nor the server decided.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, code: "failed", message: message.into() }
    }

    /// The arguments make no sense.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: "usage", message: message.into() }
    }

    /// Nobody is signed in.
    pub(super) fn not_signed_in(message: impl Into<String>) -> Self {
        let code = ErrorCode::Unauthenticated.as_str();
        Self { exit: Exit::NotSignedIn, code, message: message.into() }
    }

    /// There is no such thing.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, code: ErrorCode::NotFound.as_str(), message: message.into() }
    }

    /// Says what it is about: `bob: No account has that name.`
    pub(super) fn about(mut self, what: impl std::fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The sentence, on standard error; answers the exit code.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        if self.exit != Exit::Quiet {
            // With standard error closed as well, the exit code is all there is left to say.
            let _ = self.write(&mut io::stderr().lock(), json);
        }
        ExitCode::from(self.exit as u8)
    }

    fn write(&self, out: &mut impl io::Write, json: bool) -> io::Result<()> {
        if json {
            let report = Report { code: self.code, message: &self.message, exit: self.exit as u8 };
            serde_json::to_writer(&mut *out, &report)?;
            writeln!(out)
        } else {
            writeln!(out, "kith: {}", super::output::clean(&self.message))
        }
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        use client::Error;
        let message = error.to_string();
        match error {
            Error::Refused { code, .. } => Self { exit: exit_for(code), code: code.as_str(), message },
            Error::SignedOut => {
                Self::not_signed_in("you are not signed in, or the session has ended: kith login")
            }
            Error::Network(_) => Self { exit: Exit::Failed, code: "network", message },
            Error::Timeout(_) => Self { exit: Exit::Failed, code: "timeout", message },
            Error::Protocol(_) => Self { exit: Exit::Failed, code: "protocol", message },
            Error::Vault(_) | Error::Closed => Self::failed(message),
        }
    }
}

/// Of what is written to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Quiet, code: "closed", message: error.to_string() };
        }
        Self::failed(error.to_string())
    }
}

fn exit_for(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::Invalid => Exit::Usage,
        ErrorCode::Unauthenticated => Exit::NotSignedIn,
        ErrorCode::UnknownUser | ErrorCode::NotFound => Exit::NotFound,
        ErrorCode::WrongPassword
        | ErrorCode::WrongCode
        | ErrorCode::UsernameTaken
        | ErrorCode::RegistrationClosed
        | ErrorCode::Forbidden
        | ErrorCode::InviteRequired
        | ErrorCode::WrongEpoch
        | ErrorCode::Conflict
        | ErrorCode::LastAdmin
        | ErrorCode::Changed
        | ErrorCode::Suspended
        | ErrorCode::GroupFull
        | ErrorCode::TooLarge => Exit::Refused,
        ErrorCode::RateLimited | ErrorCode::Unavailable => Exit::TryLater,
        ErrorCode::Internal => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_exit_code_that_the_help_names() {
        for code in ErrorCode::ALL {
            let exit = exit_for(*code) as u8;
            assert!(super::super::EXIT_CODES.contains(&format!("\n  {exit}  ")), "{code}");
        }
    }

    #[test]
    fn a_failure_is_one_sentence_or_one_object() {
        let failure = Failure::from(client::Error::from_hub("unknown_user: No account has that name."));
        let text = |json| {
            let mut out = Vec::new();
            failure.clone().about("bob").write(&mut out, json).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(false), "kith: bob: No account has that name.\n");
        assert_eq!(
            text(true),
            "{\"code\":\"unknown_user\",\"message\":\"bob: No account has that name.\",\"exit\":4}\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit, Exit::Quiet);
    }
}
