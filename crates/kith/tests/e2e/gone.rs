//! Clients that ask for something and are gone before the answer: what was done is in force all the same. What is on disk
//! is the judge of whether it was done: a request whose client left at once may also not have begun.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};
use testkit::server::{Account, PASSWORD, Store, TestServer};

use crate::support::{Client, on_both_stores, start, until};

on_both_stores!(
    revoked_and_gone,
    suspended_and_gone,
    deleted_and_gone,
    privacy_changed_and_gone,
    credentials_changed_and_gone,
);

/// How often: the moment at which the client goes is another each time.
const TIMES: usize = 6;

/// Sends a request and closes the connection at once.
fn fire(server: &TestServer, who: &Account, method: &str, path: &str, body: Option<&Value>) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: kith\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n",
        who.access_token,
        body.len()
    );
    if !body.is_empty() {
        request += "Content-Type: application/json\r\n";
    }
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    stream.set_nodelay(true).expect("no delay");
    stream.write_all((request + "\r\n" + &body).as_bytes()).expect("sent");
    stream.shutdown(Shutdown::Both).expect("closed");
}

/// Fires again and again, until it is done.
async fn fire_until(mut fire: impl FnMut(), mut done: impl FnMut() -> bool) {
    until("it is done", async || {
        fire();
        // A change takes its time on a busy machine; one that has not begun never comes.
        for _ in 0..20 {
            if done() {
                return Some(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        None
    })
    .await;
}

fn get(server: &TestServer, who: &Account, path: &str) -> Value {
    server.request("GET", path, Some(&who.access_token), None).expect("an answer").body
}

/// The connection was closed, and the token is worth nothing.
async fn is_out(server: &TestServer, client: &mut Client) {
    client.closed().await;
    let token = Some(client.account.access_token.as_str());
    let answer = server.request("GET", "/api/users/me", token, None).expect("an answer");
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{answer:?}");
}

async fn revoked_and_gone(store: Store) {
    let server = start(store);
    let ann = server.register("ann");
    for _ in 0..TIMES {
        let mut stolen = Client::connect(&server, &server.log_in("ann")).await;
        let device = stolen.account.device.clone();
        let listed = || get(&server, &ann, "/api/auth/sessions").to_string().contains(&device);
        assert!(listed());
        let path = format!("/api/auth/sessions/{device}");
        fire_until(|| fire(&server, &ann, "DELETE", &path, None), || !listed()).await;
        is_out(&server, &mut stolen).await;
    }
}

async fn suspended_and_gone(store: Store) {
    let server = start(store);
    let admin = server.register("admin");
    let output = server.command(&["admin", "promote", "admin", "--role", "admin"]).output().expect("kith");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for number in 0..TIMES {
        let mut user = Client::register(&server, &format!("user{number}")).await;
        let path = format!("/api/admin/users/{}/suspend", user.user());
        let list = format!("/api/admin/users?text=user{number}");
        let suspended = || get(&server, &admin, &list)["accounts"][0]["state"] == "suspended";
        fire_until(|| fire(&server, &admin, "POST", &path, None), suspended).await;
        is_out(&server, &mut user).await;
    }
}

async fn deleted_and_gone(store: Store) {
    // Each try counts as a guess until it is known to be none.
    let server = start(store);
    let witness = server.register("witness");
    for number in 0..TIMES {
        let mut user = Client::register(&server, &format!("user{number}")).await;
        let account = user.account.clone();
        let path = format!("/api/users/{}", account.user);
        let body = json!({ "password": PASSWORD });
        let deleted = || get(&server, &witness, &path)["name"] == "Deleted account";
        fire_until(|| fire(&server, &account, "DELETE", &path, Some(&body)), deleted).await;
        is_out(&server, &mut user).await;
    }
}

async fn privacy_changed_and_gone(store: Store) {
    let server = start(store);
    let ann = server.register("ann");
    let profile = format!("/api/users/{}", ann.user);
    for number in 0..TIMES {
        let before = get(&server, &ann, &profile)["updatedAt"].clone();
        let last_seen = if number % 2 == 0 { "nobody" } else { "everyone" };
        // Known to the server's memory from here on.
        assert_ne!(get(&server, &ann, "/api/users/me/privacy")["lastSeen"], last_seen);
        let body = json!({ "lastSeen": last_seen });
        let changed = || get(&server, &ann, &profile)["updatedAt"] != before;
        fire_until(|| fire(&server, &ann, "PUT", "/api/users/me/privacy", Some(&body)), changed).await;
        until("it is in force", async || {
            (get(&server, &ann, "/api/users/me/privacy")["lastSeen"] == last_seen).then_some(())
        })
        .await;
    }
}

/// A new password signs out all other devices.
async fn credentials_changed_and_gone(store: Store) {
    let server = start(store);
    let ann = server.register("ann");
    let (mut password, mut next) = (PASSWORD.to_owned(), "another password 0".to_owned());
    for number in 0..TIMES {
        let login = json!({ "username": "ann", "password": password });
        let login = server.post("/api/auth/login", &login).expect("an answer");
        let mut other = Client::connect(&server, &Account::signed_in("ann", &login)).await;
        let body = json!({ "password": next, "currentPassword": password });
        let alone = || get(&server, &ann, "/api/auth/sessions").as_array().map(Vec::len) == Some(1);
        assert!(!alone());
        fire_until(|| fire(&server, &ann, "PUT", "/api/auth/credentials", Some(&body)), alone).await;
        is_out(&server, &mut other).await;
        password = std::mem::replace(&mut next, format!("another password {}", number + 1));
    }
}
