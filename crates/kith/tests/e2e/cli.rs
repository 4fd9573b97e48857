//! W2, and what "it works" means to a new user: two terminals that chat, one closed, written to and opened again, the
//! server killed in between, nothing lost and nothing twice; and a script of theirs in the same conversation.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::generated::workspace_root;
use testkit::poll;
use testkit::server::{PASSWORD, Store, TestServer};

use crate::support::{PATIENCE, on_both_stores, start};

mod account;
mod actions;
mod devices;
mod encrypted;
mod people;
mod profile;

on_both_stores!(two_terminals_and_a_killed_server);

/// A home folder in which people sign in, each under a profile of their name.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// `kith --json --profile WHO …`.
    fn kith(&self, who: &str, arguments: &[&str]) -> Command {
        self.plain(who, &[&["--json"], arguments].concat())
    }

    /// `kith --profile WHO …`, away from the home of whoever runs the tests.
    fn plain(&self, who: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        command.env("HOME", self.folder.path()).env("XDG_CONFIG_HOME", self.folder.path());
        for variable in ["KITH_SERVER", "KITH_PROFILE", "KITH_CLIENT_CA_FILE"] {
            command.env_remove(variable);
        }
        command.args(["--profile", who]).args(arguments);
        command
    }

    /// What a command that succeeds prints for people.
    #[track_caller]
    fn shown(&self, who: &str, arguments: &[&str]) -> String {
        let output = self.plain(who, arguments).stdin(Stdio::null()).output().expect("kith runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a command to its end, with standard input from a text.
    fn run(&self, who: &str, arguments: &[&str], input: &str) -> Output {
        let files = tempfile::tempdir().expect("a folder");
        let file = |name| files.path().join(name);
        fs::write(file("in"), input).expect("written");
        let mut command = self.kith(who, arguments);
        command.stdin(File::open(file("in")).expect("a file"));
        command.stdout(File::create(file("out")).expect("a file"));
        command.stderr(File::create(file("err")).expect("a file"));
        let mut running = Running(command.spawn().expect("kith runs"));
        let status = running.wait(&format!("the end of {arguments:?}"));
        let read = |name| fs::read(file(name)).expect("its output");
        Output { status, stdout: read("out"), stderr: read("err") }
    }

    /// Runs a command that succeeds, and answers the objects it prints.
    #[track_caller]
    fn done(&self, who: &str, arguments: &[&str], input: &str) -> Vec<Value> {
        let output = self.run(who, arguments, input);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        objects(&String::from_utf8(output.stdout).expect("text"))
    }

    /// Runs a command that fails, and answers its exit code.
    #[track_caller]
    fn fails(&self, who: &str, arguments: &[&str], input: &str) -> i32 {
        let output = self.run(who, arguments, input);
        let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "{arguments:?} succeeded: {said}");
        let error: Value = serde_json::from_str(why.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| panic!("with --json an error is an object too: {why}"));
        assert!(error.to_string().len() > 2 && !why.contains("panicked"), "{why}");
        output.status.code().expect("an exit code")
    }

    fn register(&self, server: &TestServer, who: &str) {
        self.done(
            who,
            &["--server", &server.url(), "register", who, "--password-stdin"],
            &format!("{PASSWORD}\n"),
        );
    }
}

