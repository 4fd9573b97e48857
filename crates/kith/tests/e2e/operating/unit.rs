//! `deploy/kith.service`: what systemd thinks of it, and what the server says to systemd.

use std::collections::VecDeque;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use testkit::process::signal;
use testkit::server::{Store, TestServer};

use crate::support::{PATIENCE, start_with};

/// What `systemd-analyze security` may find, in tenths, of 100: 16 when this was written.
const EXPOSURE: &str = "20";

fn unit() -> String {
    let unit = testkit::generated::workspace_root().join("deploy/kith.service");
    fs::read_to_string(unit).expect("the unit")
}

fn analyze(arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("kith.service");
    fs::write(&copy, unit().replace("/usr/local/bin/kith", env!("CARGO_BIN_EXE_kith"))).expect("written");
    let output = Command::new("systemd-analyze").args(arguments).arg(&copy).output();
    let output = output.unwrap_or_else(|error| panic!("systemd-analyze: {error}: run scripts/test-deps"));
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.success(), said)
}

#[test]
fn systemd_understands_the_unit_and_finds_it_closed() {
    let (understood, said) = analyze(&["verify"]);
    assert!(understood && !said.contains("kith.service:"), "{said}");
    let (closed, said) = analyze(&["security", "--offline=yes", &format!("--threshold={EXPOSURE}")]);
    assert!(closed, "{said}");
    // What the other tests show to work.
    let unit = unit();
    for line in [
        "Type=notify",
        "ExecStart=/usr/local/bin/kith serve",
        "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'",
        "Environment=KITH_SERVER_DATA=/var/lib/kith",
        "StateDirectory=kith",
        "Restart=on-failure",
        "TimeoutStopSec=60",
        "DynamicUser=yes",
    ] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}

/// systemd's end of the socket.
struct Supervisor {
    socket: UnixDatagram,
    said: VecDeque<String>,
}

impl Supervisor {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { socket, said: VecDeque::new() }
    }

    fn next(&mut self) -> String {
        if self.said.is_empty() {
            let mut buffer = [0; 4096];
            let length = self.socket.recv(&mut buffer).expect("a word from the server");
            let text = std::str::from_utf8(&buffer[..length]).expect("text");
            self.said.extend(text.lines().map(str::to_owned));
        }
        self.said.pop_front().expect("a line")
    }

    /// What comes up to that line, signs of life left out.
    fn wait_for(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            match self.next() {
                found if found == line => return before,
                alive if alive == "WATCHDOG=1" => {}
                other => before.push(other),
            }
        }
    }
}

fn lives(mut supervisor: Supervisor, name: &str) {
    let mut server: TestServer = start_with(
        Store::Sqlite,
        &[("NOTIFY_SOCKET", name), ("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "")],
    );
    assert_eq!(supervisor.wait_for("READY=1"), Vec::<String>::new());
    assert_eq!(server.request("GET", "/health", None, None).expect("an answer").status, 200);
    for _ in 0..3 {
        while supervisor.next() != "WATCHDOG=1" {}
    }
    signal(server.id(), "HUP").expect("asked");
    assert_eq!(supervisor.wait_for("RELOADING=1"), Vec::<String>::new());
    let since = supervisor.wait_for("READY=1");
    let since = since.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("since when");
    assert!(since.parse::<u64>().is_ok_and(|since| since > 0), "{since}");
    server.ask_to_end().expect("asked");
    assert_eq!(supervisor.wait_for("STOPPING=1"), Vec::<String>::new());
    assert!(server.wait().expect("ended").success(), "{}", server.log());
}

#[test]
fn systemd_is_told_how_the_server_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let supervisor = Supervisor::at(&SocketAddr::from_pathname(&path).expect("an address"));
    lives(supervisor, path.to_str().expect("text"));
    // Names without a file, which containers have.
    let name = format!("kith-test-{}", std::process::id());
    let supervisor = Supervisor::at(&SocketAddr::from_abstract_name(&name).expect("an address"));
    lives(supervisor, &format!("@{name}"));
}

/// A watchdog meant for another process, or a supervisor that is gone, is nobody's trouble.
#[test]
fn without_anybody_to_tell_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = folder.path().join("gone").display().to_string();
    let mut server = start_with(
        Store::Sqlite,
        &[("NOTIFY_SOCKET", &gone), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")],
    );
    std::thread::sleep(Duration::from_millis(50));
    let said = server.log().lines().filter(|line| line.contains("systemd was not told")).count();
    assert_eq!(said, 1, "that it is ready: {}", server.log());
    assert!(server.terminate().expect("ended").success(), "{}", server.log());
}
