//! What the tests share: a server, and users who talk to its hub as our own client does, but see every event and every
//! error as it came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use signalr::Protocol;
use signalr::client::{
    CloseReason, ConnectError, Connection, Events, InvokeError, Options, connect, connect_over,
};
use testkit::server::{Account, Store, TestServer};
use tokio::net::TcpSocket;
use tokio::time::timeout;

pub(crate) mod authority;
pub(crate) mod raw;
mod wire;

use wire::{Switch, Wire};

/// How long anything may take before a test gives up: long, since nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs tests that take a [`Store`] once on each.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(testkit::server::Store::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(testkit::server::Store::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both_stores;

/// A running server.
pub(crate) fn start(store: Store) -> TestServer {
    start_with(store, &[])
}

/// A running server with settings, by their names in the environment.
pub(crate) fn start_with(store: Store, settings: &[(&str, &str)]) -> TestServer {
    TestServer::with_settings(env!("CARGO_BIN_EXE_kith"), store, settings).expect("a server")
}

/// Settings for servers whose users do as much as they can.
pub(crate) const UNLIMITED: &[(&str, &str)] =
    &[("KITH_LIMITS_MESSAGES_PER_ACCOUNT", "0"), ("KITH_LIMITS_REQUESTS_PER_ACCOUNT", "0")];

/// Waits for something that comes of itself.
pub(crate) async fn within<T>(what: &str, coming: impl Future<Output = T>) -> T {
    timeout(PATIENCE, coming).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Looks again and again until `look` answers.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, looking).await
}

/// One connection to the hub.
pub(crate) struct Client {
    pub(crate) account: Account,
    connection: Connection,
    events: Events,
    /// Events taken off the connection and not yet asked for.
    waiting: VecDeque<(String, Value)>,
}

impl Client {
    /// Connects with MessagePack, as our own client does, and is there for others when this returns.
    pub(crate) async fn connect(server: &TestServer, account: &Account) -> Self {
        Self::connect_with(server, account, Protocol::MessagePack).await
    }

    pub(crate) async fn connect_with(server: &TestServer, account: &Account, protocol: Protocol) -> Self {
        let client = Self::open(server, account, protocol).await;
        client.call("CheckIn", ()).await;
        client
    }

    /// Opens a connection, which the server may yet close.
    pub(crate) async fn open(server: &TestServer, account: &Account, protocol: Protocol) -> Self {
        let link = Self::try_connect(server, Some(&account.access_token), protocol).await;
        Self::over(account, link.expect("a connection"))
    }

    /// Registers a user of that name and connects.
    pub(crate) async fn register(server: &TestServer, name: &str) -> Self {
        let account = server.register(name);
        Self::connect(server, &account).await
    }

    /// Connects, or says why not.
    pub(crate) async fn try_connect(
        server: &TestServer,
        token: Option<&str>,
        protocol: Protocol,
    ) -> Result<(Connection, Events), ConnectError> {
        connect(&server.hub_url(), token, protocol, Options::default()).await
    }

    /// Connects over a wire that the test can stop or cut.
    pub(crate) async fn over_wire(server: &TestServer, account: &Account) -> (Self, Arc<Switch>) {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Little room in the kernel: the server soon notices that nobody reads.
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let stream = socket.connect(server.address()).await.expect("connected");
        let (wire, switch) = Wire::new(stream);
        let url = server.hub_url().parse().expect("a URL");
        let token = Some(account.access_token.as_str());
        let link = connect_over(wire, &url, token, None, Protocol::MessagePack, Options::default());
        let link = within("a connection", link).await.expect("a connection");
        let client = Self::over(account, link);
        client.call("CheckIn", ()).await;
        (client, switch)
    }

    fn over(account: &Account, (connection, events): (Connection, Events)) -> Self {
        Self { account: account.clone(), connection, events, waiting: VecDeque::new() }
    }

