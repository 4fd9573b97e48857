//! Passwords and codes are guessed slowly, and whoever is attacked still gets in.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::http::Answer;
use testkit::server::{PASSWORD, Store, TestServer};

use super::{ATTACKER, Bystanders, ask, assert_rate_limited};
use crate::support::{Client, start, start_with};

fn log_in(server: &TestServer, from: &str, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    ask(server, from, "POST", "/api/auth/login", None, Some(&body))
}

/// The default rates, as an attacker meets them who has one address and all the time of a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_passwords_from_one_address() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let address = server.address();
    let guess = |number: u32| {
        let body = json!({ "username": "ann", "password": format!("guess number {number}") }).to_string();
        let request = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nX-Forwarded-For: {ATTACKER}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        tokio::task::spawn_blocking(move || testkit::http::exchange(address, request.as_bytes()))
    };
    let guesses = futures_util::future::join_all((0..200).map(guess));
    let mut outcomes = BTreeMap::<(u16, String), u32>::new();
    for answer in bystanders.talk_during(guesses).await {
        let answer = answer.expect("a guess").expect("an answer");
        *outcomes.entry((answer.status, answer.code().to_owned())).or_default() += 1;
    }
    let wrong = outcomes.remove(&(401, "wrong_password".to_owned())).unwrap_or_default();
    let waits = outcomes.remove(&(429, "rate_limited".to_owned())).unwrap_or_default();
    assert!(outcomes.is_empty(), "{outcomes:?}");
    // Ten at once, and then five a minute, however long this took.
    assert!((10..100).contains(&wrong) && wrong + waits == 200, "{wrong} tried, {waits} told to wait");
    // Ann has not signed in from here by password before, and yet: the attacker has used up only its own.
    assert_eq!(log_in(&server, "198.51.100.1", "ann", PASSWORD).status, 200);
    bystanders.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_guessed_from_many_addresses() {
    let settings = [
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME", "1/h 12"),
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME_AND_ADDRESS", "1/h 5"),
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_ADDRESS", "1/h 8"),
    ];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let home = "198.51.100.1";
    assert_eq!(log_in(&server, home, "Ann", PASSWORD).status, 200);
    let mut tried = 0;
    for number in 0..10 {
        let from = format!("203.0.113.{number}");
        loop {
            let answer = log_in(&server, &from, "ann", "a guess of hers");
            if answer.status == 429 {
                assert_rate_limited(&answer);
                break;
            }
            assert_eq!((answer.status, answer.code()), (401, "wrong_password"));
            tried += 1;
            assert!(tried < 50, "without end");
        }
    }
    assert_eq!(tried, 12, "five and five and two, and then none");
    // The right one has to wait too, from anywhere new; this is the price. Not from where she signed in before.
    assert_rate_limited(&log_in(&server, "198.51.100.77", "ann", PASSWORD));
    assert_eq!(log_in(&server, home, "ann", PASSWORD).status, 200);
    // Others are not touched, nor are her open devices.
    assert_eq!(log_in(&server, "198.51.100.77", "bob", PASSWORD).status, 200);
    bystanders.talk().await;
    // Names that nobody has count by address.
    let mut unknown = 0;
    while log_in(&server, ATTACKER, &format!("nobody{unknown}"), PASSWORD).status == 400 {
        unknown += 1;
        assert!(unknown < 50, "without end");
    }
    assert_eq!(unknown, 8);
}

/// Whoever holds a signed-in device of another does not find out the password by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_current_password_is_guessed_as_slowly() {
    let settings = [("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME_AND_ADDRESS", "1/h 5")];
    let server = start_with(Store::Sqlite, &settings);
    let account = server.register("ann");
    let guess = |number: u32| {
        let body = json!({ "password": "a new password", "currentPassword": format!("guess {number}") });
        ask(&server, ATTACKER, "PUT", "/api/auth/credentials", Some(&account.access_token), Some(&body))
    };
    for number in 0..5 {
        let answer = guess(number);
        assert_eq!((answer.status, answer.code()), (401, "wrong_password"), "{number}");
    }
    assert_rate_limited(&guess(5));
}

/// Nor by asking to delete the account, over either door, which count together; and it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_no_way_to_guess_the_password() {
    let settings = [("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME_AND_ADDRESS", "1/h 5")];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let victim = Client::register(&server, "victim").await;
    let account = victim.account.clone();
    let path = format!("/api/users/{}", account.user);
    let delete = |number: u32, password: &str| {
        let body = json!({ "password": password });
        let from = format!("203.0.113.{number}");
        ask(&server, &from, "DELETE", &path, Some(&account.access_token), Some(&body))
    };
    for number in 0..3 {
        let answer = delete(number, "a guess");
        assert_eq!((answer.status, answer.code()), (401, "wrong_password"), "{number}");
    }
    for number in 0..2 {
        let error =
            victim.refused("DeleteAccount", (json!({ "password": format!("guess {number}") }),)).await;
        assert!(error.contains("wrong_password"), "{error}");
    }
    assert_rate_limited(&delete(9, "a guess"));
    assert_rate_limited(&delete(9, PASSWORD));
    let error = victim.refused("DeleteAccount", (json!({ "password": PASSWORD }),)).await;
    assert!(error.contains("rate_limited"), "{error}");
    // The owner has another device, and does not wait.
    let owner = server.log_in("victim");
    let body = json!({ "password": PASSWORD });
    assert_eq!(ask(&server, ATTACKER, "DELETE", &path, Some(&owner.access_token), Some(&body)).status, 204);
    bystanders.talk().await;
}

