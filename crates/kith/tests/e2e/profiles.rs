//! A4, A7, A9: what users tell of themselves, who is shown what, and how they are found.

use serde_json::{Value, json};
use testkit::http::{Answer, request};
use testkit::server::{Store, TestServer};

use crate::support::{Client, on_both_stores, start, text};

on_both_stores!(a_profile_on_every_door, people_are_searched_for);

fn ask(server: &TestServer, who: &Client, method: &str, path: &str, body: Option<&Value>) -> Answer {
    server.request(method, path, Some(&who.account.access_token), body).expect("an answer")
}

async fn a_profile_on_every_door(store: Store) {
    let mut server = start(store);
    let (ann, bob) = (Client::register(&server, "ann").await, Client::register(&server, "bob").await);
    let conversation = bob.direct(&ann).await;
    let path = format!("/api/users/{}", ann.user());
    let changes = json!({
        "name": "Ann A.", "about": "Two\nlines", "picture": "p1", "dateOfBirth": "1980-02-29",
    });
    let own = ann.call("UpdateProfile", (changes,)).await;
    assert_eq!(
        (&own["name"], &own["username"], &own["role"]),
        (&json!("Ann A."), &json!("ann"), &json!("user"))
    );
    assert_eq!((&own["createdBy"], &own["updatedBy"]), (&json!(ann.user()), &json!(ann.user())));
    assert!(own["updatedAt"].as_i64() > own["createdAt"].as_i64(), "{own}");
    assert_eq!(ann.call("GetProfile", (ann.user(),)).await, own);
    assert_eq!(ask(&server, &ann, "GET", &path, None).body, own);

    // Others see all but what is one's own alone.
    let mut seen = own.clone();
    for private in ["dateOfBirth", "role", "updatedAt", "updatedBy"] {
        assert!(seen.as_object_mut().expect("an object").remove(private).is_some(), "{private}");
    }
    assert_eq!(bob.call("GetProfile", (ann.user(),)).await, seen);
    assert_eq!(ask(&server, &bob, "GET", &path, None).body, seen);
    // Nor do they notice what is not for them to see.
    ann.call("SetPrivacy", (json!({ "lastSeen": "nobody" }),)).await;
    assert_eq!(bob.call("GetProfile", (ann.user(),)).await, seen);
    let own = ann.call("GetProfile", (ann.user(),)).await;
    // The name shows where others already had it.
    let summary = bob.call("GetConversation", (&conversation,)).await;
    assert_eq!(summary["name"], "Ann A.");
    let users = bob.call("GetUsers", ([ann.user()],)).await;
    assert_eq!(users, json!([{ "id": ann.user(), "username": "ann", "name": "Ann A." }]));

    // Nobody changes another's: not on the hub, not by REST.
    let about = json!({ "about": "I was here" });
    let refused = bob.refused("UpdateProfile", (&about, ann.user())).await;
    assert!(refused.contains("forbidden"), "{refused}");
    let refused = ask(&server, &bob, "PUT", &path, Some(&about));
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    let nobody = "u_00000000000000000000000000";
    let refused = ann.refused("GetProfile", (nobody,)).await;
    assert!(refused.contains("not_found"), "{refused}");

    for nonsense in [
        json!({}),
        json!({ "name": " " }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "two\nlines" }),
        json!({ "about": "x".repeat(501) }),
        json!({ "about": "\u{7}" }),
        json!({ "picture": "x".repeat(301) }),
        json!({ "dateOfBirth": "1981-02-29" }),
        json!({ "dateOfBirth": "2999-01-01" }),
        json!({ "dateOfBirth": 1980 }),
        json!({ "role": "admin" }),
        json!({ "email": "ann@example.org" }),
    ] {
        let refused = ask(&server, &ann, "PUT", &path, Some(&nonsense));
        assert_eq!((refused.status, refused.code()), (422, "invalid"), "{nonsense}");
    }
    assert_eq!(ask(&server, &ann, "GET", &path, None).body, own, "none of them did anything");

    // Two who read the same: the second is told.
    let tag = ask(&server, &ann, "GET", &path, None).header("etag").expect("a tag").to_owned();
    let put = |body: Value| {
        let token = format!("{}\r\nIf-Match: {tag}", ann.account.access_token);
        request(server.address(), "PUT", &path, Some(&token), Some(&body.to_string())).expect("an answer")
    };
    let first = put(json!({ "about": "", "picture": "", "dateOfBirth": "" }));
    assert_eq!(first.status, 200, "{first:?}");
    // What was answered is what the next change may be conditional on.
    let read = ask(&server, &ann, "GET", &path, None);
    assert_eq!((first.header("etag"), &first.body), (read.header("etag"), &read.body));
    for gone in ["about", "picture", "dateOfBirth"] {
        assert_eq!(first.body.get(gone), None, "{gone}");
    }
    let second = put(json!({ "about": "mine" }));
    assert_eq!((second.status, second.code()), (412, "changed"));
    server.restart().expect("started again");
    assert_eq!(ask(&server, &ann, "GET", &path, None).body, first.body);
}