fn objects(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

/// A process that does not outlive the test.
struct Running(Child);

impl Running {
    fn wait(&mut self, what: &str) -> ExitStatus {
        poll(what, PATIENCE, || self.0.try_wait()).expect("it ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `kith chat`, running. It ends with its standard input.
struct Terminal {
    running: Running,
    out: std::path::PathBuf,
}

impl Terminal {
    fn open(home: &Home, who: &str, with: &str, number: usize) -> Self {
        let out = home.folder.path().join(format!("{who}-{number}.out"));
        let mut command = home.kith(who, &["chat", with]);
        command.stdin(Stdio::piped()).stdout(File::create(&out).expect("a file"));
        let errors = File::create(out.with_extension("err")).expect("a file");
        Self { running: Running(command.stderr(errors).spawn().expect("kith runs")), out }
    }

    fn write(&mut self, line: &str) {
        let input = self.running.0.stdin.as_mut().expect("open");
        writeln!(input, "{line}").expect("read by the terminal");
    }

    /// What it has shown: `(text, seq)` of each message.
    fn shown(&self) -> Vec<(String, u64)> {
        let said = fs::read_to_string(&self.out).expect("its output");
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        let messages = objects(whole).into_iter().filter(|object| object["event"] == "message");
        let shown =
            messages.filter_map(|it| Some((it["body"]["text"].as_str()?.to_owned(), it["seq"].as_u64()?)));
        shown.collect()
    }

    fn wait_for(&self, text: &str) {
        let shows = || Ok(self.shown().iter().any(|(shown, _)| shown == text).then_some(()));
        poll(text, PATIENCE, shows).unwrap_or_else(|error| {
            let errors = fs::read_to_string(self.out.with_extension("err")).unwrap_or_default();
            panic!("{error}: {:?} shows {:?}\n{errors}", self.out, self.shown())
        });
    }

    /// Ends its input, and answers what it has shown.
    fn close(mut self) -> Vec<(String, u64)> {
        drop(self.running.0.stdin.take());
        let ended = self.running.wait("the terminal's end");
        assert!(ended.success(), "{ended}");
        self.shown()
    }
}

fn texts(shown: &[(String, u64)]) -> Vec<&str> {
    shown.iter().map(|(text, _)| text.as_str()).collect()
}

async fn two_terminals_and_a_killed_server(store: Store) {
    let mut server = start(store);
    let home = Home::new();
    home.register(&server, "ann");
    home.register(&server, "bob");
    let mut ann = Terminal::open(&home, "ann", "bob", 1);
    let mut bob = Terminal::open(&home, "bob", "ann", 1);
    ann.write("hello bob");
    bob.wait_for("hello bob");
    bob.write("hello ann");
    ann.wait_for("hello ann");
    let first = bob.close();
    // The server may lose the last second of how far everybody has come. Bob's terminal has kept it.
    server.kill().expect("killed");
    server.restart().expect("started again");

    ann.write("are you there?");
    ann.wait_for("are you there?");
    server.kill().expect("killed");
    ann.write("the server is not");
    server.restart().expect("started again");
    ann.wait_for("the server is not");
    server.kill().expect("killed");
    server.restart().expect("started again");

    let mut bob = Terminal::open(&home, "bob", "ann", 2);
    bob.wait_for("the server is not");
    ann.write("now it is");
    bob.wait_for("now it is");
    bob.write("I was away");
    ann.wait_for("I was away");
    assert_eq!(texts(&first), ["hello bob", "hello ann"]);
    let second = bob.close();
    assert_eq!(texts(&second), ["are you there?", "the server is not", "now it is", "I was away"]);
    let seqs: Vec<_> = first.iter().chain(&second).map(|(_, seq)| *seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6], "everything, once and in order");

    // From the README's script, as bob, in the same conversation.
    let script = Script::join(&server, "bob", "ann");
    ann.wait_for("Hello from Node");
    ann.write("welcome, script");
    script.wait_for("8 welcome, script");
    drop(script);
    let all = ann.close();
    assert_eq!(all.iter().map(|(_, seq)| *seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// The ten lines of the README, running.
struct Script {
    _running: Running,
    folder: TempDir,
}

impl Script {
    fn join(server: &TestServer, who: &str, peer: &str) -> Self {
        let root = workspace_root();
        let clients = root.join("tests/clients");
        assert!(
            clients.join("node_modules/@microsoft/signalr").exists(),
            "no npm clients: run scripts/test-deps"
        );
        let readme = fs::read_to_string(root.join("README.md")).expect("the README");
        let (_, code) = readme.split_once("```js\n").expect("a script in the README");
        let (code, _) = code.split_once("```").expect("its end");
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = Command::new("node");
        // A script given so finds its packages from the working folder; the first argument stands for its name.
        node.current_dir(clients).args(["--input-type=module", "-e", code, "hello.mjs"]);
        node.args([&server.url(), who, PASSWORD, peer]).stdin(Stdio::null());
        node.stdout(File::create(folder.path().join("out")).expect("a file"));
        let running = node.spawn().unwrap_or_else(|error| panic!("{error}: run scripts/test-deps"));
        Self { _running: Running(running), folder }
    }

    fn wait_for(&self, line: &str) {
        let said = || fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        let says = || Ok(said().lines().any(|it| it == line).then_some(()));
        poll(line, PATIENCE, says).unwrap_or_else(|error| panic!("{error}: {}", said()));
    }
}

#[tokio::test]
async fn a_sign_in_rests_in_a_file_of_its_owner_alone() {
    let server = start(Store::Sqlite);
    let home = Home::new();
    home.register(&server, "ann");
    let kept: Vec<_> = walk(home.folder.path()).into_iter().filter(|file| !file.is_dir()).collect();
    assert!(!kept.is_empty());
    for file in &kept {
        let mode = fs::metadata(file).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", file.display());
    }
    let me = home.done("ann", &["whoami"], "");
    assert_eq!(me[0]["user"]["username"], "ann");
    home.done("ann", &["logout"], "");
    assert_eq!(home.fails("ann", &["whoami"], ""), 3);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn exit_codes_tell_what_went_wrong() {
    let mut server = start(Store::Sqlite);
    let (home, url) = (Home::new(), server.url());
    let password = format!("{PASSWORD}\n");
    assert_eq!(home.fails("ann", &["whoami"], ""), 3);
    home.register(&server, "ann");
    let (register, login) = (["register", "ann", "--password-stdin"], ["login", "ann", "--password-stdin"]);
    for (who, arguments, input, code) in [
        ("ann", &["send", "nobody", "hello"][..], "", 4),
        ("ann", &["history", "nobody"], "", 4),
        ("other", &[&["--server", &url], &register[..]].concat(), &password, 5),
        ("other", &[&["--server", &url], &login[..]].concat(), "not the password\n", 5),
    ] {
        assert_eq!(home.fails(who, arguments, input), code, "{arguments:?}");
    }
    // Signed out from elsewhere, it is signed out.
    let other = server.log_in("ann");
    let devices = server.request("GET", "/api/auth/sessions", Some(&other.access_token), None);
    for device in devices.expect("an answer").body.as_array().expect("devices") {
        if device["current"] == false {
            let path = format!("/api/auth/sessions/{}", device["id"].as_str().expect("an id"));
            server.request("DELETE", &path, Some(&other.access_token), None).expect("an answer");
        }
    }
    assert_eq!(home.fails("ann", &["conversations"], ""), 3);
    server.terminate().expect("ended");
    assert_eq!(home.fails("new", &[&["--server", &url], &login[..]].concat(), &password), 1);
}

#[tokio::test]
async fn scripts_send_once_and_read_what_was_said() {
    let server = start(Store::Sqlite);
    let home = Home::new();
    for who in ["ann", "bob", "cas"] {
        home.register(&server, who);
    }
    let once = ["send", "bob", "--id", "order-66", "hello"];
    let sent = home.done("ann", &once, "");
    assert_eq!((&sent[0]["id"], &sent[0]["seq"]), (&json!("order-66"), &json!(1)));
    assert_eq!(home.done("ann", &once, ""), sent, "the same id is the same message");
    let lines: Vec<_> = (2..=201).map(|number| format!("line {number}")).collect();
    let sent = home.done("ann", &["send", "bob", "--lines"], &(lines.join("\n") + "\n"));
    let seqs: Vec<_> = sent.iter().map(|answer| answer["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, (2..=201).collect::<Vec<_>>(), "in the order of the lines");

    let heard = home.done("bob", &["listen", "--count", "201"], "");
    let texts: Vec<_> = heard.iter().filter_map(|message| message["body"]["text"].as_str()).collect();
    let expected: Vec<_> = ["hello"].into_iter().chain(lines.iter().map(String::as_str)).collect();
    assert_eq!(texts, expected);
    assert_eq!(home.done("bob", &["listen", "--until-idle", "0"], ""), Vec::<Value>::new(), "it was heard");

    let list = home.done("bob", &["conversations"], "");
    assert_eq!((list.len(), &list[0]["name"], &list[0]["lastSeq"]), (1, &json!("ann"), &json!(201)));
    let info = home.done("ann", &["info", "bob", "201"], "");
    assert_eq!(info[0]["status"], "delivered");
    let stranger = home.run("cas", &["history", sent[0]["conversation"].as_str().expect("an id")], "");
    assert_eq!(stranger.status.code(), Some(4));
}

#[tokio::test]
async fn groups_are_joined_put_away_and_left_to_others() {
    let server = start(Store::Sqlite);
    let home = Home::new();
    for who in ["ann", "bob"] {
        home.register(&server, who);
    }
    let group = home.done("ann", &["group", "create", "Ours"], "")[0]["conversation"].clone();
    let link = home.done("ann", &["group", "link", "create", "Ours", "--uses", "2", "--hours", "1"], "");
    let code = link[0]["code"].as_str().expect("a code").to_owned();
    assert_eq!((&link[0]["maxUses"], &link[0]["group"]), (&json!(2), &group));
    assert_eq!(home.done("bob", &["group", "preview", &code], "")[0]["name"], "Ours");
    assert_eq!(home.done("bob", &["group", "join", &code], "")[0]["group"], group);
    assert_eq!(home.done("ann", &["group", "link", "list", "Ours"], "")[0]["uses"], 1);
    assert_eq!(home.fails("bob", &["group", "link", "list", "Ours"], ""), 5);
    home.done("ann", &["group", "link", "revoke", "Ours", &code], "");
    assert_eq!(home.fails("ann", &["group", "join", "l_00000000000000000000000000"], ""), 4);

    assert_eq!(home.done("bob", &["archive", "Ours"], "")[0]["settings"]["archived"], true);
    assert_eq!(home.done("bob", &["conversations"], "").len(), 0);
    assert_eq!(home.done("bob", &["conversations", "--archived"], "").len(), 1);
    home.done("bob", &["unarchive", "Ours"], "");
    let muted = home.done("bob", &["mute", "Ours", "--hours", "2"], "");
    assert!(muted[0]["settings"]["mutedUntil"].is_u64(), "{muted:?}");
    assert!(home.done("bob", &["unmute", "Ours"], "")[0]["settings"]["mutedUntil"].is_null());
    assert_eq!(home.done("ann", &["retention", "Ours", "days:7"], "")[0]["retention"], "days:7");
    assert_eq!(home.done("bob", &["retention", "Ours"], "")[0]["retention"], "days:7");
    assert_eq!(home.fails("bob", &["retention", "Ours", "forever"], ""), 5);
    let wrong = home.run("ann", &["retention", "Ours", "a while"], "");
    assert_eq!(wrong.status.code(), Some(2));

    home.done("ann", &["send", "Ours", "hello"], "");
    let lines = home.done("bob", &["export", "Ours"], "");
    assert_eq!((&lines[0]["id"], lines.len()), (&group, 4), "itself, and what bob may see");
    assert_eq!(lines[3]["body"]["text"], "hello");
    let file = home.folder.path().join("ours.ndjson");
    home.done("bob", &["export", "Ours", "--output", file.to_str().expect("a path")], "");
    assert_eq!(objects(&fs::read_to_string(&file).expect("the file")), lines);

    assert_eq!(home.fails("ann", &["group", "leave", "Ours"], ""), 5);
    home.done("ann", &["group", "leave", "Ours", "--successor", "bob"], "");
    let now = home.done("bob", &["group", "show", "Ours"], "");
    assert_eq!((&now[0]["role"], &now[0]["memberCount"]), (&json!("admin"), &json!(1)));
}
