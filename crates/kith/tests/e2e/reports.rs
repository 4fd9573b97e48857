//! A6 and A8: reports are handled by moderators, and by nobody below.

use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start, text};

on_both_stores!(a_moderator_handles_reports);

fn ask(server: &TestServer, who: &Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    server.request(method, path, Some(&who.account.access_token), body).expect("an answer")
}

async fn refused_by_both_doors(server: &TestServer, who: &Client, report: &str) {
    for (command, arguments) in [("ListReports", json!([])), ("CloseReport", json!([report, "mine"]))] {
        let refused = who.refused(command, arguments).await;
        assert!(refused.starts_with("forbidden: "), "{command}: {refused}");
    }
    let close = format!("/api/reports/{report}/close");
    for (method, path, body) in
        [("GET", "/api/reports", None), ("POST", &*close, Some(json!({ "note": "mine" })))]
    {
        let refused = ask(server, who, method, path, body.as_ref());
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{method} {path}");
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["reports"].as_array().expect("reports").iter().map(|report| text(&report["id"])).collect()
}

async fn a_moderator_handles_reports(store: Store) {
    let server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let (admin, moderator) =
        (Client::register(&server, "root").await, Client::register(&server, "mod").await);
    let promoted = server.command(&["admin", "promote", "root", "--role", "admin"]).output().expect("kith");
    assert!(promoted.status.success());
    let direct = ann.direct(&bob).await;
    bob.send(&direct, "b1", "buy now").await;
    let about_bob = json!({ "user": bob.user(), "reason": "a bot" });
    let first = text(&ann.call("Report", (&about_bob,)).await);
    let message = json!({ "conversation": direct, "seq": 1, "reason": "spam" });
    let second = text(&ann.call("Report", (&message,)).await);

    // Neither who reported, nor who was, nor a moderator to be.
    for user in [&ann, &bob, &moderator] {
        refused_by_both_doors(&server, user, &first).await;
    }
    let role = format!("/api/admin/users/{}/role", moderator.user());
    assert_eq!(ask(&server, &admin, "PUT", &role, Some(&json!({ "role": "moderator" }))).status, 200);

    // They see what was said, and close one at each door.
    let waiting = moderator.call("ListReports", ()).await;
    assert_eq!(ids(&waiting), [second.clone(), first.clone()], "the newest first");
    let newest = &waiting["reports"][0];
    assert_eq!((&newest["text"], &newest["user"]), (&json!("buy now"), &json!(bob.user())));
    assert_eq!((&newest["reporter"], &newest["closedAt"]), (&json!(ann.user()), &Value::Null));
    assert_eq!(ask(&server, &moderator, "GET", "/api/reports", None).body, waiting);
    assert_eq!(moderator.call("CloseReport", (&first, "warned")).await["note"], "warned");
    let close = |report: &str| format!("/api/reports/{report}/close");
    let closed = ask(&server, &moderator, "POST", &close(&second), Some(&json!({ "note": "removed" })));
    assert_eq!((closed.status, &closed.body["closedBy"]), (200, &json!(moderator.user())));
    assert!(closed.body["closedAt"].is_i64(), "{closed:?}");
    let unknown = close("r_00000000000000000000000000");
    assert_eq!(ask(&server, &moderator, "POST", &unknown, Some(&json!({}))).code(), "not_found");
    // Closed, it stays as it is; admins see the same.
    let again = admin.call("CloseReport", (&first, "mine")).await;
    assert_eq!((&again["note"], &again["closedBy"]), (&json!("warned"), &json!(moderator.user())));
    assert_eq!(ids(&admin.call("ListReports", ()).await), Vec::<String>::new());
    let closed = ask(&server, &admin, "GET", "/api/reports?closed=true", None).body;
    assert_eq!(ids(&closed), [second, first.clone()]);

    // No longer a moderator: no longer told.
    assert_eq!(ask(&server, &admin, "PUT", &role, Some(&json!({ "role": "user" }))).status, 200);
    refused_by_both_doors(&server, &moderator, &first).await;
}
