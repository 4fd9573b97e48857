//! E4: every command of the table refuses outsiders, strangers and wrong arguments. The table itself says which commands
//! there are, so that a new one is tried too, or asks to be listed here.

use std::collections::BTreeSet;

use gateway::{CommandDoc, TABLE};
use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::ConnectError;
use testkit::server::Store;

use crate::attacks::strangers::Aim;
use crate::support::{Client, on_both_stores, start};

on_both_stores!(outsiders_are_told_that_there_is_nothing);

/// Commands that name no conversation. What they show an outsider is looked at below.
const NAME_NO_CONVERSATION: &[&str] = &[
    "AcknowledgeDeviceMessages",
    "AddContact",
    "AnswerInvite",
    "Block",
    "CheckIn",
    "CheckOut",
    "CloseReport",
    "DeleteAccount",
    "DeleteUser",
    "EndUserSession",
    "EndUserSessions",
    "FindUser",
    "GetPrivacy",
    "GetProfile",
    "GetStatistics",
    "GetUsers",
    "InitiateDirectChatSession",
    "InitiateGroupChatSession",
    "JoinGroup",
    "LastStatus",
    "ListAccounts",
    "ListBlocked",
    "ListContacts",
    "ListInvites",
    "ListNotifications",
    "ListReports",
    "ListSessions",
    "ListStarred",
    "ListUserSessions",
    "LoadConversations",
    "MarkAllNotificationsRead",
    "MarkNotificationRead",
    "PreviewGroupLink",
    "ReadNewMessages",
    "ReinstateUser",
    "RemoveContact",
    "Report",
    "ResetPassword",
    "RevokeSession",
    "SearchMessages",
    "SearchUsers",
    "SendInvite",
    "SetPrivacy",
    "SetRole",
    "SuspendUser",
    "Sync",
    "Unblock",
    "UpdateProfile",
    "WatchPresence",
    "WhoAmI",
    "WithdrawInvite",
];

fn names_a_conversation(command: &CommandDoc) -> bool {
    command.arguments.iter().any(|argument| argument.of == "ConversationId")
}

#[test]
fn every_command_is_tried() {
    let others: BTreeSet<_> =
        TABLE.iter().filter(|command| !names_a_conversation(command)).map(|command| command.name).collect();
    assert_eq!(
        others,
        NAME_NO_CONVERSATION.iter().copied().collect::<BTreeSet<_>>(),
        "a new command: can an outsider learn anything by it?"
    );
}

async fn outsiders_are_told_that_there_is_nothing(store: Store) {
    let server = start(store);
    let alice = Client::register(&server, "alice").await;
    let bob = Client::register(&server, "bob").await;
    let mallory = Client::register(&server, "mallory").await;
    let direct = alice.direct(&bob).await;
    let group = alice.group("Ours", &[&bob]).await;
    for conversation in [&direct, &group] {
        alice.send(conversation, "secret", "not for mallory").await;
    }
    let before = [alice.history(&direct).await, alice.history(&group).await];

    for command in TABLE.iter().filter(|command| names_a_conversation(command)) {
        for conversation in [&direct, &group] {
            let aim = Aim::at(conversation, &mallory.account);
            let values: Vec<_> = command
                .arguments
                .iter()
                .filter(|argument| !argument.optional)
                .map(|argument| aim.sample(argument.of))
                .collect();
            let error = call(&mallory, command, &values).await.expect_err(command.name);
            assert!(error.starts_with("not_found: "), "{} {values:?}: {error}", command.name);
        }
    }
    let error = mallory.refused("RevokeSession", (&alice.account.device,)).await;
    assert!(error.starts_with("not_found: "), "{error}");

    // Nothing was changed, and nothing shows where no conversation is named.
    assert_eq!([alice.history(&direct).await, alice.history(&group).await], before);
    assert_eq!(mallory.call("LoadConversations", ()).await, json!([]));
    assert_eq!(mallory.call("ReadNewMessages", ()).await["messages"], json!([]));
    assert_eq!(mallory.call("SearchMessages", ("mallory",)).await["messages"], json!([]));
    for conversation in [&direct, &group] {
        let question = ("mallory", json!({ "conversation": conversation }));
        let error = mallory.refused("SearchMessages", question).await;
        assert!(error.starts_with("not_found: "), "{error}");
    }
    assert_eq!(mallory.call("ListStarred", ()).await["messages"], json!([]));
    let after = json!({ "after": [[direct, 0], [group, 0]] });
    let page = mallory.call("Sync", (after,)).await;
    assert_eq!((&page["conversations"], &page["messages"]), (&json!([]), &json!([])));
    let devices = mallory.call("ListSessions", ()).await;
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
    assert_eq!(alice.call("WhoAmI", ()).await["device"], json!(alice.account.device));
}