async fn people_are_searched_for(store: Store) {
    let server = start(store);
    let ann = Client::register(&server, "ann").await;
    let mut smiths = Vec::new();
    for number in 0..7 {
        let account = server.register(&format!("smith{number}"));
        let smith = Client::connect(&server, &account).await;
        smith.call("UpdateProfile", (json!({ "name": format!("Jo{number} van der Smitten") }),)).await;
        smiths.push(smith);
    }
    let names = |page: &Value| -> Vec<String> {
        page["users"].as_array().expect("users").iter().map(|user| text(&user["username"])).collect()
    };
    let page = ann.call("SearchUsers", ("SMI",)).await;
    let all: Vec<_> = (0..7).map(|number| format!("smith{number}")).collect();
    assert_eq!((names(&page), page.get("next")), (all.clone(), None));
    let fields: Vec<_> = page["users"][0].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(fields, ["id", "name", "username"], "no addresses");

    // By pages, over REST.
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let answer = ask(&server, &ann, "GET", &format!("/api/users/search?q=smi&limit=3{after}"), None);
        assert_eq!(answer.status, 200, "{answer:?}");
        found.extend(names(&answer.body));
        let Some(next) = answer.body.get("next") else { break };
        assert_eq!(found.len() % 3, 0);
        after = format!("&after={}", text(next));
    }
    assert_eq!(found, all);

    let one = |page: Value| names(&page);
    assert_eq!(one(ann.call("SearchUsers", ("van jo3",)).await), ["smith3"]);
    assert_eq!(one(ann.call("SearchUsers", ("@smith4",)).await), ["smith4"]);
    assert_eq!(one(ann.call("SearchUsers", ("@van",)).await), Vec::<String>::new());
    assert_eq!(one(ann.call("SearchUsers", ("mitten",)).await), Vec::<String>::new());
    // Who hides is found by the whole username, and no longer by the name.
    smiths[3].call("SetPrivacy", (json!({ "findableByName": false }),)).await;
    assert_eq!(one(ann.call("SearchUsers", ("jo3",)).await), Vec::<String>::new());
    assert_eq!(one(ann.call("SearchUsers", ("smith",)).await).len(), 6);
    assert_eq!(one(ann.call("SearchUsers", ("smith3",)).await), ["smith3"]);
    for nonsense in ["", "  ", "%", "a b c d e", "@", "+1"] {
        let refused = ann.refused("SearchUsers", (nonsense,)).await;
        assert!(refused.contains("invalid"), "{nonsense}: {refused}");
    }
    let refused = ann.refused("SearchUsers", ("smi", json!({ "after": "here" }))).await;
    assert!(refused.contains("invalid"), "{refused}");
}
