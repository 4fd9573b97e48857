//! A1, A3: one-time codes by email and phone. The server has no way to send them here, so its operator reads them:
//! `kith admin otp`.

use serde_json::{Value, json};
use testkit::http::Answer;
use testkit::server::{Account, Store, TestServer};

use crate::support::{on_both_stores, start, start_with};

on_both_stores!(
    a_code_registers_and_another_signs_in,
    wrong_codes_spend_the_right_one,
    one_account_holds_a_username_and_addresses,
);

/// Without the wait between two codes.
const NO_WAIT: [(&str, &str); 1] = [("KITH_ACCOUNTS_CODE_RESEND_AFTER_S", "0")];

/// The code that `kith admin otp` shows for an address, while the server runs.
fn code_for(server: &TestServer, address: &str) -> String {
    let output = server.command(&["admin", "otp"]).output().expect("kith admin otp");
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = shown.lines().find(|line| line.split('\t').next() == Some(address));
    let line = line.unwrap_or_else(|| panic!("no code for {address} in {shown:?}"));
    let code = line.split('\t').nth(1).expect("a code").to_owned();
    assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()), "{line}");
    code
}

fn ask(server: &TestServer, body: &Value) {
    let answer = server.post("/api/auth/code", body).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body["expiresAt"].as_i64() > answer.body["resendAt"].as_i64(), "{answer:?}");
}

fn verify(server: &TestServer, address: &Value, code: &str) -> Answer {
    let mut body = address.clone();
    body["code"] = json!(code);
    server.post("/api/auth/verify", &body).expect("an answer")
}

async fn a_code_registers_and_another_signs_in(store: Store) {
    let server = start_with(store, &NO_WAIT);
    for address in [json!({ "email": "alice@example.org" }), json!({ "phone": "+491701234567" })] {
        let written =
            address.as_object().and_then(|fields| fields.values().next()?.as_str()).expect("an address");
        ask(&server, &address);
        let code = code_for(&server, written);
        let registered = verify(&server, &address, &code);
        assert_eq!(
            (registered.status, &registered.body["registered"]),
            (200, &json!(true)),
            "{registered:?}"
        );
        let used = verify(&server, &address, &code);
        assert_eq!((used.status, used.code()), (401, "wrong_code"), "a code is good once");

        ask(&server, &address);
        let again = verify(&server, &address, &code_for(&server, written));
        assert_eq!((again.status, &again.body["registered"]), (200, &json!(false)), "{again:?}");
        assert_eq!(again.body["user"]["id"], registered.body["user"]["id"]);
        let account = Account::signed_in(written, &again);
        let devices = server.request("GET", "/api/auth/sessions", Some(&account.access_token), None);
        assert_eq!(devices.expect("an answer").body.as_array().map(Vec::len), Some(2));
    }
}

async fn wrong_codes_spend_the_right_one(store: Store) {
    let mut server = start_with(store, &NO_WAIT);
    let address = json!({ "email": "bob@example.org" });
    ask(&server, &address);
    let code = code_for(&server, "bob@example.org");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        let answer = verify(&server, &address, wrong);
        assert_eq!((answer.status, answer.code()), (401, "wrong_code"));
    }
    // A crash does not give the tries back.
    server.kill().expect("killed");
    server.restart().expect("started again");
    assert_eq!(verify(&server, &address, wrong).code(), "wrong_code");
    let spent = verify(&server, &address, &code);
    assert_eq!((spent.status, spent.code()), (401, "wrong_code"), "five wrong tries spend it");
    // A new code is a new start.
    ask(&server, &address);
    let registered = verify(&server, &address, &code_for(&server, "bob@example.org"));
    assert_eq!((registered.status, &registered.body["registered"]), (200, &json!(true)), "{registered:?}");
}

async fn one_account_holds_a_username_and_addresses(store: Store) {
    let server = start_with(store, &NO_WAIT);
    let carol = server.register("carol");
    let address = json!({ "email": "carol@example.org" });
    ask(&server, &address);
    let mut body = address.clone();
    body["code"] = json!(code_for(&server, "carol@example.org"));
    let added = server.request("POST", "/api/auth/address", Some(&carol.access_token), Some(&body));
    let added = added.expect("an answer");
    assert_eq!((added.status, &added.body["id"]), (200, &json!(carol.user)), "{added:?}");

    ask(&server, &address);
    let by_code = verify(&server, &address, &code_for(&server, "carol@example.org"));
    assert_eq!(by_code.body["user"]["id"], json!(carol.user), "the same account");
    assert_eq!(server.log_in("carol").user, carol.user);
}

/// A field that is not known is told, not lost.
#[tokio::test]
async fn bodies_of_sign_in_take_no_unknown_fields() {
    let server = start(Store::Sqlite);
    for (path, body) in [
        ("register", json!({ "username": "ann", "password": "correct horse", "email": "ann@example.org" })),
        ("login", json!({ "username": "ann", "password": "correct horse", "role": "admin" })),
        ("refresh", json!({ "refreshToken": "x", "role": "admin" })),
        ("code", json!({ "email": "a@example.org", "role": "admin" })),
        ("verify", json!({ "email": "a@example.org", "code": "123456", "role": "admin" })),
        (
            "first-admin",
            json!({ "token": "x", "username": "ann", "password": "correct horse", "role": "admin" }),
        ),
    ] {
        let answer = server.post(&format!("/api/auth/{path}"), &body).expect("an answer");
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{path}: {answer:?}");
        let field = if path == "register" { "email" } else { "role" };
        let said = answer.body["message"].as_str().expect("a message");
        assert!(said.contains(&format!("`{field}`")), "{path}: {said}");
    }
    // Nobody was registered.
    let login = json!({ "username": "ann", "password": "correct horse" });
    assert_eq!(server.post("/api/auth/login", &login).expect("an answer").code(), "unknown_user");
    for name in ["\u{200b}", "\u{202e}nnA", "A\u{ad}nn", "\u{3164}"] {
        let body = json!({ "username": "ann", "password": "correct horse", "name": name });
        let answer = server.post("/api/auth/register", &body).expect("an answer");
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{name:?}: {answer:?}");
    }
}

#[tokio::test]
async fn another_code_has_to_wait() {
    let server = start(Store::Sqlite);
    let address = json!({ "email": "dora@example.org" });
    ask(&server, &address);
    let early = server.post("/api/auth/code", &address).expect("an answer");
    assert_eq!((early.status, early.code()), (429, "rate_limited"));
    let wait: u32 = early.header("retry-after").and_then(|wait| wait.parse().ok()).expect("a wait");
    assert!((1..=61).contains(&wait), "{wait}");
    for malformed in [
        json!({}),
        json!({ "email": "x" }),
        json!({ "phone": "0170" }),
        json!({ "email": "a@b.c", "phone": "+4917012345" }),
    ] {
        let answer = server.post("/api/auth/code", &malformed).expect("an answer");
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{malformed}");
    }
}