async fn call(client: &Client, command: &CommandDoc, values: &[Value]) -> Result<Value, String> {
    if !command.streams {
        return client.try_call(command.name, values).await;
    }
    client.stream(command.name, values).await.map(Value::from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_are_named() {
    let server = start(Store::Sqlite);
    let account = server.register("alice");
    for protocol in [Protocol::Json, Protocol::MessagePack] {
        let alice = Client::connect_with(&server, &account, protocol).await;
        let notes = alice.direct(&alice).await;
        let aim = Aim::at(&notes, &account);
        for command in TABLE {
            let required: Vec<_> = command.arguments.iter().filter(|argument| !argument.optional).collect();
            if let Some(first) = required.first() {
                let error = call(&alice, command, &[]).await.expect_err(command.name);
                assert!(
                    error.starts_with(&format!("invalid: argument '{}': ", first.name)),
                    "{}: {error}",
                    command.name
                );
            }
            let fits = |argument: &gateway::Argument| aim.sample(argument.of);
            // Each argument wrong in turn, those before it right.
            for (index, argument) in command.arguments.iter().enumerate() {
                let mut values: Vec<_> = command.arguments[..index].iter().map(fits).collect();
                values.push(json!({ "after": false }));
                let error = call(&alice, command, &values).await.expect_err(command.name);
                assert!(
                    error.starts_with(&format!("invalid: argument '{}': ", argument.name)),
                    "{} {values:?}: {error}",
                    command.name
                );
            }
            let mut values: Vec<_> = command.arguments.iter().map(fits).collect();
            values.push(json!("one more"));
            let error = call(&alice, command, &values).await.expect_err(command.name);
            let expected =
                format!("invalid: {} arguments were given, at most {}", values.len(), values.len() - 1);
            assert!(error.starts_with(&expected), "{}: {error}", command.name);
        }
        // Nothing of all that was done.
        assert_eq!(alice.call("WhoAmI", ()).await["user"]["id"], json!(account.user));
        assert_eq!(alice.call("LoadConversations", ()).await.as_array().map(Vec::len), Some(1));
        assert_eq!(alice.history(&notes).await, Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_commands_and_the_wrong_way_of_calling() {
    let server = start(Store::Sqlite);
    let alice = Client::register(&server, "alice").await;
    let notes = alice.direct(&alice).await;
    let error = alice.refused("DropTables", ()).await;
    assert!(error.contains("Method does not exist"), "{error}");
    let error = alice.refused("StreamHistory", (&notes,)).await;
    assert!(error.contains("streaming 'StreamHistory' method with a non-streaming invocation"), "{error}");
    let error = alice.stream("History", (&notes,)).await.expect_err("no stream");
    assert!(error.contains("non-streaming 'History' method with a streaming invocation"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_valid_token_there_is_no_connection_and_no_answer() {
    let server = start(Store::Sqlite);
    let account = server.register("alice");
    let mut forged = account.access_token.clone().into_bytes();
    let last = forged.last_mut().expect("a token");
    *last = if *last == b'a' { b'b' } else { b'a' };
    let forged = String::from_utf8(forged).expect("text");
    for token in [None, Some("nonsense"), Some(forged.as_str()), Some(account.refresh_token.as_str())] {
        match Client::try_connect(&server, token, Protocol::Json).await {
            Err(ConnectError::Refused { status, text }) => {
                assert_eq!(status.as_u16(), 401);
                assert!(text.contains("unauthenticated"), "{text}");
            }
            Err(error) => panic!("{token:?}: {error}"),
            Ok(_) => panic!("{token:?} lets in"),
        }
        let device = format!("/api/auth/sessions/{}", account.device);
        let code = json!({ "email": "a@example.org", "code": "000000" });
        for (method, path, body) in [
            ("POST", "/hub/negotiate?negotiateVersion=1", None),
            ("POST", "/api/auth/logout", None),
            ("GET", "/api/auth/sessions", None),
            ("DELETE", device.as_str(), None),
            ("POST", "/api/auth/address", Some(&code)),
        ] {
            let answer = server.request(method, path, token, body).expect("an answer");
            assert_eq!(answer.status, 401, "{method} {path} {token:?}: {answer:?}");
        }
    }
    // The token that was not forged still does.
    let answer = server.request("GET", "/api/auth/sessions", Some(&account.access_token), None);
    assert_eq!(answer.expect("an answer").status, 200);
}

/// A page of none is asked for by mistake: every list says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_none_is_refused() {
    let server = start(Store::Sqlite);
    let alice = Client::register(&server, "alice").await;
    let group = alice.group("notes", &[]).await;
    let none = json!({ "limit": 0 });
    for (command, arguments) in [
        ("History", json!([group, none])),
        ("Sync", json!([none])),
        ("ReadNewMessages", json!([0])),
        ("ListStarred", json!([none])),
        ("SearchMessages", json!(["words", none])),
        ("SearchUsers", json!(["ali", none])),
        ("ListNotifications", json!([none])),
        ("ListContacts", json!([none])),
    ] {
        let error = alice.refused(command, arguments).await;
        assert!(error.contains("invalid: limit is 1 or more"), "{command}: {error}");
    }
    let error = alice.stream("StreamHistory", json!([group, none])).await.expect_err("no page");
    assert!(error.contains("invalid: limit is 1 or more"), "{error}");
    let token = Some(alice.account.access_token.as_str());
    for path in [format!("/api/messages/{group}/history?limit=0"), "/api/messages/new?limit=0".into()] {
        let answer = server.request("GET", &path, token, None).expect("an answer");
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{path}");
    }
}
