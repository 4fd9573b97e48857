//! Our client over TLS, with a certificate authority of the test's own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::support::TestServer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use signalr::{
    Protocol,
    client::{self, ConnectError, Tls},
    server::Options,
};
use tokio::{io::copy_bidirectional, net::TcpListener, net::TcpStream};
use tokio_rustls::TlsAcceptor;

/// A TLS server for `localhost`; what it is told goes on to `plain`. Returns the authority's certificate as PEM.
async fn terminate(plain: SocketAddr) -> (SocketAddr, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let server_key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&server_key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(server_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut secure) = acceptor.accept(stream).await else { return };
                let mut plain = TcpStream::connect(plain).await.unwrap();
                let _ = copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        data_encoding::BASE64.encode(root.der())
    );
    (address, pem.into_bytes())
}

#[tokio::test]
async fn only_a_certificate_of_a_trusted_authority_will_do() {
    let server = TestServer::start(Options::default()).await;
    let (secure, root) = terminate(server.address).await;
    let trusting = client::Options {
        tls: Some(Tls::with_roots(&root).unwrap()),
        negotiate: true,
        connect_timeout: Duration::from_secs(5),
        ..client::Options::default()
    };
    for scheme in ["https", "wss"] {
        let url = format!("{scheme}://localhost:{}/hub", secure.port());
        let (connection, _events) =
            client::connect(&url, Some("secret"), Protocol::Json, trusting.clone()).await.unwrap();
        let long = "x".repeat(200_000);
        assert_eq!(connection.invoke::<_, String>("Echo", (&long,)).await.unwrap(), long);
    }
    for (host, tls) in [("localhost", None), ("127.0.0.1", trusting.tls.clone())] {
        let options = client::Options { tls, ..trusting.clone() };
        let url = format!("https://{host}:{}/hub", secure.port());
        match client::connect(&url, None, Protocol::Json, options).await {
            Err(ConnectError::Io(error)) => assert!(error.to_string().contains("certificate"), "{error}"),
            other => panic!("{:?}", other.err()),
        }
    }
    assert!(Tls::with_roots(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").is_err());
    assert!(matches!(
        client::connect("ftp://localhost/hub", None, Protocol::Json, client::Options::default()).await,
        Err(ConnectError::Url(_))
    ));
}
