//! What can be done with a message, and finding it again, from the command line.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_changed_marked_and_found_on_the_command_line() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    for who in ["ann", "bob"] {
        home.register(&server, who);
    }
    let seq_of = |line: &Value| line["seq"].to_string();
    let first = seq_of(&home.done("ann", &["send", "bob", "the quick brown fox"], "")[0]);
    let answer = home.done("bob", &["send", "ann", "--reply-to", &first, "which fox?"], "");
    let second = seq_of(&answer[0]);
    home.done("ann", &["edit", "bob", &first, "the", "quick", "red", "fox"], "");
    assert_eq!(home.fails("bob", &["edit", "ann", &first, "not mine"], ""), 5);
    home.done("bob", &["react", "ann", &first, "👍"], "");
    home.done("bob", &["pin", "ann", &first], "");
    home.done("bob", &["star", "ann", &first], "");

    let past = home.done("bob", &["history", "ann"], "");
    let line = |seq: &str| past.iter().find(|line| seq_of(line) == seq).unwrap_or_else(|| panic!("{past:?}"));
    assert_eq!(line(&first)["body"]["text"], "the quick red fox");
    assert!(line(&first)["editedAt"].is_i64(), "{}", line(&first));
    assert_eq!(line(&first)["reactions"][0]["emoji"], "👍");
    assert_eq!(line(&second)["body"]["replyTo"].to_string(), first);
    assert_eq!(home.done("ann", &["pin", "bob"], "").len(), 1, "pins are everybody's");
    assert_eq!(home.done("bob", &["star"], "").len(), 1);
    assert!(home.done("ann", &["star"], "").is_empty(), "stars are one's own");

    // Words are indexed behind the log.
    let found = |words: &str| home.done("bob", &["search-messages", words], "");
    let now = poll("what it says now", PATIENCE, || Ok((found("red fox").len() == 1).then_some(())));
    now.expect("found");
    assert!(found("brown").is_empty(), "what it said before is not");

    let notes = home.done("bob", &["forward", "ann", &first, "bob"], "");
    assert_eq!(notes.len(), 1);
    let copy = home.done("bob", &["history", "bob"], "");
    assert_eq!(
        (&copy[0]["body"]["text"], &copy[0]["body"]["forwarded"]),
        (&json!("the quick red fox"), &json!(true))
    );

    home.done("ann", &["delete", "bob", &second, "--for-me"], "");
    assert!(!home.done("ann", &["history", "bob"], "").iter().any(|line| seq_of(line) == second));
    home.done("ann", &["delete", "bob", &first], "");
    let past = home.done("bob", &["history", "ann"], "");
    let gone = past.iter().find(|line| seq_of(line) == first).expect("its entry stays");
    assert_eq!(gone["body"]["type"], "removed");
    assert!(!format!("{past:?}").contains("red fox"), "{past:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_say_why_they_are_empty_and_groups_are_described() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    home.register(&server, "ann");
    // For people, not for scripts.
    let said = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
        command.env("HOME", home.folder.path()).env("XDG_CONFIG_HOME", home.folder.path());
        let output = command.args(["--profile", "ann"]).args(arguments).output().expect("kith runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(said(&["ls"]).contains("no conversations yet"));
    let group =
        home.done("ann", &["group", "create", "Walkers", "--picture", "p1"], "")[0]["conversation"].clone();
    let shown = || home.done("ann", &["group", "show", "Walkers"], "")[0].clone();
    assert_eq!((&shown()["id"], &shown()["picture"]), (&group, &json!("p1")));
    home.done(
        "ann",
        &["group", "describe", "Walkers", "--description", "Up and down", "--picture", "p2"],
        "",
    );
    assert_eq!((&shown()["description"], &shown()["picture"]), (&json!("Up and down"), &json!("p2")));
    home.done("ann", &["group", "describe", "Walkers", "--picture", ""], "");
    assert_eq!((&shown()["description"], shown().get("picture")), (&json!("Up and down"), None));
    assert_eq!(home.run("ann", &["group", "describe", "Walkers"], "").status.code(), Some(2), "what of it?");
    assert!(said(&["ls", "--unread"]).contains("nothing unread"));
    assert!(said(&["ls", "--archived"]).contains("nothing is put away"));
    home.done("ann", &["archive", "Walkers"], "");
    assert!(said(&["ls"]).contains("all conversations are put away: kith ls --archived"));
    assert_eq!(home.done("ann", &["ls", "--archived"], "")[0]["id"], group);
}
