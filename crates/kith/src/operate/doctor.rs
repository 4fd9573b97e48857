//! `kith doctor`: looks at everything that a server needs, and changes nothing.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use platform::{Clock, SystemClock, Timestamp};
use serde::Serialize;
use storage::{Failure, Inspection, Wire, postgres, sqlite};

use crate::serve::{Kept, Tls, check_key, check_senders, data_folder_in_use, open_to_others};
use crate::settings::{self, DatabaseUrl, Settings};

/// Less room than this, and the next hours may fail.
const LITTLE_BYTES: u64 = 1 << 30;
/// Less room than this, and the next message may.
const NO_BYTES: u64 = 64 << 20;
/// No clock that is right shows less: 2026-01-01.
const EARLIEST: Timestamp = 1_767_225_600_000;
/// How far two clocks may be apart, in milliseconds.
const APART_MS: i64 = 5_000;
/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A longer one is no server's of ours.
const ANSWER_BYTES: u64 = 64 * 1024;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// The server cannot work like that.
    Failed,
}

type Finding = (State, String);

impl Report {
    /// Whether nothing keeps the server from working.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|check| check.state != State::Failed)
    }

    /// For machines: `{"checks":[{"name","state":"ok|warning|failed","detail"}]}`.
    ///
    /// # Panics
    /// Never: texts are always JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts")
    }

    fn add(&mut self, name: &'static str, (state, detail): Finding) {
        self.checks.push(Check { name, state, detail });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, state, detail } in &self.checks {
            let state = match state {
                State::Ok => "ok",
                State::Warning => "WARNING",
                State::Failed => "FAILED",
            };
            writeln!(formatter, "{state:<8} {name:<9} {detail}")?;
        }
        Ok(())
    }
}

/// Looks at everything. With settings that could not be read, only they are told of.
pub async fn examine(settings: &anyhow::Result<Settings>) -> Report {
    let mut report = Report { checks: Vec::new() };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            report.add("settings", (State::Failed, format!("{error:#}")));
            return report;
        }
    };
    report.add("settings", (State::Ok, "understood".into()));
    let folder = &settings.server.data;
    report.add("folder", data_folder(folder));
    report.add("key", key(&settings.server));
    report.add("disk", disk(folder));
    let (finding, clock) = database(settings).await;
    report.add("database", finding);
    report.add("clock", time(SystemClock.now(), clock));
    let certificate = settings.server.tls_certificate.as_deref().zip(settings.server.tls_key.as_deref());
    if let Some((certificate, key)) = certificate {
        report.add(
            "tls",
            match Tls::load(certificate, key) {
                Ok(_) => (State::Ok, format!("{} and its key fit", certificate.display())),
                Err(error) => (State::Failed, format!("{error:#}")),
            },
        );
    }
    if let Some(domain) = &settings.server.domain {
        report.add("tls", kept(&settings.server, domain.as_str()));
    }
    let (listen, ours_runs) = (settings.server.address(), data_folder_in_use(folder));
    report.add(
        "address",
        address(listen, ours_runs, certificate.is_some() || settings.server.domain.is_some()),
    );
    match check_senders(settings) {
        Ok(()) => {
            report.add("mail", codes("mail server", settings.mail.host.as_deref()));
            report.add("sms", codes("SMS provider", settings.sms.account_sid.as_ref().map(|_| "set")));
        }
        Err(error) => report.add("codes", (State::Failed, format!("{error:#}"))),
    }
    report
}

/// The certificate that the server gets by itself.
fn kept(server: &settings::Server, domain: &str) -> Finding {
    let port = (domain, 443);
    if !port.to_socket_addrs().is_ok_and(|mut found| found.next().is_some()) {
        return (
            State::Warning,
            format!("{domain} has no address in the DNS, and nobody can see that it is this server"),
        );
    }
    match Kept::find(server) {
        Ok(Some(kept)) => match kept.until - SystemClock.now() {
            ..=0 => (State::Warning, format!("the certificate for {domain} has ended: see the server's log")),
            left => (
                State::Ok,
                format!("the certificate for {domain} counts for {} days more", left / 86_400_000),
            ),
        },
        Ok(None) => {
            (State::Ok, format!("there is no certificate for {domain} yet: the server gets one when it runs"))
        }
        Err(error) => (State::Warning, format!("{error:#}: the server gets another")),
    }
}

fn data_folder(folder: &Path) -> Finding {
    let shown = folder.display();
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match nearest(folder) {
                Some(parent) if writable(parent) => (State::Ok, format!("{shown} will be made")),
                _ => (State::Failed, format!("{shown} is missing and cannot be made")),
            };
        }
        Err(error) => return (State::Failed, format!("{shown}: {error}")),
    };
    if !metadata.is_dir() {
        return (State::Failed, format!("{shown} is no folder"));
    }
    if !writable(folder) {
        return (State::Failed, format!("{shown} cannot be written"));
    }
    if let Some(open) = open_to_others(folder) {
        let open = open.display();
        return (State::Warning, format!("others on this machine may read {open}: chmod go= {open}"));
    }
    (State::Ok, format!("{shown}"))
}

fn key(server: &settings::Server) -> Finding {
    match check_key(server) {
        Ok(Some(())) => (State::Ok, "tokens can be signed".into()),
        Ok(None) => (State::Ok, "will be made".into()),
        Err(error) => (State::Failed, format!("{error:#}")),
    }
}

fn writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

/// The folder, or the closest above it that is there.
fn nearest(folder: &Path) -> Option<&Path> {
    let there = folder.ancestors().find(|folder| folder.exists());
    there.or((folder.is_relative()).then_some(Path::new(".")))
}

