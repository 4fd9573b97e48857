//! HTTPS with certificate files.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::{CloseReason, Options, Tls, connect};
use testkit::process::Process;
use testkit::server::{PASSWORD, Store, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::{PATIENCE, start, until, within};

pub(crate) const ONE: [&str; 2] = [include_str!("tls/one.crt"), include_str!("tls/one.key")];
const TWO: [&str; 2] = [include_str!("tls/two.crt"), include_str!("tls/two.key")];

/// A server that speaks HTTPS with the first certificate, with more settings; `other` lends its command.
pub(crate) fn serve(other: &TestServer, folder: &Path, settings: &[(&str, &str)]) -> (Process, SocketAddr) {
    install(folder, ONE);
    let mut command = other.command(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("KITH_SERVER_DATA", folder.join("data"))
        .env("KITH_SERVER_TLS_CERTIFICATE", folder.join("tls.crt"))
        .env("KITH_SERVER_TLS_KEY", folder.join("tls.key"))
        .envs(settings.iter().copied());
    let mut server = Process::spawn(&mut command, folder.join("log")).expect("started");
    let line = server.wait_for_line("Kith listens on https://", PATIENCE).expect("its address");
    let address = line.split_once("https://").expect("an address").1.trim().parse().expect("an address");
    (server, address)
}

fn install(folder: &Path, [certificate, key]: [&str; 2]) {
    fs::write(folder.join("tls.crt"), certificate).expect("written");
    fs::write(folder.join("tls.key"), key).expect("written");
}

/// A connection by a client that trusts that certificate alone.
pub(crate) async fn handshake(
    address: SocketAddr,
    name: ServerName<'static>,
    trusted: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// One request over a connection of its own: status and body.
pub(crate) async fn exchange(
    mut stream: TlsStream<TcpStream>,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer[9..12].parse().expect("a status");
    Ok((status, answer.split_once("\r\n\r\n").expect("a head").1.to_owned()))
}

/// One request by a client that trusts that certificate alone: status and body.
pub(crate) async fn request(
    address: SocketAddr,
    trusted: &str,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let stream = handshake(address, ServerName::IpAddress(address.ip().into()), trusted).await?;
    exchange(stream, method, path, body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_speaks_https_and_takes_over_a_new_certificate() {
    let other = start(Store::Sqlite);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, address) = serve(&other, folder.path(), &[]);

    // Those who say nothing, or no TLS, are in nobody's way.
    let _silent = TcpStream::connect(address).await.expect("connected");
    let mut plain = TcpStream::connect(address).await.expect("connected");
    plain.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.expect("sent");
    let healthy = request(address, ONE[0], "GET", "/health", "").await.expect("an answer");
    assert_eq!(healthy, (200, "ok\n".to_owned()));
    assert!(request(address, TWO[0], "GET", "/health", "").await.is_err(), "nobody else's certificate");
    let mut said = Vec::new();
    let _ = within("the end of what is no TLS", plain.read_to_end(&mut said)).await;
    assert!(!said.starts_with(b"HTTP"), "no answer in the clear");

    let body = json!({ "username": "ann", "password": PASSWORD }).to_string();
    let (status, body) =
        request(address, ONE[0], "POST", "/api/auth/register", &body).await.expect("an answer");
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let options =
        Options { tls: Some(Tls::with_roots(ONE[0].as_bytes()).expect("a root")), ..Options::default() };
    let url = format!("https://{address}/hub");
    let link = connect(&url, body["accessToken"].as_str(), Protocol::MessagePack, options);
    let (connection, mut events) = within("a connection", link).await.expect("a connection");
    let who =
        async || within("an answer", connection.invoke::<_, Value>("WhoAmI", ())).await.expect("an answer");
    assert_eq!(who().await["user"]["id"], body["user"]["id"]);

    // The certificate alone does not fit the key in use: the old pair stays.
    install(folder.path(), [TWO[0], ONE[1]]);
    until("a word about it", async || server.log().contains("stays the one it was").then_some(())).await;
    assert!(request(address, ONE[0], "GET", "/health", "").await.is_ok());
    install(folder.path(), TWO);
    let renewed = async || request(address, TWO[0], "GET", "/health", "").await.ok();
    assert_eq!(until("the new certificate", renewed).await.0, 200);
    assert!(request(address, ONE[0], "GET", "/health", "").await.is_err());
    // At once, if asked to.
    install(folder.path(), ONE);
    testkit::process::signal(server.id(), "HUP").expect("asked");
    let renewed = async || request(address, ONE[0], "GET", "/health", "").await.ok();
    assert_eq!(until("the certificate of before", renewed).await.0, 200);
    assert_eq!(who().await["user"]["id"], body["user"]["id"], "who is connected stays so");

    testkit::process::signal(server.id(), "TERM").expect("asked");
    let ending = async { while events.next().await.is_some() {} };
    within("the end", ending).await;
    let reason = events.close_reason();
    assert!(matches!(reason, Some(CloseReason::Server { error: None, allow_reconnect: true })), "{reason:?}");
    assert!(server.terminate(PATIENCE).expect("ended").success(), "{}", server.log());
}

#[test]
fn a_certificate_that_cannot_serve_is_refused_at_start() {
    let other = start(Store::Sqlite);
    let folder = tempfile::tempdir().expect("a folder");
    install(folder.path(), [ONE[0], TWO[1]]);
    let refused = |names: &[&str], expected: &str| {
        let mut command = other.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("KITH_SERVER_DATA", folder.path().join("data"));
        if names.contains(&"certificate") {
            command.env("KITH_SERVER_TLS_CERTIFICATE", folder.path().join("tls.crt"));
        }
        if names.contains(&"key") {
            command.env("KITH_SERVER_TLS_KEY", folder.path().join("tls.key"));
        }
        let output = command.output().expect("kith runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{expected:?} in {said}");
    };
    refused(&["certificate"], "server.tls_key");
    refused(&["key"], "server.tls_certificate");
    refused(&["certificate", "key"], "tls.key");
    fs::write(folder.path().join("tls.crt"), "").expect("written");
    refused(&["certificate", "key"], "no certificate");
    fs::remove_file(folder.path().join("tls.crt")).expect("removed");
    refused(&["certificate", "key"], "cannot read");
}
