//! Everything that opens the database does so over TLS where the settings ask for it. The modes one by one: `storage`'s
//! tests of `postgres_tls`.

use serde_json::Value;
use testkit::postgres::{Options, Server};
use testkit::server::{Store, TestServer, own_host};

use crate::support::authority::Authority;

/// Nobody comes in without TLS.
const ENCRYPTED: &str = "hostssl all all 127.0.0.0/8 trust";

#[test]
fn the_server_its_administration_and_the_doctor_speak_tls_to_postgresql() {
    let (address, authority) = (own_host(), Authority::new());
    let (certificate, key) = authority.certify_address(address);
    let options = Options::on_network(address, Some((&certificate, &key)), ENCRYPTED);
    let _postgres = Server::start(options).expect("PostgreSQL");
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority.write(folder.path(), "ca.pem").display().to_string();
    let stranger = Authority::new().write(folder.path(), "stranger.pem").display().to_string();
    let url = format!("postgres://postgres@{address}/postgres");
    let settings = [("KITH_DATABASE_URL", &*url), ("KITH_DATABASE_CA_FILE", &*ca)];
    let server = TestServer::with_settings(env!("CARGO_BIN_EXE_kith"), Store::Sqlite, &settings);
    let server = server.expect("a server");
    let _ = server.register("ann");

    let promoted = server.command(&["admin", "promote", "ann", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
    let database = |command: &mut std::process::Command| {
        let output = command.output().expect("kith");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks = report["checks"].as_array().expect("checks").clone();
        let check = checks.iter().find(|check| check["name"] == "database").expect("a check").clone();
        [&check["state"], &check["detail"]].map(|part| part.as_str().expect("text").to_owned())
    };
    let doctor = || server.command(&["doctor", "--json"]);
    let [state, detail] = database(&mut doctor());
    assert_eq!(state, "ok", "{detail}");
    assert!(detail.contains("TLSv1.3, its certificate is checked"), "{detail}");
    let [state, detail] = database(doctor().env_remove("KITH_DATABASE_CA_FILE"));
    assert_eq!(state, "warning", "{detail}");
    assert!(detail.contains("nobody checks whose certificate it is"), "{detail}");

    // Whom the wrong authority vouches for, nobody talks to.
    let [state, detail] = database(doctor().env("KITH_DATABASE_CA_FILE", &stranger));
    assert_eq!(state, "failed", "{detail}");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["admin", "otp"]] {
        let mut command = server.command(command);
        command.env("KITH_SERVER_DATA", folder.path().join("data"));
        let refused = command.env("KITH_DATABASE_CA_FILE", &stranger).output().expect("kith");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("invalid peer certificate"), "{said}");
    }
}
