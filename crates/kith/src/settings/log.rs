//! `[log]`

use super::{
    table::section,
    value::{Value, choice},
};

section! {
    /// What the server says about itself, on standard error.
    Log {
        /// error, warn, info, debug or trace, also by part: `info,gateway=debug`.
        level: LogFilter = "info";
        /// text for people, json for machines: an object a line.
        format: Format = "text";
    }
}

choice! {
    /// How a log line looks.
    pub enum Format {
        /// For people.
        Text = "text",
        /// An object a line.
        Json = "json",
    }
}

/// Which log lines are written: directives as `tracing_subscriber::EnvFilter` reads them, known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The directives.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    fn parse(text: &str) -> Option<Self> {
        // A lone word that is no level would pass as the name of a part.
        let lone = !text.contains(['=', ',']);
        let known = ["off", "error", "warn", "info", "debug", "trace"].contains(&text);
        let right = if lone { known } else { tracing_subscriber::EnvFilter::try_new(text).is_ok() };
        right.then(|| Self(text.to_owned()))
    }

    fn expected() -> String {
        "a level (off, error, warn, info, debug, trace), or levels by part such as info,gateway=debug".into()
    }
}
