//! One who listens all the time, as the protocol's page tells clients to: connect, then `Sync`; take what comes; on a gap
//! `Sync` again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::{ConversationId, Seq, SyncPage, SyncRequest};
use signalr::Protocol;
use signalr::client::{Connection, Events, InvokeError, Options, connect};
use testkit::server::Account;

/// How far the follower has come in each conversation. Everything below was had, once and in order.
pub(crate) type Positions = Arc<Mutex<HashMap<ConversationId, Seq>>>;

/// Follows until it is aborted.
pub(crate) async fn follow(url: String, account: Account, positions: Positions) {
    loop {
        let token = Some(account.access_token.as_str());
        let options = Options { connect_timeout: Duration::from_secs(5), ..Options::default() };
        if let Ok((connection, mut events)) = connect(&url, token, Protocol::MessagePack, options).await {
            listen(&connection, &mut events, &positions).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Until the connection ends.
async fn listen(connection: &Connection, events: &mut Events, positions: &Positions) {
    let mut live: HashMap<ConversationId, Seq> = HashMap::new();
    if !catch_up(connection, positions).await {
        return;
    }
    while let Some(event) = events.next().await {
        if event.target == "msg" {
            let conversation: ConversationId = event.arguments.get(0).expect("a conversation");
            let seq: Seq = event.arguments.get(1).expect("a seq");
            let before = live.insert(conversation, seq).unwrap_or_default();
            assert!(before < seq, "{conversation}: {seq} came after {before} on one connection");
            let position = {
                let mut positions = positions.lock().unwrap_or_else(PoisonError::into_inner);
                let position = positions.entry(conversation).or_default();
                if seq == *position + 1 {
                    *position = seq;
                }
                *position
            };
            if seq <= position {
                continue;
            }
        } else if event.target != "resync" {
            continue;
        }
        if !catch_up(connection, positions).await {
            return;
        }
    }
}

/// False if the connection ended first.
async fn catch_up(connection: &Connection, positions: &Positions) -> bool {
    loop {
        let after = positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(id, seq)| (*id, *seq))
            .collect();
        let request = SyncRequest { after, ..SyncRequest::default() };
        let page: SyncPage = match connection.invoke("Sync", (request,)).await {
            Ok(page) => page,
            Err(InvokeError::Server(error)) if error.starts_with("unavailable: ") => {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            Err(InvokeError::Closed) => return false,
            Err(error) => panic!("Sync: {error}"),
        };
        let mut positions = positions.lock().unwrap_or_else(PoisonError::into_inner);
        for message in page.messages {
            let position = positions.entry(message.conversation).or_default();
            assert_eq!(message.seq, *position + 1, "{}: once and in order", message.conversation);
            *position = message.seq;
        }
        if !page.more {
            return true;
        }
    }
}
