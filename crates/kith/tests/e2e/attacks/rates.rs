//! Each rate is one, on both doors, for that account or address alone; and it says how long to wait.

use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::ConnectError;
use testkit::server::{PASSWORD, Store, TestServer};

use super::{ATTACKER, Bystanders, ask, assert_rate_limited};
use crate::support::{Client, start_with, until};

/// What is counted is not given back within a test.
const FEW: &str = "1/h 5";

pub(super) fn server(limits: &[(&str, &str)]) -> TestServer {
    let mut settings = vec![("KITH_METRICS_LISTEN", "127.0.0.1:0")];
    let names: Vec<_> =
        limits.iter().map(|(name, _)| format!("KITH_LIMITS_{}", name.to_uppercase())).collect();
    settings.extend(names.iter().zip(limits).map(|(name, (_, value))| (name.as_str(), *value)));
    start_with(Store::Sqlite, &settings)
}

/// How many were refused by a limit, as Prometheus is told.
pub(super) async fn refused(server: &TestServer, limit: &str) -> u64 {
    let address = until("the metrics' address", async || {
        let log = server.log();
        let (_, rest) = log.split_once("metrics are served on http://")?;
        rest.split_once("/metrics")?.0.parse().ok()
    });
    let answer = testkit::http::request(address.await, "GET", "/metrics", None, None).expect("an answer");
    let text = answer.body.as_str().expect("text").to_owned();
    let sample = format!("kith_rate_limited_total{{limit=\"{limit}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&sample));
    value.unwrap_or_else(|| panic!("{limit} in {text}")).parse().expect("a number")
}

/// Both doors count together: some on the hub, the rest over REST, until there are too many on both.
async fn check_account(
    limit: &str,
    command: &str,
    path: &str,
    arguments: impl AsyncFn(&Client) -> (Value, Option<Value>),
) {
    let server = server(&[(limit, FEW)]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let (values, body) = arguments(&mallory).await;
    let method = if body.is_some() { "POST" } else { "GET" };
    let over_rest =
        || ask(&server, ATTACKER, method, path, Some(&mallory.account.access_token), body.as_ref());
    for _ in 0..3 {
        mallory.call(command, &values).await;
    }
    for _ in 0..2 {
        assert_eq!(over_rest().status, 200);
    }
    let error = mallory.refused(command, &values).await;
    assert!(error.starts_with("rate_limited: too many ") && error.contains(": try again in "), "{error}");
    assert_rate_limited(&over_rest());
    // Another device is the same account.
    let phone = Client::connect(&server, &server.log_in("mallory")).await;
    assert!(phone.refused(command, &values).await.starts_with("rate_limited: "));
    // Only this is refused, and only to this account.
    mallory.call("WhoAmI", ()).await;
    bystanders.talk().await;
    assert_eq!(refused(&server, limit).await, 3);
    let line = format!("limit=\"{limit}\" who={}", mallory.user());
    assert_eq!(server.log().matches(&line).count(), 1, "one line a minute: {}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_an_account() {
    check_account("messages_per_account", "SendMessage", "/api/messages/send", async |mallory| {
        let notes = mallory.direct(mallory).await;
        (json!([notes, "x"]), Some(json!({ "to": notes, "message": "x" })))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_of_an_account() {
    let asked = async |_: &Client| (json!(["ann"]), None);
    check_account("searches_per_account", "FindUser", "/api/users/find?text=ann", asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_an_account() {
    let group = json!({ "name": "One of many" });
    let asked = async |_: &Client| (json!([group]), Some(group.clone()));
    check_account("groups_per_account", "InitiateGroupChatSession", "/api/groups/create", asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_an_account() {
    let server = server(&[("requests_per_account", "1/h 40")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let mut answered = 0;
    let error = loop {
        match mallory.try_call("WhoAmI", ()).await {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
        assert!(answered < 40, "without end");
    };
    assert_eq!(answered, 39, "checking in was the first");
    assert!(error.starts_with("rate_limited: too many requests: try again in "), "{error}");
    let items = mallory.stream("StreamHistory", ("c_00000000000000000000000000",)).await;
    assert!(items.is_err_and(|error| error.starts_with("rate_limited: ")));
    let token = Some(mallory.account.access_token.as_str());
    assert_rate_limited(&ask(&server, ATTACKER, "GET", "/api/users/me", token, None));
    assert_rate_limited(&ask(&server, ATTACKER, "POST", "/api/auth/logout", token, None));
    bystanders.talk().await;
}

/// Only what is begun counts, on both doors and by an invite too; what is there already costs nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_conversations_of_an_account() {
    let server = server(&[("directs_per_account", "1/h 4")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let victims: Vec<_> = (0..7).map(|number| server.register(&format!("victim{number}")).user).collect();
    let token = Some(mallory.account.access_token.as_str());
    let post = |path: &str, body: Value| ask(&server, ATTACKER, "POST", path, token, Some(&body));
    mallory.call("InitiateDirectChatSession", (&victims[0],)).await;
    assert_eq!(post("/api/conversations/direct", json!({ "user": victims[1] })).status, 200);
    assert_eq!(post("/api/messages/send", json!({ "to": victims[2], "message": "x" })).status, 200);
    let accepted = mallory.call("SendInvite", (&victims[3],)).await;
    assert_eq!(accepted["status"], "accepted");

    let error = mallory.refused("InitiateDirectChatSession", (&victims[4],)).await;
    assert!(error.starts_with("rate_limited: too many new conversations: try again in "), "{error}");
    let error = mallory.refused("InitiateDirectChatSession", (&victims[4], "mls")).await;
    assert!(error.starts_with("rate_limited: "), "{error}");
    let error = mallory.refused("SendInvite", (&victims[5],)).await;
    assert!(error.starts_with("rate_limited: "), "{error}");
    assert_rate_limited(&post("/api/conversations/direct", json!({ "user": victims[5] })));
    assert_rate_limited(&post("/api/messages/send", json!({ "to": victims[6], "message": "x" })));
    assert_rate_limited(&post("/api/invites", json!({ "user": victims[6] })));
    let listed = mallory.call("LoadConversations", ()).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(4), "{listed}");

    // Those that are there, as often as one likes.
    for _ in 0..3 {
        for victim in &victims[..4] {
            mallory.call("InitiateDirectChatSession", (victim,)).await;
            assert_eq!(post("/api/conversations/direct", json!({ "user": victim })).status, 200);
            assert_eq!(post("/api/messages/send", json!({ "to": victim, "message": "x" })).status, 200);
            mallory.call("SendInvite", (victim,)).await;
        }
    }
    // Who is written to begins nothing, and pays nothing.
    let answer = ask(
        &server,
        ATTACKER,
        "POST",
        "/api/conversations/direct",
        Some(&server.log_in("victim0").access_token),
        Some(&json!({ "user": mallory.user() })),
    );
    assert_eq!(answer.status, 200);
    bystanders.talk().await;
    assert_eq!(refused(&server, "directs_per_account").await, 6);
}

/// Users added count, not commands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_additions() {
    let server = server(&[("invitations_per_account", "1/h 10")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let victims = [bystanders.ann.user(), bystanders.bob.user()].map(str::to_owned);
    let token = Some(mallory.account.access_token.as_str());
    let mut groups = 0;
    let error = loop {
        let group = json!({ "name": format!("Win {groups}"), "members": victims });
        match mallory.try_call("InitiateGroupChatSession", (group,)).await {
            Ok(_) => groups += 1,
            Err(error) => break error,
        }
        assert!(groups < 10, "without end");
    };
    assert_eq!(groups, 5, "two each, and then no more");
    assert!(error.starts_with("rate_limited: too many invitations: try again in "), "{error}");
    // Nor one by one, by either door.
    let group =
        crate::support::text(&mallory.call("InitiateGroupChatSession", (json!({ "name": "Empty" }),)).await);
    let error = mallory.refused("AddUserToGroup", (&group, &victims[0])).await;
    assert!(error.starts_with("rate_limited: "), "{error}");
    let error = mallory.refused("AddUsersToGroup", (&group, &victims)).await;
    assert!(error.starts_with("rate_limited: "), "{error}");
    let path = format!("/api/groups/{group}/addMember");
    let body = json!({ "user": victims[0] });
    assert_rate_limited(&ask(&server, ATTACKER, "POST", &path, token, Some(&body)));
    bystanders.talk().await;
    let listed = bystanders.ann.call("LoadConversations", ()).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(6), "the talk, and what came through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_without_a_session_from_an_address() {
    let server = server(&[("requests_per_address", "1/h 12")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let token = Some(bystanders.ann.account.access_token.clone());
    // Wherever nobody is known: pages, paths that are none, wrong tokens, the hub.
    let nonsense = Some("ka_nonsense");
    let requests = [
        ("GET", "/", None, 200),
        ("GET", "/nothing", None, 404),
        ("GET", "/api/nothing", None, 404),
        ("GET", "/api/openapi.json", None, 200),
        ("PATCH", "/api/users/me", None, 405),
        ("GET", "/api/users/me", None, 401),
        ("GET", "/api/users/me", nonsense, 401),
        ("POST", "/api/messages/send", nonsense, 401),
        ("POST", "/api/auth/refresh", None, 422),
        ("GET", "/hub?id=nonsense", None, 404),
        ("POST", "/hub?id=nonsense", nonsense, 404),
        ("DELETE", "/hub?id=nonsense", None, 404),
    ];
    for (method, path, token, status) in requests {
        assert_eq!(ask(&server, ATTACKER, method, path, token, None).status, status, "{method} {path}");
    }
    for (method, path, token, _) in requests {
        let answer = ask(&server, ATTACKER, method, path, token, None);
        assert_eq!(answer.status, 429, "{method} {path}");
        assert!(answer.header("retry-after").is_some(), "{method} {path}");
        if path.starts_with("/hub") {
            assert!(
                answer.body.as_str().is_some_and(|text| text.starts_with("rate_limited: ")),
                "{answer:?}"
            );
        } else {
            assert_rate_limited(&answer);
        }
    }
    // Whoever is signed in there still may, and so may others.
    assert_eq!(ask(&server, ATTACKER, "GET", "/api/users/me", token.as_deref(), None).status, 200);
    assert_eq!(ask(&server, "203.0.113.67", "GET", "/", None, None).status, 200);
    // Supervisors ask without end.
    for _ in 0..20 {
        assert_eq!(ask(&server, ATTACKER, "GET", "/health", None, None).status, 200);
    }
    bystanders.talk().await;
}

/// An IPv6 network is one address, however many it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_of_one_network() {
    let server = server(&[("requests_per_address", FEW)]);
    for host in 0..5 {
        assert_eq!(ask(&server, &format!("2001:db8:0:1::{host}"), "GET", "/", None, None).status, 200);
    }
    assert_rate_limited(&ask(&server, "2001:db8:0:1:ffff::1", "GET", "/", None, None));
    assert_eq!(ask(&server, "2001:db8:0:2::1", "GET", "/", None, None).status, 200);
    // What a client claims of itself does not count: the proxy's own word stands last.
    assert_rate_limited(&ask(&server, "198.51.100.1, 2001:db8:0:1::9", "GET", "/", None, None));
}

/// Without a proxy, nobody's word but the socket's counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_claims_another_address() {
    let settings = [("KITH_SERVER_TRUSTED_PROXIES", ""), ("KITH_LIMITS_REQUESTS_PER_ADDRESS", FEW)];
    let server = start_with(Store::Sqlite, &settings);
    for number in 0..5 {
        assert_eq!(ask(&server, &format!("198.51.100.{number}"), "GET", "/", None, None).status, 200);
    }
    assert_rate_limited(&ask(&server, "198.51.100.77", "GET", "/", None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations_and_codes_from_an_address() {
    let server = server(&[("registrations_per_address", "1/h 3"), ("codes_per_address", "1/h 4")]);
    let register = |from: &str, name: String| {
        let body = json!({ "username": name, "password": PASSWORD });
        ask(&server, from, "POST", "/api/auth/register", None, Some(&body))
    };
    for number in 0..3 {
        assert_eq!(register(ATTACKER, format!("bot-{number}")).status, 200);
    }
    assert_rate_limited(&register(ATTACKER, "bot-4".to_owned()));
    assert_eq!(register("203.0.113.67", "human".to_owned()).status, 200);
    let code = |from: &str, number: u32| {
        let body = json!({ "email": format!("victim{number}@example.org") });
        ask(&server, from, "POST", "/api/auth/code", None, Some(&body))
    };
    for number in 0..4 {
        assert_eq!(code(ATTACKER, number).status, 200);
    }
    assert_rate_limited(&code(ATTACKER, 4));
    assert_eq!(code("203.0.113.67", 4).status, 200);
    Bystanders::meet(&server).await.talk().await;
}

/// However many addresses ask, what codes cost has a bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_a_server() {
    let server = server(&[("codes_per_server", "1/h 3")]);
    let code = |number: u32| {
        let body = json!({ "phone": format!("+49170123456{number}") });
        ask(&server, &format!("203.0.113.{number}"), "POST", "/api/auth/code", None, Some(&body))
    };
    // One that is refused for another reason costs nothing.
    assert_eq!(code(0).status, 200);
    for _ in 0..5 {
        assert_rate_limited(&code(0));
    }
    for number in 1..3 {
        assert_eq!(code(number).status, 200, "{number}");
    }
    assert_rate_limited(&code(3));
    Bystanders::meet(&server).await.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_to_connect_from_an_address() {
    let server = server(&[("connects_per_address", "1/h 4")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let token = Some(bystanders.ann.account.access_token.clone());
    let negotiate =
        |from: &str| ask(&server, from, "POST", "/hub/negotiate?negotiateVersion=1", token.as_deref(), None);
    for _ in 0..4 {
        assert_eq!(negotiate(ATTACKER).status, 200);
    }
    let answer = negotiate(ATTACKER);
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.as_str().is_some_and(|text| text.starts_with("rate_limited: ")), "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    // Two connections of this machine are open, and two attempts are left.
    for left in [true, true, false] {
        match Client::try_connect(&server, token.as_deref(), Protocol::Json).await {
            Ok(_) => assert!(left),
            Err(ConnectError::Refused { status, text }) => {
                assert!(!left && status.as_u16() == 429 && text.starts_with("rate_limited: "), "{text}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    bystanders.talk().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invites() {
    let server = server(&[("invitations_per_account", "1/h 8")]);
    let mut bystanders = Bystanders::meet(&server).await;
    let mallory = Client::register(&server, "mallory").await;
    let victims: Vec<_> = (0..12).map(|number| server.register(&format!("victim{number}"))).collect();
    for victim in &victims {
        let body = json!({ "messages": "invite" });
        let token = Some(victim.access_token.as_str());
        let set = server.request("PUT", "/api/users/me/privacy", token, Some(&body)).expect("an answer");
        assert_eq!(set.status, 200);
    }
    let flood = async {
        let mut refusals = 0;
        for victim in &victims {
            for _ in 0..3 {
                match mallory.try_call("SendInvite", (&victim.user, "Talk to me")).await {
                    Ok(outcome) => assert_eq!(outcome["status"], "pending"),
                    Err(error) if error.starts_with("rate_limited: ") => refusals += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        refusals
    };
    let refusals = bystanders.talk_during(flood).await;
    assert_eq!(refusals, 12 * 3 - 8);
    let body = json!({ "user": victims[0].user });
    let token = Some(mallory.account.access_token.as_str());
    assert_rate_limited(&ask(&server, ATTACKER, "POST", "/api/invites", token, Some(&body)));
    // However often somebody is asked, they are asked once.
    let mut asked = 0;
    for victim in &victims {
        let token = Some(victim.access_token.as_str());
        let invites = server.request("GET", "/api/invites", token, None).expect("an answer").body;
        let count = invites.as_array().expect("invites").len();
        assert!(count <= 1, "{invites}");
        asked += count;
    }
    assert_eq!(asked, 3, "8 of the calls passed: 3 to each of two, 2 to the third");
}