    pub(crate) fn user(&self) -> &str {
        &self.account.user
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Calls a command: its answer, or the error's text.
    pub(crate) async fn try_call(&self, target: &str, arguments: impl Serialize) -> Result<Value, String> {
        within(target, self.connection.invoke(target, arguments))
            .await
            .map_err(|error: InvokeError| error.to_string())
    }

    /// Calls a command that succeeds.
    pub(crate) async fn call(&self, target: &str, arguments: impl Serialize) -> Value {
        let answer = self.try_call(target, arguments).await;
        answer.unwrap_or_else(|error| panic!("{}: {target}: {error}", self.account.username))
    }

    /// The error of a command that is refused.
    pub(crate) async fn refused(&self, target: &str, arguments: impl Serialize) -> String {
        match self.try_call(target, arguments).await {
            Ok(answer) => panic!("{}: {target} was not refused: {answer}", self.account.username),
            Err(error) => error,
        }
    }

    /// Asks for a stream: its items, or the error that ended it.
    pub(crate) async fn stream(&self, target: &str, arguments: impl Serialize) -> Result<Vec<Value>, String> {
        let mut items = self.connection.stream(target, arguments).expect("asked");
        let taking = async {
            let mut taken = Vec::new();
            while let Some(item) = items.next().await {
                taken.push(item.map_err(|error| error.to_string())?);
            }
            Ok(taken)
        };
        within(target, taking).await
    }

    /// Sends a text under an id, and answers its place in the log.
    pub(crate) async fn send(&self, conversation: &str, id: &str, text: &str) -> u64 {
        let sent = self.call("SendMessage", (conversation, json!({ "id": id, "text": text }))).await;
        sent["seq"].as_u64().expect("a seq")
    }

    /// The direct conversation with another.
    pub(crate) async fn direct(&self, other: &Client) -> String {
        text(&self.call("InitiateDirectChatSession", (other.user(),)).await)
    }

    /// A new group with others.
    pub(crate) async fn group(&self, name: &str, others: &[&Client]) -> String {
        let members: Vec<_> = others.iter().map(|other| other.user()).collect();
        text(&self.call("InitiateGroupChatSession", (json!({ "name": name, "members": members }),)).await)
    }

    /// All that one may see of a conversation, the oldest first, by as many pages as it takes.
    pub(crate) async fn history(&self, conversation: &str) -> Vec<Value> {
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let mut request = json!({});
            if let Some(last) = messages.last() {
                request["before"] = last["seq"].clone();
            }
            let page = self.call("History", (conversation, request)).await;
            messages.extend(page["messages"].as_array().expect("messages").iter().cloned());
            if page["more"] != true {
                messages.reverse();
                return messages;
            }
        }
    }

    /// The next event of that name whose arguments fit. The others wait for whoever asks for them.
    pub(crate) async fn event_that(&mut self, target: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = self.waiting.iter().position(|(name, values)| name == target && fits(values));
        if let Some(found) = found {
            return self.waiting.remove(found).expect("it is there").1;
        }
        let who = self.account.username.clone();
        let coming = async {
            loop {
                let Some((name, values)) = self.take().await else {
                    panic!(
                        "{who} waits for {target}, and the connection ended: {:?}",
                        self.events.close_reason()
                    );
                };
                if name == target && fits(&values) {
                    return values;
                }
                self.waiting.push_back((name, values));
            }
        };
        within(&format!("event {target} to {who}"), coming).await
    }

    /// The next event of that name.
    pub(crate) async fn event(&mut self, target: &str) -> Value {
        self.event_that(target, |_| true).await
    }

    /// The message of that text, with all that came before it and was not asked for: `(conversation, seq)` each.
    pub(crate) async fn messages_up_to(&mut self, last: &str) -> Vec<(String, u64)> {
        self.event_that("msg", |values| values[3]["text"] == last).await;
        let waiting = std::mem::take(&mut self.waiting);
        let messages = waiting.into_iter().filter(|(name, _)| name == "msg");
        messages.map(|(_, values)| (text(&values[0]), values[1].as_u64().expect("a seq"))).collect()
    }

    /// The next event of whatever name; None when the connection has ended.
    pub(crate) async fn take(&mut self) -> Option<(String, Value)> {
        let event = self.events.next().await?;
        let values = (0..event.arguments.len()).map(|index| event.arguments.get::<Value>(index));
        Some((event.target, values.collect::<Result<_, _>>().expect("arguments")))
    }

    /// Waits for the connection's end.
    pub(crate) async fn closed(&mut self) -> CloseReason {
        let ending = async { while self.events.next().await.is_some() {} };
        within(&format!("the end of {}'s connection", self.account.username), ending).await;
        self.events.close_reason().expect("a reason")
    }

    /// Leaves in order.
    pub(crate) async fn leave(mut self) {
        self.connection.close();
        self.closed().await;
    }
}

/// A JSON string's text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
