//! A certificate that the server gets by itself, from a real authority: pebble, which the makers of Let's Encrypt test clients
//! with, and which looks through a name server of ours whether the name is the server's.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::{Options, connect_over};
use tempfile::TempDir;
use testkit::process::Process;
use testkit::server::{PASSWORD, Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::https::{exchange, handshake};
use crate::support::{PATIENCE, start, until, within};

const DOMAIN: &str = "chat.example.org";
/// How long pebble's certificates count, in seconds: the server gets another after two thirds of it.
const VALID_S: u64 = 45;

/// Answers every question for an address with 127.0.0.1, and every other with nothing.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut question) {
            let asked = &question[..length];
            // After the header of 12 bytes a name, which ends with an empty label, a type and a class.
            let Some(end) = asked[12..].iter().position(|byte| *byte == 0).map(|at| 12 + at + 5) else {
                continue;
            };
            let for_address = asked[end - 4..end - 2] == [0, 1];
            let mut answer = asked[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, u8::from(for_address), 0, 0, 0, 0]);
            answer.extend(&asked[12..end]);
            if for_address {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&answer, peer);
        }
    });
    address
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port()
}

struct Authority {
    directory: String,
    management: SocketAddr,
    /// Of its own HTTPS.
    root: PathBuf,
    /// Where it looks for the server.
    tls_port: u16,
    _process: Process,
    folder: TempDir,
}

impl Authority {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, certificate, key) =
            (folder.path().join("root.pem"), folder.path().join("own.pem"), folder.path().join("own.key"));
        fs::write(&root, include_str!("tls/one.crt")).expect("written");
        fs::write(&certificate, include_str!("tls/one.crt")).expect("written");
        fs::write(&key, include_str!("tls/one.key")).expect("written");
        let (listen, management, tls_port) = (free_port(), free_port(), free_port());
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": free_port(),
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": VALID_S,
        } });
        let config_file = folder.path().join("pebble.json");
        fs::write(&config_file, config.to_string()).expect("written");
        let mut command = Command::new("pebble");
        command.arg("-config").arg(&config_file).args(["-dnsserver", &name_server().to_string(), "-strict"]);
        command.env("PEBBLE_VA_NOSLEEP", "1");
        let mut process =
            Process::spawn(&mut command, folder.path().join("log")).expect("pebble: run scripts/test-deps");
        process.wait_for_line("Listening on", PATIENCE).expect("it listens");
        Self {
            directory: format!("https://127.0.0.1:{listen}/dir"),
            management: SocketAddr::from((Ipv4Addr::LOCALHOST, management)),
            root,
            tls_port,
            _process: process,
            folder,
        }
    }

    /// The authority that its certificates are of, which is another at each start.
    async fn issuer(&self) -> String {
        let own = include_str!("tls/one.crt");
        until("the authority's root", async || {
            let name = ServerName::IpAddress(self.management.ip().into());
            let mut stream = handshake(self.management, name, own).await.ok()?;
            stream.write_all(b"GET /roots/0 HTTP/1.0\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
        })
        .await
    }

    fn serve(&self, other: &TestServer, data: &Path) -> Command {
        let mut command = other.command(&["serve", "--domain", "Chat.Example.ORG"]);
        command
            .env("KITH_SERVER_DATA", data)
            .env("KITH_SERVER_LISTEN", format!("127.0.0.1:{}", self.tls_port))
            .env("KITH_SERVER_REDIRECT_LISTEN", "127.0.0.1:0")
            .env("KITH_SERVER_ACME_DIRECTORY", &self.directory)
            .env("KITH_SERVER_ACME_ROOT", &self.root)
            .env("KITH_SERVER_ACME_EMAIL", "operator@example.org");
        command
    }
}

fn name() -> ServerName<'static> {
    DOMAIN.try_into().expect("a name")
}

