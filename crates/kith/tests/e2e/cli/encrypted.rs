//! The command line over HTTPS and WSS, with an authority of the operator's own; and codes at a terminal.

use super::*;
use crate::operating::https;
use crate::support::start_with;

/// Two people over an encrypted connection, whose certificate only a file vouches for.
#[test]
fn two_terminals_over_https() {
    let other = start(Store::Sqlite);
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, address) = https::serve(&other, folder.path(), &[]);
    let (home, url) = (Home::new(), format!("https://{address}"));
    let ca = folder.path().join("tls.crt").display().to_string();
    let password = format!("{PASSWORD}\n");
    let register = |who: &str, ca: &[&str]| {
        let arguments = [&["--server", &url], ca, &["register", who, "--password-stdin"]].concat();
        home.run(who, &arguments, &password)
    };
    let untrusted = register("ann", &[]);
    let said = String::from_utf8_lossy(&untrusted.stderr).into_owned();
    assert_eq!(untrusted.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate"), "{said}");
    for who in ["ann", "bob"] {
        let done = register(who, &["--ca-file", &ca]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    // The file is kept with the sign-in.
    let mut ann = Terminal::open(&home, "ann", "bob", 1);
    let mut bob = Terminal::open(&home, "bob", "ann", 1);
    ann.write("hello bob");
    bob.wait_for("hello bob");
    bob.write("hello ann");
    ann.wait_for("hello ann");
    assert_eq!(texts(&ann.close()), ["hello bob", "hello ann"]);
    assert_eq!(texts(&bob.close()), ["hello bob", "hello ann"]);
    assert_eq!(home.done("ann", &["devices"], "").len(), 1, "REST, too");

    let code = |ca: &str| home.run("ann", &["--ca-file", ca, "whoami"], "").status.code();
    let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
    fs::write(&empty, "").expect("written");
    assert_eq!(code(missing.to_str().expect("a path")), Some(2));
    assert_eq!(code(empty.to_str().expect("a path")), Some(2));
    home.done("ann", &["logout"], "");
    home.done("ann", &["--server", &url, "--ca-file", &ca, "login", "ann", "--password-stdin"], &password);
}

/// A terminal: what is typed is read from it, and all that is said appears on it.
struct Typed {
    running: Running,
    out: std::path::PathBuf,
}

impl Typed {
    fn open(home: &Home, who: &str, arguments: &[&str]) -> Self {
        let out = home.folder.path().join(format!("{who}.typed"));
        let kith = home.kith(who, arguments);
        let words = [kith.get_program()].into_iter().chain(kith.get_args());
        let line: Vec<_> = words.map(|word| format!("'{}'", word.to_str().expect("text"))).collect();
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
        script.envs(kith.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.stdin(Stdio::piped()).stdout(File::create(&out).expect("a file"));
        let running = Running(script.spawn().expect("script runs"));
        Self { running, out }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    fn wait_for(&self, text: &str) {
        let says = || Ok(self.said().contains(text).then_some(()));
        poll(text, PATIENCE, says).unwrap_or_else(|error| panic!("{error}: {}", self.said()));
    }

    fn write(&mut self, line: &str) {
        writeln!(self.running.0.stdin.as_mut().expect("open"), "{line}").expect("read");
    }

    fn ends(mut self) -> (bool, String) {
        (self.running.wait("the end of a terminal").success(), self.said())
    }
}

fn code_for(server: &TestServer, address: &str) -> String {
    let shown = server.command(&["admin", "otp"]).output().expect("kith admin otp");
    let shown = String::from_utf8(shown.stdout).expect("text");
    let line = shown.lines().find(|line| line.starts_with(address));
    line.unwrap_or_else(|| panic!("{shown}")).split('\t').nth(1).expect("a code").to_owned()
}

on_both_stores!(a_code_registers_and_signs_in_at_a_terminal);

async fn a_code_registers_and_signs_in_at_a_terminal(store: Store) {
    let server = start_with(store, &[("KITH_ACCOUNTS_CODE_RESEND_AFTER_S", "0")]);
    let (home, url) = (Home::new(), server.url());
    for (who, kind, address) in [("ann", "--email", "ann@example.org"), ("bob", "--phone", "+491701234567")] {
        let login = ["--server", &url, "login", kind, address];
        let mut typed = Typed::open(&home, who, &[&login[..], &["--name", who]].concat());
        typed.wait_for("Code: ");
        typed.write(&code_for(&server, address));
        let (done, said) = typed.ends();
        assert!(done, "{said}");
        let me = home.done(who, &["whoami"], "");
        assert_eq!(me[0]["user"]["name"], who, "registered by the code");

        // The same account, on another device.
        let other = format!("{who}-2");
        let mut typed = Typed::open(&home, &other, &login);
        typed.wait_for("Code: ");
        let right = code_for(&server, address);
        typed.write(if right == "000000" { "000001" } else { "000000" });
        let (done, said) = typed.ends();
        assert!(!done && said.contains("wrong"), "{said}");
        let again = [&login[..], &["--code", &right]].concat();
        home.done(&other, &again, "");
        assert_eq!(home.done(&other, &["whoami"], "")[0]["user"], me[0]["user"]);
        assert_eq!(home.done(who, &["devices"], "").len(), 2);
    }
    home.done(
        "ann",
        &["send", home.done("bob", &["whoami"], "")[0]["user"]["id"].as_str().expect("an id"), "hi"],
        "",
    );
    assert_eq!(home.done("bob", &["listen", "--count", "1"], "")[0]["body"]["text"], "hi");
}