fn disk(folder: &Path) -> Finding {
    let room = nearest(folder).and_then(|folder| rustix::fs::statvfs(folder).ok());
    let Some(room) = room else { return (State::Warning, "free space is not known".into()) };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    let state = match free {
        ..NO_BYTES => State::Failed,
        NO_BYTES..LITTLE_BYTES => State::Warning,
        _ => State::Ok,
    };
    (state, format!("{} MiB are free", free >> 20))
}

/// And what time it is there.
async fn database(settings: &Settings) -> (Finding, Option<Timestamp>) {
    let inspection: Result<Inspection, Failure> = match settings.database_url() {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            return ((State::Ok, format!("{} will be made", path.display())), None);
        }
        DatabaseUrl::Sqlite(path) => sqlite::inspect(&path, false),
        DatabaseUrl::Postgres(url) => match settings.database.postgres(&url) {
            Ok(target) => postgres::inspect(target).await,
            Err(error) => Err(error),
        },
    };
    match inspection {
        Ok(inspection) => (judged(&inspection), inspection.clock),
        Err(error) => ((State::Failed, error.to_string()), None),
    }
}

fn judged(inspection: &Inspection) -> Finding {
    let Inspection { schema, newest, problems, .. } = inspection;
    if let Some(problem) = problems.first() {
        return (State::Failed, format!("damaged: {problem}"));
    }
    match schema {
        0 => (State::Ok, "empty; tables will be made".into()),
        _ if schema > newest => {
            (State::Failed, format!("has tables of version {schema}; this program knows {newest}"))
        }
        _ if schema < newest => (
            State::Warning,
            format!("the next start brings version {schema} to {newest}: make a backup first"),
        ),
        _ => wired(inspection.wire.as_ref(), format!("in order, version {schema}")),
    }
}

/// What is in order, unless somebody on the way to it could read or change what is said.
fn wired(wire: Option<&Wire>, detail: String) -> Finding {
    match wire {
        None => (State::Ok, detail),
        Some(Wire { encrypted: Some(protocol), checked: true }) => {
            (State::Ok, format!("{detail}; {protocol}, its certificate is checked"))
        }
        Some(Wire { encrypted: Some(protocol), checked: false }) => (
            State::Warning,
            format!("{detail}; {protocol}, but nobody checks whose certificate it is: sslmode=verify-full"),
        ),
        Some(Wire { encrypted: None, .. }) => (
            State::Warning,
            format!("{detail}; the connection is not encrypted: sslmode=verify-full in database.url"),
        ),
    }
}

fn time(now: Timestamp, database: Option<Timestamp>) -> Finding {
    let apart = database.map_or(0, |database| (now - database).abs());
    if now < EARLIEST {
        (State::Failed, "the clock shows a time before this program was made".into())
    } else if apart > APART_MS {
        (State::Warning, format!("the database's clock is {} s off: is NTP running on both?", apart / 1_000))
    } else {
        (State::Ok, "plausible".into())
    }
}

fn address(listen: SocketAddr, ours_runs: bool, encrypted: bool) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) if ours_runs => {
            (State::Warning, format!("{listen} is free: the server that runs here listens elsewhere"))
        }
        Ok(_) => (State::Ok, format!("{listen} is free, no server runs")),
        // It has no business in asking whom it may trust.
        Err(error) if error.kind() == ErrorKind::AddrInUse && encrypted && ours_runs => {
            (State::Ok, format!("a server runs, and {listen} is taken; HTTPS is not tried"))
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => match (ours_runs, ready(listen)) {
            (true, Some(Ready::Whole)) => (State::Ok, format!("a server answers on {listen}, and is ready")),
            (true, Some(Ready::ToRead)) => {
                (State::Failed, format!("the server on {listen} can read, but not write: is the disk full?"))
            }
            (true, Some(Ready::No)) => (State::Failed, format!("the server on {listen} is not ready")),
            (true, _) => (State::Failed, format!("a server runs, and does not answer on {listen}")),
            (false, _) => (State::Failed, format!("another program listens on {listen}")),
        },
        Err(error) => (State::Failed, format!("{listen}: {error}")),
    }
}

/// What `/ready` says.
enum Ready {
    Whole,
    ToRead,
    No,
}

/// What the server there says.
fn ready(mut address: SocketAddr) -> Option<Ready> {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).ok()?;
    write!(stream, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer).ok()?;
    match answer.strip_prefix("HTTP/1.1 ")?.get(..3)? {
        "200" if answer.contains(r#""writes":"unavailable""#) => Some(Ready::ToRead),
        "200" => Some(Ready::Whole),
        "503" => Some(Ready::No),
        _ => None,
    }
}

fn codes(what: &str, set: Option<&str>) -> Finding {
    let detail = match set {
        Some(set) => format!("{what}: {set}"),
        None => format!("no {what}: such codes go to the log and to kith admin otp"),
    };
    (State::Ok, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_judged_by_their_version_and_their_damage() {
        let judge = |schema, problems: &[&str]| {
            let problems = problems.iter().map(ToString::to_string).collect();
            judged(&Inspection { schema, newest: 3, problems, clock: None, wire: None }).0
        };
        assert_eq!((judge(0, &[]), judge(3, &[])), (State::Ok, State::Ok));
        assert_eq!((judge(2, &[]), judge(4, &[])), (State::Warning, State::Failed));
        assert_eq!(judge(3, &["row 1 missing from index"]), State::Failed);
    }

    #[test]
    fn clocks_are_held_against_the_database() {
        let now = EARLIEST + 1_000_000;
        assert_eq!(time(now, None).0, State::Ok);
        assert_eq!(
            (time(now, Some(now - 4_000)).0, time(now, Some(now + 6_000)).0),
            (State::Ok, State::Warning)
        );
        assert_eq!(time(0, None).0, State::Failed);
    }
}
