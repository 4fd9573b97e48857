//! Every limit that refuses is counted, under its own name and no other.

use std::collections::BTreeMap;
use std::thread;

use gateway::Limit;
use serde_json::{Value, json};
use signalr::Protocol;
use testkit::server::{Account, PASSWORD, Store, TestServer};

use super::{ask, ask_hub};
use crate::operating::{metrics_address, scrape};
use crate::support::{Client, start_with, until};

/// How much may be done, where it is not 5: what is met on the way to another limit is wider.
const WIDER: &[(Limit, &str)] = &[
    (Limit::Requests, "1/h 40"),
    (Limit::OpenRequests, "1/h 40"),
    (Limit::SignIns, "1/h 20"),
    (Limit::FailedSignIns, "1/h 8"),
    (Limit::FailedByNameAndAddress, "1/h 3"),
    (Limit::CodesOfServer, "1/h 8"),
];

/// What is refused for another reason than a rate.
const OTHERS: &[(&str, &str)] = &[
    ("max_connections_per_address", "KITH_LIMITS_MAX_CONNECTIONS_PER_ADDRESS=2"),
    ("max_connections_per_user", "KITH_LIMITS_MAX_CONNECTIONS_PER_USER=1"),
    ("waiting_hashes", "KITH_ACCOUNTS_WAITING_HASHES=1"),
    ("codes_per_receiver", "KITH_ACCOUNTS_CONCURRENT_HASHES=1"),
    ("max_contacts", "KITH_LIMITS_MAX_CONTACTS=1"),
    ("max_blocked", "KITH_LIMITS_MAX_BLOCKED=1"),
    ("max_invites_sent", "KITH_LIMITS_MAX_INVITES_SENT=1"),
    ("max_invites_received", "KITH_LIMITS_MAX_INVITES_RECEIVED=1"),
    ("invite_again_days", "KITH_LIMITS_INVITE_AGAIN_DAYS=7"),
    ("max_open_reports", "KITH_LIMITS_MAX_OPEN_REPORTS=1"),
];

/// What takes more bytes than are sent here: `attacks::unread_answers` meets them.
const OF_BYTES: &[&str] = &["answers_per_account", "answers_bytes"];

struct World {
    server: TestServer,
    /// Accounts that have done nothing but register.
    fresh: Vec<Account>,
    addresses: u8,
    seen: BTreeMap<String, u64>,
    told: Vec<&'static str>,
}

