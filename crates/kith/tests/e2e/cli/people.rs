//! Contacts, blocks, invites, reports and presence from the command line.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_meet_and_part_on_the_command_line() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    for who in ["ann", "bob"] {
        home.register(&server, who);
    }
    let bob = home.done("bob", &["whoami"], "")[0]["user"]["id"].clone();
    home.done("bob", &["privacy", "set", "--messages", "invite"], "");
    assert_eq!(home.fails("ann", &["send", "bob", "hello"], ""), 5, "not without an invite");
    let sent = &home.done("ann", &["invite", "send", "bob", "It is Ann"], "")[0];
    assert_eq!((&sent["status"], &sent["online"]), (&json!("pending"), &json!(false)));
    assert_eq!(home.done("ann", &["invite", "list", "--sent"], "")[0]["id"], sent["invite"]);
    // Who listens is told who waits, and what was said.
    let shown = home.done("bob", &["listen", "--until-idle", "0"], "");
    let waiting = shown.iter().find(|line| line["event"] == "invite").expect("the invite is shown");
    assert_eq!((&waiting["id"], &waiting["message"]), (&sent["invite"], &json!("It is Ann")));
    let accepted = &home.done("bob", &["invite", "accept", "ann"], "")[0];
    assert_eq!(accepted["status"], "accepted");
    assert_eq!(home.fails("bob", &["invite", "reject", "ann"], ""), 4, "none waits any more");
    home.done("ann", &["send", "bob", "hello"], "");
    assert_eq!(home.done("bob", &["contacts"], "")[0]["user"]["username"], "ann");
    home.done("bob", &["contacts", "--remove", "ann"], "");
    assert!(home.done("bob", &["contacts"], "").is_empty());

    let seq = home.done("bob", &["history", "ann"], "")[0]["seq"].to_string();
    let report = &home.done("bob", &["report", "ann", "spam", "--seq", &seq], "")[0];
    assert!(report["report"].as_str().is_some_and(|id| id.starts_with("r_")), "{report}");
    assert_eq!(home.fails("bob", &["reports"], ""), 5, "for moderators");
    let offline = &home.done("ann", &["presence", "bob"], "")[0];
    assert_eq!((&offline["user"], &offline["online"]), (&bob, &json!(false)));
    assert!(offline["lastSeen"].is_i64(), "{offline}");
    let watched = &home.done("ann", &["presence", "bob", "--watch", "--count", "1"], "")[0];
    assert_eq!(watched, offline);

    home.done("bob", &["block", "ann"], "");
    assert_eq!(home.done("bob", &["block"], "")[0]["user"]["username"], "ann");
    assert_eq!(home.fails("ann", &["send", "bob", "still there?"], ""), 5);
    assert_eq!(home.done("ann", &["presence", "bob"], "")[0], json!({ "user": bob, "online": false }));
    home.done("bob", &["unblock", "ann"], "");
    home.done("ann", &["send", "bob", "thanks"], "");
}
