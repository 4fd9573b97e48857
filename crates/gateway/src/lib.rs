//! The doors: HTTP and the SignalR hub. Who asks is checked here, what they may is checked in the services; news is
//! brought from here to whoever is connected.
//!
//! A command is one function in `commands`, listed in one table; the hub calls it, and so does its twin in `rest`. Nothing
//! here opens a database.

mod bulletin;
mod commands;
mod connections;
mod error;
mod fanout;
mod hub;
mod limits;
mod neighbours;
mod notices;
mod page;
mod rest;
mod state;

/// The target of spans that are meant for OpenTelemetry and for nobody else.
pub const TRACES: &str = "kith::trace";

pub use commands::{Argument, CommandDoc, TABLE, WITHOUT_TWIN};
pub use error::CommandError;
pub use fanout::FanOut;
pub use limits::{Crowded, Limit, Limits, Place, Policy as LimitPolicy, Proxies, Rate, Rates};
pub use rest::{PARAMETERS, Parameter, REST_OBJECTS, ROUTES, RouteDoc, openapi};
pub use state::{Census, Gateway, Options, Services};
