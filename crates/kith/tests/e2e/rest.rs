//! S7: every route of the table, as a script would use it: what it answers, what an outsider is told, what malformed
//! input is told. And, since both doors open on the same rooms, what the hub sees of it.

use gateway::{ROUTES, RouteDoc};
use serde_json::{Value, json};
use testkit::http::{Answer, request};
use testkit::server::{Account, Store, TestServer};

use crate::support::{Client, on_both_stores, start, text};

mod documents;
mod groups;
mod messages;
mod people;

/// An id that is well formed and nobody's.
const NOBODY: &str = "u_00000000000000000000000000";

/// A link's code that is well formed and of no link.
const NO_CODE: &str = "l_00000000000000000000000000";

/// One user's REST.
struct Rest<'a> {
    server: &'a TestServer,
    account: Account,
}

impl<'a> Rest<'a> {
    fn register(server: &'a TestServer, name: &str) -> Self {
        Self { server, account: server.register(name) }
    }

    fn user(&self) -> &str {
        &self.account.user
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.server.request(method, path, Some(&self.account.access_token), body);
        answer.expect("an answer")
    }

    #[track_caller]
    fn good(answer: Answer, what: &str) -> Value {
        assert!(matches!(answer.status, 200 | 204), "{what}: {answer:?}");
        answer.body
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        Self::good(self.ask("GET", path, None), path)
    }

    #[track_caller]
    fn post(&self, path: &str, body: Value) -> Value {
        Self::good(self.ask("POST", path, Some(&body)), path)
    }

    #[track_caller]
    fn put(&self, path: &str, body: Value) -> Value {
        Self::good(self.ask("PUT", path, Some(&body)), path)
    }

    #[track_caller]
    fn delete(&self, path: &str) -> Value {
        Self::good(self.ask("DELETE", path, None), path)
    }

    /// A refusal: status and code. That it is a problem as RFC 9457 has it is looked at by the way.
    #[track_caller]
    fn refused(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let answer = self.ask(method, path, body.as_ref());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}: {answer:?}");
        assert_eq!(answer.body["status"], json!(answer.status), "{path}");
        let kind = format!("/api/docs#error-{}", answer.code());
        assert_eq!(answer.body["type"], json!(kind), "{path}");
        assert_eq!(answer.body["detail"], answer.body["message"], "{path}");
        (answer.status, answer.code().to_owned())
    }

    /// Sends a text under an id, and answers its place.
    fn send(&self, to: &str, id: &str, words: &str) -> u64 {
        let sent =
            self.post("/api/messages/send", json!({ "to": to, "message": { "id": id, "text": words } }));
        sent["seq"].as_u64().expect("a seq")
    }

    fn group(&self, name: &str, others: &[&Rest<'_>]) -> String {
        let members: Vec<_> = others.iter().map(|other| other.user()).collect();
        text(&self.post("/api/groups/create", json!({ "name": name, "members": members }))["id"])
    }
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().expect("messages").iter();
    messages.map(|message| message["body"]["text"].as_str().unwrap_or("…")).collect()
}

on_both_stores!(outsiders_are_told_that_there_is_nothing);

