//! A4: deleting an account, by its owner and by an admin, to the end even if the server dies on the way.

use notifications::in_app::NoticeStore;
use presence::PresenceStore;
use protocol::UserId;
use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::server::{Account, PASSWORD, Store, TestServer};

use crate::support::{Client, on_both_stores, raw, start, start_with, text, until};

on_both_stores!(
    an_account_is_deleted_by_its_owner,
    an_admin_deletes_an_account,
    a_code_confirms,
    nothing_personal_remains_in_any_table,
    nobody_begins_anything_with_a_deleted_account,
    who_is_added_while_being_deleted_is_in_no_group,
);

fn ask(server: &TestServer, who: &Account, method: &str, path: &str, body: Option<&Value>) -> Answer {
    server.request(method, path, Some(&who.access_token), body).expect("an answer")
}

fn delete(server: &TestServer, who: &Account, body: &Value) -> Answer {
    ask(server, who, "DELETE", &format!("/api/users/{}", who.user), Some(body))
}

/// What a stopped server keeps for a user beside the account: notifications, and when they were last seen.
async fn kept(server: &TestServer, user: &str) -> (usize, usize) {
    async fn ask<S: NoticeStore + PresenceStore>(store: S, user: UserId) -> (usize, usize) {
        let notices = store.list(user, None, 100).await.expect("notifications");
        (notices.len(), store.last_seen(vec![user]).await.expect("presence").len())
    }
    let user = user.parse().expect("a user");
    let command = server.command(&[]);
    let url = command.get_envs().find(|(name, _)| *name == "KITH_DATABASE_URL").and_then(|(_, url)| url);
    match url {
        Some(url) => {
            let url = url.to_str().expect("text");
            ask(storage::postgres::Database::open(url, 1).await.expect("the database"), user).await
        }
        None => {
            let file = server.data().join("kith.db");
            assert!(file.exists());
            ask(storage::sqlite::Database::open(&file).expect("the database"), user).await
        }
    }
}

async fn an_account_is_deleted_by_its_owner(store: Store) {
    let mut server = start(store);
    let mut ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let direct = ann.direct(&bob).await;
    ann.send(&direct, "m1", "remember me").await;
    // Ann alone is admin of the group.
    let group = ann.group("Ours", &[&bob]).await;
    ann.send(&group, "m2", "ours").await;
    let theirs = bob.group("Theirs", &[&ann]).await;
    ann.event_that("ntf", |values| values[0]["conversation"] == json!(theirs)).await;
    let account = ann.account.clone();
    for wrong in [
        json!({}),
        json!({ "password": PASSWORD, "code": "123456" }),
        json!({ "code": "123456" }),
        json!({ "password": "" }),
    ] {
        let refused = delete(&server, &account, &wrong);
        assert_eq!((refused.status, refused.code()), (422, "invalid"), "{wrong}");
    }
    let refused = delete(&server, &account, &json!({ "password": "not my password" }));
    assert_eq!((refused.status, refused.code()), (401, "wrong_password"));
    let path = format!("/api/users/{}", account.user);
    let refused = ask(&server, &bob.account, "DELETE", &path, Some(&json!({ "password": PASSWORD })));
    assert_eq!((refused.status, refused.code()), (403, "forbidden"), "nobody else");

    assert_eq!(delete(&server, &account, &json!({ "password": PASSWORD })).status, 204);
    ann.closed().await;
    assert_eq!(ask(&server, &account, "GET", "/api/users/me", None).code(), "unauthenticated");
    let login = json!({ "username": "ann", "password": PASSWORD });
    assert_eq!(server.post("/api/auth/login", &login).expect("an answer").code(), "unknown_user");

    // What was said stays; who said it is told as gone; the group goes on with its successor.
    let said = bob.history(&direct).await;
    assert!(said.iter().any(|message| message["body"]["text"] == "remember me"), "{said:?}");
    assert_eq!(bob.call("GetConversation", (&direct,)).await["name"], "Deleted account");
    let users = bob.call("GetUsers", ([&account.user],)).await;
    assert_eq!(users, json!([{ "id": account.user, "name": "Deleted account" }]));
    let ours = until("the group without ann", async || {
        let ours = bob.call("GetGroup", (&group,)).await;
        (ours["memberCount"] == 1).then_some(ours)
    });
    assert_eq!(ours.await["role"], "admin");
    for text in ["ann", "deleted"] {
        assert_eq!(bob.call("SearchUsers", (text,)).await["users"], json!([]), "{text}");
    }
    // Nothing is kept of what they were told, nor of when they were there.
    server.terminate().expect("stopped");
    let (notices, seen) = kept(&server, bob.user()).await;
    assert!(notices > 0 && seen == 1, "bob's stay: {notices}, {seen}");
    assert_eq!(kept(&server, &account.user).await, (0, 0));
    // The name is free, and whoever takes it is somebody else.
    server.restart().expect("started again");
    let successor = server.register("ann");
    assert_ne!(successor.user, account.user);
    let mine = ask(&server, &successor, "GET", "/api/conversations", None);
    assert_eq!(mine.body, json!([]));
}

