//! Bounds that an operator sets: each is small here, and whoever meets it sees what `docs/limits.md` says.

mod hub;
mod stores;

use serde_json::{Value, json};
use signalr::Protocol;
use testkit::server::{Account, Store, TestServer};

use crate::support::{Client, on_both_stores, start_with, text};

on_both_stores!(what_people_keep, what_conversations_hold, what_pages_hold);

/// A server with these of `[limits]`.
fn server(store: Store, limits: &[(&str, &str)]) -> TestServer {
    let names: Vec<_> =
        limits.iter().map(|(name, _)| format!("KITH_LIMITS_{}", name.to_uppercase())).collect();
    let settings = names.iter().zip(limits).map(|(name, (_, value))| (name.as_str(), *value));
    start_with(store, &settings.chain([("KITH_ACCOUNTS_ONE_TIME_PASSWORD_HOURS", "1")]).collect::<Vec<_>>())
}

async fn people(server: &TestServer, names: &[&str]) -> Vec<Client> {
    let mut clients = Vec::new();
    for name in names {
        clients.push(Client::register(server, name).await);
    }
    clients
}

/// Refused by the hub, and by REST with the same code and sentence.
async fn refused(client: &Client, target: &str, arguments: Value, expected: &str) {
    let error = client.refused(target, &arguments).await;
    assert!(error.starts_with(expected), "{target} {arguments}: {error}");
}

fn over_rest(
    server: &TestServer,
    who: &Account,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let answer = server.request(method, path, Some(&who.access_token), body.as_ref()).expect("an answer");
    (answer.status, answer.body)
}

/// How many a list of a page holds.
fn count(page: &Value, list: &str) -> usize {
    page[list].as_array().unwrap_or_else(|| panic!("{list} of {page}")).len()
}

