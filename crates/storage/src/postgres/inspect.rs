//! A look at a database that nobody migrates.

use tokio_postgres::Client;
use tokio_postgres::config::Host;

use super::{Target, embedded};
use crate::Failure;
use crate::inspection::{Inspection, SCHEMA_VERSION, Wire, newest};

/// Looks whether the database answers, and how far its tables are. What is broken inside it only PostgreSQL's own tools
/// tell.
///
/// # Errors
/// The database does not answer, or is not the one it should be.
pub async fn inspect(mut target: Target) -> Result<Inspection, Failure> {
    target.config.application_name("kith doctor");
    let (client, connection) = target.connect().await?;
    tokio::spawn(connection);
    let schema = schema(&client).await?;
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let clock: i64 = client.query_one(now, &[]).await?.get(0);
    Ok(Inspection {
        schema,
        newest: newest(embedded::migrations::runner().get_migrations()),
        problems: Vec::new(),
        clock: Some(clock),
        wire: wire(&client, &target).await?,
    })
}

async fn wire(client: &Client, target: &Target) -> Result<Option<Wire>, Failure> {
    let sql = "SELECT ssl, coalesce(version, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let row = client.query_one(sql, &[]).await?;
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback())
        }
    };
    if target.config.get_hosts().iter().all(local) && !row.get::<_, bool>(0) {
        return Ok(None);
    }
    let encrypted = row.get::<_, bool>(0).then(|| row.get(1));
    Ok(Some(Wire { encrypted, checked: target.is_checked() }))
}

/// The version of the tables; 0 without any.
pub(super) async fn schema(client: &Client) -> Result<u64, Failure> {
    let table = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let migrated: bool = client.query_one(table, &[]).await?.get(0);
    let schema: Option<i32> =
        if migrated { client.query_one(SCHEMA_VERSION, &[]).await?.get(0) } else { None };
    Ok(schema.and_then(|version| u64::try_from(version).ok()).unwrap_or(0))
}
