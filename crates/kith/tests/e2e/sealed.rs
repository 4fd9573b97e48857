//! E1's place in the server: conversations it cannot read. Epochs move one commit at a time, and what is for one device
//! waits for that device alone.

use serde_json::{Value, json};
use signalr::Protocol;
use testkit::server::Store;

use crate::support::{Client, on_both_stores, start, start_with, text};

on_both_stores!(commits_take_turns_and_welcomes_wait_for_their_device, nobody_fills_the_queues_of_strangers);

/// Ciphertext, as far as the server can tell.
const SEALED: &str = "AAEC/w==";
const WELCOME: &str = "V2VsY29tZQ==";

async fn device(client: &Client) -> String {
    text(&client.call("WhoAmI", ()).await["device"])
}

fn sealed(id: &str, kind: &str, epoch: u64) -> Value {
    json!({ "id": id, "body": SEALED, "kind": kind, "epoch": epoch })
}

async fn commits_take_turns_and_welcomes_wait_for_their_device(store: Store) {
    let mut server = start(store);
    let (ann, bob) = (server.register("ann"), server.register("bob"));
    let ann_client = Client::connect_with(&server, &ann, Protocol::Json).await;
    let mut phone = Client::connect_with(&server, &bob, Protocol::Json).await;
    let laptop = Client::connect_with(&server, &server.log_in("bob"), Protocol::Json).await;
    let conversation = text(&ann_client.call("InitiateDirectChatSession", (phone.user(), "mls")).await);
    let plain = ann_client.direct(&phone).await;
    assert_ne!(conversation, plain, "a pair has one conversation of each kind");
    let summary = ann_client.call("GetConversation", (&conversation,)).await;
    assert_eq!((&summary["kind"], &summary["epoch"]), (&json!("mls"), &json!(0)));

    // What does not fit the kind is refused.
    for (id, message) in [
        (&conversation, json!("readable")),
        (&conversation, json!({ "body": SEALED })),
        (&conversation, json!({ "body": SEALED, "epoch": 0, "kind": "system" })),
        (&plain, json!({ "body": SEALED })),
        (&plain, json!({ "text": "x", "epoch": 0 })),
    ] {
        let error = ann_client.refused("SendMessage", (id, &message)).await;
        assert!(error.starts_with("invalid: "), "{message}: {error}");
    }

    let first = ann_client.call("SendMessage", (&conversation, sealed("first", "content", 0))).await;
    assert_eq!(first["seq"], 1);
    let event = phone.event_that("msg", |values| values[0] == conversation.as_str()).await;
    assert_eq!((&event[3], &event[7], &event[8]), (&json!(SEALED), &json!("content"), &json!(0)));

    // A commit ends its epoch, and brings a Welcome to one device.
    let mut commit = sealed("commit", "commit", 0);
    let to = device(&phone).await;
    commit["devices"] = json!([{ "user": phone.user(), "device": to, "body": WELCOME }]);
    let sent = ann_client.call("SendMessage", (&conversation, &commit)).await;
    assert_eq!(sent["seq"], 2);
    let welcome = phone.event("dev").await;
    assert_eq!(welcome[0]["body"], WELCOME);
    assert_eq!(laptop.call("Sync", ()).await["deviceMessages"], json!([]), "it is not for this device");
    let late = ann_client.refused("SendMessage", (&conversation, sealed("late", "commit", 0))).await;
    assert_eq!(late, "wrong_epoch: the conversation is in epoch 1");
    let ahead = ann_client.refused("SendMessage", (&conversation, sealed("ahead", "content", 2))).await;
    assert!(ahead.starts_with("wrong_epoch: "), "{ahead}");
    let content = ann_client.call("SendMessage", (&conversation, sealed("old", "content", 0))).await;
    assert_eq!(content["seq"], 3, "what was on its way when the epoch ended is taken");

    server.kill().expect("killed");
    server.restart().expect("started again");
    let ann_client = Client::connect_with(&server, &ann, Protocol::Json).await;
    let phone = Client::connect_with(&server, &bob, Protocol::Json).await;
    let again = ann_client.call("SendMessage", (&conversation, &commit)).await;
    assert_eq!(again, sent, "a repeated commit is the first one, though its epoch has ended");
    let late = ann_client.refused("SendMessage", (&conversation, sealed("late", "commit", 0))).await;
    assert!(late.starts_with("wrong_epoch: "), "{late}");
    let waiting = phone.call("Sync", ()).await["deviceMessages"].clone();
    assert_eq!(waiting.as_array().map(Vec::len), Some(1), "one Welcome, not two: {waiting}");
    assert_eq!(waiting[0]["body"], WELCOME);
    phone.call("AcknowledgeDeviceMessages", (&waiting[0]["number"],)).await;
    assert_eq!(phone.call("Sync", ()).await["deviceMessages"], json!([]));
}

