//! Stores of earlier versions, migrations that end half way, and stores of later ones.

mod fixture;
mod world;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::Connection;
use testkit::process::Process;
use testkit::server::{Store, TestServer};
use testkit::{poll, postgres};

use crate::support::{PATIENCE, start, start_with};
use fixture::{KEY, migrations, schema_version};

/// What refinery makes first. Made by a test, it can have a trigger before any migration runs.
const HISTORY: &str = "CREATE TABLE refinery_schema_history \
     (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255));";

fn newest(engine: &str) -> u32 {
    migrations(engine).last().expect("migrations").0
}

/// A server on that data folder, or on that PostgreSQL.
fn serve(data: &Path, url: Option<&str>) -> TestServer {
    let data = data.display().to_string();
    let mut settings = vec![KEY, ("KITH_SERVER_DATA", &*data)];
    settings.extend(url.map(|url| ("KITH_DATABASE_URL", url)));
    start_with(Store::Sqlite, &settings)
}

/// The command that would start one.
fn command(other: &TestServer, data: &Path, url: Option<&str>) -> Command {
    let mut command = other.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env(KEY.0, KEY.1).env("KITH_SERVER_DATA", data);
    if let Some(url) = url {
        command.env("KITH_DATABASE_URL", url);
    }
    command
}

