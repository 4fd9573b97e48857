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
