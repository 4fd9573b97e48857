//! A data folder that is full, cannot be written, or stops being writable.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use testkit::server::{Store, TestServer};

use crate::load::Load;
use crate::operating::{metrics_address, sample, scrape};
use crate::support::{Client, UNLIMITED, start, until};

const ANSWERS: u64 = 60;
/// Of the disk that is filled: some room for the database and its log.
const DISK: &str = "48m";
/// As much as SQLite's log may grow to before it is folded in, and some.
const LOG_BYTES: u64 = 32 << 20;

fn wrapped(settings: &[(&str, &str)], wrapper: &[&str]) -> TestServer {
    TestServer::wrapped(env!("CARGO_BIN_EXE_kith"), Store::Sqlite, settings, wrapper).expect("a server")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// How to have a mount of one's own here: as root, or as root of a namespace of users. None where neither is allowed.
fn unshare() -> Option<Vec<&'static str>> {
    let ways: [&[&str]; 2] =
        [&["unshare", "--mount", "--"], &["unshare", "--user", "--map-root-user", "--mount", "--"]];
    let works = |way: &&&[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    ways.iter().find(works).map(|way| way.to_vec())
}

/// Waits until the server is ready and says of itself that it can write, or cannot.
async fn writes(server: &TestServer, can: bool) {
    until("what it says of writes", async || {
        let answer = server.request("GET", "/ready", None, None).expect("an answer");
        assert_eq!((answer.status, &answer.body["ready"]), (200, &json!(true)), "{answer:?}");
        let says = answer.body["writes"] != "unavailable";
        assert!(says || answer.body["reason"].is_string(), "{answer:?}");
        (says == can).then_some(())
    })
    .await;
}

/// A file that takes all the room there is.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    let mut block = vec![0x5a; 1 << 20];
    while !block.is_empty() {
        while file.write_all(&block).is_ok() {}
        block.truncate(block.len() / 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_nothing_and_loses_nothing() {
    let Some(unshare) = unshare() else {
        eprintln!(
            "SKIPPED: no mounts and no user namespaces here; files_that_may_not_grow shows what is left of it"
        );
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().display().to_string();
    let mount = format!("mount -t tmpfs -o size={DISK} tmpfs '{disk}' && exec \"$@\"");
    let data = folder.path().join("data").display().to_string();
    let mut wrapper = unshare;
    wrapper.extend(["sh", "-c", &mount, "sh"]);
    let own = [("KITH_SERVER_DATA", &*data), ("KITH_METRICS_LISTEN", "127.0.0.1:0")];
    let settings: Vec<_> = UNLIMITED.iter().copied().chain(own).collect();
    let server = wrapped(&settings, &wrapper);
    let metrics = metrics_address(&server).await;
    // The server's own view of the disk: nobody else sees that mount.
    let seen = PathBuf::from(format!("/proc/{}/root{disk}", server.id()));
    let ballast = seen.join("ballast");
    let log_bytes = || fs::metadata(seen.join("data/kith.db-wal")).map_or(0, |log| log.len());

    let ann = Client::register(&server, "ann").await;
    let notes = ann.group("Notes", &[]).await;
    ann.send(&notes, "before", "before").await;
    let load = Load::start(&server, true).await;
    for round in 0..3 {
        load.answers(ANSWERS).await;
        fill(&ballast);
        load.refusals(5).await;
        // What is there can be read, and the refusal says what it is.
        assert_eq!(ann.history(&notes).await.len(), 2 + round);
        let large = json!({ "id": "large", "text": "x".repeat(60_000) });
        let refused =
            until("a refusal", async || ann.try_call("SendMessage", (&notes, &large)).await.err()).await;
        assert!(refused.starts_with("unavailable: "), "{refused}");
        assert_eq!(server.request("GET", "/health", None, None).expect("an answer").status, 200);
        writes(&server, false).await;
        assert_eq!(sample(&scrape(metrics), "kith_writes_available"), 0.0);
        assert!(sample(&scrape(metrics), "kith_disk_free_bytes") < 1e6);
        fs::remove_file(&ballast).expect("room");
        load.answers(ANSWERS).await;
        writes(&server, true).await;
        assert_eq!(sample(&scrape(metrics), "kith_writes_available"), 1.0);
        let id = format!("after-{round}");
        until("room", async || {
            let sent = ann.try_call("SendMessage", (&notes, json!({ "id": id, "text": id }))).await;
            sent.ok()
        })
        .await;
    }
    assert!(server.log().contains("full"), "the log names the cause: {}", server.log());
    load.finish();
    load.judge(&server).await;
    assert!(log_bytes() < LOG_BYTES, "{} bytes of log", log_bytes());
}

/// No file may grow: what a quota, a broken disk and a file system that turned read-only look like to a program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow() {
    // The limit's signal would end the server before the error does anything.
    let mut server = wrapped(UNLIMITED, &["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let limit = |server: &TestServer, bytes: &str| {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:")]);
        assert!(prlimit.status().expect("prlimit runs").success());
    };
    let load = Load::start(&server, true).await;
    for _ in 0..3 {
        load.answers(ANSWERS).await;
        // The log is a file, too: a server that cannot write that goes on nevertheless.
        limit(&server, "0");
        load.refusals(5).await;
        assert_eq!(server.request("GET", "/health", None, None).expect("an answer").status, 200);
        writes(&server, false).await;
        limit(&server, "unlimited");
        writes(&server, true).await;
    }
    load.answers(ANSWERS).await;
    load.finish();
    load.judge(&server).await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert!(server.terminate().expect("ended").success(), "{}", server.log());
}

#[test]
fn a_data_folder_that_cannot_be_written_is_refused() {
    let mut server = start(Store::Sqlite);
    let _ = server.register("ann");
    assert!(server.terminate().expect("ended").success());
    let data = server.data();
    let refused = |expected: &str| {
        let serve = server.command(&["serve", "--listen", "127.0.0.1:0"]);
        // Root may write whatever the permissions say, unless it goes without that.
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.arg("--bounding-set=-dac_override,-dac_read_search").arg("--").arg(serve.get_program());
            command.args(serve.get_args());
            command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command
        } else {
            serve
        };
        let output = command.output().expect("kith runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{expected:?} in {said}");
        assert!(said.contains(&data.display().to_string()), "{said}");
    };
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    set(&data, 0o500);
    refused("cannot write in the data folder");
    set(&data, 0o700);
    fs::remove_file(data.join("kith.lock")).expect("removed");
    set(&data, 0o500);
    refused("cannot write in the data folder");
    set(&data, 0o700);
    set(&data.join("kith.db"), 0o400);
    refused("kith.db");
    set(&data.join("kith.db"), 0o600);
    server.restart().expect("started");
    let _ = server.log_in("ann");
}
