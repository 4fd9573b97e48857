//! Stores as released versions left them, as SQL: `upgrade/v<schema>.<engine>.sql`.
//!
//! A version that is released gets its own, once: `cargo test -p kith --test e2e upgrade::write_fixtures -- --ignored`, built
//! at that version.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use testkit::postgres;

/// 32 bytes that nobody uses elsewhere: the stores were made under this key.
pub(super) const KEY: (&str, &str) =
    ("KITH_SERVER_SECRET_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");

fn folder() -> PathBuf {
    testkit::generated::workspace_root().join("crates/kith/tests/e2e/upgrade")
}

/// The fixtures of an engine, the oldest first: version and SQL.
pub(super) fn all(engine: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = Vec::new();
    for entry in fs::read_dir(folder()).expect("a folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let version = name.strip_prefix('v').and_then(|rest| rest.strip_suffix(&format!(".{engine}.sql")));
        if let Some(version) = version {
            let sql = fs::read_to_string(entry.path()).expect("SQL");
            found.push((version.parse().expect("a version"), sql));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no fixture of {engine}");
    found
}

/// The migrations in the source tree, the oldest first: version and SQL.
pub(super) fn migrations(engine: &str) -> Vec<(u32, String)> {
    let folder = testkit::generated::workspace_root().join("crates/storage/migrations").join(engine);
    let mut found: Vec<(u32, String)> = Vec::new();
    for entry in fs::read_dir(folder).expect("migrations").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let version = name.strip_prefix('V').and_then(|rest| rest.split_once("__")).expect("a version").0;
        found.push((version.parse().expect("a number"), fs::read_to_string(entry.path()).expect("SQL")));
    }
    found.sort();
    found
}

/// Writes down what `database` holds.
pub(super) fn write_sqlite(database: &Path) {
    let connection = Connection::open(database).expect("a database");
    let version = schema_version(&connection);
    let mut sql = String::from("BEGIN;\n");
    let mut objects = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
        .expect("a query");
    let objects: Vec<(String, String, String)> = objects
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("objects");
    for (kind, name, create) in &objects {
        writeln!(sql, "{create};").expect("a string");
        if kind != "table" {
            continue;
        }
        let mut columns =
            connection.prepare(&format!("SELECT name FROM pragma_table_info('{name}')")).expect("a query");
        let columns: Vec<String> = columns
            .query_map([], |row| row.get(0))
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("columns");
        let values: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let mut rows = connection
            .prepare(&format!("SELECT {} FROM \"{name}\"", values.join(" || ', ' || ")))
            .expect("a query");
        for row in rows.query_map([], |row| row.get::<_, String>(0)).expect("rows") {
            writeln!(sql, "INSERT INTO \"{name}\" VALUES ({});", row.expect("a row")).expect("a string");
        }
    }
    sql.push_str("COMMIT;\n");
    fs::write(folder().join(format!("v{version}.sqlite.sql")), sql).expect("written");
}

/// Writes down what the database at `url` holds.
pub(super) fn write_postgres(url: &str, version: u32) {
    let mut dump = Command::new(postgres::binaries().expect("PostgreSQL").join("pg_dump"));
    let output =
        dump.args(["--inserts", "--no-owner", "--no-privileges", url]).output().expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    // What only some versions of psql and of the server understand.
    let passing = ["\\restrict", "\\unrestrict", "SET transaction_timeout", "--"];
    let lines = text.lines().filter(|line| !passing.iter().any(|start| line.starts_with(start)));
    let mut sql: String = lines.flat_map(|line| [line, "\n"]).collect();
    while sql.contains("\n\n\n") {
        sql = sql.replace("\n\n\n", "\n\n");
    }
    fs::write(folder().join(format!("v{version}.postgres.sql")), sql).expect("written");
}

/// The version of the tables in an SQLite database.
pub(super) fn schema_version(connection: &Connection) -> u32 {
    let sql = "SELECT max(version) FROM refinery_schema_history";
    connection.query_row(sql, [], |row| row.get(0)).expect("a version")
}
