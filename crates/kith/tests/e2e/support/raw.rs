//! The database behind a server, past all its doors.

use std::process::Command;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use testkit::postgres;
use testkit::server::TestServer;

/// The URL of the PostgreSQL database, where it is one.
fn url(server: &TestServer) -> Option<String> {
    let command = server.command(&[]);
    let url = command.get_envs().find(|(name, _)| *name == "KITH_DATABASE_URL").and_then(|(_, url)| url);
    url.map(|url| url.to_str().expect("text").to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let program = postgres::binaries().expect("PostgreSQL").join(program);
    let output = Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Runs SQL: that of the store it is. What it answers, a line a row, with `|` between its columns.
pub(crate) fn run(server: &TestServer, sqlite_sql: &str, postgres_sql: &str) -> String {
    if let Some(url) = url(server) {
        return output("psql", &["-qAt", "-v", "ON_ERROR_STOP=1", "-c", postgres_sql, &url]);
    }
    let connection = Connection::open(server.data().join("kith.db")).expect("the database");
    if !sqlite_sql.trim_start().starts_with("SELECT") {
        connection.execute_batch(sqlite_sql).expect("SQL");
        return String::new();
    }
    rows(&connection, sqlite_sql).join("\n")
}

/// Every row of every table, as `(table, row)` in lower case; bytes are hexadecimal.
pub(crate) fn dump(server: &TestServer) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Some(url) = url(server) {
        let mut table = String::new();
        for line in output("pg_dump", &["--inserts", "--data-only", &url]).lines() {
            if let Some(rest) = line.strip_prefix("INSERT INTO public.") {
                table = rest.split(' ').next().unwrap_or_default().replace('"', "");
            }
            all.push((table.clone(), line.to_lowercase()));
        }
        return all;
    }
    let connection = Connection::open(server.data().join("kith.db")).expect("the database");
    for table in rows(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        for row in rows(&connection, &format!("SELECT * FROM \"{table}\"")) {
            all.push((table.clone(), row.to_lowercase()));
        }
    }
    all
}

fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a query");
    let columns = statement.column_count();
    let shown = |value: ValueRef<'_>| match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let rows = statement.query_map([], |row| {
        let row: Result<Vec<_>, _> = (0..columns).map(|at| row.get_ref(at).map(shown)).collect();
        Ok(row?.join("|"))
    });
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}