impl World {
    fn start() -> Self {
        let mut settings = vec![("KITH_METRICS_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        for limit in Limit::ALL {
            let wider = WIDER.iter().find(|(wider, _)| wider == limit).map(|(_, rate)| *rate);
            let name = format!("KITH_LIMITS_{}", limit.name().to_uppercase());
            settings.push((name, wider.unwrap_or("1/h 5").to_owned()));
        }
        settings.extend(
            OTHERS
                .iter()
                .filter_map(|(_, set)| set.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let server = start_with(Store::Sqlite, &settings);
        Self { server, fresh: Vec::new(), addresses: 0, seen: BTreeMap::new(), told: Vec::new() }
    }

    /// An address that nobody has come from.
    fn address(&mut self) -> String {
        self.addresses += 1;
        format!("198.51.100.{}", self.addresses)
    }

    fn register(&mut self, name: &str) -> Account {
        let from = self.address();
        let body = json!({ "username": name, "password": PASSWORD });
        Account::signed_in(name, &ask(&self.server, &from, "POST", "/api/auth/register", None, Some(&body)))
    }

    /// How many were refused so far, by the limit's name.
    async fn counts(&self) -> BTreeMap<String, u64> {
        let text = scrape(metrics_address(&self.server).await);
        let counts = text.lines().filter_map(|line| {
            let named = line.strip_prefix("kith_rate_limited_total{limit=\"")?;
            let (limit, count) = named.split_once("\"} ")?;
            Some((limit.to_owned(), count.parse().expect("a number")))
        });
        counts.collect()
    }

    /// Since the last time, this was refused, and nothing else.
    async fn was_refused(&mut self, limit: &'static str) {
        let now = self.counts().await;
        let grown: Vec<_> = now.iter().filter(|(name, count)| self.seen[*name] < **count).collect();
        assert!(grown.len() == 1 && grown[0].0 == limit, "{limit}: {grown:?}");
        self.seen = now;
        self.told.push(limit);
    }

    /// Asks from one address until there was too much.
    async fn flood(&mut self, limit: &'static str, token: Option<&str>, asked: impl Fn(u32) -> Asked) {
        let from = self.address();
        let refused = (0..100).any(|number| {
            let (method, path, body) = asked(number);
            let answer = ask(&self.server, &from, method, path, token, body.as_ref());
            answer.status == 429 && answer.header("retry-after").is_some()
        });
        assert!(refused, "{limit}: without end");
        self.was_refused(limit).await;
    }

    /// The same by somebody who is signed in.
    async fn account(&mut self, limit: &'static str, asked: impl Fn(u32) -> Asked) {
        let account = self.fresh.pop().expect("somebody");
        self.flood(limit, Some(&account.access_token), asked).await;
    }

    /// What people have so many of.
    async fn lists(&mut self, crowd: &[Account]) {
        // Who has not yet begun anything that counts here.
        let (ann, bob, cid, dan) =
            (self.register("ann"), self.register("bob"), self.register("cid"), self.register("dan"));
        for (limit, list) in [("max_contacts", "contacts"), ("max_blocked", "blocks")] {
            for (other, expected) in [(&crowd[0], 204), (&crowd[1], 422)] {
                let path = format!("/api/{list}/{}", other.user);
                let answer = self.server.request("PUT", &path, Some(&ann.access_token), None);
                assert_eq!(answer.expect("an answer").status, expected, "{path}");
            }
            self.was_refused(limit).await;
        }
        for invitee in [&bob, &cid] {
            self.asks(invitee, "PUT", "/api/users/me/privacy", &json!({ "messages": "invite" }), 200);
        }
        let invite = |invitee: &Account| json!({ "user": invitee.user });
        self.asks(&ann, "POST", "/api/invites", &invite(&bob), 200);
        self.asks(&ann, "POST", "/api/invites", &invite(&cid), 429);
        self.was_refused("max_invites_sent").await;
        self.asks(&dan, "POST", "/api/invites", &invite(&bob), 429);
        self.was_refused("max_invites_received").await;
        let received = self.server.request("GET", "/api/invites", Some(&bob.access_token), None);
        let id = received.expect("an answer").body[0]["id"].as_str().expect("an id").to_owned();
        self.asks(&bob, "POST", &format!("/api/invites/{id}/answer"), &json!({ "accept": false }), 200);
        self.asks(&ann, "POST", "/api/invites", &invite(&bob), 429);
        self.was_refused("invite_again_days").await;
        let report = |user: &Account| json!({ "user": user.user, "reason": "spam" });
        self.asks(&ann, "POST", "/api/reports", &report(&bob), 200);
        self.asks(&ann, "POST", "/api/reports", &report(&cid), 429);
        self.was_refused("max_open_reports").await;
    }

    #[track_caller]
    fn asks(&self, who: &Account, method: &str, path: &str, body: &Value, expected: u16) {
        let answer = self.server.request(method, path, Some(&who.access_token), Some(body));
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, expected, "{path} {body}: {answer:?}");
    }

    fn log_in(&self, from: &str, name: &str, password: &str) -> u16 {
        let body = json!({ "username": name, "password": password });
        ask(&self.server, from, "POST", "/api/auth/login", None, Some(&body)).status
    }
}

type Asked = (&'static str, &'static str, Option<Value>);

fn get(path: &'static str) -> Asked {
    ("GET", path, None)
}

fn post(path: &'static str, body: Value) -> Asked {
    ("POST", path, Some(body))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_counted_under_its_own_name() {
    let mut world = World::start();
    let crowd: Vec<_> = (0..16).map(|number| world.register(&format!("victim{number}"))).collect();
    world.fresh = crowd.clone();
    let user = |number: u32| json!(crowd[number as usize].user);
    world.seen = world.counts().await;
    assert!(world.seen.values().all(|count| *count == 0), "{:?}", world.seen);

    world.account("requests_per_account", |_| get("/api/users/me")).await;
    let to = world.fresh[0].user.clone();
    world
        .account("messages_per_account", |_| post("/api/messages/send", json!({ "to": to, "message": "x" })))
        .await;
    world.account("searches_per_account", |_| get("/api/users/find?text=victim1")).await;
    let group = json!({ "name": "Come in", "members": [user(0), user(1), user(2)] });
    world.account("invitations_per_account", |_| post("/api/groups/create", group.clone())).await;
    world
        .account("groups_per_account", |_| post("/api/groups/create", json!({ "name": "Another one" })))
        .await;
    world
        // None of them is taken, and yet they count.
        .account("reports_per_account", |number| {
            post("/api/reports", json!({ "user": user(number), "reason": "" }))
        })
        .await;
    world
        .account("directs_per_account", |number| {
            post("/api/conversations/direct", json!({ "user": user(number) }))
        })
        .await;
    world.account("connects_per_address", |_| post("/hub/negotiate?negotiateVersion=1", json!({}))).await;

    world.flood("requests_per_address", None, |_| get("/")).await;
    let renewal = json!({ "refreshToken": "nonsense" });
    world.flood("sign_ins_per_address", None, |_| post("/api/auth/refresh", renewal.clone())).await;
    world.flood("registrations_per_address", None, |_| post("/api/auth/register", json!({}))).await;
    world
        .flood("codes_per_address", None, |number| {
            post("/api/auth/code", json!({ "email": format!("somebody{number}@example.org") }))
        })
        .await;
    let wrong = |name: &str| post("/api/auth/login", json!({ "username": name, "password": "not this one" }));
    world.flood("failed_sign_ins_per_address", None, |number| wrong(&format!("nobody{number}"))).await;
    world.flood("failed_sign_ins_per_name_and_address", None, |_| wrong("victim0")).await;
    let refused = (0..20).any(|_| {
        let from = world.address();
        world.log_in(&from, "victim1", "not this one") == 429
    });
    assert!(refused, "without end");
    world.was_refused("failed_sign_ins_per_name").await;

    // One receiver, however many ask.
    let code = json!({ "email": "ann@example.org" });
    let froms = [world.address(), world.address()];
    let codes =
        froms.map(|from| ask(&world.server, &from, "POST", "/api/auth/code", None, Some(&code)).status);
    assert_eq!(codes, [200, 429]);
    world.was_refused("codes_per_receiver").await;
    // Nor more than so many in all, to whomever.
    world
        .flood("codes_per_server", None, |number| {
            post("/api/auth/code", json!({ "email": format!("another{number}@example.org") }))
        })
        .await;

    // One hash at a time, and one that waits.
    let froms: Vec<_> = (0..12).map(|_| world.address()).collect();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let asked = froms.iter().zip(&crowd[2..]).map(|(from, account)| {
            let world = &world;
            scope.spawn(move || world.log_in(from, &account.username, PASSWORD))
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    assert!(statuses.contains(&429), "{statuses:?}");
    world.was_refused("waiting_hashes").await;
    // Of one address one at a time, which leaves places to others.
    let from = world.address();
    let statuses: Vec<u16> = thread::scope(|scope| {
        // Not those whose passwords were guessed above.
        let asked = crowd[4..10].iter().map(|account| {
            let (world, from) = (&world, &from);
            scope.spawn(move || world.log_in(from, &account.username, PASSWORD))
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    assert!(statuses.contains(&429), "{statuses:?}");
    world.was_refused("hashes_at_once").await;

    let from = world.address();
    let mut open = Vec::new();
    for (account, expected) in world.fresh.iter().zip([101, 101, 429]) {
        let (status, socket) = ask_hub(&world.server, &from, &account.access_token).await;
        assert_eq!(status, expected);
        open.push(socket);
    }
    world.was_refused("max_connections_per_address").await;
    drop(open);

    let account = world.fresh.pop().expect("somebody");
    let first = Client::connect(&world.server, &account).await;
    let mut second = Client::open(&world.server, &account, Protocol::Json).await;
    second.closed().await;
    until("a count", async || (world.counts().await != world.seen).then_some(())).await;
    world.was_refused("max_connections_per_user").await;
    first.leave().await;

    world.lists(&crowd).await;

    // None was left out, and none is unknown.
    let mut told = world.told.clone();
    told.extend(OF_BYTES);
    told.sort_unstable();
    assert_eq!(world.seen.keys().map(String::as_str).collect::<Vec<_>>(), told);
}
