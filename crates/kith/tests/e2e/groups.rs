//! G1–G4 beyond coming and going: who follows the last admin, links, and what became of a message where members come and go.

use serde_json::{Value, json};
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, text, until};

on_both_stores!(
    the_last_admin_names_a_successor,
    links_admit_whom_they_should,
    a_link_admits_exactly_as_many_as_it_says,
    who_got_a_message_where_members_come_and_go,
    what_a_group_is_called_and_who_changed_it,
);

/// The last entries that a client was pushed: `[change, users]` each.
fn changes(messages: &[Value]) -> Vec<(Value, Value)> {
    messages.iter().map(|it| (it["body"]["change"].clone(), it["body"]["users"].clone())).collect()
}

async fn the_last_admin_names_a_successor(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let group = alice.group("Ours", &[&bob, &carol]).await;
    for (client, successor, code) in [
        (&alice, Value::Null, "last_admin"),
        (&alice, json!(alice.user()), "invalid"),
        (&alice, json!("u_00000000000000000000000000"), "not_found"),
        // Who is no admin makes no admins.
        (&bob, json!(carol.user()), "forbidden"),
    ] {
        let error = client.refused("LeaveGroup", (&group, successor)).await;
        assert!(error.starts_with(code), "{error}");
    }
    assert_eq!(alice.call("LeaveGroup", (&group, bob.user())).await, json!(3));
    let error = alice.refused("LeaveGroup", (&group, bob.user())).await;
    assert!(error.starts_with("not_found"), "{error}");
    let log = carol.history(&group).await;
    let expected = [(json!("promoted"), json!([bob.user()])), (json!("left"), json!([alice.user()]))];
    assert_eq!(changes(&log[1..]), expected);
    let now = bob.call("GetGroup", (&group,)).await;
    assert_eq!((&now["role"], &now["memberCount"]), (&json!("admin"), &json!(2)));
    // By the other door.
    let path = format!("/api/groups/{group}/leave?successor={}", carol.user());
    let answer = server.request("POST", &path, Some(&bob.account.access_token), None).expect("an answer");
    assert_eq!((answer.status, &answer.body["seq"]), (200, &json!(5)));
    assert_eq!(carol.call("GetGroup", (&group,)).await["role"], "admin");
    assert_eq!(carol.call("LeaveGroup", (&group,)).await, json!(6));
}

fn code_of(link: &Value) -> String {
    text(&link["code"])
}

