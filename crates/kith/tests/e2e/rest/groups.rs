//! G1, G2 by REST.

use super::*;

on_both_stores!(the_life_of_a_group);

async fn the_life_of_a_group(store: Store) {
    let server = start(store);
    let (ann, bob, carol) =
        (Rest::register(&server, "ann"), Rest::register(&server, "bob"), Rest::register(&server, "carol"));
    let new = json!({ "name": "Ours", "description": "For us", "picture": "media/1", "members": [bob.user()], "id": "g1" });
    let created = ann.post("/api/groups/create", new.clone());
    assert_eq!(ann.post("/api/groups/create", new), created, "created once");
    let path = format!("/api/groups/{}", text(&created["id"]));
    let group = bob.get(&path);
    assert_eq!((&group["name"], &group["description"]), (&json!("Ours"), &json!("For us")));
    assert_eq!((&group["picture"], &group["createdBy"]), (&json!("media/1"), &json!(ann.user())));
    assert_eq!((&group["memberCount"], &group["role"]), (&json!(2), &json!("member")));

    // Only admins change it; the outsider is told that there is nothing.
    let at = |action: &str| format!("{path}/{action}");
    let who = |one: &Rest<'_>| Some(json!({ "user": one.user() }));
    for action in ["addMember", "removeMember", "promote", "demote"] {
        assert_eq!(bob.refused("POST", &at(action), who(&bob)), code(403, "forbidden"), "{action}");
        assert_eq!(carol.refused("POST", &at(action), who(&carol)), code(404, "not_found"), "{action}");
    }
    let several = Some(json!({ "users": [carol.user()] }));
    assert_eq!(bob.refused("POST", &at("addMembers"), several), code(403, "forbidden"));
    assert_eq!(bob.refused("PUT", &path, Some(json!({ "name": "Mine" }))), code(403, "forbidden"));
    assert_eq!(bob.refused("DELETE", &path, None), code(403, "forbidden"));
    assert_eq!(ann.refused("POST", &at("leave"), None), code(409, "last_admin"));
    assert_eq!(ann.refused("POST", &at("demote"), who(&ann)), code(409, "last_admin"));
    let unknown = Some(json!({ "user": NOBODY }));
    assert_eq!(ann.refused("POST", &at("addMember"), unknown), code(404, "not_found"));
    assert_eq!(ann.refused("PUT", &path, Some(json!({ "name": "" }))), code(422, "invalid"));
    assert_eq!(ann.refused("POST", "/api/groups/create", Some(json!({ "name": "" }))), code(422, "invalid"));

    // Each change answers its entry in the log.
    assert_eq!(ann.post(&at("addMember"), json!({ "user": carol.user() }))["seq"], 2);
    assert_eq!(ann.put(&path, json!({ "name": "Theirs" }))["seq"], 3);
    assert_eq!(ann.post(&at("promote"), json!({ "user": bob.user() }))["seq"], 4);
    assert_eq!(bob.post(&at("demote"), json!({ "user": ann.user() }))["seq"], 5);
    assert_eq!(bob.post(&at("removeMember"), json!({ "user": carol.user() }))["seq"], 6);
    assert_eq!(bob.post(&at("addMembers"), json!({ "users": [carol.user()] }))["seq"], 7);
    assert_eq!(ann.ask("POST", &at("leave"), None).body["seq"], 8);
    let group = carol.get(&path);
    assert_eq!(
        (&group["name"], &group["memberCount"], &group["updatedBy"]),
        (&json!("Theirs"), &json!(2), &json!(ann.user()))
    );

    let stays = bob.get(&at("membership"));
    let of_carol: Vec<_> =
        stays.as_array().expect("stays").iter().filter(|stay| stay["user"] == json!(carol.user())).collect();
    assert_eq!(of_carol.len(), 2, "{stays}");
    assert_eq!(of_carol.iter().filter(|stay| stay["removedBy"] == json!(bob.user())).count(), 1, "{stays}");
    assert_eq!(bob.delete(&path)["seq"], 9);
    assert_eq!(bob.refused("PUT", &path, Some(json!({ "name": "Again" }))).0 / 100, 4);
}