async fn an_admin_deletes_an_account(store: Store) {
    let server = start(store);
    let (admin, ann) = (server.register("admin"), Client::register(&server, "ann").await);
    let promoted = server.command(&["admin", "promote", "admin", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success());
    // The last admin stays.
    let refused = delete(&server, &admin, &json!({ "password": PASSWORD }));
    assert_eq!((refused.status, refused.code()), (409, "last_admin"));
    let mut ann = ann;
    let path = format!("/api/admin/users/{}", ann.user());
    assert_eq!(ask(&server, &admin, "DELETE", &path, None).status, 204);
    ann.closed().await;
    until("its end", async || {
        let listed = ask(&server, &admin, "GET", "/api/admin/users?state=deleted", None);
        (listed.body["accounts"][0]["id"] == json!(ann.user())).then_some(())
    })
    .await;
    let nobody = "/api/admin/users/u_00000000000000000000000000";
    assert_eq!(ask(&server, &admin, "DELETE", nobody, None).code(), "not_found");
    assert!(server.log().contains("audit: account deleted"));
}

/// For those who have no password.
async fn a_code_confirms(store: Store) {
    let server = start_with(store, &[("KITH_ACCOUNTS_CODE_RESEND_AFTER_S", "0")]);
    let address = json!({ "email": "ann@example.org" });
    let code = || {
        assert_eq!(server.post("/api/auth/code", &address).expect("an answer").status, 200);
        let output = server.command(&["admin", "otp"]).output().expect("kith admin otp");
        let shown = String::from_utf8(output.stdout).expect("text");
        shown.split('\t').nth(1).expect("a code").to_owned()
    };
    let mut verification = address.clone();
    verification["code"] = json!(code());
    let signed_in = server.post("/api/auth/verify", &verification).expect("an answer");
    let ann = Account::signed_in("ann", &signed_in);
    let refused = delete(&server, &ann, &json!({ "password": PASSWORD }));
    assert_eq!((refused.status, refused.code()), (401, "wrong_password"), "it has none");
    let used = text(&verification["code"]);
    assert_eq!(delete(&server, &ann, &json!({ "code": used })).code(), "wrong_code");
    assert_eq!(delete(&server, &ann, &json!({ "code": code() })).status, 204);
    // The address is free: it registers anew.
    verification["code"] = json!(code());
    let anew = server.post("/api/auth/verify", &verification).expect("an answer");
    assert_eq!((anew.status, &anew.body["registered"]), (200, &json!(true)));
}

/// Searches every column of every table.
async fn nothing_personal_remains_in_any_table(store: Store) {
    let mut server = start_with(store, &[("KITH_ACCOUNTS_CODE_RESEND_AFTER_S", "0")]);
    let ann = Client::register(&server, "annzibar").await;
    let (bob, carl) = (Client::register(&server, "bob").await, Client::register(&server, "carl").await);
    let (email, phone) = ("quillon@vexmark.example", "+4915112345678");
    for address in [json!({ "email": email }), json!({ "phone": phone })] {
        assert_eq!(server.post("/api/auth/code", &address).expect("an answer").status, 200);
        let output = server.command(&["admin", "otp"]).output().expect("kith admin otp");
        let shown = String::from_utf8(output.stdout).expect("text");
        let mut body = address.clone();
        body["code"] = json!(shown.split('\t').nth(1).expect("a code"));
        let added = ask(&server, &ann.account, "POST", "/api/auth/address", Some(&body));
        assert_eq!(added.status, 200, "{added:?}");
    }
    let profile = json!({
        "name": "Quillon Vexmark", "about": "Fond of marmalade sundials", "picture": "portrait-77123",
        "dateOfBirth": "1971-03-29",
    });
    ann.call("UpdateProfile", (profile,)).await;
    let privacy = json!({
        "lastSeen": "nobody", "messages": "invite", "groups": "contacts", "findableByName": false,
        "findableByAddress": false,
    });
    ann.call("SetPrivacy", (privacy,)).await;
    let direct = ann.direct(&bob).await;
    let seq = bob.send(&direct, "b1", "hello").await;
    bob.send(&direct, "b2", "hello again").await;
    ann.call("StarMessage", (&direct, seq, true)).await;
    ann.call("HideMessage", (&direct, seq + 1)).await;
    ann.call("SetArchived", (&direct, true)).await;
    ann.call("SetMuted", (&direct, 4_000_000_000_000_u64)).await;
    ann.call("Acknowledge", (&direct, seq)).await;
    ann.call("Block", (carl.user(),)).await;
    carl.call("SetPrivacy", (json!({ "messages": "invite" }),)).await;
    ann.call("Unblock", (carl.user(),)).await;
    ann.call("SendInvite", (carl.user(), "Do you know Vexmark?")).await;
    // Cursors are written behind.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;

    let sql = "SELECT password_hash FROM users WHERE username = 'annzibar'";
    let hash = raw::run(&server, sql, sql);
    let digest = hash.trim().rsplit('$').next().expect("a hash").to_lowercase();
    assert!(digest.len() > 20, "{hash}");
    let user: UserId = ann.user().parse().expect("a user");
    let id: String = user.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let personal = [
        "annzibar",
        "quillon",
        "vexmark",
        email,
        phone,
        "marmalade",
        "portrait-77123",
        "1971-03-29",
        &digest,
    ];
    let own = [
        "hidden",
        "star",
        "mark",
        "device_cursor",
        "contacts",
        "blocks",
        "invites",
        "sessions",
        "user_terms",
        "presence",
    ];
    // A code that was sent counts for its hour, so that nobody deletes an account to be sent more of them.
    let found = |rows: &[(String, String)], needle: &str| -> Vec<String> {
        let hit = |(table, row): &(String, String)| {
            let hex: String = needle.bytes().map(|byte| format!("{byte:02x}")).collect();
            (table != "one_time_codes" && (row.contains(needle) || row.contains(&hex)))
                .then(|| format!("{table}: {row}"))
        };
        rows.iter().filter_map(hit).collect()
    };
    let of_own = |rows: &[(String, String)], own: &str| {
        rows.iter().filter(|(table, row)| table == own && row.contains(&id)).count()
    };
    let rows = raw::dump(&server);
    for needle in personal {
        assert!(!found(&rows, needle).is_empty(), "{needle} is there to begin with");
    }
    for table in own.into_iter().filter(|table| !["contacts", "blocks", "presence"].contains(table)) {
        assert!(of_own(&rows, table) > 0, "{table} has something of hers");
    }

    assert_eq!(delete(&server, &ann.account, &json!({ "password": PASSWORD })).status, 204);
    server.terminate().expect("stopped");
    let rows = raw::dump(&server);
    for needle in personal {
        assert_eq!(found(&rows, needle), Vec::<String>::new(), "{needle}");
    }
    for table in own {
        assert_eq!(of_own(&rows, table), 0, "{table}");
    }
    let sqlite = format!(
        "SELECT state, last_seen_to, messages_from, groups_from, findable_by_name + 0, findable_by_address + 0, \
         (SELECT max(archived + muted_until + marked) FROM stay WHERE user = x'{id}') FROM users WHERE id = x'{id}'"
    );
    let postgres = format!(
        "SELECT state, last_seen_to, messages_from, groups_from, findable_by_name::int, findable_by_address::int, \
         (SELECT max(archived::int + muted_until + marked) FROM stay WHERE \"user\" = '\\x{id}') FROM users \
         WHERE id = '\\x{id}'"
    );
    assert_eq!(raw::run(&server, &sqlite, &postgres).trim(), "deleted|everyone|everyone|everyone|1|1|0");
    // What was said to others stays with them.
    server.restart().expect("started again");
    let bob = Client::connect(&server, &bob.account).await;
    assert_eq!(bob.history(&direct).await.len(), 2);
}

async fn nobody_begins_anything_with_a_deleted_account(store: Store) {
    let server = start(store);
    let ann = Client::register(&server, "ann").await;
    let bob = Client::register(&server, "bob").await;
    let (cid, dan) = (Client::register(&server, "cid").await, Client::register(&server, "dan").await);
    let direct = bob.direct(&ann).await;
    let group = bob.group("Ours", &[&cid]).await;
    let (account, user) = (ann.account.clone(), ann.user().to_owned());
    assert_eq!(delete(&server, &account, &json!({ "password": PASSWORD })).status, 204);
    for (command, arguments) in [
        ("AddUserToGroup", json!([group, user])),
        ("AddUsersToGroup", json!([group, [user, dan.user()]])),
        ("InitiateGroupChatSession", json!([{ "name": "New", "members": [user] }])),
        ("AddContact", json!([user])),
        ("Block", json!([user])),
        ("SendInvite", json!([user])),
    ] {
        let error = bob.refused(command, arguments).await;
        assert!(error.starts_with("not_found: "), "{command}: {error}");
    }
    let members = bob.call("GetGroup", (&group,)).await["memberCount"].clone();
    assert_eq!(members, 2, "dan did not come alone");

    // Who never talked with them cannot begin to; who did reads on, and what they write waits for nobody.
    let error = dan.refused("InitiateDirectChatSession", (&user,)).await;
    assert!(error.starts_with("not_found: "), "{error}");
    let message = json!({ "to": user, "message": { "id": "m1", "text": "anybody there?" } });
    let refused = ask(&server, &dan.account, "POST", "/api/messages/send", Some(&message));
    assert_eq!((refused.status, refused.code()), (404, "not_found"));
    let path = "/api/conversations/direct";
    let refused = ask(&server, &dan.account, "POST", path, Some(&json!({ "user": user })));
    assert_eq!((refused.status, refused.code()), (404, "not_found"));
    let error = bob.refused("InitiateDirectChatSession", (&user, "mls")).await;
    assert!(error.starts_with("not_found: "), "of the other kind there is none: {error}");
    assert_eq!(text(&bob.call("InitiateDirectChatSession", (&user,)).await), direct);
    let sent = ask(&server, &bob.account, "POST", "/api/messages/send", Some(&message));
    assert_eq!((sent.status, &sent.body["seq"]), (200, &json!(1)));
    assert_eq!(bob.send(&direct, "m2", "by the other door").await, 2);
}

async fn who_is_added_while_being_deleted_is_in_no_group(store: Store) {
    let server = start_with(store, crate::support::UNLIMITED);
    let bob = Client::register(&server, "bob").await;
    for round in 0..5 {
        let ann = Client::register(&server, &format!("ann{round}")).await;
        let mut groups = Vec::new();
        for number in 0..12 {
            groups.push(bob.group(&format!("G{number}"), &[]).await);
        }
        let (account, user) = (ann.account.clone(), ann.user().to_owned());
        let adding = async {
            for group in &groups {
                let _ = bob.try_call("AddUserToGroup", (group, &user)).await;
            }
        };
        let deleting = async {
            tokio::task::block_in_place(|| delete(&server, &account, &json!({ "password": PASSWORD })))
        };
        let ((), deleted) = tokio::join!(adding, deleting);
        assert_eq!(deleted.status, 204);
        for group in &groups {
            let what = format!("{group} without {user}");
            until(&what, async || {
                let ours = bob.call("GetGroup", (group,)).await;
                (ours["memberCount"] == 1 && ours["role"] == "admin").then_some(())
            })
            .await;
        }
    }
}
