use std::{collections::BTreeSet, fs, path::PathBuf};

use super::*;

/// Loads from a file of that text and from those variables.
fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kith.toml");
    fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let loaded = Settings::load(Sources { file: Some(&path), environment, flags: Vec::new() });
    loaded.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

/// The message for one thing that is wrong.
#[track_caller]
fn check(file: &str, environment: &[(&str, &str)], expected: &str) {
    let message = load(file, environment).expect_err("an error");
    assert_eq!(message, format!("wrong settings\n  {expected}"));
}

#[test]
fn without_anything_the_defaults() {
    let settings = Settings::load(Sources::default()).unwrap();
    assert_eq!(settings.server.address(), "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.server.redirect_address(), None);
    assert_eq!(settings.database_url(), DatabaseUrl::Sqlite(PathBuf::from("data/kith.db")));
    assert_eq!(settings.accounts.access_token_ttl_s, 900);
    assert_eq!(settings.mail.encryption, Encryption::Starttls);
    assert_eq!(settings.mail.host, None);
}

#[test]
fn defaults_are_within_their_bounds_and_agree() {
    for (name, section) in Settings::default().sections() {
        for key in section.keys(name) {
            assert!(section.set(key.name, key.default), "{}", key.path());
        }
        assert_eq!(section.conflicts(), []);
    }
}

#[test]
fn environment_names_are_distinct() {
    let keys = Settings::default().sections().iter().flat_map(|(name, section)| section.keys(name)).count();
    let names = Settings::default()
        .sections()
        .iter()
        .flat_map(|(name, section)| section.keys(name))
        .map(|key| key.variable())
        .collect::<BTreeSet<_>>();
    assert_eq!(names.len(), keys);
    assert!(!names.iter().any(|name| NOT_SETTINGS.iter().any(|start| name.starts_with(start))));
}

#[test]
fn flags_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kith.toml");
    let toml = "[server]\nlisten = '[::]:1'\ndata = '/file'\n[limits]\nmax_page_messages = 0x10\n";
    fs::write(&path, format!("{toml}[accounts]\nregistration_open = false\n")).unwrap();
    let settings = Settings::load(Sources {
        file: Some(&path),
        environment: vec![
            ("KITH_SERVER_LISTEN".into(), "[::]:2".into()),
            ("KITH_SERVER_DATA".into(), "/environment".into()),
            ("KITH_CONFIG".into(), "anything".into()),
            ("KITH_CLIENT_TOKEN".into(), "anything".into()),
            ("PATH".into(), "/bin".into()),
        ],
        flags: vec![("server.listen", "[::]:3".into())],
    });
    let settings = settings.unwrap();
    assert_eq!(settings.server.address().port(), 3);
    assert_eq!(settings.server.data, PathBuf::from("/environment"));
    assert_eq!(settings.database_url(), DatabaseUrl::Sqlite("/environment/kith.db".into()));
    assert_eq!(settings.limits.max_page_messages, 16);
    assert!(!settings.accounts.registration_open);
}

#[test]
fn an_empty_text_is_none() {
    let settings = load("[mail]\nhost = 'a'\nfrom = 'b'\n", &[("KITH_MAIL_HOST", "")]).unwrap();
    assert_eq!(settings.mail.host, None);
}

#[test]
fn unknown_names() {
    check(
        "\n[server]\nlisen = '127.0.0.1:1'\n",
        &[],
        "kith.toml:3: there is no key server.lisen. Did you mean server.listen?",
    );
    check("[sever]\n", &[], "kith.toml:1: there is no section sever. Did you mean server?");
    check(
        "[server]\nzzz = 1\n",
        &[],
        "kith.toml:2: there is no key server.zzz. `kith serve --help` lists all.",
    );
    check(
        "",
        &[("KITH_SEVER_LISTEN", "127.0.0.1:1")],
        "environment: there is no setting KITH_SEVER_LISTEN. Did you mean KITH_SERVER_LISTEN?",
    );
}

