//! N1: what users find when they look: over both doors, live, and after a restart.

use serde_json::{Value, json};
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start};

on_both_stores!(what_happened_is_found_and_marked, pages_end);

fn list(server: &TestServer, who: &Client, query: &str) -> Value {
    let path = format!("/api/notifications{query}");
    let answer = server.request("GET", &path, Some(&who.account.access_token), None).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn mark(server: &TestServer, who: &Client, id: &str) -> u16 {
    let path = format!("/api/notifications/{id}/markAsRead");
    server.request("POST", &path, Some(&who.account.access_token), None).expect("an answer").status
}

fn of_kind<'a>(page: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = page["notifications"].as_array().expect("notifications");
    all.iter().filter(|notification| notification["kind"] == kind).collect()
}

async fn what_happened_is_found_and_marked(store: Store) {
    let mut server = start(store);
    let ann = Client::register(&server, "ann").await;
    let mut bob = Client::register(&server, "bob").await;
    assert_eq!(list(&server, &bob, ""), json!({ "notifications": [], "unread": 0, "more": false }));

    // Added to a group, live; its creator is told of nothing.
    let group = ann.group("Walkers", &[&bob]).await;
    let live = bob.event("ntf").await;
    assert_eq!((&live[0]["kind"], &live[0]["conversation"]), (&json!("group"), &json!(group)));
    assert_eq!(live[0]["by"], json!(ann.user()));
    let page = list(&server, &bob, "");
    let found = of_kind(&page, "group");
    assert_eq!((found.len(), &found[0]["name"], &found[0]["id"]), (1, &json!("ann"), &live[0]["id"]));
    assert!(of_kind(&list(&server, &ann, ""), "group").is_empty());

    // Unread messages, one notification for a conversation.
    let direct = ann.direct(&bob).await;
    ann.send(&direct, "m1", "secret one").await;
    let last = ann.send(&direct, "m2", "secret two").await;
    let page = list(&server, &bob, "");
    assert!(!page.to_string().contains("secret"), "{page}");
    let [unread] = of_kind(&page, "messages")[..] else { panic!("{page}") };
    assert_eq!((&unread["id"], &unread["count"], &unread["seq"]), (&json!(direct), &json!(2), &json!(last)));
    assert_eq!((&unread["name"], &page["unread"]), (&json!("ann"), &json!(2)));

    // Named in a message, once however often it comes.
    let body = json!({ "type": "text", "text": "look, @bob", "mentions": [bob.user(), ann.user(), bob.user(), bob.user()] });
    for _ in 0..2 {
        ann.call("SendMessage", (&group, json!({ "id": "m4", "body": body }))).await;
    }
    bob.event_that("ntf", |values| values[0]["kind"] == "mention").await;
    let page = list(&server, &bob, "");
    let [mention] = of_kind(&page, "mention")[..] else { panic!("{page}") };
    assert_eq!((&mention["conversation"], &mention["by"]), (&json!(group), &json!(ann.user())));
    assert!(of_kind(&list(&server, &ann, ""), "mention").is_empty(), "one does not call oneself");

    // Whoever is asked for an invite finds it, and so is its answer found.
    bob.call("SetPrivacy", (json!({ "messages": "invite" }),)).await;
    let cid = Client::register(&server, "cid").await;
    let sent = cid.call("SendInvite", (bob.user(), "Hello")).await;
    let asked = bob.event_that("ntf", |values| values[0]["kind"] == "invite").await;
    assert_eq!(asked[0]["by"], json!(cid.user()));
    assert!(!asked.to_string().contains("Hello"), "{asked}");
    assert_eq!(mark(&server, &cid, &direct), 404, "not cid's conversation");
    bob.call("AnswerInvite", (&sent["invite"], false)).await;
    let answers = list(&server, &cid, "");
    let [answer] = of_kind(&answers, "invite_answer")[..] else { panic!("{answers}") };
    assert_eq!((&answer["detail"], &answer["name"]), (&json!("rejected"), &json!("bob")));

    // Another device signs in.
    let _ = server.log_in("bob");
    bob.event_that("ntf", |values| values[0]["kind"] == "sign_in").await;

    // All of it outlives the server, and is marked one by one: by others it cannot be.
    server.restart().expect("restarted");
    let page = bob_again(&server, &mut bob).await;
    let id = of_kind(&page, "group")[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!((page["unread"].as_u64(), of_kind(&page, "sign_in").len()), (Some(6), 1), "{page}");
    assert_eq!(mark(&server, &ann, &id), 404);
    assert_eq!(mark(&server, &ann, &direct), 204, "ann has seen her own messages");
    assert_eq!(mark(&server, &bob, &id), 204);
    assert_eq!(mark(&server, &bob, &id), 204, "again");
    assert_eq!(mark(&server, &bob, &direct), 204);
    assert_eq!(mark(&server, &bob, &group), 204);
    assert_eq!(mark(&server, &bob, "n_00000000000000000000000000"), 404);
    assert_eq!(mark(&server, &bob, "nonsense"), 404);
    let page = list(&server, &bob, "");
    assert_eq!(
        (page["unread"].as_u64(), of_kind(&page, "messages").len()),
        (Some(2), 0),
        "the mention was seen with its message"
    );
    assert_eq!(of_kind(&page, "group")[0]["read"], true);
    // Ann sees that he has seen it.
    let ann = Client::connect(&server, &ann.account).await;
    let summary = ann.call("GetConversation", (&direct,)).await;
    assert_eq!(summary["status"], "seen");

    ann.send(&direct, "m3", "one more").await;
    bob.call("MarkAllNotificationsRead", ()).await;
    let page = bob.call("ListNotifications", ()).await;
    assert_eq!(page["unread"], 0);
    let stranger = server.request("GET", "/api/notifications", None, None).expect("an answer");
    assert_eq!((stranger.status, stranger.code()), (401, "unauthenticated"));
}

/// Connects anew and lists.
async fn bob_again(server: &TestServer, bob: &mut Client) -> Value {
    *bob = Client::connect(server, &bob.account).await;
    bob.call("ListNotifications", ()).await
}

async fn pages_end(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let mut groups = Vec::new();
    for number in 0..7 {
        groups.push(ann.group(&format!("Group {number}"), &[&bob]).await);
    }
    groups.reverse();
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = list(&server, &bob, &query);
        let found = of_kind(&page, "group");
        seen.extend(
            found.iter().map(|notification| notification["conversation"].as_str().unwrap().to_owned()),
        );
        if page["more"] == false {
            break;
        }
        assert_eq!(found.len(), 3);
        query = format!("?limit=3&before={}", found[2]["id"].as_str().unwrap());
    }
    seen.sort();
    groups.sort();
    assert_eq!(seen, groups);
    let refused = bob.refused("ListNotifications", (json!({ "before": "c_1" }),)).await;
    assert!(refused.contains("invalid"), "{refused}");
}