async fn what_people_keep(store: Store) {
    let server = server(
        store,
        &[
            ("max_contacts", "1"),
            ("max_blocked", "1"),
            ("max_invites_sent", "1"),
            ("max_invites_received", "1"),
            ("invite_days", "2"),
            ("invite_again_days", "0"),
            ("max_invite_characters", "5"),
            ("max_open_reports", "1"),
            ("max_report_characters", "5"),
            ("reported_message_characters", "3"),
            ("max_users_named", "2"),
            ("max_users_watched", "2"),
        ],
    );
    let all = people(&server, &["ann", "bob", "cid", "dan"]).await;
    let [ann, bob, cid, dan] = all.as_slice() else { unreachable!() };

    ann.call("AddContact", (bob.user(),)).await;
    ann.call("AddContact", (bob.user(),)).await;
    refused(ann, "AddContact", json!([cid.user()]), "invalid: at most 1 contacts").await;
    let path = format!("/api/contacts/{}", cid.user());
    let (status, body) = over_rest(&server, &ann.account, "PUT", &path, None);
    assert_eq!((status, &body["message"]), (422, &json!("at most 1 contacts")));
    // Whoever is full still begins conversations; they are not listed.
    let direct = ann.direct(cid).await;
    assert_eq!(count(&ann.call("ListContacts", ()).await, "contacts"), 1);

    dan.call("Block", (bob.user(),)).await;
    refused(dan, "Block", json!([cid.user()]), "invalid: at most 1 blocked users").await;
    dan.call("Unblock", (bob.user(),)).await;

    for invitee in [bob, cid, dan] {
        invitee.call("SetPrivacy", (json!({ "messages": "invite" }),)).await;
    }
    refused(ann, "SendInvite", json!([dan.user(), "too long"]), "invalid: message: at most 5 characters")
        .await;
    let outcome = ann.call("SendInvite", (dan.user(), "hello")).await;
    assert_eq!(outcome["status"], "pending");
    let invite = ann.call("ListInvites", ("sent",)).await[0].clone();
    let days = |invite: &Value| {
        let time = |name: &str| invite[name].as_i64().unwrap_or_else(|| panic!("{name} of {invite}"));
        (time("expiresAt") - time("createdAt")) / 86_400_000
    };
    assert_eq!(days(&invite), 2);
    refused(ann, "SendInvite", json!([bob.user()]), "rate_limited: too many invites of yours").await;
    refused(cid, "SendInvite", json!([dan.user()]), "rate_limited: too many invites wait for this user")
        .await;
    // Declined, they may ask again at once here.
    dan.call("AnswerInvite", (&invite["id"], false)).await;
    assert_eq!(ann.call("SendInvite", (dan.user(),)).await["status"], "pending");

    refused(
        ann,
        "Report",
        json!([{ "user": bob.user(), "reason": "too long" }]),
        "invalid: reason: at most 5",
    )
    .await;
    cid.send(&direct, "m1", "buy now").await;
    let spam = json!({ "conversation": direct, "seq": 1, "reason": "spam" });
    let report = text(&ann.call("Report", (&spam,)).await);
    refused(ann, "Report", json!([spam]), "rate_limited: too many reports of yours").await;
    let promoted = server.command(&["admin", "promote", "bob", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success());
    let kept = bob.call("ListReports", ()).await["reports"][0].clone();
    assert_eq!((&kept["id"], &kept["text"]), (&json!(report), &json!("buy")));
    refused(bob, "CloseReport", json!([report, "too long"]), "invalid: note: at most 5 characters").await;
    let password = bob.call("ResetPassword", (cid.user(),)).await;
    let hour = 60 * 60 * 1_000;
    let left = password["expiresAt"].as_i64().expect("a time") - kept["createdAt"].as_i64().expect("a time");
    assert!((hour..2 * hour).contains(&left), "{left}");

    let three = json!([[ann.user(), bob.user(), cid.user()]]);
    refused(ann, "GetUsers", three.clone(), "invalid: at most 2 users at once").await;
    refused(ann, "WatchPresence", three, "invalid: a connection watches at most 2 users").await;
    let two = [ann.user(), bob.user()];
    assert_eq!(ann.call("GetUsers", (two,)).await.as_array().map(Vec::len), Some(2));
    assert_eq!(ann.call("WatchPresence", (two,)).await.as_array().map(Vec::len), Some(2));
}

async fn what_conversations_hold(store: Store) {
    let server = server(
        store,
        &[
            ("max_pins", "1"),
            ("max_stars", "1"),
            ("max_reactions", "1"),
            ("max_group_links", "1"),
            ("max_link_uses", "2"),
            ("max_device_messages", "1"),
            ("search_characters", "10"),
            ("search_words", "2"),
            ("search_conversations", "1"),
            ("listed_members", "1"),
            ("status_members", "2"),
            ("max_unread_count", "2"),
            // One command a transaction, and no queue to speak of: all of it works, and takes longer.
            ("batch_commands", "1"),
            ("batch_bytes", "65536"),
            ("queued_commands", "16"),
            ("queued_notifications", "16"),
        ],
    );
    let all = people(&server, &["ann", "bob", "cid"]).await;
    let [ann, bob, cid] = all.as_slice() else { unreachable!() };
    let group = ann.group("Ours", &[bob, cid]).await;
    let direct = ann.direct(bob).await;
    let mut sends = Vec::new();
    for number in 0..40 {
        let message = json!({ "id": format!("m{number}"), "text": format!("balloon {number}") });
        sends.push(ann.call("SendMessage", (&group, message)));
    }
    let sent = futures_util::future::join_all(sends).await;
    let mut seqs: Vec<_> = sent.iter().map(|sent| sent["seq"].as_u64().expect("a seq")).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (2..42).collect::<Vec<_>>());
    ann.send(&direct, "d1", "balloon").await;

    ann.call("PinMessage", (&group, 2, true)).await;
    refused(ann, "PinMessage", json!([group, 3, true]), "invalid: ").await;
    bob.call("StarMessage", (&group, 2, true)).await;
    bob.call("StarMessage", (&group, 2, true)).await;
    refused(bob, "StarMessage", json!([group, 3, true]), "invalid: at most 1 starred messages").await;
    bob.call("StarMessage", (&group, 2, false)).await;
    bob.call("StarMessage", (&group, 3, true)).await;
    bob.call("React", (&group, 2, "👍")).await;
    refused(cid, "React", json!([group, 2, "👍"]), "forbidden: ").await;

    refused(ann, "CreateGroupLink", json!([group, { "maxUses": 3 }]), "invalid: a link admits 1 to 2").await;
    ann.call("CreateGroupLink", (&group, json!({ "maxUses": 2 }))).await;
    refused(ann, "CreateGroupLink", json!([group]), "invalid: a group has at most 1 links").await;

    let to =
        |client: &Client| json!({ "user": client.user(), "device": client.account.device, "body": "AA==" });
    let message = json!({ "text": "x", "devices": [to(bob), to(cid)] });
    let expected = "invalid: a commit carries at most 1 messages for single devices";
    refused(ann, "SendMessage", json!([group, message]), expected).await;

    refused(bob, "SearchMessages", json!(["elevenchars"]), "invalid: a question has at most 10 characters")
        .await;
    refused(bob, "SearchMessages", json!(["a b c"]), "invalid: a question has at most 2 words").await;
    // Only the conversation with the latest entry is looked through, unless one is named.
    crate::support::until("words", async || {
        let named = bob.call("SearchMessages", ("balloon", json!({ "conversation": direct }))).await;
        (count(&named, "messages") == 1).then_some(())
    })
    .await;
    ann.send(&group, "last", "unrelated").await;
    crate::support::until("words of the group", async || {
        let named = bob.call("SearchMessages", ("unrelated", json!({ "conversation": group }))).await;
        (count(&named, "messages") == 1).then_some(())
    })
    .await;
    let found = bob.call("SearchMessages", ("balloon", json!({ "limit": 200 }))).await;
    let messages = found["messages"].as_array().expect("messages");
    assert!(
        messages.len() == 40 && messages.iter().all(|it| it["conversation"] == group.as_str()),
        "{found}"
    );

    let of = |list: &Value, id: &str| {
        let found = list.as_array().expect("a list").iter().find(|it| it["id"] == id).cloned();
        found.unwrap_or_else(|| panic!("{id} in {list}"))
    };
    let listed = of(&bob.call("LoadConversations", ()).await, &group);
    assert_eq!((count(&listed, "members"), &listed["memberCount"]), (1, &json!(3)));
    assert_eq!(listed["unread"], 2, "{listed}");
    let own = ann.call("LoadConversations", ()).await;
    assert_eq!(of(&own, &group)["status"], Value::Null, "{own}");
    assert_eq!(of(&own, &direct)["status"], "sent", "{own}");
    assert_eq!(count(&bob.call("GetConversation", (&group,)).await, "members"), 3);
}

