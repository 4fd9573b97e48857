//! TLS to PostgreSQL: each `sslmode`, against real servers with a certificate from an authority made here, and without one.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use storage::postgres::{Database, Target, TlsFiles, inspect};
use storage::{Inspection, Wire};
use tempfile::TempDir;
use testkit::postgres::{Options, Server};
use testkit::server::own_host;

/// Whoever comes over the network, with TLS or without.
const ANYBODY: &str = "host all all 127.0.0.0/8 trust";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for these names, and its key. The first one is its subject's, too.
    fn certify(&self, names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, &names[0]);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// A server with `name` and its address in its certificate, if it has one.
struct Place {
    _server: Server,
    address: Ipv4Addr,
    authority: Authority,
    folder: TempDir,
}

impl Place {
    fn new(name: Option<&str>, hba: &str) -> Self {
        let (address, authority) = (own_host(), Authority::new());
        let tls = name.map(|name| authority.certify(&[name, &address.to_string()]));
        let tls = tls.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let mut options = Options::on_network(address, tls, hba);
        if tls.is_some() {
            // For those that come with a certificate of their own.
            options.files.push(("root.crt".into(), authority.pem()));
            options.settings.push(("ssl_ca_file".into(), "root.crt".into()));
        }
        let server = Server::start(options).unwrap();
        Self { _server: server, address, authority, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn ca(&self) -> TlsFiles {
        TlsFiles { ca: Some(self.file("ca.pem", &self.authority.pem())), ..TlsFiles::default() }
    }

    /// Under the name `host`, though there is no DNS for it.
    fn url(&self, host: &str, query: &str) -> String {
        format!("postgres://postgres@{host}/postgres?hostaddr={}&{query}", self.address)
    }

    async fn look(&self, host: &str, query: &str, files: &TlsFiles) -> Result<Inspection, String> {
        let target = Target::new(&self.url(host, query), files).map_err(|error| error.to_string())?;
        inspect(target).await.map_err(|error| error.to_string())
    }

    /// How that connection is protected: encrypted, and checked.
    async fn wire(&self, host: &str, query: &str, files: &TlsFiles) -> (bool, bool) {
        let found =
            self.look(host, query, files).await.unwrap_or_else(|error| panic!("{host} {query}: {error}"));
        found.wire.map_or((false, false), |Wire { encrypted, checked }| (encrypted.is_some(), checked))
    }

    async fn refused(&self, host: &str, query: &str, files: &TlsFiles, why: &str) {
        let error = self.look(host, query, files).await.expect_err(query);
        assert!(error.contains(why), "{host} {query}: {why:?} in {error}");
    }
}

#[tokio::test]
async fn each_mode_asks_for_what_it_says() {
    let place = Place::new(Some("db.test"), ANYBODY);
    let (none, ca) = (TlsFiles::default(), place.ca());
    let stranger =
        TlsFiles { ca: Some(place.file("stranger.pem", &Authority::new().pem())), ..TlsFiles::default() };
    let (encrypted, checked) = ((true, false), (true, true));

    assert_eq!(place.wire("db.test", "sslmode=disable", &none).await, (false, false));
    assert_eq!(place.wire("db.test", "", &none).await, encrypted, "prefer is the default");
    assert_eq!(place.wire("other.test", "sslmode=require", &none).await, encrypted);
    // As in libpq, whoever names authorities wants them heeded.
    assert_eq!(place.wire("other.test", "sslmode=require", &ca).await, checked);
    assert_eq!(place.wire("other.test", "sslmode=verify-ca", &ca).await, checked);
    assert_eq!(place.wire("db.test", "sslmode=verify-full", &ca).await, checked);
    assert_eq!(place.wire("db.test", "", &ca).await, checked);
    assert_eq!(place.wire(&place.address.to_string(), "", &ca).await, checked, "by its address");
    let root = format!("sslrootcert={}&sslmode=verify-full", place.folder.path().join("ca.pem").display());
    assert_eq!(place.wire("db.test", &root, &stranger).await, checked, "the URL comes first");

    let name = "not valid for name \"other.test\"";
    place.refused("other.test", "sslmode=verify-full", &ca, name).await;
    place.refused("other.test", "", &ca, name).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        place.refused("db.test", &format!("sslmode={mode}"), &stranger, "invalid peer certificate").await;
    }
    // The machine's authorities do not know it.
    place.refused("db.test", "sslmode=verify-full", &none, "invalid peer certificate").await;
    place.refused("db.test", "sslrootcert=system", &ca, "invalid peer certificate").await;
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_has_to_have_it() {
    let place = Place::new(None, ANYBODY);
    let (none, ca) = (TlsFiles::default(), place.ca());
    assert_eq!(place.wire("db.test", "", &none).await, (false, false));
    place.refused("db.test", "sslmode=require", &none, "server does not support TLS").await;
    place.refused("db.test", "", &ca, "server does not support TLS").await;
}

/// An operator who makes one certificate with `openssl req -x509` names that very certificate.
#[tokio::test]
async fn a_certificate_that_signed_itself_is_named_as_its_own_authority() {
    let address = own_host();
    let mut params = CertificateParams::new(vec![address.to_string()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let options = Options::on_network(address, Some((&certificate, &key.serialize_pem())), ANYBODY);
    let server = Server::start(options).unwrap();
    let place =
        Place { _server: server, address, authority: Authority::new(), folder: tempfile::tempdir().unwrap() };
    let own = TlsFiles { ca: Some(place.file("own.pem", &certificate)), ..TlsFiles::default() };
    assert_eq!(place.wire(&address.to_string(), "", &own).await, (true, true));
    place.refused("other.test", "", &own, "not valid for name").await;
}

#[tokio::test]
async fn a_server_that_wants_certificates_or_no_tls_is_met() {
    let place = Place::new(Some("db.test"), "hostssl all all 127.0.0.0/8 cert");
    place.refused("db.test", "", &place.ca(), "connection requires a valid client certificate").await;
    let (certificate, key) = place.authority.certify(&["postgres"]);
    let own = TlsFiles {
        certificate: Some(place.file("client.crt", &certificate)),
        key: Some(place.file("client.key", &key)),
        ..place.ca()
    };
    assert_eq!(place.wire("db.test", "", &own).await, (true, true));

    // To prefer is to go without where the server wants that.
    let place = Place::new(Some("db.test"), "hostnossl all all 127.0.0.0/8 trust");
    assert_eq!(place.wire("db.test", "", &TlsFiles::default()).await, (false, false));
    place.refused("db.test", "sslmode=require", &TlsFiles::default(), "no pg_hba.conf entry").await;
}

/// The pool, the watch and migrations go over TLS too, and passwords are tied to the connection.
#[tokio::test]
async fn a_whole_database_over_tls() {
    let place = Place::new(Some("db.test"), "hostssl all all 127.0.0.0/8 scram-sha-256");
    let database = place._server.database().unwrap();
    database.run("CREATE ROLE kith LOGIN PASSWORD 'p@ss'; GRANT ALL ON SCHEMA public TO kith").unwrap();
    let name = database.run("SELECT current_database()").unwrap();
    let url = |password: &str| {
        let (name, address) = (name.trim(), place.address);
        format!("postgres://kith:{password}@db.test/{name}?hostaddr={address}&channel_binding=require")
    };
    let policy = storage::postgres::Policy { connections: 3, ..Default::default() };
    let open = async |password| Database::at(Target::new(&url(password), &place.ca()).unwrap(), policy).await;
    let store = open("p%40ss").await.unwrap();
    assert_eq!(store.census().await.unwrap(), (0, 0));
    let encrypted = "SELECT bool_and(ssl) AND count(*) >= 2 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'kith'";
    assert_eq!(database.run(encrypted).unwrap().trim(), "t");
    let wrong = open("wrong").await.err().expect("refused").to_string();
    assert!(wrong.contains("password authentication failed"), "{wrong}");
}
