//! Who one is to others, whom one finds, and what happened, from the command line.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_are_shown_and_searched_and_what_happened_is_told() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    for who in ["ann", "bob"] {
        home.register(&server, who);
    }
    home.done("ann", &["profile", "set", "--name", "Ann Example", "--about", "Walks a lot"], "");
    let shown = &home.done("bob", &["profile", "show", "ann"], "")[0];
    assert_eq!((&shown["name"], &shown["about"]), (&json!("Ann Example"), &json!("Walks a lot")));
    assert_eq!(home.done("bob", &["search", "exam"], "")[0]["username"], "ann");
    home.done("ann", &["privacy", "set", "--findable-by-name", "false"], "");
    assert_eq!(home.done("ann", &["privacy", "show"], "")[0]["findableByName"], false);
    assert!(home.done("bob", &["search", "exam"], "").is_empty());

    home.done("ann", &["group", "create", "Walkers", "bob"], "");
    home.done("ann", &["send", "bob", "hello"], "");
    let happened = home.done("bob", &["notifications"], "");
    let kinds: Vec<_> = happened.iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    assert_eq!((kinds.contains(&"group"), kinds.contains(&"messages")), (true, true), "{happened:?}");
    let group = happened.iter().find(|line| line["kind"] == "group").expect("told of the group");
    home.done("bob", &["notifications", "--read", group["id"].as_str().expect("an id")], "");
    assert!(!home.done("bob", &["notifications", "--unread"], "").iter().any(|line| line["kind"] == "group"));
    home.done("bob", &["notifications", "--read-all"], "");
    assert!(home.done("bob", &["notifications", "--unread"], "").is_empty());
    assert_eq!(home.fails("ann", &["notifications", "--read", group["id"].as_str().expect("an id")], ""), 4);
}