/// E4, by this door: every route that names a conversation.
async fn outsiders_are_told_that_there_is_nothing(store: Store) {
    let server = start(store);
    let (ann, bob, mallory) =
        (Rest::register(&server, "ann"), Rest::register(&server, "bob"), Rest::register(&server, "mallory"));
    let group = ann.group("Ours", &[&bob]);
    let direct = text(&ann.post("/api/conversations/direct", json!({ "user": bob.user() }))["id"]);
    for conversation in [&group, &direct] {
        ann.send(conversation, "secret", "not for mallory");
    }
    let before = [ann.get(&format!("/api/groups/{group}")), ann.get(&format!("/api/conversations/{direct}"))];
    let names_a_conversation = |route: &&RouteDoc| {
        ["{peer}", "{group}", "{conversation}"].iter().any(|name| route.path.contains(name))
    };
    let mut tried = 0;
    for route in ROUTES.iter().filter(names_a_conversation) {
        for conversation in [&group, &direct] {
            let path = route.path.replace("{seq}", "1");
            let path = path.replace("{peer}", conversation).replace("{group}", conversation);
            let path = path.replace("{conversation}", conversation).replace("{code}", NO_CODE);
            let body = route.body.map(|of| match of {
                "UpTo" => json!({ "seq": 1 }),
                "MessageEdit" => json!({ "text": "Mine" }),
                "ReactionChoice" => json!({ "emoji": "❗" }),
                "PinState" => json!({ "pinned": true }),
                "StarState" => json!({ "starred": true }),
                "ForwardRequest" => json!({ "to": mallory.user() }),
                "TypingState" => json!({ "typing": true }),
                "GroupChanges" => json!({ "name": "Mine" }),
                "OneUser" => json!({ "user": mallory.user() }),
                "SeveralUsers" => json!({ "users": [mallory.user()] }),
                "NewGroupLink" => json!({}),
                "ArchivedState" => json!({ "archived": true }),
                "MutedState" => json!({ "until": 1 }),
                "RetentionChange" => json!({ "retention": "seconds:1" }),
                other => panic!("a body of {other}: add one"),
            });
            let refused = mallory.refused(&route.method.to_uppercase(), &path, body);
            assert_eq!(refused, code(404, "not_found"), "{} {path}", route.method);
            tried += 1;
        }
    }
    assert!(tried >= 30, "{tried}");
    let letter = json!({ "to": group, "message": "let me in" });
    assert_eq!(mallory.refused("POST", "/api/messages/send", Some(letter)), code(404, "not_found"));
    let of_ann = format!("/api/messages/{}/history", ann.user());
    assert_eq!(mallory.refused("GET", &of_ann, None), code(404, "not_found"));
    for conversation in [&group, &direct] {
        let search = format!("/api/messages/search?text=mallory&conversation={conversation}");
        assert_eq!(mallory.refused("GET", &search, None), code(404, "not_found"));
    }
    assert_eq!(mallory.get("/api/messages/search?text=mallory")["messages"], json!([]));
    assert_eq!(mallory.get("/api/messages/starred")["messages"], json!([]));
    // The one with herself, where she would have forwarded it to.
    let own = mallory.get("/api/conversations");
    assert_eq!(own.as_array().map(Vec::len), Some(1), "{own}");
    assert_eq!(own[0]["lastMessage"], Value::Null);
    assert_eq!(mallory.get("/api/messages/new")["messages"], json!([]));
    let page = mallory.post("/api/messages/sync", json!({ "after": [[group, 0], [direct, 0]] }));
    assert_eq!((&page["conversations"].as_array().map(Vec::len), &page["messages"]), (&Some(1), &json!([])));
    let device = format!("/api/auth/sessions/{}", ann.account.device);
    assert_eq!(mallory.refused("DELETE", &device, None), code(404, "not_found"));
    let after = [ann.get(&format!("/api/groups/{group}")), ann.get(&format!("/api/conversations/{direct}"))];
    assert_eq!(before, after);
}

/// Malformed input, on every route that takes any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_input_is_refused() {
    let server = start(Store::Sqlite);
    let (ann, bob) = (Rest::register(&server, "ann"), Rest::register(&server, "bob"));
    let group = ann.group("Ours", &[&bob]);
    for route in ROUTES.iter().filter(|route| route.signed_in) {
        let method = route.method.to_uppercase();
        let fill = |peer: &str, user: &str, device: &str| {
            let path = route.path.replace("{seq}", "1").replace("{user}", user).replace("{device}", device);
            let path = path.replace("{code}", if peer.starts_with("g_") { NO_CODE } else { peer });
            // That of an invite there is not is none in the path for whoever reads it, and well formed.
            let invite = if device.starts_with("d_") { "i_00000000000000000000000000" } else { device };
            let path = path.replace("{invite}", invite).replace("{report}", &invite.replacen("i_", "r_", 1));
            path.replace("{peer}", peer).replace("{group}", peer).replace("{conversation}", peer)
        };
        let path = fill(&group, bob.user(), &ann.account.device);
        if let Some(of) = route.body {
            // `SyncRequest` alone may come with fields that nobody knows.
            let wrong = if of == "SyncRequest" { json!({ "after": 7 }) } else { json!({ "nonsense": 1 }) };
            assert_eq!(ann.refused(&method, &path, Some(wrong)), code(422, "invalid"), "{method} {path}");
            for broken in [Some("{"), Some("[1]"), Some("null"), None] {
                let token = Some(ann.account.access_token.as_str());
                let answer = request(server.address(), &method, &path, token, broken).expect("an answer");
                assert_eq!((answer.status, answer.code()), (422, "invalid"), "{method} {path} {broken:?}");
            }
        }
        if route.query.is_some() {
            let path = format!("{path}?nonsense=1&limit=x");
            assert_eq!(ann.refused(&method, &path, None), code(422, "invalid"), "{method} {path}");
        }
        if route.path.contains('{') {
            for wrong in ["x", "u_x", "%00", "%F0%28", "..%2f..%2fetc", "c_zzzzzzzzzzzzzzzzzzzzzzzzzz"] {
                let path = fill(wrong, wrong, wrong);
                let body = route.body.map(|_| json!({}));
                assert_eq!(ann.refused(&method, &path, body), code(404, "not_found"), "{method} {path}");
            }
        }
    }
    assert_eq!(ann.get(&format!("/api/groups/{group}"))["memberCount"], 2);
}
