//! Starting: what is wrong is named, and two servers do not share a folder.

use std::fs;
use std::process::{Command, Output, Stdio};

use testkit::server::{Store, TestServer};

use crate::support::start;

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("kith runs")
}

#[track_caller]
fn refuses(server: &TestServer, change: impl FnOnce(&mut Command) -> &mut Command, expected: &[&str]) {
    let mut command = server.command(&["serve", "--listen", "127.0.0.1:0"]);
    change(&mut command);
    let output = run(&mut command);
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{log}");
    assert_eq!(said, "", "nothing on standard output");
    for part in expected {
        assert!(log.contains(part), "{part:?} in {log}");
    }
    assert!(!log.contains("panicked"), "{log}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let server = start(Store::Sqlite);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    refuses(&server, |it| it.env("KITH_SERVER_LISEN", "x"), &["KITH_SERVER_LISEN", "KITH_SERVER_LISTEN"]);
    refuses(
        &server,
        |it| it.env("KITH_LIMITS_MAX_MESSAGE_BYTES", "many"),
        &["KITH_LIMITS_MAX_MESSAGE_BYTES", "many"],
    );
    refuses(&server, |it| it.env("KITH_LIMITS_MAX_MESSAGE_BYTES", "0"), &["KITH_LIMITS_MAX_MESSAGE_BYTES"]);
    let file = folder.path().join("kith.toml");
    fs::write(&file, "[server]\nname = \"Test\"\nlisen = \"127.0.0.1:0\"\n").expect("written");
    refuses(&server, |it| it.arg("--config").arg(&file), &["kith.toml:3", "server.lisen", "server.listen"]);
    let missing = folder.path().join("missing.toml");
    refuses(&server, |it| it.arg("--config").arg(&missing), &["missing.toml"]);
    let unreachable = "postgres://nobody@127.0.0.1:1/none";
    refuses(
        &server,
        |it| it.env("KITH_SERVER_DATA", &data).env("KITH_DATABASE_URL", unreachable),
        &["database.url"],
    );
    let mut command = server.command(&["serve", "--listen", &server.address().to_string()]);
    let output = run(command.env("KITH_SERVER_DATA", &data));
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains(&format!("cannot listen on {}", server.address())), "{log}");
}

#[tokio::test]
async fn a_data_folder_has_one_server() {
    let mut server = start(Store::Sqlite);
    let data = server.data().display().to_string();
    refuses(&server, |it| it, &["another server already runs on the data folder", &data]);
    let other = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite:{data}/kith.db");
    refuses(
        &server,
        |it| it.env("KITH_SERVER_DATA", other.path()).env("KITH_DATABASE_URL", &database),
        &["another server already runs on the database", "kith.db"],
    );
    // The first is none the worse, and a killed one holds nothing.
    let _ = server.register("alice");
    server.kill().expect("killed");
    server.restart().expect("started again");
    let _ = server.log_in("alice");
}

#[tokio::test]
async fn standard_output_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(Store::Sqlite);
    let mut command = server.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("KITH_SERVER_DATA", folder.path().join("data")).env_remove("NO_COLOR");
    let (out, log) = (folder.path().join("out"), folder.path().join("log"));
    fs::write(&out, "").expect("written");
    let script_text = format!("exec \"$0\" \"$@\" >'{}'", out.display());
    let mut script = Command::new("/bin/sh");
    script.args(["-c", &script_text]).arg(command.get_program()).args(command.get_args());
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = testkit::process::Process::spawn(&mut script, &log).expect("started");
    let said = testkit::poll("the address", crate::support::PATIENCE, || {
        let said = fs::read_to_string(&out)?;
        Ok(said.ends_with('\n').then_some(said))
    });
    let said = said.expect("a line");
    assert!(said.starts_with("Kith listens on http://127.0.0.1:"), "{said}");
    assert!(process.terminate(crate::support::PATIENCE).expect("ended").success());
    assert_eq!(fs::read_to_string(&out).expect("read").lines().count(), 1);
    assert!(!process.log().contains('\u{1b}'), "no colours in a file: {}", process.log());
}
