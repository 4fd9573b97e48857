//! C2, C4, C5, C7, C8, C10 by REST.

use super::*;

on_both_stores!(
    a_conversation_without_a_connection,
    the_past_by_page_and_by_time,
    both_doors_lead_to_the_same_log
);

async fn a_conversation_without_a_connection(store: Store) {
    let server = start(store);
    let (ann, bob) = (Rest::register(&server, "ann"), Rest::register(&server, "bob"));
    let with_bob = format!("/api/messages/{}/history", bob.user());
    assert_eq!(ann.refused("GET", &with_bob, None), code(404, "not_found"), "reading creates nothing");
    assert_eq!(ann.get("/api/conversations"), json!([]));

    // To a user: the conversation comes with the first message. Repeated, the same answer.
    let letter = json!({ "to": bob.user(), "message": { "id": "first", "text": "Hello" } });
    let sent = ann.post("/api/messages/send", letter.clone());
    assert_eq!((&sent["id"], &sent["seq"]), (&json!("first"), &json!(1)));
    assert_eq!(ann.post("/api/messages/send", letter), sent);
    let id = text(&ann.post("/api/conversations/direct", json!({ "user": bob.user() }))["id"]);
    let again = bob.post("/api/conversations/direct", json!({ "user": ann.user(), "kind": "plain" }));
    assert_eq!(again["id"], json!(id));
    // A bare string is a message too.
    assert_eq!(ann.post("/api/messages/send", json!({ "to": id, "message": "Grüße 😀" }))["seq"], 2);

    let unread = bob.get("/api/messages/new");
    assert_eq!((texts(&unread), &unread["more"]), (vec!["Hello", "Grüße 😀"], &json!(false)));
    assert_eq!(texts(&bob.get("/api/messages/new?limit=1")), ["Hello"]);
    let page = bob.post("/api/messages/sync", json!({}));
    assert_eq!((page["conversations"][0]["unread"].as_u64(), texts(&page).len()), (Some(2), 2));
    bob.post(&format!("/api/messages/{}/acknowledge", ann.user()), json!({ "seq": 2 }));
    assert_eq!(bob.get("/api/messages/new")["messages"], json!([]));
    let info = ann.get(&format!("/api/messages/{id}/2/info"));
    assert_eq!((&info["status"], &info["receipts"][0]["user"]), (&json!("delivered"), &json!(bob.user())));
    bob.post(&format!("/api/messages/{id}/seen"), json!({ "seq": 1 }));
    assert_eq!(ann.get(&format!("/api/messages/{}/1/info", bob.user()))["status"], "seen");
    bob.post(&format!("/api/messages/{id}/typing"), json!({ "typing": true }));
    bob.post("/api/messages/device/acknowledge", json!({ "number": 9 }));

    let listed = bob.get("/api/conversations");
    assert_eq!(
        (&listed[0]["id"], &listed[0]["unread"], &listed[0]["name"]),
        (&json!(id), &json!(1), &json!("ann"))
    );
    assert_eq!(ann.get(&format!("/api/conversations/{id}"))["lastSeq"], 2);

    for (wrong, expected) in [
        (json!({ "to": NOBODY, "message": "x" }), code(404, "not_found")),
        (json!({ "to": id }), code(422, "invalid")),
        (json!({ "to": id, "message": "" }), code(422, "invalid")),
        (json!({ "to": id, "message": "x", "from": "y" }), code(422, "invalid")),
        (json!({ "to": id, "message": { "text": "x", "kind": "system" } }), code(422, "invalid")),
        (json!({ "to": "bob", "message": "x" }), code(422, "invalid")),
        (json!({ "to": id, "message": "x".repeat(70_000) }), code(413, "too_large")),
    ] {
        assert_eq!(ann.refused("POST", "/api/messages/send", Some(wrong.clone())), expected, "{wrong}");
    }
    let missing = format!("/api/messages/{id}/99/info");
    assert_eq!(ann.refused("GET", &missing, None), code(404, "not_found"));
}

async fn the_past_by_page_and_by_time(store: Store) {
    let server = start(store);
    let (ann, bob) = (Rest::register(&server, "ann"), Rest::register(&server, "bob"));
    for number in 1..=7 {
        ann.send(bob.user(), &format!("m{number}"), &format!("text {number}"));
    }
    let path = format!("/api/messages/{}/history", ann.user());
    let (mut read, mut before) = (Vec::new(), String::new());
    loop {
        let page = bob.get(&format!("{path}?limit=3{before}"));
        let messages = page["messages"].as_array().expect("messages");
        read.extend(messages.iter().map(|message| message["seq"].as_u64().expect("a seq")));
        before = format!("&before={}", read.last().expect("some"));
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(read, [7, 6, 5, 4, 3, 2, 1]);
    let fourth =
        bob.get(&format!("{path}?before=5&limit=1"))["messages"][0]["sentAt"].as_i64().expect("a time");
    let earlier = bob.get(&format!("{path}?beforeTime={fourth}"));
    let messages = earlier["messages"].as_array().expect("messages");
    assert!(messages.iter().all(|message| message["sentAt"].as_i64() < Some(fourth)), "{earlier}");
    assert!(messages.iter().all(|message| message["seq"].as_u64() < Some(4)), "{earlier}");
    assert_eq!(bob.get(&format!("{path}?beforeTime=0"))["messages"], json!([]));
    assert_eq!(bob.get(&format!("{path}?before=0"))["messages"], json!([]));
    for wrong in ["before=x", "before=-1", "limit=-1", "limit=99999999999", "beforeTime=now", "after=1"] {
        assert_eq!(bob.refused("GET", &format!("{path}?{wrong}"), None), code(422, "invalid"), "{wrong}");
    }
    // The end of the numbers is no end of the server.
    assert_eq!(texts(&bob.get(&format!("{path}?before={}&limit=1", u64::MAX))), ["text 7"]);
    // The latest time that JavaScript can count.
    let latest = (1_i64 << 53) - 1;
    assert_eq!(texts(&bob.get(&format!("{path}?beforeTime={latest}&limit=1"))), ["text 7"]);
    for none in [latest + 1, i64::MAX, i64::MIN] {
        assert_eq!(bob.refused("GET", &format!("{path}?beforeTime={none}"), None), code(422, "invalid"));
    }
}

async fn both_doors_lead_to_the_same_log(store: Store) {
    let server = start(store);
    let (ann, bob) = (Rest::register(&server, "ann"), server.register("bob"));
    let mut hub = Client::connect(&server, &bob).await;
    let mut own = Client::connect(&server, &ann.account).await;
    ann.send(&bob.user, "a", "over REST");
    let event = hub.event_that("msg", |values| values[3]["text"] == "over REST").await;
    let id = text(&event[0]);
    // REST has no connection: the sender's own hears of it too.
    own.event_that("msg", |values| values[0] == json!(id) && values[1] == 1).await;
    assert_eq!(hub.send(&id, "b", "over the hub").await, 2);
    let page = ann.get(&format!("/api/messages/{id}/history"));
    assert_eq!(texts(&page), ["over the hub", "over REST"]);
    assert_eq!(hub.call("History", (&id,)).await, page);
    ann.post(&format!("/api/messages/{id}/typing"), json!({ "typing": true }));
    let typing = hub.event("typ").await;
    assert_eq!(typing, json!([id, ann.user(), true]));
}
