//! A small world on a server, and whether it is all still there.

use serde_json::{Value, json};
use testkit::server::{Account, TestServer};

use crate::support::{Client, text, until};

/// Makes it, through the server's own doors. To be left as it is: the fixtures hold what it made.
pub(super) async fn populate(server: &TestServer) {
    let ann = Client::register(server, "ann").await;
    let bob = Client::register(server, "bob").await;
    let cat = Client::register(server, "cat").await;
    let _second_device = server.log_in("ann");
    let direct = ann.direct(&bob).await;
    for number in 1..=5 {
        ann.send(&direct, &format!("a{number}"), &format!("ann's {number}")).await;
    }
    bob.send(&direct, "b1", "bob's, with ünïcödé 🙂 and 'quotes'").await;
    bob.call("Acknowledge", (&direct, 4)).await;
    bob.call("MarkSeen", (&direct, 3)).await;
    let group = ann.group("Ours", &[&bob, &cat]).await;
    ann.call("UpdateGroup", (&group, json!({ "name": "Ours, renamed", "description": "what we are" }))).await;
    bob.send(&group, "g1", "before cat left").await;
    cat.call("LeaveGroup", (&group,)).await;
    bob.send(&group, "g2", "after cat left").await;
    ann.call("Acknowledge", (&group, 5)).await;
    // Cursors and presence are written behind: a second later they are there.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
}

/// Holds the server to it, and goes on in it. Good for one look: it changes what it looks at.
pub(super) async fn verify(server: &TestServer) {
    let sign_in = async |name: &str| {
        let account: Account = server.log_in(name);
        Client::connect(server, &account).await
    };
    let (ann, bob, cat) = (sign_in("ann").await, sign_in("bob").await, sign_in("cat").await);
    let found = ann.call("FindUser", ("bob",)).await;
    assert_eq!(found["id"], bob.user());
    // Those of then may have been idle for too long by now.
    assert!(!ann.call("ListSessions", ()).await.as_array().expect("sessions").is_empty());

    let conversations = ann.call("LoadConversations", ()).await;
    let conversations = conversations.as_array().expect("conversations");
    assert_eq!(conversations.len(), 2);
    let id = |kind: bool| {
        let fits = |one: &&Value| text(&one["id"]).starts_with("g_") == kind;
        let one = conversations.iter().find(fits);
        text(&one.unwrap_or_else(|| panic!("in {conversations:?}"))["id"])
    };
    let (direct, group) = (id(false), id(true));
    assert_eq!(direct, ann.direct(&bob).await, "a pair has one conversation");
    let texts = |log: &[Value]| -> Vec<String> {
        let said = log.iter().filter(|one| one["kind"] == "content");
        said.map(|one| format!("{} {}", one["seq"], text(&one["body"]["text"]))).collect()
    };
    let log = bob.history(&direct).await;
    assert_eq!(
        texts(&log),
        [
            "1 ann's 1",
            "2 ann's 2",
            "3 ann's 3",
            "4 ann's 4",
            "5 ann's 5",
            "6 bob's, with ünïcödé 🙂 and 'quotes'"
        ]
    );
    assert!(log.iter().take(5).all(|one| one["sender"] == ann.user()));
    let ticks = async |seq: u64| {
        let info = ann.call("MessageInfo", (&direct, seq)).await;
        (info["receipts"][0]["deliveredAt"].is_number(), info["receipts"][0]["seenAt"].is_number())
    };
    assert_eq!(
        (ticks(3).await, ticks(4).await, ticks(5).await),
        ((true, true), (true, false), (false, false))
    );

    let of_group = ann.call("GetGroup", (&group,)).await;
    assert_eq!(
        (&of_group["name"], &of_group["description"]),
        (&json!("Ours, renamed"), &json!("what we are"))
    );
    assert_eq!(texts(&ann.history(&group).await), ["3 before cat left", "5 after cat left"]);
    assert_eq!(texts(&cat.history(&group).await), ["3 before cat left"], "what cat may see, and no more");
    let members = ann.call("MembershipHistory", (&group,)).await;
    let left = members.as_array().expect("members").iter().find(|one| one["user"] == cat.user());
    assert_eq!(left.expect("cat was a member")["toSeq"], 4);
    until("when bob was last seen", async || {
        let status = ann.call("LastStatus", (bob.user(),)).await;
        status["lastSeen"].is_number().then_some(())
    })
    .await;

    // The ids of then still count, and so do the numbers.
    let repeated = Client::connect(server, &server.log_in("ann")).await;
    assert_eq!(repeated.send(&direct, "new", "and on it goes").await, 7);
    assert_eq!(bob.send(&group, "new", "here, too").await, 6);
    let waiting = bob.call("ReadNewMessages", ()).await;
    assert!(waiting["messages"].to_string().contains("and on it goes"), "{waiting}");
}
