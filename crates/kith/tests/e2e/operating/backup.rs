//! `kith backup` and `kith restore`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::json;
use testkit::server::{Store, TestServer};

use crate::support::{Client, UNLIMITED, start, start_with, until};

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("kith runs")).await.expect("it ran")
}

fn backup(server: &TestServer, file: &Path) -> Command {
    server.command(&["backup", &file.display().to_string()])
}

fn restore(server: &TestServer, file: &Path, folder: &Path) -> Command {
    server.command(&["restore", &file.display().to_string(), "--data", &folder.display().to_string()])
}

#[track_caller]
fn refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{expected:?} in {said}");
    assert!(!said.contains("panicked"), "{said}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_all_that_was_acknowledged() {
    let server = start_with(Store::Sqlite, UNLIMITED);
    let folder = tempfile::tempdir().expect("a folder");
    let ann = Arc::new(Client::register(&server, "ann").await);
    let bob = Client::register(&server, "bob").await;
    let conversation = ann.direct(&bob).await;
    let (acknowledged, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let load = {
        let (ann, conversation) = (Arc::clone(&ann), conversation.clone());
        let (acknowledged, ended) = (Arc::clone(&acknowledged), Arc::clone(&ended));
        tokio::spawn(async move {
            let mut number = 0;
            while !ended.load(Ordering::Relaxed) {
                let sends = (0..16).map(|step| {
                    let id = format!("m{}", number + step);
                    ann.connection()
                        .invoke_raw("SendMessage", (&conversation, json!({ "id": id, "text": id })))
                });
                for send in sends.collect::<Vec<_>>() {
                    let sent: serde_json::Value = send.await.expect("an answer").decode().expect("an answer");
                    acknowledged.fetch_max(sent["seq"].as_u64().expect("a seq"), Ordering::SeqCst);
                }
                number += 16;
            }
        })
    };
    let mut files = BTreeMap::new();
    for number in 1..=3 {
        let goal = acknowledged.load(Ordering::SeqCst) + 200;
        until("load", async || (acknowledged.load(Ordering::SeqCst) >= goal).then_some(())).await;
        let before = acknowledged.load(Ordering::SeqCst);
        let file = folder.path().join(format!("{number}.tar"));
        let output = run(backup(&server, &file)).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::metadata(&file).expect("the backup").permissions().mode() & 0o777, 0o600);
        files.insert(file, before);
    }
    assert!(acknowledged.load(Ordering::SeqCst) > *files.values().last().expect("a backup"), "load went on");
    ended.store(true, Ordering::Relaxed);
    load.await.expect("the load");
    assert_eq!(names(folder.path()), ["1.tar", "2.tar", "3.tar"], "nothing else is left behind");

    for (file, before) in files {
        let data = file.with_extension("data");
        let output = run(restore(&server, &file, &data)).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(names(&data), ["kith.db", "secret.key"]);
        for name in names(&data) {
            let mode = fs::metadata(data.join(name)).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let restored = start_with(Store::Sqlite, &[("KITH_SERVER_DATA", &data.display().to_string())]);
        // The token of before is still good: the key came along.
        let reader = Client::connect(&restored, &bob.account).await;
        let log = reader.history(&conversation).await;
        let seqs: Vec<_> = log.iter().map(|message| message["seq"].as_u64().expect("a seq")).collect();
        assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>(), "no gap");
        assert!(log.len() as u64 >= before, "{} of the {before} acknowledged before", log.len());
        let seq =
            Client::connect(&restored, &ann.account).await.send(&conversation, "new", "on it goes").await;
        assert_eq!(seq, log.len() as u64 + 1);
    }
}

#[tokio::test]
async fn what_is_no_backup_or_has_no_place_is_refused() {
    let server = start(Store::Sqlite);
    let _ = server.register("ann");
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("backup.tar"), folder.path().join("data"));
    assert!(run(backup(&server, &file)).await.status.success());
    refused(&run(backup(&server, &file)).await, "is there already");
    refused(&run(restore(&server, &file, &server.data())).await, "is not empty");

    let whole = fs::read(&file).expect("the backup");
    let (bad, middle) = (folder.path().join("bad.tar"), whole.len() / 2);
    let mut changed = whole.clone();
    changed[middle] ^= 1;
    for (content, reason) in [
        (&changed[..], "the database is not the one"),
        (&whole[..middle], "damaged"),
        (&whole[..600], "damaged"),
        (&[][..], "damaged"),
        (&[7; 10_000][..], "damaged"),
    ] {
        fs::write(&bad, content).expect("written");
        refused(&run(restore(&server, &bad, &data)).await, reason);
        assert_eq!(names(&data), Vec::<String>::new(), "nothing stays behind");
    }
    refused(&run(restore(&server, &folder.path().join("none"), &data)).await, "cannot read");
    let mut none = backup(&server, &folder.path().join("none"));
    none.env("KITH_SERVER_DATA", &data);
    refused(&run(none).await, "there is no database");
    assert_eq!(names(folder.path()), ["backup.tar", "bad.tar", "data"]);
}

/// As docs/operating.md has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_has_ways_of_its_own() {
    let server = start(Store::Postgres);
    let folder = tempfile::tempdir().expect("a folder");
    refused(&run(backup(&server, &folder.path().join("backup.tar"))).await, "pg_dump");
    assert_eq!(names(folder.path()), Vec::<String>::new());

    let ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let conversation = ann.direct(&bob).await;
    for number in 1..=20 {
        ann.send(&conversation, &format!("m{number}"), "hello").await;
    }
    let dump = folder.path().join("kith.dump").display().to_string();
    let own = server.command(&[]);
    let url = own.get_envs().find(|(name, _)| *name == "KITH_DATABASE_URL").expect("a URL").1.expect("a URL");
    let fresh = testkit::postgres::database().expect("a database");
    let mut dumps = postgres_tool("pg_dump");
    dumps.args(["--format=custom", "--file", &dump]).arg(url);
    assert!(run(dumps).await.status.success());
    let mut restores = postgres_tool("pg_restore");
    restores.args(["--no-owner", "--dbname", &fresh.url(), &dump]);
    let output = run(restores).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::copy(server.data().join("secret.key"), data.join("secret.key")).expect("the key");
    let settings =
        [("KITH_SERVER_DATA", data.to_str().expect("a path")), ("KITH_DATABASE_URL", &fresh.url())];
    let restored = start_with(Store::Sqlite, &settings);
    let reader = Client::connect(&restored, &bob.account).await;
    assert_eq!(reader.history(&conversation).await.len(), 20);
}

fn postgres_tool(name: &str) -> Command {
    let folders = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL").flatten();
    let tools = folders.map(|folder| folder.path().join("bin").join(name));
    Command::new(tools.into_iter().find(|tool| tool.exists()).expect("the tool"))
}