/// G2: by both doors, and the attacker's tries.
async fn links_admit_whom_they_should(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let mut bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let mallory = Client::register(&server, "mallory").await;
    let group = alice.group("Ours", &[&carol]).await;
    alice.call("UpdateGroup", (&group, json!({ "description": "About us", "picture": "p1" }))).await;
    let link = alice.call("CreateGroupLink", (&group,)).await;
    let code = code_of(&link);
    assert_eq!(
        (&link["uses"], &link["createdBy"], &link["group"]),
        (&json!(0), &json!(alice.user()), &json!(group))
    );
    // Members and outsiders neither make, see nor revoke links.
    for (who, expected) in [(&carol, "forbidden"), (&mallory, "not_found")] {
        for (target, arguments) in [
            ("CreateGroupLink", json!([group, {}])),
            ("ListGroupLinks", json!([group])),
            ("RevokeGroupLink", json!([group, code])),
        ] {
            let error = who.refused(target, arguments).await;
            assert!(error.starts_with(expected), "{target}: {error}");
        }
    }
    // Guessing is hopeless, and every guess is told the same.
    for guess in ["l_00000000000000000000000000", &code.replace("l_", "l_0")[..28], "l_", &group, "' OR 1=1"]
    {
        let error = mallory.refused("JoinGroup", (guess,)).await;
        assert!(error.starts_with("not_found") || error.starts_with("invalid"), "{guess}: {error}");
    }
    let direct = alice.direct(&carol).await;
    let error = alice.refused("CreateGroupLink", (&direct,)).await;
    assert!(error.starts_with("forbidden"), "{error}");

    let preview = bob.call("PreviewGroupLink", (&code,)).await;
    let expected = json!({ "name": "Ours", "description": "About us", "picture": "p1", "kind": "plain", "memberCount": 2 });
    assert_eq!(preview, expected, "and no more than that");
    alice.send(&group, "a", "before bob").await;
    let joined = bob.call("JoinGroup", (&code,)).await;
    assert_eq!(joined, json!({ "group": group, "seq": 4 }));
    let summary = bob.event("conv").await;
    assert_eq!(
        (&summary[0]["id"], &summary[0]["firstSeq"]),
        (&json!(group), &json!(4)),
        "nothing said before"
    );
    assert_eq!(bob.call("JoinGroup", (&code,)).await, joined, "joined is joined");
    assert_eq!(bob.call("PreviewGroupLink", (&code,)).await["group"], json!(group));
    assert_eq!(alice.call("ListGroupLinks", (&group,)).await[0]["uses"], 1);
    let entry = carol.history(&group).await.pop().expect("an entry");
    assert_eq!(entry["body"], json!({ "type": "members", "change": "joined", "users": [bob.user()] }));
    assert_eq!(entry["sender"], json!(bob.user()));
    assert_eq!(bob.call("GetGroup", (&group,)).await["role"], "member");

    // Removed, and not to come back by what was there before.
    alice.call("RemoveFromGroup", (&group, bob.user())).await;
    let error = bob.refused("JoinGroup", (&code,)).await;
    assert!(error.starts_with("forbidden"), "{error}");

    // By the other door.
    let rest = |client: &Client, method: &str, path: &str, body: Option<Value>| {
        server.request(method, path, Some(&client.account.access_token), body.as_ref()).expect("an answer")
    };
    let links = format!("/api/groups/{group}/links");
    let newer = rest(&alice, "POST", &links, Some(json!({ "maxUses": 1 })));
    assert_eq!((newer.status, &newer.body["maxUses"]), (200, &json!(1)));
    let newer = code_of(&newer.body);
    assert_eq!(rest(&bob, "GET", &format!("/api/groups/join/{newer}"), None).body["memberCount"], 2);
    let joined = rest(&bob, "POST", "/api/groups/join", Some(json!({ "code": newer })));
    assert_eq!((joined.status, &joined.body["seq"]), (200, &json!(6)));
    let late = rest(&mallory, "POST", "/api/groups/join", Some(json!({ "code": newer })));
    assert_eq!((late.status, late.code()), (404, "not_found"), "it has admitted its one");
    assert_eq!(rest(&alice, "GET", &links, None).body.as_array().map(Vec::len), Some(2));
    assert_eq!(rest(&alice, "DELETE", &format!("{links}/{code}"), None).status, 204);
    let revoked = rest(&mallory, "POST", "/api/groups/join", Some(json!({ "code": code })));
    assert_eq!((revoked.status, revoked.code()), (404, "not_found"));
    let past = rest(&alice, "POST", &links, Some(json!({ "expiresAt": 1 })));
    assert_eq!((past.status, past.code()), (422, "invalid"));
    assert!(
        server.request("GET", &format!("/api/groups/join/{newer}"), None, None).expect("an answer").status
            == 401
    );
    assert_eq!(mallory.call("LoadConversations", ()).await, json!([]));

    // In an mls group it makes a member on the server; keys are the clients' to give.
    let sealed =
        text(&alice.call("InitiateGroupChatSession", (json!({ "name": "Sealed", "kind": "mls" }),)).await);
    let link = alice.call("CreateGroupLink", (&sealed, json!({ "maxUses": 1 }))).await;
    carol.call("JoinGroup", (code_of(&link),)).await;
    assert_eq!(carol.call("GetGroup", (&sealed,)).await["memberCount"], 2);
    assert_eq!(carol.call("GetGroup", (&sealed,)).await["epoch"], 0, "nothing was committed");
}

async fn a_link_admits_exactly_as_many_as_it_says(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let group = alice.group("Ours", &[]).await;
    let link = alice.call("CreateGroupLink", (&group, json!({ "maxUses": 3 }))).await;
    let mut crowd = Vec::new();
    for number in 0..8 {
        crowd.push(Client::register(&server, &format!("user{number}")).await);
    }
    let code = code_of(&link);
    let joining = crowd.iter().map(|client| client.try_call("JoinGroup", (&code,)));
    let answers = futures_util::future::join_all(joining).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "{answers:?}");
    assert_eq!(alice.call("GetGroup", (&group,)).await["memberCount"], 4);
    assert_eq!(alice.call("ListGroupLinks", (&group,)).await[0]["uses"], 3);
}