#[test]
fn bad_values() {
    check(
        "[limits]\nmax_page_messages = 'many'\n",
        &[],
        "kith.toml:2: limits.max_page_messages: expected a whole number from 1 to 10000, found 'many'",
    );
    check(
        "[limits]\nmax_page_messages = 0\n",
        &[],
        "kith.toml:2: limits.max_page_messages: expected a whole number from 1 to 10000, found \"0\"",
    );
    check(
        "[server]\nlisten = 8080\n",
        &[],
        "kith.toml:2: server.listen: expected an address with a port, such as 127.0.0.1:8080 or [::]:8080, found 8080",
    );
    check(
        "",
        &[("KITH_ACCOUNTS_REGISTRATION_OPEN", "yes")],
        "KITH_ACCOUNTS_REGISTRATION_OPEN: accounts.registration_open: expected true or false, found \"yes\"",
    );
    check(
        "",
        &[("KITH_MAIL_ENCRYPTION", "ssl")],
        "KITH_MAIL_ENCRYPTION: mail.encryption: expected one of starttls, tls, none, found \"ssl\"",
    );
    check(
        "",
        &[("KITH_SMS_BASE_URL", "chat.example.org")],
        "KITH_SMS_BASE_URL: sms.base_url: expected a URL such as https://chat.example.org, found \
         \"chat.example.org\"",
    );
    check(
        "",
        &[("KITH_LOG_LEVEL", "verbose")],
        "KITH_LOG_LEVEL: log.level: expected a level (off, error, warn, info, debug, trace), or levels by part such as \
         info,gateway=debug, found \"verbose\"",
    );
    check("server = 1\n", &[], "kith.toml:1: expected the section [server], found a value");
}

#[test]
fn rates_and_networks() {
    let settings = load(
        "[limits]\nmessages_per_account = '7/min 70'\nrequests_per_account = '0'\n[server]\ntrusted_proxies = ''\n",
        &[("KITH_LIMITS_SEARCHES_PER_ACCOUNT", "1/h 2")],
    );
    let settings = settings.unwrap();
    assert_eq!(settings.limits.messages_per_account, "7/min 70".parse().unwrap());
    assert_eq!(settings.limits.requests_per_account, gateway::Rate::NONE);
    assert_eq!(settings.limits.searches_per_account.to_string(), "1/h 2");
    assert_eq!(settings.server.trusted_proxies, gateway::Proxies::default());
    check(
        "[limits]\nmessages_per_account = '7/day 70'\n",
        &[],
        "kith.toml:2: limits.messages_per_account: expected so many per s, min or h, and so many at once, such as \
         \"100/s 1000\", or 0 for no bound, found \"7/day 70\"",
    );
    check(
        "[server]\ntrusted_proxies = '10.0.0.0/33'\n",
        &[],
        "kith.toml:2: server.trusted_proxies: expected addresses or networks, such as \"127.0.0.0/8, ::1\", found \
         \"10.0.0.0/33\"",
    );
}

#[test]
fn origins_are_as_browsers_write_them() {
    let toml = "[server]\nallowed_origins = 'https://Chat.example:443/, http://localhost:5173,'\n";
    let settings = load(toml, &[]).unwrap();
    assert_eq!(settings.server.allowed_origins.as_slice(), ["https://chat.example", "http://localhost:5173"]);
    for wrong in ["*", "chat.example", "https://a.example/path", "https://u@a.example", "ftp://a.example"] {
        check(
            "",
            &[("KITH_SERVER_ALLOWED_ORIGINS", wrong)],
            &format!(
                "KITH_SERVER_ALLOWED_ORIGINS: server.allowed_origins: expected origins separated by commas, such as \
                 https://chat.example.org, found {wrong:?}"
            ),
        );
    }
}

#[test]
fn broken_toml_names_the_line() {
    let message = load("[server]\nlisten = \n", &[]).unwrap_err();
    assert!(message.contains("kith.toml:2: no TOML: "), "{message}");
}

