//! A look at a database that nobody migrates.

use tokio_postgres::{Client, NoTls};

use super::{CONNECT_TIMEOUT, embedded};
use crate::Failure;
use crate::inspection::{Inspection, SCHEMA_VERSION, newest};

/// Looks whether the database answers, and how far its tables are. What is broken inside it only PostgreSQL's own tools
/// tell.
///
/// # Errors
/// The URL is malformed, or the database does not answer.
pub async fn inspect(url: &str) -> Result<Inspection, Failure> {
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|error| Failure::Settings(format!("database.url: {error}")))?;
    config.connect_timeout(CONNECT_TIMEOUT);
    config.application_name("kith doctor");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    let schema = schema(&client).await?;
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let clock: i64 = client.query_one(now, &[]).await?.get(0);
    Ok(Inspection {
        schema,
        newest: newest(embedded::migrations::runner().get_migrations()),
        problems: Vec::new(),
        clock: Some(clock),
    })
}

/// The version of the tables; 0 without any.
pub(super) async fn schema(client: &Client) -> Result<u64, Failure> {
    let table = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let migrated: bool = client.query_one(table, &[]).await?.get(0);
    let schema: Option<i32> =
        if migrated { client.query_one(SCHEMA_VERSION, &[]).await?.get(0) } else { None };
    Ok(schema.and_then(|version| u64::try_from(version).ok()).unwrap_or(0))
}