/// The certificate that the server shows, if it is one to be trusted.
async fn shown(address: SocketAddr, trusted: &str) -> Option<Vec<u8>> {
    let stream = handshake(address, name(), trusted).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_got_kept_and_renewed() {
    let authority = Authority::start();
    let issuer = authority.issuer().await;
    let other = start(Store::Sqlite);
    let data = authority.folder.path().join("data");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, authority.tls_port));
    let log = authority.folder.path().join("server.log");
    let mut server = Process::spawn(&mut authority.serve(&other, &data), &log).expect("started");
    server.wait_for_line("Kith listens on https://", PATIENCE).expect("its address");
    let first = until("a certificate", async || shown(address, &issuer).await).await;

    // A message, by our own client, under that name.
    let stream = handshake(address, name(), &issuer).await.expect("TLS");
    let body = json!({ "username": "ann", "password": PASSWORD }).to_string();
    let (_, answer) = exchange(stream, "POST", "/api/auth/register", &body).await.expect("an answer");
    let ann: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let stream = handshake(address, name(), &issuer).await.expect("TLS");
    let url = format!("https://{DOMAIN}/hub").parse().expect("a URL");
    let token = ann["accessToken"].as_str();
    let link = connect_over(stream, &url, token, None, Protocol::MessagePack, Options::default());
    let (connection, _events) = within("a connection", link).await.expect("a connection");
    let group: Value =
        connection.invoke("InitiateGroupChatSession", (json!({ "name": "Notes" }),)).await.expect("a group");
    let sent: Value = connection
        .invoke("SendMessage", (&group, json!({ "id": "m", "text": "hello" })))
        .await
        .expect("an answer");
    assert_eq!(sent["seq"], 2);

    // Browsers are sent on.
    let at = server.wait_for_line("sent on to HTTPS from http://", PATIENCE).expect("its address");
    let at: SocketAddr = at.split_once("http://").expect("an address").1.trim().parse().expect("an address");
    let moved = testkit::http::request(at, "GET", "/some/where?a=b", None, None).expect("an answer");
    let to = format!("https://{DOMAIN}:{}/some/where?a=b", authority.tls_port);
    assert_eq!((moved.status, moved.header("location")), (308, Some(&*to)));

    // A restart shows what was kept, and asks nobody.
    drop(connection);
    assert!(server.terminate(PATIENCE).expect("ended").success(), "{}", server.log());
    let mut server = Process::spawn(&mut authority.serve(&other, &data), &log).expect("started");
    server.wait_for_line("Kith listens on https://", PATIENCE).expect("its address");
    let again = until("a certificate", async || shown(address, &issuer).await).await;
    if !server.log().contains("the certificate is new") {
        assert_eq!(again, first, "the one that was kept");
    }
    // And gets another in time.
    until("another certificate", async || shown(address, &issuer).await.filter(|shown| *shown != first))
        .await;

    let kept: Vec<_> = walk(&data.join("acme"));
    assert_eq!(kept.len(), 2, "the account and the certificate: {kept:?}");
    for file in kept {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600, "{file:?}");
        let secret = fs::read_to_string(&file).expect("text");
        let inner = secret.lines().nth(1).or(secret.lines().next()).expect("a line").to_owned();
        assert!(!server.log().contains(&inner), "{file:?} is in the log");
    }
    assert!(server.terminate(PATIENCE).expect("ended").success(), "{}", server.log());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] })
        .collect()
}

/// The authority cannot see that the name is this server: it says so, and the server says it, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_elsewhere_gets_no_certificate() {
    let authority = Authority::start();
    let other = start(Store::Sqlite);
    let data = authority.folder.path().join("data");
    let mut command = authority.serve(&other, &data);
    command.env("KITH_SERVER_LISTEN", "127.0.0.1:0");
    let mut server =
        Process::spawn(&mut command, authority.folder.path().join("server.log")).expect("started");
    let line = server.wait_for_line("no certificate: ", PATIENCE).expect("a word about it");
    assert!(
        line.contains("could not see that chat.example.org is this server") && line.contains("again_in_s"),
        "{line}"
    );
    assert!(
        line.contains("onnection") || line.contains("urn:ietf:params:acme:error:"),
        "the authority's reason: {line}"
    );
    assert!(server.terminate(PATIENCE).expect("ended").success(), "{}", server.log());
}
