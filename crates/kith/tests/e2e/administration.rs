//! A6: the first admin, what roles may, and what admins do to accounts.

use gateway::{ROUTES, TABLE};
use serde_json::{Value, json};
use signalr::Protocol;
use testkit::http::Answer;
use testkit::server::{Account, PASSWORD, Store, TestServer};

use crate::support::{Client, on_both_stores, start, start_with, text};

on_both_stores!(
    the_first_admin_by_link,
    roles_may_what_the_table_says,
    admins_do_nothing_to_themselves,
    suspended_and_reinstated,
    a_password_good_once,
    sessions_of_others,
    promoted_on_the_database,
    promoted_beside_a_running_server,
);

/// What ends the link in the server's log.
fn link_token(server: &TestServer) -> Option<String> {
    let log = server.log();
    let (_, after) = log.split_once("/first-admin#token=")?;
    Some(after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect())
}

/// Makes a user what they are to be, on the database, while the server runs.
fn promote(server: &TestServer, user: &str, role: &str) {
    let output = server.command(&["admin", "promote", user, "--role", role]).output().expect("kith");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn ask(server: &TestServer, who: &Account, method: &str, path: &str, body: Option<&Value>) -> Answer {
    server.request(method, path, Some(&who.access_token), body).expect("an answer")
}

fn log_in(server: &TestServer, username: &str, password: &str) -> Answer {
    server.post("/api/auth/login", &json!({ "username": username, "password": password })).expect("an answer")
}

async fn the_first_admin_by_link(store: Store) {
    let mut server = start_with(store, &[("KITH_ACCOUNTS_REGISTRATION_OPEN", "false")]);
    let token = link_token(&server).expect("a link");
    let become_admin = |server: &TestServer, token: &str, username: &str, password: &str| {
        let body = json!({ "token": token, "username": username, "password": password });
        server.post("/api/auth/first-admin", &body).expect("an answer")
    };
    for wrong in ["", "x", &token[1..], &format!("{token}x")] {
        let refused = become_admin(&server, wrong, "root", PASSWORD);
        assert_eq!((refused.status, refused.code()), (401, "wrong_code"), "{wrong:?}");
    }
    let refused = become_admin(&server, &token, "root", "short");
    assert_eq!((refused.status, refused.code()), (422, "invalid"));
    // The page loads nothing but its own script.
    let page = server.request("GET", "/first-admin", None, None).expect("an answer");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    for path in ["/first-admin", "/first-admin.js"] {
        let answer = server.request("GET", path, None, None).expect("an answer");
        let content = answer.body.as_str().expect("text");
        assert!(!content.contains("http:") && !content.contains("https:"), "{path}");
    }

    // The same link after a restart; registration is closed for everybody else.
    server.restart().expect("started again");
    assert_eq!(link_token(&server).as_deref(), Some(token.as_str()));
    let answer = become_admin(&server, &token, "root", PASSWORD);
    let root = Account::signed_in("root", &answer);
    assert_eq!(ask(&server, &root, "GET", &format!("/api/users/{}", root.user), None).body["role"], "admin");
    assert_eq!(ask(&server, &root, "GET", "/api/admin/users", None).status, 200);

    // Used: for others, for the same one, and after a restart.
    for username in ["eve", "root"] {
        let refused = become_admin(&server, &token, username, PASSWORD);
        assert_eq!((refused.status, refused.code()), (401, "wrong_code"), "{username}");
    }
    assert_eq!(log_in(&server, "eve", PASSWORD).code(), "unknown_user", "nothing was registered");
    server.restart().expect("started again");
    assert_eq!(link_token(&server), None);
    let refused = become_admin(&server, &token, "eve", PASSWORD);
    assert_eq!((refused.status, refused.code()), (401, "wrong_code"));
}

/// The attacker's view: every route and every command of administration, as everybody.
async fn roles_may_what_the_table_says(store: Store) {
    let server = start(store);
    let (user, moderator, admin) =
        (server.register("user"), server.register("mod"), server.register("admin"));
    let target = server.register("target");
    promote(&server, "mod", "moderator");
    promote(&server, "@admin", "admin");
    let routes: Vec<_> = ROUTES.iter().filter(|route| route.path.starts_with("/api/admin/")).collect();
    assert!(routes.len() >= 10);
    let moderators = ["ListAccounts", "SuspendUser", "ReinstateUser", "GetStatistics"];
    for route in &routes {
        let path = route.path.replace("{user}", &target.user).replace("{device}", &target.device);
        let body = route.body.map(|_| json!({ "role": "admin" }));
        let method = route.method.to_uppercase();
        let open = server.request(&method, &path, None, body.as_ref()).expect("an answer");
        assert_eq!((open.status, open.code()), (401, "unauthenticated"), "{method} {path}");
        let refused = ask(&server, &user, &method, &path, body.as_ref());
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{method} {path}");
        let answer = ask(&server, &moderator, &method, &path, body.as_ref());
        let may = route.twin.is_some_and(|twin| moderators.contains(&twin));
        let expected = if may { 200 } else { 403 };
        // Reports are somebody else's tests.
        if !path.contains("report") {
            assert_eq!(answer.status, expected, "moderator: {method} {path}: {answer:?}");
        }
    }
    let (user, mut moderator) =
        (Client::connect(&server, &user).await, Client::connect(&server, &moderator).await);
    for command in TABLE.iter().filter(|command| command.section == "Administration") {
        let arguments: Vec<Value> = command
            .arguments
            .iter()
            .filter(|argument| !argument.optional)
            .map(|argument| match argument.of {
                "UserId" => json!(target.user),
                "DeviceId" => json!(target.device),
                "ServerRole" => json!("admin"),
                other => panic!("what is a {other}?"),
            })
            .collect();
        let refused = user.refused(command.name, &arguments).await;
        assert!(refused.contains("forbidden"), "{}: {refused}", command.name);
        if !moderators.contains(&command.name) {
            let refused = moderator.refused(command.name, &arguments).await;
            assert!(refused.contains("forbidden"), "{}: {refused}", command.name);
        }
    }
    // A moderator touches no one of the staff, and sees no addresses.
    for staff in [&admin.user, moderator.user()] {
        let refused = moderator.try_call("SuspendUser", (staff,)).await.expect_err("not their own kind");
        assert!(refused.contains("forbidden") || refused.contains("invalid"), "{refused}");
    }
    let refused = moderator.refused("ListAccounts", (json!({ "text": "a@example.org" }),)).await;
    assert!(refused.contains("forbidden"), "{refused}");
    // The admin's own: lists by filters, and one admin remains.
    let path = |query: &str| format!("/api/admin/users?{query}");
    let names = |answer: &Answer| -> Vec<String> {
        let accounts = answer.body["accounts"].as_array().expect("accounts");
        accounts.iter().map(|account| text(&account["username"])).collect()
    };
    let all = ask(&server, &admin, "GET", &path("limit=3"), None);
    assert_eq!(names(&all), ["user", "mod", "admin"]);
    let next = format!("limit=3&after={}", text(&all.body["next"]));
    assert_eq!(names(&ask(&server, &admin, "GET", &path(&next), None)), ["target"]);
    assert_eq!(names(&ask(&server, &admin, "GET", &path("role=moderator"), None)), ["mod"]);
    assert_eq!(names(&ask(&server, &admin, "GET", &path("text=tar"), None)), ["target"]);
    let role = |user: &str| format!("/api/admin/users/{user}/role");
    // Who loses a role loses it at once, and is told.
    let demoted = ask(&server, &admin, "PUT", &role(moderator.user()), Some(&json!({ "role": "user" })));
    assert_eq!((demoted.status, &demoted.body["role"]), (200, &json!("user")));
    let refused = moderator.refused("ListAccounts", ()).await;
    assert!(refused.contains("forbidden"), "{refused}");
    let told = moderator.event_that("ntf", |values| values[0]["kind"] == "role").await;
    assert_eq!((&told[0]["detail"], &told[0]["by"]), (&json!("user"), &json!(admin.user)));
    let page = moderator.call("ListNotifications", ()).await;
    let kept = page["notifications"].as_array().expect("notifications");
    let role: Vec<_> = kept.iter().filter(|notification| notification["kind"] == "role").collect();
    // The last first: before it, whoever has the machine made them a moderator.
    let details: Vec<_> = role.iter().map(|notification| &notification["detail"]).collect();
    assert_eq!((details, &role[0]["name"]), (vec![&json!("user"), &json!("moderator")], &json!("admin")));
    let page = user.call("ListNotifications", ()).await;
    assert!(!page.to_string().contains("\"role\""), "others are not told: {page}");
    // An admin changes another's profile; it is said by whom.
    let about = json!({ "about": "Changed by an admin" });
    let changed = ask(&server, &admin, "PUT", &format!("/api/users/{}", target.user), Some(&about));
    assert_eq!((changed.status, &changed.body["updatedBy"]), (200, &json!(admin.user)));
    let statistics = ask(&server, &admin, "GET", "/api/admin/statistics", None).body;
    assert_eq!(statistics["users"], 4, "{statistics}");
    let log = server.log();
    for line in ["audit: role changed", "audit: profile changed", "audit: suspended", "audit: reinstated"] {
        assert!(log.contains(line), "{line}");
    }
}

/// A stolen token of an admin does not take the account, nor end it.
async fn admins_do_nothing_to_themselves(store: Store) {
    let server = start(store);
    let admin = Client::register(&server, "admin").await;
    promote(&server, "admin", "admin");
    let own = format!("/api/admin/users/{}", admin.user());
    let account = admin.account.clone();
    let refused = |method: &str, path: &str, body: Option<&Value>| {
        let answer = ask(&server, &account, method, path, body);
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{method} {path}: {answer:?}");
        let said = text(&answer.body["message"]);
        assert!(said.contains("nobody does that to their own account"), "{said}");
    };
    // Alone, and with another admin.
    for round in 0..2 {
        refused("DELETE", &own, None);
        refused("POST", &format!("{own}/password"), None);
        refused("PUT", &format!("{own}/role"), Some(&json!({ "role": "user" })));
        refused("POST", &format!("{own}/suspend"), None);
        refused("POST", &format!("{own}/reinstate"), None);
        for command in ["DeleteUser", "ResetPassword", "SuspendUser", "ReinstateUser"] {
            let error = admin.refused(command, (admin.user(),)).await;
            assert!(error.contains("forbidden") && error.contains("own account"), "{command}: {error}");
        }
        let error = admin.refused("SetRole", (admin.user(), "user")).await;
        assert!(error.contains("forbidden") && error.contains("own account"), "{error}");
        if round == 0 {
            let _ = server.register("other");
            promote(&server, "other", "admin");
        }
    }
    // One's own way out takes the password.
    let path = format!("/api/users/{}", admin.user());
    let answer = ask(&server, &account, "DELETE", &path, Some(&json!({ "password": PASSWORD })));
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn suspended_and_reinstated(store: Store) {
    let server = start(store);
    let admin = server.register("admin");
    promote(&server, "admin", "admin");
    let mut ann = Client::register(&server, "ann").await;
    let other = server.log_in("ann");
    let path = |what: &str| format!("/api/admin/users/{}/{what}", other.user);
    let suspended = ask(&server, &admin, "POST", &path("suspend"), None);
    assert_eq!((suspended.status, &suspended.body["state"]), (200, &json!("suspended")));
    ann.closed().await;
    let refused = ask(&server, &other, "GET", "/api/users/me", None);
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));
    let refresh = json!({ "refreshToken": other.refresh_token });
    let refused = server.post("/api/auth/refresh", &refresh).expect("an answer");
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));
    assert!(Client::try_connect(&server, Some(&other.access_token), Protocol::Json).await.is_err());
    let refused = log_in(&server, "ann", PASSWORD);
    assert_eq!((refused.status, refused.code()), (403, "suspended"));
    // Whoever does not know the password is not told.
    assert_eq!(log_in(&server, "ann", "not my password").code(), "wrong_password");
    assert_eq!(ask(&server, &admin, "GET", "/api/users/find?text=ann", None).status, 404);
    let listed = ask(&server, &admin, "GET", "/api/admin/users?state=suspended", None);
    assert_eq!(listed.body["accounts"][0]["id"], json!(other.user));
    let own = format!("/api/admin/users/{}/suspend", admin.user);
    assert_eq!(ask(&server, &admin, "POST", &own, None).code(), "forbidden");

    let reinstated = ask(&server, &admin, "POST", &path("reinstate"), None);
    assert_eq!((reinstated.status, &reinstated.body["state"]), (200, &json!("active")));
    let _ = server.log_in("ann");
}