/// However many an account and an address send at once, few of them are hashed, and others sign in meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_account_and_no_address_takes_all_the_hashes() {
    let settings = [
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME_AND_ADDRESS", "0"),
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_NAME", "0"),
        ("KITH_LIMITS_FAILED_SIGN_INS_PER_ADDRESS", "0"),
        ("KITH_ACCOUNTS_WAITING_HASHES", "14"),
    ];
    let server = start_with(Store::Sqlite, &settings);
    let account = server.register("mallory");
    let _ = server.register("ann");
    let address = server.address();
    let flood = |from: &'static str, method: &'static str, path: String, body: String| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\nX-Forwarded-For: {from}\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            account.access_token,
            body.len()
        );
        let one = move || testkit::http::exchange(address, request.as_bytes()).expect("an answer").status;
        futures_util::future::join_all((0..40).map(|_| tokio::task::spawn_blocking(one.clone())))
    };
    let wrong = json!({ "password": "a guess" }).to_string();
    let by_account = flood("203.0.113.1", "DELETE", format!("/api/users/{}", account.user), wrong);
    let login = json!({ "username": "mallory", "password": "a guess" }).to_string();
    let by_address = flood("203.0.113.2", "POST", "/api/auth/login".to_owned(), login);
    let others = async {
        let mut statuses = Vec::new();
        for _ in 0..5 {
            let body = json!({ "username": "ann", "password": PASSWORD });
            statuses.push(ask(&server, "198.51.100.1", "POST", "/api/auth/login", None, Some(&body)).status);
        }
        statuses
    };
    let (by_account, by_address, others) = tokio::join!(by_account, by_address, others);
    assert_eq!(others, [200; 5], "nobody else is refused");
    for outcomes in [by_account, by_address] {
        let statuses: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("an answer")).collect();
        assert!(
            statuses.contains(&401) && statuses.iter().all(|status| [401, 429].contains(status)),
            "{statuses:?}"
        );
        assert!(statuses.contains(&429), "{statuses:?}");
    }
}

/// A stranger's wrong tries do not spend the code of whoever asked for it, by whichever door; there are few; and an address has
/// few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_not_guessed() {
    let settings = [("KITH_LIMITS_FAILED_SIGN_INS_PER_ADDRESS", "1/h 8")];
    let server = start_with(Store::Sqlite, &settings);
    let mut bystanders = Bystanders::meet(&server).await;
    let victim = json!({ "email": "victim@example.org" });
    assert_eq!(server.post("/api/auth/code", &victim).expect("an answer").status, 200);
    let output = server.command(&["admin", "otp"]).output().expect("kith admin otp");
    let shown = String::from_utf8(output.stdout).expect("text");
    let right = shown.split_once("victim@example.org\t").and_then(|(_, rest)| rest.get(..6)).expect("a code");
    let verify = |from: &str, code: &str| {
        let body = json!({ "email": "victim@example.org", "code": code });
        ask(&server, from, "POST", "/api/auth/verify", None, Some(&body))
    };
    let wrong = |number: u32| {
        let guess = (right.parse::<u32>().expect("digits") + 1 + number) % 1_000_000;
        format!("{guess:06}")
    };
    // A signed-in account has another door to the same codes.
    let add = |code: &str| {
        let body = json!({ "email": "victim@example.org", "code": code });
        let token = Some(bystanders.ann.account.access_token.as_str());
        ask(&server, "203.0.113.9", "POST", "/api/auth/address", token, Some(&body))
    };
    for number in 0..5 {
        let answer = add(&wrong(number));
        assert_eq!((answer.status, answer.code()), (401, "wrong_code"), "{number}");
    }
    for number in 5..20 {
        let from = format!("203.0.113.{}", number % 5);
        let answer = verify(&from, &wrong(number));
        assert_eq!((answer.status, answer.code()), (401, "wrong_code"), "{number}");
    }
    assert_eq!(verify("198.51.100.1", right).status, 401, "strangers have had all of theirs");
    let body = json!({ "email": "victim@example.org", "code": right });
    assert_eq!(
        server.post("/api/auth/verify", &body).expect("an answer").status,
        200,
        "whoever asked is let in"
    );
    let mut added = 0;
    let refused = loop {
        let answer = add(&wrong(50 + added));
        if answer.status != 401 {
            break answer;
        }
        added += 1;
        assert!(added < 50, "without end");
    };
    assert_rate_limited(&refused);
    let mut tried = 0;
    let last = loop {
        let answer = verify(ATTACKER, &wrong(10 + tried));
        if answer.status != 401 {
            break answer;
        }
        tried += 1;
        assert!(tried < 50, "without end");
    };
    assert_eq!(tried, 8);
    assert_rate_limited(&last);
    bystanders.talk().await;
}