async fn nobody_fills_the_queues_of_strangers(store: Store) {
    let settings =
        [("KITH_LIMITS_DEVICE_QUEUE_MESSAGES", "5"), ("KITH_LIMITS_MESSAGES_PER_ACCOUNT", "1/h 40")];
    let server = start_with(store, &settings);
    let mallory = Client::connect_with(&server, &server.register("mallory"), Protocol::Json).await;
    let victim = Client::connect_with(&server, &server.register("victim"), Protocol::Json).await;
    let mut tablet = Client::connect_with(&server, &server.log_in("victim"), Protocol::Json).await;
    let group = json!({ "name": "Trap", "kind": "mls" });
    let group = text(&mallory.call("InitiateGroupChatSession", (group,)).await);
    let (phone, of_tablet) = (device(&victim).await, device(&tablet).await);
    let commit = |id: &str, epoch, to: &[(&str, &str)]| {
        let mut commit = sealed(id, "commit", epoch);
        let devices =
            to.iter().map(|(user, device)| json!({ "user": user, "device": device, "body": WELCOME }));
        commit["devices"] = devices.collect();
        commit
    };
    let refused = async |commit: Value, why: &str| {
        let error = mallory.refused("SendMessage", (&group, commit)).await;
        assert!(error.starts_with("invalid: ") && error.contains(why), "{error}");
    };
    refused(commit("a", 0, &[(victim.user(), &phone)]), "is no member of this conversation").await;
    let (nobody, nothing) = ("u_00000000000000000000000000", "d_00000000000000000000000000");
    refused(commit("a", 0, &[(nobody, nothing)]), nothing).await;
    assert_eq!(victim.call("Sync", ()).await["deviceMessages"], json!([]));

    // To members, for devices that are theirs.
    mallory.call("AddUserToGroup", (&group, victim.user())).await;
    refused(commit("a", 0, &[(victim.user(), nothing)]), nothing).await;
    refused(commit("a", 0, &[(mallory.user(), &phone)]), &phone).await;
    let everybody = [(victim.user(), phone.as_str()), (victim.user(), of_tablet.as_str())];
    mallory.call("SendMessage", (&group, commit("a", 0, &everybody))).await;
    tablet.event("dev").await;
    victim.call("RevokeSession", (&of_tablet,)).await;
    refused(commit("b", 1, &everybody), &of_tablet).await;

    // As many as may wait, and no more until the device has been there.
    let full = [(victim.user(), phone.as_str()); 4];
    refused(commit("b", 1, &[full.as_slice(), &full[..1]].concat()), &phone).await;
    mallory.call("SendMessage", (&group, commit("b", 1, &full))).await;
    refused(commit("c", 2, &full[..1]), "at most 5 messages").await;
    let waiting = victim.call("Sync", ()).await["deviceMessages"].clone();
    assert_eq!(waiting.as_array().map(Vec::len), Some(5));
    victim.call("AcknowledgeDeviceMessages", (&waiting[4]["number"],)).await;
    mallory.call("SendMessage", (&group, commit("c", 2, &full[..1]))).await;

    // They count: one more for every 16.
    let many = vec![(victim.user(), phone.as_str()); 640];
    let error = mallory.refused("SendMessage", (&group, commit("d", 3, &many))).await;
    assert!(error.starts_with("rate_limited: "), "{error}");
}