async fn a_password_good_once(store: Store) {
    let server = start(store);
    let (admin, ann) = (server.register("admin"), server.register("ann"));
    promote(&server, "admin", "admin");
    let reset = ask(&server, &admin, "POST", &format!("/api/admin/users/{}/password", ann.user), None);
    assert_eq!((reset.status, &reset.body["username"]), (200, &json!("ann")), "{reset:?}");
    let once = text(&reset.body["password"]);
    assert!(once.len() >= 16, "{once}");
    assert!(!server.log().contains(&once), "secrets are not for the log");
    assert_eq!(ask(&server, &ann, "GET", "/api/users/me", None).code(), "unauthenticated");
    assert_eq!(log_in(&server, "ann", PASSWORD).code(), "wrong_password");
    let ann = Account::signed_in("ann", &log_in(&server, "ann", &once));
    assert_eq!(log_in(&server, "ann", &once).code(), "wrong_password", "good once");
    let credentials = json!({ "password": "a password of my own" });
    let set = ask(&server, &ann, "PUT", "/api/auth/credentials", Some(&credentials));
    assert_eq!(set.status, 200, "{set:?}");
    for _ in 0..2 {
        let _ = Account::signed_in("ann", &log_in(&server, "ann", "a password of my own"));
    }
}

async fn sessions_of_others(store: Store) {
    let server = start(store);
    let (admin, ann) = (server.register("admin"), server.register("ann"));
    promote(&server, "admin", "admin");
    let (second, third) = (server.log_in("ann"), server.log_in("ann"));
    let path = format!("/api/admin/users/{}/sessions", ann.user);
    let listed = ask(&server, &admin, "GET", &path, None);
    assert_eq!(listed.body.as_array().map(Vec::len), Some(3), "{listed:?}");
    assert_eq!(ask(&server, &admin, "DELETE", &format!("{path}/{}", second.device), None).status, 204);
    assert_eq!(ask(&server, &second, "GET", "/api/users/me", None).status, 401);
    assert_eq!(ask(&server, &third, "GET", "/api/users/me", None).status, 200);
    let foreign = ask(&server, &admin, "DELETE", &format!("{path}/{}", admin.device), None);
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"));
    assert_eq!(ask(&server, &admin, "DELETE", &path, None).status, 204);
    for ended in [&ann, &third] {
        assert_eq!(ask(&server, ended, "GET", "/api/users/me", None).status, 401);
    }
}

