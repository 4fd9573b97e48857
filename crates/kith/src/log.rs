//! The server's log, on standard error.

mod lines;

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::settings::{Format, Log, LogFilter};
use crate::telemetry::Telemetry;

/// Changes what is written while the server runs.
pub struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// From now on, this.
    ///
    /// # Errors
    /// The log is gone.
    pub fn set(&self, level: &LogFilter) -> anyhow::Result<()> {
        Ok(self.0.reload(EnvFilter::try_new(level.as_str())?)?)
    }
}

/// Starts the log. What libraries say through the crate `log` is left out of it: there tokio-postgres tells every
/// statement's parameters, among them message bodies and password hashes.
///
/// # Errors
/// There is a log already.
pub fn start(settings: &Log, telemetry: Option<&Telemetry>) -> anyhow::Result<Level> {
    let (filter, level) = reload::Layer::new(EnvFilter::try_new(settings.level.as_str())?);
    // A log on a full disk must not end whoever has something to say: to complain there about it is a panic.
    let colours = std::io::stderr().is_terminal() && settings.format == Format::Text;
    let writer = lines::Lines { colours };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    // Colours are for terminals; NO_COLOR is heeded there already.
    let lines = if std::io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    let lines = match settings.format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().boxed(),
    };
    let log = Registry::default().with(lines.with_filter(filter));
    match telemetry {
        Some(telemetry) => tracing::subscriber::set_global_default(log.with(telemetry.layer()))?,
        None => tracing::subscriber::set_global_default(log)?,
    }
    Ok(Level(level))
}
