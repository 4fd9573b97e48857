//! I1 and I2: asking to talk, from both sides, there and away, by both doors.

use serde_json::{Value, json};
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start, text, until};

on_both_stores!(
    an_invite_is_seen_answered_and_leads_to_a_conversation,
    whoever_is_away_finds_it_on_return,
    two_that_cross_meet_in_one_conversation,
    an_acceptance_survives_a_killed_server,
);

async fn by_invite(client: &Client) {
    client.call("SetPrivacy", (json!({ "messages": "invite" }),)).await;
}

fn rest(server: &TestServer, who: &Client, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let token = Some(who.account.access_token.as_str());
    let answer = server.request(method, path, token, body.as_ref()).expect("an answer");
    (answer.status, answer.body)
}

async fn an_invite_is_seen_answered_and_leads_to_a_conversation(store: Store) {
    let server = start(store);
    let mut ann = Client::register(&server, "ann").await;
    let mut bob = Client::register(&server, "bob").await;
    let mut second = Client::connect(&server, &server.log_in("bob")).await;
    by_invite(&bob).await;
    let refused = ann.refused("InitiateDirectChatSession", (bob.user(),)).await;
    assert!(refused.starts_with("invite_required: "), "{refused}");
    let path = "/api/conversations/direct";
    let (status, body) = rest(&server, &ann, "POST", path, Some(json!({ "user": bob.user() })));
    assert_eq!((status, &body["code"]), (403, &json!("invite_required")));

    let sent = ann.call("SendInvite", (bob.user(), "It is Ann")).await;
    assert_eq!((&sent["status"], &sent["online"]), (&json!("pending"), &json!(true)));
    // Who wants to talk, on all his devices.
    for device in [&mut bob, &mut second] {
        let seen = device.event("inv").await[0].clone();
        assert_eq!((&seen["id"], &seen["direction"]), (&sent["invite"], &json!("received")));
        assert_eq!((&seen["user"]["id"], &seen["user"]["name"]), (&json!(ann.user()), &json!("ann")));
        assert_eq!((&seen["message"], &seen["status"]), (&json!("It is Ann"), &json!("pending")));
    }
    ann.event_that("inv", |values| values[0]["status"] == "pending").await;
    assert_eq!(
        ann.call("SendInvite", (bob.user(), "again")).await["invite"],
        sent["invite"],
        "one is enough"
    );
    let refused = ann.refused("AnswerInvite", (&sent["invite"], true)).await;
    assert!(refused.starts_with("not_found: "), "only the invitee answers: {refused}");

    let accepted = bob.call("AnswerInvite", (&sent["invite"], true)).await;
    let conversation = text(&accepted["conversation"]);
    // Both get the conversation's id and the other's id and name.
    for (device, other, name) in
        [(&mut ann, bob.account.user.clone(), "bob"), (&mut second, ann_id(&accepted), "ann")]
    {
        let seen = device.event_that("inv", |values| values[0]["status"] == "accepted").await[0].clone();
        assert_eq!((&seen["conversation"], &seen["user"]["name"]), (&json!(conversation), &json!(name)));
        assert_eq!(seen["user"]["id"], json!(other));
        device.event_that("conv", |values| values[0]["id"] == json!(conversation)).await;
    }
    assert_eq!(bob.call("AnswerInvite", (&sent["invite"], true)).await["conversation"], json!(conversation));
    let refused = bob.refused("AnswerInvite", (&sent["invite"], false)).await;
    assert!(refused.starts_with("conflict: "), "{refused}");
    assert_eq!(ann.direct(&bob).await, conversation);
    ann.send(&conversation, "a1", "hello").await;
    for (who, other) in [(&ann, "bob"), (&bob, "ann")] {
        let contacts = who.call("ListContacts", ()).await;
        assert_eq!(contacts["contacts"][0]["user"]["username"], json!(other));
    }

    // Rejected, withdrawn, unknown, and whoever takes everybody.
    let mut eve = Client::register(&server, "eve").await;
    let sent = eve.call("SendInvite", (bob.user(),)).await;
    bob.call("AnswerInvite", (&sent["invite"], false)).await;
    let seen = eve.event_that("inv", |values| values[0]["status"] == "rejected").await;
    assert_eq!(seen[0]["user"]["id"], json!(bob.user()));
    let (status, body) = rest(&server, &eve, "POST", "/api/invites", Some(json!({ "user": bob.user() })));
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));
    let refused = eve.refused("InitiateDirectChatSession", (bob.user(),)).await;
    assert!(refused.starts_with("invite_required: "), "{refused}");
    let nobody = format!("u_{}", "0".repeat(26));
    let refused = eve.refused("SendInvite", (&nobody,)).await;
    assert!(refused.starts_with("not_found: "), "{refused}");
    let outcome = bob.call("SendInvite", (eve.user(),)).await;
    assert_eq!(outcome["status"], "accepted");
    assert_eq!(text(&outcome["conversation"]), eve.direct(&bob).await, "they have talked now");

    let carl = Client::register(&server, "carl").await;
    let (status, sent) = rest(&server, &carl, "POST", "/api/invites", Some(json!({ "user": bob.user() })));
    assert_eq!((status, &sent["status"]), (200, &json!("pending")));
    let path = format!("/api/invites/{}", text(&sent["invite"]));
    assert_eq!(rest(&server, &bob, "DELETE", &path, None).0, 404);
    assert_eq!(rest(&server, &carl, "DELETE", &path, None).0, 204);
    second.event_that("inv", |values| values[0]["status"] == "withdrawn").await;
    let answer = rest(&server, &bob, "POST", &format!("{path}/answer"), Some(json!({ "accept": true })));
    assert_eq!((answer.0, &answer.1["code"]), (409, &json!("conflict")));
}