async fn promoted_on_the_database(store: Store) {
    let mut server = start(store);
    let ann = server.register("ann");
    // While it is stopped too.
    server.terminate().expect("stopped");
    promote(&server, &ann.user, "admin");
    let refused = server.command(&["admin", "promote", "ann", "--role", "user"]).output().expect("kith");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("last admin"));
    for wrong in
        [&["admin", "promote", "nobody", "--role", "admin"], &["admin", "promote", "ann", "--role", "king"]]
    {
        assert!(!server.command(wrong).output().expect("kith").status.success());
    }
    server.restart().expect("started again");
    assert_eq!(ask(&server, &ann, "GET", "/api/admin/statistics", None).status, 200);
    assert_eq!(link_token(&server), None);
}

/// Whoever is connected is told, and may at once; without the socket it goes by the database, and whoever looks finds it.
async fn promoted_beside_a_running_server(store: Store) {
    use std::os::unix::fs::PermissionsExt;
    let mut server = start(store);
    let mut ann = Client::register(&server, "ann").await;
    let _ = server.register("root");
    promote(&server, "root", "admin");
    promote(&server, "ann", "moderator");
    let told = ann.event_that("ntf", |values| values[0]["kind"] == "role").await;
    assert_eq!((&told[0]["detail"], &told[0]["by"]), (&json!("moderator"), &Value::Null));
    ann.call("ListAccounts", ()).await;
    assert!(server.log().contains("audit: role changed on the server's machine"), "{}", server.log());
    let refused = server.command(&["admin", "promote", "root", "--role", "user"]).output().expect("kith");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("last admin"), "{said}");

    let socket = server.data().join("admin.sock");
    let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    std::fs::remove_file(&socket).expect("removed");
    promote(&server, "@ann", "user");
    let refused = ann.refused("ListAccounts", ()).await;
    assert!(refused.contains("forbidden"), "with the next request: {refused}");
    let roles = async |ann: &Client| {
        let page = ann.call("ListNotifications", ()).await;
        let kept = page["notifications"].as_array().expect("notifications").clone();
        let roles = kept.into_iter().filter(|notification| notification["kind"] == "role");
        roles.map(|notification| text(&notification["detail"])).collect::<Vec<_>>()
    };
    assert_eq!(roles(&ann).await, ["user", "moderator"], "the newest first");

    // A server that was killed leaves its socket behind: nobody is there, and the next one takes its place.
    server.restart().expect("started again");
    server.kill().expect("killed");
    assert!(socket.exists());
    promote(&server, "ann", "admin");
    server.restart().expect("started again");
    promote(&server, "ann", "moderator");
    let ann = Client::connect(&server, &ann.account).await;
    assert_eq!(roles(&ann).await, ["moderator", "admin", "user", "moderator"]);
    server.terminate().expect("stopped");
    assert!(!socket.exists());
}
