//! A4: deleting an account, by its owner and by an admin, to the end even if the server dies on the way.

use notifications::in_app::NoticeStore;
use presence::PresenceStore;
use protocol::UserId;
use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::server::{Account, PASSWORD, Store, TestServer};

use crate::support::{Client, on_both_stores, start, start_with, text, until};

on_both_stores!(an_account_is_deleted_by_its_owner, an_admin_deletes_an_account, a_code_confirms);

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
