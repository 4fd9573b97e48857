//! C9: a conversation as a file, one line an entry, for whoever may read it and as far as they may.

use client::{Api, Error};
use serde_json::{Value, json};
use testkit::server::{Store, TestServer};

use crate::support::{Client, UNLIMITED, on_both_stores, raw, start, start_with};

on_both_stores!(
    an_export_has_all_that_one_may_see_and_no_more,
    an_export_of_many_pages_is_whole,
    an_export_of_300_000_entries_is_streamed,
);

/// The lines, or the code of the refusal.
async fn export(server: &TestServer, who: &Client, id: &str) -> Result<Vec<Value>, String> {
    let api = Api::new(&server.url()).expect("an address");
    let refused = |error: Error| error.code().map_or_else(|| error.to_string(), |code| code.to_string());
    let exported = api.export(&who.account.access_token, id.parse().expect("an id")).await;
    let mut exported = exported.map_err(refused)?;
    let mut text = Vec::new();
    while let Some(part) = exported.next().await.map_err(refused)? {
        text.extend(part);
    }
    let text = String::from_utf8(text).expect("text");
    Ok(text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect())
}

fn seqs(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["seq"].as_u64().expect("a seq")).collect()
}

async fn an_export_has_all_that_one_may_see_and_no_more(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let mallory = Client::register(&server, "mallory").await;
    let group = alice.group("Ours", &[]).await;
    alice.send(&group, "a", "before bob").await;
    alice.call("AddUserToGroup", (&group, bob.user())).await;
    alice.send(&group, "b", "two\nlines").await;
    alice.call("RemoveFromGroup", (&group, bob.user())).await;
    alice.send(&group, "c", "without bob").await;
    alice.call("AddUserToGroup", (&group, bob.user())).await;
    let lines = export(&server, &bob, &group).await.expect("exported");
    let (head, entries) = lines.split_first().expect("a first line");
    assert_eq!(
        (&head["id"], &head["name"], &head["memberCount"]),
        (&json!(group), &json!("Ours"), &json!(2))
    );
    assert_eq!(head["members"].as_array().map(Vec::len), Some(2), "with all members");
    assert_eq!(seqs(entries), [3, 4, 5, 7], "the oldest first");
    assert_eq!(entries, bob.history(&group).await, "as they are elsewhere");
    assert_eq!(entries[1]["body"]["text"], "two\nlines");
    assert_eq!(seqs(&export(&server, &alice, &group).await.expect("exported")[1..]), [1, 2, 3, 4, 5, 6, 7]);
    for id in [group.as_str(), "c_00000000000000000000000000"] {
        assert_eq!(export(&server, &mallory, id).await, Err("not_found".to_owned()));
    }
    let path = format!("/api/conversations/{group}/export");
    assert_eq!(server.request("GET", &path, None, None).expect("an answer").status, 401);

    // What is sealed is exported as it came.
    let sealed = alice.call("InitiateDirectChatSession", (bob.user(), "mls")).await;
    let sealed = sealed.as_str().expect("an id");
    alice.call("SendMessage", (sealed, json!({ "body": "AQID", "epoch": 0 }))).await;
    let lines = export(&server, &bob, sealed).await.expect("exported");
    assert_eq!((&lines[0]["kind"], &lines[1]["body"]), (&json!("mls"), &json!("AQID")));
}

async fn an_export_of_many_pages_is_whole(store: Store) {
    const MESSAGES: u64 = 400;
    let server = start_with(store, &[("KITH_LIMITS_MAX_PAGE_MESSAGES", "7")]);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let id = alice.direct(&bob).await;
    for seq in 1..=MESSAGES {
        alice.send(&id, &format!("m{seq}"), &format!("message {seq}")).await;
    }
    let lines = export(&server, &bob, &id).await.expect("exported");
    assert_eq!(seqs(&lines[1..]), (1..=MESSAGES).collect::<Vec<_>>());
    assert!(lines[1..].iter().all(|line| line["body"]["text"] == format!("message {}", line["seq"])));
}

/// The server's resident memory and the most it ever had, in kB.
fn memory(server: &TestServer) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("a process");
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        line.split_whitespace().next().expect("a number").parse().expect("a number")
    };
    (of("VmRSS:"), of("VmHWM:"))
}

async fn an_export_of_300_000_entries_is_streamed(store: Store) {
    const ENTRIES: u64 = 300_000;
    const GROWTH_KB: u64 = 32 * 1024;
    let mut settings = UNLIMITED.to_vec();
    // Their words would be written at the same time.
    settings.push(("KITH_CHATS_SEARCH", "false"));
    let mut server = start_with(store, &settings);
    let (alice, bob) = (Client::register(&server, "alice").await, Client::register(&server, "bob").await);
    let (long, other) = (alice.direct(&bob).await, alice.group("Others", &[&bob]).await);
    alice.send(&long, "m1", &"a line as people write it ".repeat(4)).await;
    server.terminate().expect("stopped");
    let columns = "conversation, seq, time, sender, device, id, kind, epoch, body";
    let copied = "m.conversation, n, m.time + n, m.sender, m.device";
    let like = "m.kind, m.epoch, m.body FROM message m";
    let sqlite = format!(
        "INSERT INTO message ({columns}) WITH RECURSIVE number (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM number \
         WHERE n < {ENTRIES}) SELECT {copied}, 'n' || n, {like}, number WHERE m.id = 'm1'"
    );
    let postgres = format!(
        "INSERT INTO message ({columns}) SELECT {copied}, 'n' || n, {like}, generate_series(2, {ENTRIES}) AS n \
         WHERE m.id = 'm1'"
    );
    raw::run(&server, &sqlite, &postgres);

    server.restart().expect("started again");
    let (alice, bob) =
        (Client::connect(&server, &alice.account).await, Client::connect(&server, &bob.account).await);
    alice.send(&other, "before", "hello").await;
    let (before, peak_before) = memory(&server);
    let api = Api::new(&server.url()).expect("an address");
    let token = bob.account.access_token.clone();
    let exporting = async {
        let began = std::time::Instant::now();
        let mut exported = api.export(&token, long.parse().expect("an id")).await.expect("an export");
        let (mut lines, mut bytes) = (0, 0);
        while let Some(part) = exported.next().await.expect("a part") {
            lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
            bytes += part.len();
        }
        (lines, bytes, began.elapsed())
    };
    let (mut exporting, mut sent, mut slowest) = (Box::pin(exporting), 0, std::time::Duration::ZERO);
    let (lines, bytes, took) = loop {
        let began = std::time::Instant::now();
        let id = format!("w{sent}");
        // The export goes on while a message is on its way.
        let sending = alice.send(&other, &id, "meanwhile");
        tokio::select! {
            done = &mut exporting => break done,
            _ = sending => {
                sent += 1;
                slowest = slowest.max(began.elapsed());
            }
        }
    };
    let (after, peak) = memory(&server);
    println!(
        "{lines} lines, {bytes} bytes in {took:?}; memory {before} kB before, {after} kB after, {peak} kB at most; \
         {sent} messages sent meanwhile, the slowest in {slowest:?}"
    );
    assert_eq!(lines, ENTRIES + 1, "itself, and every entry");
    assert!(sent > 0, "others write meanwhile");
    assert!(
        peak.saturating_sub(before.max(peak_before)) < GROWTH_KB,
        "{before} kB before, {peak} kB at most"
    );
}
