//! Several devices of one user, and who got what in a group, on the command line.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_was_away_is_told_what_was_done_on_another() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    for who in ["ann", "bob"] {
        home.register(&server, who);
    }
    let (url, password) = (server.url(), format!("{PASSWORD}\n"));
    home.done("laptop", &["--server", &url, "login", "bob", "--password-stdin"], &password);
    for text in ["one", "two", "three"] {
        home.done("ann", &["send", "bob", text], "");
    }
    let listen = ["listen", "--events", "--until-idle", "0.2"];
    let events = |who: &str, of: &[&str]| -> Vec<Value> {
        let all = home.done(who, &listen, "");
        all.into_iter().filter(|it| of.iter().any(|name| it["event"] == **name)).collect()
    };
    assert_eq!(events("laptop", &["message"]).len(), 3);
    home.done("bob", &["delete", "ann", "1", "--for-me"], "");
    home.done("bob", &["star", "ann", "2"], "");
    let marks = events("laptop", &["hidden", "starred", "message"]);
    let told: Vec<_> = marks.iter().map(|it| (it["event"].clone(), it["seq"].clone())).collect();
    assert_eq!(told, [(json!("hidden"), json!(1)), (json!("starred"), json!(2))]);
    assert!(events("laptop", &["hidden", "starred", "message"]).is_empty(), "told once");
    home.done("bob", &["delete", "ann", "3", "--for-me"], "");
    let shown = home.shown("laptop", &listen);
    assert!(shown.contains("-- message 3 was deleted for you") && !shown.contains("message 1"), "{shown}");
    assert!(!home.shown("laptop", &["history", "ann"]).contains("one"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_are_sent_and_shown_and_a_group_message_tells_who_got_it() {
    let (server, home) = (start(Store::Sqlite), Home::new());
    for who in ["ann", "bob", "cas", "dan"] {
        home.register(&server, who);
    }
    home.done("ann", &["group", "create", "Ours", "bob", "cas"], "");
    let sent =
        home.done("ann", &["send", "Ours", "--mention", "bob", "--mention", "cas", "look", "here"], "");
    let seq = sent[0]["seq"].to_string();
    assert_eq!(home.fails("ann", &["send", "Ours", "--mention", "nobody", "hello"], ""), 4);
    assert_ne!(home.fails("ann", &["send", "Ours", "--mention", "dan", "hello"], ""), 0, "who is no member");

    let heard = home.done("bob", &["listen", "--until-idle", "0.2", "--seen"], "");
    let said = heard.iter().find(|it| it["seq"] == sent[0]["seq"]).expect("the message");
    assert_eq!(said["body"]["mentions"].as_array().map(Vec::len), Some(2));
    let shown = home.shown("cas", &["listen", "--until-idle", "0.2"]);
    assert!(shown.contains("ann: look here  [to @bob, @you]"), "{shown}");
    let notified = home.done("bob", &["notifications"], "");
    assert!(notified.iter().any(|it| it.to_string().contains("mention")), "{notified:?}");

    // Bob has seen it, cas has got it.
    let info = poll("both receipts", PATIENCE, || {
        let info = home.shown("ann", &["info", "Ours", &seq]);
        Ok(info.contains("2 of 2 have it, 1 of 2 saw it").then_some(info))
    });
    let info = info.expect("receipts");
    let lines: Vec<_> = info.lines().collect();
    assert!(lines[0].starts_with(&format!("message {seq} from you, ")) && lines[0].ends_with("✓✓"), "{info}");
    assert!(lines[2].starts_with("MEMBER"), "{info}");
    assert!(lines[3].starts_with("bob") && !lines[3].trim_end().ends_with('-'), "who saw it first: {info}");
    assert!(lines[4].starts_with("cas") && lines[4].trim_end().ends_with('-'), "{info}");
}