#[track_caller]
fn refused(output: &Output, expected: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in expected {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn sqlite(data: &Path, sql: &str) -> Connection {
    fs::create_dir_all(data).expect("a folder");
    let connection = Connection::open(data.join("kith.db")).expect("a database");
    connection.execute_batch(sql).expect("SQL");
    connection
}

/// Not a test: see [`fixture`].
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes fixtures"]
async fn write_fixtures() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = serve(folder.path(), None);
    world::populate(&server).await;
    assert!(server.terminate().expect("ended").success());
    fixture::write_sqlite(&folder.path().join("kith.db"));
    let (database, folder) =
        (postgres::database().expect("a database"), tempfile::tempdir().expect("a folder"));
    let mut server = serve(folder.path(), Some(&database.url()));
    world::populate(&server).await;
    assert!(server.terminate().expect("ended").success());
    fixture::write_postgres(&database.url(), newest("postgres"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_present_version_makes_it_finds_again() {
    let mut server = start(Store::Sqlite);
    world::populate(&server).await;
    assert!(server.terminate().expect("ended").success());
    server.restart().expect("started again");
    world::verify(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_of_every_released_version_are_taken_over_on_sqlite() {
    for (version, sql) in fixture::all("sqlite") {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(schema_version(&sqlite(folder.path(), &sql)), version);
        let server = serve(folder.path(), None);
        world::verify(&server).await;
        drop(server);
        assert_eq!(schema_version(&sqlite(folder.path(), "")), newest("sqlite"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_of_every_released_version_are_taken_over_on_postgres() {
    for (version, sql) in fixture::all("postgres") {
        let (database, folder) =
            (postgres::database().expect("a database"), tempfile::tempdir().expect("a folder"));
        database.run(&sql).expect("the fixture");
        let schema =
            || database.run("SELECT max(version) FROM public.refinery_schema_history").expect("a version");
        assert_eq!(schema().trim(), version.to_string());
        let server = serve(folder.path(), Some(&database.url()));
        world::verify(&server).await;
        assert_eq!(schema().trim(), newest("postgres").to_string());
    }
}

/// Every store that a migration can find, with what it has to do there: none at all, and those released.
fn beginnings(engine: &str) -> Vec<(u32, String)> {
    let mut all = vec![(0, HISTORY.to_owned())];
    all.extend(fixture::all(engine));
    all.retain(|(version, _)| *version < newest(engine));
    all
}

/// The process is killed in the midst of a migration: its statements have run, and it is being noted that they have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_begins_anew_on_sqlite() {
    let other = start(Store::Sqlite);
    for (version, sql) in beginnings("sqlite") {
        for (at, _) in migrations("sqlite").into_iter().filter(|(at, _)| *at > version) {
            let folder = tempfile::tempdir().expect("a folder");
            let connection = sqlite(folder.path(), &sql);
            // Counts without end, and writes first, so that there is more to undo than what memory held.
            let endless = format!(
                "CREATE TABLE ballast (content BLOB);
                 CREATE TRIGGER hang BEFORE INSERT ON refinery_schema_history WHEN new.version = {at} BEGIN
                   INSERT INTO ballast SELECT randomblob(1000000) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9),
                     (10), (11), (12), (13), (14), (15), (16), (17), (18), (19), (20));
                   SELECT count(*) FROM (WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number)
                     SELECT n FROM number);
                 END;"
            );
            connection.execute_batch(&endless).expect("a trigger");
            drop(connection);
            let mut migrating =
                Process::spawn(&mut command(&other, folder.path(), None), folder.path().join("log"))
                    .expect("started");
            poll("a migration under way", PATIENCE, || {
                assert_eq!(migrating.ended()?, None, "{}", migrating.log());
                let written = fs::metadata(folder.path().join("kith.db-wal")).map_or(0, |wal| wal.len());
                Ok((written > 2_000_000).then_some(()))
            })
            .expect("a migration under way");
            migrating.kill().expect("killed");

            let connection = sqlite(folder.path(), "DROP TRIGGER hang; DROP TABLE ballast;");
            let migrated: u32 = connection
                .query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| {
                    row.get(0)
                })
                .expect("a version");
            assert_eq!(migrated, version, "all of it or nothing");
            drop(connection);
            let server = serve(folder.path(), None);
            if version == 0 {
                world::populate(&server).await;
            }
            world::verify(&server).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_begins_anew_on_postgres() {
    let other = start(Store::Sqlite);
    for (version, sql) in beginnings("postgres") {
        for (at, _) in migrations("postgres").into_iter().filter(|(at, _)| *at > version) {
            let (database, folder) =
                (postgres::database().expect("a database"), tempfile::tempdir().expect("a folder"));
            database.run(&sql).expect("the store");
            let hang = format!(
                "CREATE FUNCTION public.hang() RETURNS trigger LANGUAGE plpgsql AS \
                 $$BEGIN IF new.version = {at} THEN PERFORM pg_sleep(3600); END IF; RETURN new; END$$; \
                 CREATE TRIGGER hang BEFORE INSERT ON public.refinery_schema_history \
                 FOR EACH ROW EXECUTE FUNCTION public.hang();"
            );
            database.run(&hang).expect("a trigger");
            let sleeping = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
            let url = database.url();
            let mut migrating =
                Process::spawn(&mut command(&other, folder.path(), Some(&url)), folder.path().join("log"))
                    .expect("started");
            let backend = poll("a migration under way", PATIENCE, || {
                assert_eq!(migrating.ended()?, None, "{}", migrating.log());
                let backend = database.run(sleeping)?.trim().to_owned();
                Ok((!backend.is_empty()).then_some(backend))
            })
            .expect("a migration under way");
            migrating.kill().expect("killed");
            // It notices that its client is gone when it next has something to say.
            database.run(&format!("SELECT pg_cancel_backend({backend})")).expect("cancelled");
            poll("its end", PATIENCE, || Ok(database.run(sleeping)?.trim().is_empty().then_some(())))
                .expect("its end");

            database.run("DROP FUNCTION public.hang CASCADE").expect("dropped");
            let migrated =
                database.run("SELECT coalesce(max(version), 0) FROM public.refinery_schema_history");
            assert_eq!(migrated.expect("a version").trim(), version.to_string(), "all of it or nothing");
            let server = serve(folder.path(), Some(&url));
            if version == 0 {
                world::populate(&server).await;
            }
            world::verify(&server).await;
        }
    }
}

/// One statement of it fails, as on a full disk.
#[test]
fn a_migration_that_fails_changes_nothing() {
    let other = start(Store::Sqlite);
    let last = newest("sqlite");
    let folder = tempfile::tempdir().expect("a folder");
    let fail = format!(
        "{HISTORY} CREATE TRIGGER fail BEFORE INSERT ON refinery_schema_history WHEN new.version = {last} \
         BEGIN SELECT RAISE(ABORT, 'on purpose'); END;"
    );
    drop(sqlite(folder.path(), &fail));
    refused(
        &command(&other, folder.path(), None).output().expect("kith runs"),
        &["cannot open the database", "on purpose"],
    );
    let connection = sqlite(folder.path(), "DROP TRIGGER fail");
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(tables, 1, "the one of before");
    drop(connection);
    let _ = serve(folder.path(), None).register("ann");

    let (database, folder) =
        (postgres::database().expect("a database"), tempfile::tempdir().expect("a folder"));
    let last = newest("postgres");
    let fail = format!(
        "{HISTORY} CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN IF new.version = {last} THEN RAISE 'on purpose'; END IF; RETURN new; END$$; \
         CREATE TRIGGER fail BEFORE INSERT ON refinery_schema_history FOR EACH ROW EXECUTE FUNCTION fail();"
    );
    database.run(&fail).expect("a trigger");
    let url = database.url();
    refused(
        &command(&other, folder.path(), Some(&url)).output().expect("kith runs"),
        &["cannot open the database", "on purpose"],
    );
    database.run("DROP FUNCTION fail CASCADE").expect("dropped");
    let tables = database.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").expect("a count");
    assert_eq!(tables.trim(), "1", "the one of before");
    let _ = serve(folder.path(), Some(&url)).register("ann");
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let later = "INSERT INTO refinery_schema_history VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')";
    let expected =
        ["cannot open the database", "version 999", "made by a newer kith", &newest("sqlite").to_string()];
    let mut server = start(Store::Sqlite);
    let _ = server.register("ann");
    assert!(server.terminate().expect("ended").success());
    drop(sqlite(&server.data(), later));
    refused(&command(&server, &server.data(), None).output().expect("kith runs"), &expected);

    let (database, folder) =
        (postgres::database().expect("a database"), tempfile::tempdir().expect("a folder"));
    let url = database.url();
    drop(serve(folder.path(), Some(&url)));
    database.run(later).expect("a row");
    refused(&command(&server, folder.path(), Some(&url)).output().expect("kith runs"), &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_migrate_once() {
    for sql in beginnings("postgres").into_iter().map(|(_, sql)| sql).chain([String::new()]) {
        let database = postgres::database().expect("a database");
        let with_people = sql.contains("INSERT");
        database.run(&sql).expect("the store");
        let starting: Vec<_> = (0..4)
            .map(|_| {
                let url = database.url();
                tokio::task::spawn_blocking(move || {
                    let folder = tempfile::tempdir().expect("a folder");
                    (serve(folder.path(), Some(&url)), folder)
                })
            })
            .collect();
        let mut nodes = Vec::new();
        for node in starting {
            nodes.push(node.await.expect("a node that starts"));
        }
        let applied = database.run("SELECT count(*) FROM public.refinery_schema_history").expect("a count");
        assert_eq!(applied.trim(), migrations("postgres").len().to_string());
        if !with_people {
            world::populate(&nodes[0].0).await;
        }
        world::verify(&nodes[3].0).await;
    }
}
