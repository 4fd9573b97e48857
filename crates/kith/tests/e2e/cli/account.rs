//! One's own account and, as an admin, those of others, from the command line.

use super::*;
use crate::support::start_with;

on_both_stores!(an_account_from_the_command_line);

async fn an_account_from_the_command_line(store: Store) {
    let server = start_with(store, &[("KITH_ACCOUNTS_CODE_RESEND_AFTER_S", "0")]);
    let home = Home::new();
    for who in ["ann", "bob", "root"] {
        home.register(&server, who);
    }
    let one = |who: &str, arguments: &[&str], input: &str| home.done(who, arguments, input).remove(0);

    let misused = |who: &str, arguments: &[&str]| home.run(who, arguments, "").status.code();

    // Profile, search, privacy.
    let profile = one("ann", &["profile", "set", "--name", "Ann Smith", "--about", "Here"], "");
    assert_eq!((&profile["name"], &profile["about"]), (&json!("Ann Smith"), &json!("Here")));
    assert_eq!(one("bob", &["profile", "show", "ann"], "")["about"], "Here");
    assert_eq!(misused("ann", &["profile", "set"]), Some(2));
    assert_eq!(misused("ann", &["profile", "set", "--date-of-birth", "1981-02-29"]), Some(2));
    assert_eq!(one("bob", &["search", "smi"], "")["username"], "ann");
    let privacy = one("ann", &["privacy", "set", "--last-seen", "nobody", "--findable-by-name", "false"], "");
    assert_eq!((&privacy["lastSeen"], &privacy["findableByName"]), (&json!("nobody"), &json!(false)));
    assert_eq!(one("ann", &["privacy", "show"], ""), privacy);
    assert_eq!(home.done("bob", &["search", "smi"], ""), Vec::<Value>::new());
    assert_eq!(misused("ann", &["privacy", "set", "--last-seen", "some"]), Some(2));

    // Password, username, address.
    let new = "another password";
    one("ann", &["password", "--password-stdin"], &format!("{PASSWORD}\n{new}\n"));
    let wrong = format!("{PASSWORD}\nyet another one\n");
    assert_eq!(home.fails("ann", &["password", "--password-stdin"], &wrong), 5);
    assert_eq!(one("ann", &["username", "anna"], "")["username"], "anna");
    assert_eq!(one("ann", &["whoami"], "")["user"]["username"], "anna");
    assert_eq!(home.fails("ann", &["username", "bob"], ""), 5);
    let address = json!({ "email": "ann@example.org" });
    assert_eq!(server.post("/api/auth/code", &address).expect("an answer").status, 200);
    let shown = server.command(&["admin", "otp"]).output().expect("kith admin otp");
    let shown = String::from_utf8(shown.stdout).expect("text");
    let code = shown.split('\t').nth(1).expect("a code");
    one("ann", &["account", "email", "ann@example.org", "--code", code], "");
    assert_eq!(one("ann", &["profile", "show"], "")["email"], "ann@example.org");

    // As an admin.
    assert_eq!(home.fails("bob", &["admin", "users"], ""), 5);
    let promoted = server.command(&["admin", "promote", "root", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success());
    assert_eq!(home.done("root", &["admin", "users"], "").len(), 3);
    assert_eq!(one("root", &["admin", "users", "smith"], "")["email"], "ann@example.org");
    assert_eq!(one("root", &["admin", "suspend", "ann@example.org"], "")["state"], "suspended");
    assert_eq!(home.fails("ann", &["whoami"], ""), 3);
    assert_eq!(one("root", &["admin", "users", "--state", "suspended"], "")["username"], "anna");
    assert_eq!(one("root", &["admin", "reinstate", "anna"], "")["state"], "active");
    let once = one("root", &["admin", "reset-password", "@anna"], "");
    let password = once["password"].as_str().expect("a password");
    let login = ["--server", &server.url(), "login", "anna", "--password-stdin"];
    one("ann", &login, &format!("{password}\n"));
    one("ann", &["password", "--first", "--password-stdin"], &format!("{new}\n"));
    assert_eq!(one("root", &["admin", "role", "bob", "moderator"], "")["role"], "moderator");
    assert_eq!(home.fails("root", &["admin", "role", "root", "user"], ""), 5);
    assert_eq!(home.done("root", &["admin", "sessions", "bob"], "").len(), 1);
    one("root", &["admin", "sessions", "bob", "--end-all"], "");
    assert_eq!(home.fails("bob", &["whoami"], ""), 3);
    assert_eq!(one("root", &["admin", "stats"], "")["users"], 3);
    assert_eq!(home.fails("root", &["admin", "suspend", "nobody"], ""), 4);
    assert_eq!(misused("root", &["admin", "delete", "bob"]), Some(2), "a script says --yes");
    one("root", &["admin", "delete", "bob", "--yes"], "");

    // And its end.
    let delete = ["account", "delete", "--yes", "--password-stdin"];
    assert_eq!(home.fails("ann", &delete, "not my password\n"), 5);
    one("ann", &delete, &format!("{new}\n"));
    assert_eq!(home.fails("ann", &["whoami"], ""), 3);
    assert_eq!(home.fails("root", &delete, &format!("{PASSWORD}\n")), 5, "the last admin");
}
