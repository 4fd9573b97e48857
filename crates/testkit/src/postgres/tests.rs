use super::*;

fn sql(url: &str, statement: &str) -> io::Result<String> {
    let mut psql = Command::new(binaries()?.join("psql"));
    let output =
        run(psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn every_test_has_a_database_of_its_own() {
    let (one, two) = (database().unwrap(), database().unwrap());
    sql(&one.url(), "CREATE TABLE t(x int)").unwrap();
    assert!(sql(&two.url(), "SELECT * FROM t").is_err());
    assert_eq!(sql(&one.url(), "SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn databases_of_ended_tests_are_dropped() {
    let server = Server::start(Options::default()).unwrap();
    let name = server.database().unwrap().name.clone();
    let _next = server.database().unwrap();
    let count = sql(&server.url(), &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
    assert_eq!(count.unwrap(), "0");
}

#[test]
fn the_url_suits_tokio_postgres() {
    let admin = Admin::in_folder(Path::new("/tmp/kith pg"));
    let config: tokio_postgres::Config = admin.url("kith_1").parse().unwrap();
    assert_eq!(config.get_hosts(), [tokio_postgres::config::Host::Unix("/tmp/kith pg".into())]);
    assert_eq!(config.get_dbname(), Some("kith_1"));
    let admin = Admin::from_url("postgres://me:secret@127.0.0.1:5432/postgres?sslmode=disable").unwrap();
    assert_eq!(admin.url("x"), "postgres://me:secret@127.0.0.1:5432/x?sslmode=disable");
}

#[test]
fn a_crash_and_a_stop_keep_what_was_committed() {
    let settings = vec![("shared_buffers".to_owned(), "16MB".to_owned())];
    let mut server = Server::start(Options { fsync: true, settings, ..Options::default() }).unwrap();
    let database = server.database().unwrap();
    assert_eq!(sql(&database.url(), "SHOW fsync").unwrap(), "on");
    assert_eq!(sql(&database.url(), "SHOW shared_buffers").unwrap(), "16MB");
    sql(&database.url(), "CREATE TABLE t(x int); INSERT INTO t VALUES (1)").unwrap();
    let before = server.ids();
    assert!(before.len() > 3, "postmaster and workers: {before:?}");
    server.crash().unwrap();
    assert!(!before.iter().any(|&id| runs(id)) && server.ids().is_empty());
    assert!(sql(&database.url(), "SELECT 1").is_err());
    server.restart().unwrap();
    sql(&database.url(), "INSERT INTO t VALUES (2)").unwrap();
    server.stop().unwrap();
    server.restart().unwrap();
    assert_eq!(sql(&database.url(), "SELECT sum(x) FROM t").unwrap(), "3");
    let (folder, ids) = (server.folder.path().to_owned(), server.ids());
    drop(server);
    assert!(!folder.exists() && !ids.iter().any(|&id| runs(id)));
}