#[test]
fn a_missing_file_is_an_error() {
    let sources = Sources { file: Some(Path::new("/nowhere/kith.toml")), ..Sources::default() };
    let message = Settings::load(sources).unwrap_err().to_string();
    assert!(message.contains("/nowhere/kith.toml: No such file"), "{message}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let message = load("[server]\na = 1\nlisten = 'b'\n", &[("KITH_X", "")]).unwrap_err();
    assert_eq!(message.lines().count(), 4, "{message}");
}

#[test]
fn keys_that_go_together() {
    check("[mail]\nhost = 'mail.example.org'\n", &[], "mail.from is needed where mail.host is set");
    check(
        "[sms]\naccount_sid = 'AC1'\nfrom = '+1'\n",
        &[],
        "sms.auth_token is needed where sms.account_sid is set",
    );
    let spread = "[server]\ndrain_spread_s = 11\n";
    check(spread, &[], "server.drain_spread_s has to be at most server.drain_timeout_s");
    let limits = "[limits]\nmax_message_bytes = 200_000\n";
    check(limits, &[], "limits.max_frame_bytes has to be at least twice limits.max_message_bytes");
}

#[test]
fn secrets_are_never_shown() {
    let environment = [
        ("KITH_SMS_AUTH_TOKEN", "hush1"),
        ("KITH_MAIL_USERNAME", "kith"),
        ("KITH_MAIL_PASSWORD", "hush2"),
        ("KITH_DATABASE_URL", "postgres://kith:hush3@db/kith?password=hush4"),
    ];
    let settings = load("", &environment).unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("postgres://***@db/kith"), "{shown}");
    assert_eq!(settings.mail.password.unwrap().expose(), "hush2");
    let message = load("", &[("KITH_DATABASE_URL", "mysql://kith:hush@db")]).unwrap_err();
    assert!(!message.contains("hush"), "{message}");
    let message = load("[mail]\npassword = ['hush']\n", &[]).unwrap_err();
    assert!(!message.contains("hush"), "{message}");
}

#[test]
fn help_names_every_key() {
    let (text, markdown) = (help::text(), help::markdown());
    for (name, section) in Settings::default().sections() {
        for key in section.keys(name) {
            assert!(text.contains(&key.variable()) && markdown.contains(&key.variable()), "{}", key.path());
        }
    }
}

#[test]
fn a_domain_brings_the_ports_of_the_web() {
    let set = |environment: &[(&str, &str)]| {
        load("[server]\ndomain = 'Chat.Example.org'\n", environment).unwrap().server
    };
    let server = set(&[]);
    assert_eq!(server.domain.as_ref().map(Domain::as_str), Some("chat.example.org"));
    assert_eq!(
        (server.address(), server.redirect_address()),
        ("[::]:443".parse().unwrap(), "[::]:80".parse().ok())
    );
    let server = set(&[("KITH_SERVER_LISTEN", "127.0.0.1:1"), ("KITH_SERVER_REDIRECT_LISTEN", "off")]);
    assert_eq!((server.address(), server.redirect_address()), ("127.0.0.1:1".parse().unwrap(), None));
    let tls = [("KITH_SERVER_TLS_CERTIFICATE", "a"), ("KITH_SERVER_TLS_KEY", "b")];
    let refused = load("[server]\ndomain = 'chat.example.org'\n", &tls).unwrap_err();
    assert!(refused.contains("server.domain gets a certificate of its own"), "{refused}");
    for wrong in
        ["localhost", "127.0.0.1", "*.example.org", "a..b", "-a.org", "chat.example.org:443", "ä.org"]
    {
        assert!(load(&format!("[server]\ndomain = '{wrong}'\n"), &[]).is_err(), "{wrong}");
    }
}

#[test]
fn what_changed_is_named() {
    let (one, two) = (
        Settings::default(),
        load("[log]\nlevel = 'debug'\n[limits]\nmax_group_members = 9\n", &[]).unwrap(),
    );
    assert_eq!(one.changed(&one), [] as [String; 0]);
    assert_eq!(one.changed(&two), ["limits.max_group_members", "log.level"]);
}