async fn what_pages_hold(store: Store) {
    let server = server(
        store,
        &[
            ("max_page_found", "2"),
            ("max_page_contacts", "2"),
            ("max_page_invites", "2"),
            ("max_page_reports", "2"),
            ("max_page_users", "2"),
            ("max_page_accounts", "2"),
            ("max_page_notifications", "2"),
            ("max_page_unread", "1"),
            ("max_page_device_messages", "1"),
        ],
    );
    let all = people(&server, &["user-ann", "user-bob", "user-cid", "user-dan"]).await;
    let [ann, bob, cid, dan] = all.as_slice() else { unreachable!() };
    for other in [bob, cid, dan] {
        ann.call("AddContact", (other.user(),)).await;
        ann.call("Report", (json!({ "user": other.user(), "reason": "spam" }),)).await;
        other.call("SetPrivacy", (json!({ "messages": "invite" }),)).await;
        let inviter = if other.user() == bob.user() { cid } else { bob };
        inviter.call("SendInvite", (other.user(),)).await;
    }
    let more = json!({ "limit": 100 });
    let page = ann.call("ListContacts", (&more,)).await;
    assert!(count(&page, "contacts") == 2 && page["next"].is_string(), "{page}");
    let rest = ann.call("ListContacts", (json!({ "after": page["next"] }),)).await;
    assert!(count(&rest, "contacts") == 1 && rest["next"].is_null(), "{rest}");

    for inviter in [ann, dan] {
        inviter.call("SendInvite", (bob.user(),)).await;
    }
    assert_eq!(bob.call("ListInvites", ()).await.as_array().map(Vec::len), Some(2));

    let page = ann.call("SearchUsers", ("user", &more)).await;
    assert!(count(&page, "users") == 2 && page["next"].is_string(), "{page}");

    let promoted =
        server.command(&["admin", "promote", "user-dan", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success());
    let page = dan.call("ListReports", (&more,)).await;
    assert!(count(&page, "reports") == 2 && page["more"] == true, "{page}");
    let page = dan.call("ListAccounts", (&more,)).await;
    assert!(count(&page, "accounts") == 2 && page["next"].is_string(), "{page}");

    let groups =
        [bob.group("One", &[ann]).await, bob.group("Two", &[ann]).await, bob.group("Three", &[ann]).await];
    for (number, group) in groups.iter().enumerate() {
        bob.send(group, &format!("m{number}"), "balloon").await;
        bob.send(group, &format!("n{number}"), "balloon").await;
    }
    let page = ann.call("ListNotifications", (&more,)).await;
    assert_eq!(page["more"], true, "{page}");
    let kinds = |wanted: bool| {
        let notifications = page["notifications"].as_array().expect("notifications").iter();
        notifications.filter(|it| (it["kind"] == "messages") == wanted).count()
    };
    assert_eq!((kinds(true), kinds(false)), (1, 2), "{page}");

    let found = crate::support::until("words", async || {
        let page = ann.call("SearchMessages", ("balloon", &more)).await;
        (count(&page, "messages") == 2 && page["next"].is_string()).then_some(page)
    });
    found.await;

    let sealed = text(
        &bob.call(
            "InitiateGroupChatSession",
            (json!({ "name": "Sealed", "kind": "mls", "members": [ann.user()] }),),
        )
        .await,
    );
    for epoch in 0..2 {
        let welcome = json!({ "user": ann.user(), "device": ann.account.device, "body": "AA==" });
        let commit = json!({ "body": "AA==", "kind": "commit", "epoch": epoch, "devices": [welcome] });
        bob.call("SendMessage", (&sealed, commit)).await;
    }
    // In JSON, where bytes are text.
    let ann = Client::connect_with(&server, &ann.account, Protocol::Json).await;
    let page = ann.call("Sync", ()).await;
    assert!(count(&page, "deviceMessages") == 1 && page["more"] == true, "{page}");
}