fn ann_id(accepted: &Value) -> String {
    text(&accepted["user"]["id"])
}

async fn whoever_is_away_finds_it_on_return(store: Store) {
    let mut server = start(store);
    let ann = Client::register(&server, "ann").await;
    let bob = server.register("bob");
    let (token, private) = (Some(bob.access_token.as_str()), json!({ "messages": "invite" }));
    server.request("PUT", "/api/users/me/privacy", token, Some(&private)).expect("an answer");
    let sent = ann.call("SendInvite", (&bob.user, "are you there?")).await;
    assert_eq!((&sent["status"], &sent["online"]), (&json!("pending"), &json!(false)));
    server.kill().expect("killed");
    server.restart().expect("restarted");

    let bob = Client::connect(&server, &bob).await;
    let waiting = bob.call("ListInvites", ()).await;
    assert_eq!((&waiting[0]["id"], &waiting[0]["message"]), (&sent["invite"], &json!("are you there?")));
    assert_eq!(rest(&server, &bob, "GET", "/api/invites", None).1, waiting);
    let mut ann = Client::connect(&server, &ann.account).await;
    let listed = ann.call("ListInvites", ("sent",)).await;
    assert_eq!((&listed[0]["id"], &listed[0]["status"]), (&sent["invite"], &json!("pending")));
    let path = format!("/api/invites/{}/answer", text(&sent["invite"]));
    let (status, accepted) = rest(&server, &bob, "POST", &path, Some(json!({ "accept": true })));
    assert_eq!((status, &accepted["status"]), (200, &json!("accepted")));
    let seen = ann.event_that("inv", |values| values[0]["status"] == "accepted").await;
    assert_eq!(seen[0]["conversation"], accepted["conversation"]);
    assert_eq!(rest(&server, &ann, "GET", "/api/invites?direction=sent", None).1[0], seen[0]);
}

async fn two_that_cross_meet_in_one_conversation(store: Store) {
    let server = start(store);
    for round in 0..4 {
        let ann = Client::register(&server, &format!("ann-{round}")).await;
        let bob = Client::register(&server, &format!("bob-{round}")).await;
        by_invite(&ann).await;
        by_invite(&bob).await;
        let one = ann.call("SendInvite", (bob.user(),));
        let other = bob.call("SendInvite", (ann.user(),));
        let (one, other) = tokio::join!(one, other);
        let states = [text(&one["status"]), text(&other["status"])];
        assert!(states.contains(&"accepted".to_owned()), "{states:?}");
        let conversation = until("a conversation", async || {
            let listed = ann.call("LoadConversations", ()).await;
            listed[0]["id"].as_str().map(str::to_owned)
        })
        .await;
        for outcome in [&one, &other] {
            if outcome["status"] == "accepted" {
                assert_eq!(outcome["conversation"], json!(conversation));
            }
        }
        for who in [&ann, &bob] {
            assert_eq!(who.call("LoadConversations", ()).await.as_array().map(Vec::len), Some(1));
        }
        assert_eq!(ann.direct(&bob).await, conversation);
    }
}

async fn an_acceptance_survives_a_killed_server(store: Store) {
    let mut server = start(store);
    let ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    by_invite(&bob).await;
    let sent = ann.call("SendInvite", (bob.user(),)).await;
    // Killed while he accepts, at a moment of its own choosing each time it is asked.
    let accepting = bob.connection().invoke::<_, Value>("AnswerInvite", (&sent["invite"], true));
    let _ = tokio::time::timeout(std::time::Duration::from_millis(2), accepting).await;
    server.kill().expect("killed");
    server.restart().expect("restarted");
    let (ann, bob) =
        (Client::connect(&server, &ann.account).await, Client::connect(&server, &bob.account).await);
    let accepted = bob.call("AnswerInvite", (&sent["invite"], true)).await;
    let conversation = text(&accepted["conversation"]);
    for who in [&ann, &bob] {
        let listed = who.call("LoadConversations", ()).await;
        assert_eq!((listed.as_array().map(Vec::len), &listed[0]["id"]), (Some(1), &json!(conversation)));
    }
    ann.send(&conversation, "a1", "hello").await;
}
