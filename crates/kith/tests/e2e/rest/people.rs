//! A5, A7, P1 by REST, and entity tags.

use super::*;

on_both_stores!(users_their_presence_and_devices);

async fn users_their_presence_and_devices(store: Store) {
    let server = start(store);
    let (ann, bob) = (Rest::register(&server, "ann"), server.register("bob"));
    let found = json!({ "id": bob.user, "username": "bob", "name": "bob" });
    assert_eq!(
        ann.get("/api/users/me"),
        json!({
            "user": { "id": ann.user(), "username": "ann", "name": "ann" }, "device": ann.account.device,
        })
    );
    let profile = ann.get(&format!("/api/users/{}", bob.user));
    for (field, value) in found.as_object().expect("an object") {
        assert_eq!(&profile[field], value, "{field}");
    }
    assert_eq!(ann.get("/api/users/find?text=%40bob"), found);
    assert_eq!(ann.get(&format!("/api/users?ids={},{NOBODY}", bob.user)), json!([found]));
    let status = format!("/api/users/{}/status", bob.user);
    assert_eq!(ann.get(&status)["online"], false);
    let hub = Client::connect(&server, &bob).await;
    let online = ann.get(&status);
    assert_eq!((&online["user"], &online["online"]), (&json!(bob.user), &json!(true)));
    hub.leave().await;

    for (path, expected) in [
        (format!("/api/users/{NOBODY}"), code(404, "not_found")),
        (format!("/api/users/{NOBODY}/status"), code(404, "not_found")),
        ("/api/users/find?text=nobody".into(), code(404, "not_found")),
        ("/api/users/find?text=%2B1".into(), code(422, "invalid")),
        ("/api/users/find".into(), code(422, "invalid")),
        ("/api/users?ids=".into(), code(422, "invalid")),
        (format!("/api/users?ids={}", [NOBODY; 501].join(",")), code(422, "invalid")),
    ] {
        assert_eq!(ann.refused("GET", &path, None), expected, "{path}");
    }

    let other = server.log_in("ann");
    let devices = ann.get("/api/auth/sessions");
    assert_eq!(devices.as_array().map(Vec::len), Some(2), "{devices}");
    ann.delete(&format!("/api/auth/sessions/{}", other.device));
    let answer = server.request("GET", "/api/users/me", Some(&other.access_token), None).expect("an answer");
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_is_not_sent_again() {
    let server = start(Store::Sqlite);
    let (ann, bob) = (Rest::register(&server, "ann"), Rest::register(&server, "bob"));
    let group = ann.group("Ours", &[&bob]);
    for route in ROUTES.iter().filter(|route| route.tagged) {
        let path = route.path.replace("{user}", bob.user());
        let path = path.replace("{group}", &group).replace("{conversation}", &group);
        let first = ann.ask("GET", &path, None);
        let tag = first.header("etag").expect("a tag").to_owned();
        assert_eq!(first.header("cache-control"), Some("private, no-cache"), "{path}");
        let held = asked_with(&ann, &path, &tag);
        assert_eq!(
            (held.status, held.header("etag"), &held.body),
            (304, Some(tag.as_str()), &Value::Null),
            "{path}"
        );
        assert_eq!(asked_with(&ann, &path, "\"other\"").body, first.body, "{path}");
    }
    let path = format!("/api/groups/{group}");
    let tag = ann.ask("GET", &path, None).header("etag").expect("a tag").to_owned();
    ann.put(&path, json!({ "name": "Theirs" }));
    let changed = asked_with(&ann, &path, &tag);
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Theirs")));
    // Refusals have none.
    assert_eq!(ann.ask("GET", &format!("/api/users/{NOBODY}"), None).header("etag"), None);
}

/// A GET with `If-None-Match`, which rides on the token's line: the client of the tests has no headers of its own.
fn asked_with(rest: &Rest<'_>, path: &str, tag: &str) -> Answer {
    let token = format!("{}\r\nIf-None-Match: {tag}", rest.account.access_token);
    request(rest.server.address(), "GET", path, Some(&token), None).expect("an answer")
}