/// C4 in groups: of everyone who was a member when it was said, and of nobody else.
async fn who_got_a_message_where_members_come_and_go(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let carol = Client::register(&server, "carol").await;
    let dave = Client::register(&server, "dave").await;
    let group = alice.group("Ours", &[&bob, &carol]).await;
    let first = alice.send(&group, "a", "to bob and carol").await;
    alice.call("AddUserToGroup", (&group, dave.user())).await;
    alice.call("RemoveFromGroup", (&group, carol.user())).await;
    let second = alice.send(&group, "b", "to bob and dave").await;
    bob.call("MarkSeen", (&group, second)).await;
    dave.call("Acknowledge", (&group, second)).await;
    // Carol may say that she has what came before she went, and no more.
    carol.call("Acknowledge", (&group, first)).await;
    let error = carol.refused("Acknowledge", (&group, second)).await;
    assert!(error.starts_with("invalid"), "{error}");
    let info = async |seq| alice.call("MessageInfo", (&group, seq)).await;
    let got = |info: &Value, who: &Client| {
        let receipts = info["receipts"].as_array().expect("receipts");
        let of = receipts.iter().find(|it| it["user"] == json!(who.user()))?;
        assert_eq!(of["name"], json!(who.account.username));
        Some((of["deliveredAt"].is_u64(), of["seenAt"].is_u64()))
    };
    let (one, two) = (info(first).await, info(second).await);
    assert_eq!(
        [got(&one, &bob), got(&one, &carol), got(&one, &dave), got(&one, &alice)],
        [Some((true, true)), Some((true, false)), None, None]
    );
    assert_eq!(
        [got(&two, &bob), got(&two, &carol), got(&two, &dave)],
        [Some((true, true)), None, Some((true, false))]
    );
    assert_eq!((&one["status"], &two["status"]), (&json!("delivered"), &json!("delivered")));
    dave.call("MarkSeen", (&group, second)).await;
    assert_eq!(info(second).await["status"], "seen");
    // Times are of the first receipt, and stay.
    let at = |info: &Value| info["receipts"][0]["deliveredAt"].clone();
    let before = at(&info(first).await);
    bob.call("Acknowledge", (&group, second)).await;
    assert_eq!(at(&info(first).await), before);
    // Carol, who is gone, may still ask about what she saw; dave not about what came before him.
    assert_eq!(carol.call("MessageInfo", (&group, first)).await["seq"], json!(first));
    for (who, seq) in [(&carol, second), (&dave, first)] {
        let error = who.refused("MessageInfo", (&group, seq)).await;
        assert!(error.starts_with("not_found"), "{error}");
    }
}

/// G1, A9.
async fn what_a_group_is_called_and_who_changed_it(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let new = json!({ "name": "Ours", "description": "D", "picture": "p1", "members": [bob.user()] });
    let group = text(&alice.call("InitiateGroupChatSession", (new,)).await);
    let made = bob.call("GetGroup", (&group,)).await;
    assert_eq!(
        [&made["description"], &made["picture"], &made["memberCount"]],
        [&json!("D"), &json!("p1"), &json!(2)]
    );
    assert_eq!([&made["createdBy"], &made["updatedBy"]], [&json!(alice.user()); 2]);
    assert_eq!(made["createdAt"], made["updatedAt"]);
    alice.call("PromoteToAdmin", (&group, bob.user())).await;
    bob.call("UpdateGroup", (&group, json!({ "picture": "", "description": "" }))).await;
    let now = until("the change", async || {
        let now = alice.call("GetGroup", (&group,)).await;
        (now["updatedBy"] == json!(bob.user())).then_some(now)
    })
    .await;
    assert!(now["picture"].is_null() && now["description"].is_null(), "taken away: {now}");
    assert_eq!(
        [&now["createdBy"], &now["createdAt"], &now["name"]],
        [&made["createdBy"], &made["createdAt"], &json!("Ours")]
    );
    assert!(now["updatedAt"].as_i64() >= made["updatedAt"].as_i64());
    let entry = alice.history(&group).await.pop().expect("an entry");
    assert_eq!(entry["body"], json!({ "type": "info", "picture": "", "description": "" }));
    for wrong in [
        json!({ "name": "x".repeat(101) }),
        json!({ "description": "x".repeat(1_001) }),
        json!({ "picture": "x".repeat(301) }),
    ] {
        let error = bob.refused("UpdateGroup", (&group, wrong)).await;
        assert!(error.starts_with("invalid"), "{error}");
    }
}
