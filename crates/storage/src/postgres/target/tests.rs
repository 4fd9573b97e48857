use super::*;

fn refused(url: &str, files: &TlsFiles) -> String {
    Target::new(url, files).err().unwrap_or_else(|| panic!("{url}")).to_string()
}

#[test]
fn what_is_about_tls_is_taken_out_of_the_url() {
    let (rest, taken) = split("postgres://u:p?w@h/d?a=b&sslmode=require&sslrootcert=%2Fa%20b&c=d").unwrap();
    assert_eq!(rest, "postgres://u:p?w@h/d?a=b&c=d");
    assert_eq!((taken.mode.as_deref(), taken.root.as_deref()), (Some("require"), Some("/a b")));
    assert_eq!(split("postgres://h/d?sslmode=disable").unwrap().0, "postgres://h/d");
    assert_eq!(split("postgres://h/d").unwrap(), ("postgres://h/d".into(), Taken::default()));
    assert!(split("postgres://h/d?sslkey=%2").is_err() && split("postgres://h/d?sslkey=%fF").is_err());
}

#[test]
fn modes_are_what_they_are_to_libpq() {
    let none = TlsFiles::default();
    let of = |url: &str| {
        Target::new(url, &none).map(|it| (it.config.get_ssl_mode(), it.prefer, it.checked)).unwrap()
    };
    assert_eq!(of("postgres://h/d"), (SslMode::Prefer, true, false));
    assert_eq!(of("postgres://h/d?sslmode=disable"), (SslMode::Disable, false, false));
    assert_eq!(of("postgres://h/d?sslmode=require"), (SslMode::Require, false, false));
    assert_eq!(of("postgres://h/d?sslmode=verify-full"), (SslMode::Require, false, true));
    assert_eq!(of("postgres://h/d?sslrootcert=system"), (SslMode::Require, false, true));
    // A socket of this machine has no TLS, whatever is asked for.
    assert_eq!(of("postgres://%2Frun/d?sslmode=require"), (SslMode::Disable, false, false));
    assert_eq!(Target::new("postgres:///d?hostaddr=::1", &none).unwrap().config.get_hosts().len(), 1);

    assert!(refused("postgres://h/d?sslmode=strict", &none).contains("verify-full, found \"strict\""));
    assert!(refused("postgres://h/d?sslmode=verify-ca", &none).contains("needs database.ca_file"));
    assert!(
        refused("postgres://h/d?sslmode=require&sslrootcert=system", &none).contains("verify-full alone")
    );
    assert!(refused("postgres://h/d?sslcert=/x", &none).contains("both or neither"));
    let missing = TlsFiles { ca: Some("/nowhere/ca.pem".into()), ..TlsFiles::default() };
    assert!(refused("postgres://h/d", &missing).contains("database.ca_file: /nowhere/ca.pem: No such file"));
    assert!(refused("postgres://h/d?sslmode=prefer", &missing).contains("check nobody"));
}
