//! A hub modelled on the one of ASP.NET's functional tests.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use futures_util::{StreamExt, stream};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use signalr::{
    Broadcast, Payload,
    server::{
        BoxStream, Call, ConnectionHandle, Hub, HubError, InvokeError, MethodKind, Options, Redirect,
        Refusal, Server, access_token,
    },
};
use tokio::net::TcpListener;

#[derive(Default)]
pub(crate) struct TestHub {
    pub(crate) connected: AtomicUsize,
    pub(crate) disconnected: AtomicUsize,
    /// Infinite streams that run.
    pub(crate) streaming: Arc<AtomicUsize>,
    /// `Wait` calls that were begun.
    pub(crate) waiting: AtomicUsize,
    pub(crate) release: tokio::sync::Notify,
}

pub(crate) struct TestClient {
    headers: Vec<(String, String)>,
    token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CustomObject {
    pub(crate) name: String,
    pub(crate) numbers: Vec<i64>,
    pub(crate) inner: Option<Box<CustomObject>>,
}

impl Hub for TestHub {
    type Client = TestClient;

    async fn authenticate(&self, request: &Parts) -> Result<TestClient, Refusal> {
        let token = access_token(request).map(|token| token.into_owned());
        match token.as_deref() {
            Some("wrong") => return Err(Refusal::unauthorized("Who are you?")),
            Some("slow down") => return Err(Refusal::too_many_requests("Slow down.", 7)),
            _ => (),
        }
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(TestClient { headers, token })
    }

    async fn redirect(&self, client: &TestClient, request: &Parts) -> Option<Redirect> {
        // With "?redirect" to the same hub without it and, if "token" is asked for, with another token.
        let target = request.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("redirect="))?;
        let host = client.headers.iter().find(|header| header.0 == "host")?;
        let url = format!("http://{}/hub", host.1);
        match target {
            "forever" => Some(Redirect { url: url + "?redirect=forever", access_token: None }),
            "token" => Some(Redirect { url, access_token: Some("another".to_owned()) }),
            _ => Some(Redirect { url, access_token: None }),
        }
    }

    fn is_same(&self, client: &TestClient, again: &TestClient) -> bool {
        client.token == again.token
    }

    async fn connected(&self, _: &Arc<TestClient>, connection: &ConnectionHandle) {
        self.connected.fetch_add(1, Ordering::SeqCst);
        connection.send(&Broadcast::new("Welcome", ("hello",))).expect("it is open");
    }

    fn method(&self, target: &str) -> Option<MethodKind> {
        match target {
            "Stream"
            | "EmptyStream"
            | "StreamThrowException"
            | "InfiniteStream"
            | "RefusedStream"
            | "PanickingStream"
            | "StreamEcho" => Some(MethodKind::Stream),
            "Echo"
            | "EchoComplexObject"
            | "InvokeWithString"
            | "ThrowException"
            | "SendCustomObject"
            | "GetHeader"
            | "GetCookie"
            | "GetActiveTransportName"
            | "GetToken"
            | "Void"
            | "Panic"
            | "Wait"
            | "Streaming"
            | "Push"
            | "CloseMe"
            | "Add"
            | "StreamingConcat"
            | "DropUpload"
            | "GetClientResult"
            | "AskTooMuch" => Some(MethodKind::Invoke),
            _ => None,
        }
    }

    async fn invoke(&self, mut call: Call<TestClient>) -> Result<Payload, HubError> {
        if call.target == "StreamingConcat" {
            let mut upload = call.upload(0)?;
            let mut all = String::new();
            while let Some(item) = upload.next().await {
                all += &item?.decode::<String>().map_err(|error| HubError(error.to_string()))?;
            }
            return call.reply(&all);
        }
        let arguments = &call.arguments;
        match call.target.as_str() {
            "GetClientResult" => {
                let asked = call.connection.invoke("GetResult", (arguments.get::<i32>(0)?,));
                asked.await.map_err(|error| HubError(error.to_string()))
            }
            "AskTooMuch" => {
                let asked: Vec<_> =
                    (0..20).map(|number| call.connection.invoke("GetResult", (number,))).collect();
                let answers = futures_util::future::join_all(asked).await;
                let text = |answer: Result<Payload, InvokeError>| match answer {
                    Ok(answer) => String::from_utf8_lossy(answer.as_bytes()).into_owned(),
                    Err(error) => error.to_string(),
                };
                let texts: Vec<String> = answers.into_iter().map(text).collect();
                call.reply(&texts)
            }
            "DropUpload" => Ok(call.void()),
            "Echo" => call.reply(&arguments.get::<String>(0)?),
            "EchoComplexObject" => call.reply(&arguments.get::<CustomObject>(0)?),
            "Add" => call.reply(&(arguments.get::<i64>(0)? + arguments.get::<i64>(1)?)),
            "InvokeWithString" => {
                let text: String = arguments.get(0)?;
                let _ = call.connection.send(&Broadcast::new("Message", (text,)));
                Ok(call.void())
            }
            "SendCustomObject" => {
                let object: CustomObject = arguments.get(0)?;
                let _ = call.connection.send(&Broadcast::new("CustomObject", (object, 42)));
                Ok(call.void())
            }
            "ThrowException" => Err(HubError(format!("An error occurred: {}", arguments.get::<String>(0)?))),
            "GetHeader" => {
                let name = arguments.get::<String>(0)?.to_lowercase();
                let value =
                    call.client.headers.iter().find(|header| header.0 == name).map(|header| &header.1);
                call.reply(&value)
            }
            "GetCookie" => {
                let name = arguments.get::<String>(0)?;
                let headers = call.client.headers.iter().filter(|header| header.0 == "cookie");
                let mut cookies = headers.flat_map(|header| header.1.split(';'));
                let value = cookies.find_map(|pair| pair.trim().strip_prefix(&name)?.strip_prefix('='));
                call.reply(&value)
            }
            "GetActiveTransportName" => {
                let is = |name: &str, value: &str| {
                    call.client.headers.iter().any(|header| header.0 == name && header.1 == value)
                };
                call.reply(match () {
                    () if is("upgrade", "websocket") => "WebSockets",
                    () if is("accept", "text/event-stream") => "ServerSentEvents",
                    () => "LongPolling",
                })
            }
            "GetToken" => call.reply(&call.client.token),
            "Void" => Ok(call.void()),
            "Panic" => panic!("as the test wants"),
            "Wait" => {
                let released = self.release.notified();
                self.waiting.fetch_add(1, Ordering::SeqCst);
                released.await;
                call.reply(&arguments.get_optional::<i64>(0)?)
            }
            "Streaming" => call.reply(&self.streaming.load(Ordering::SeqCst)),
            "Push" => {
                let (count, size): (u32, usize) = (arguments.get(0)?, arguments.get(1)?);
                for index in 0..count {
                    let _ = call.connection.send(&Broadcast::new("Item", (index, "x".repeat(size))));
                }
                Ok(call.void())
            }
            "CloseMe" => {
                call.connection
                    .close(arguments.get_optional(0)?, arguments.get_optional(1)?.unwrap_or(false));
                Ok(call.void())
            }
            target => Err(HubError(format!("no {target}"))),
        }
    }

    async fn stream(
        &self,
        mut call: Call<TestClient>,
    ) -> Result<BoxStream<'static, Result<Payload, HubError>>, HubError> {
        // signalrcore misses what comes before it has subscribed, which it does after it has asked.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let protocol = call.connection.protocol();
        let item = move |text: String| Ok(Payload::encode(protocol, &text)?);
        Ok(match call.target.as_str() {
            "Stream" => stream::iter(["a", "b", "c"]).map(move |text| item(text.to_owned())).boxed(),
            "StreamEcho" => call.upload(0)?.boxed(),
            "EmptyStream" => stream::empty().boxed(),
            "StreamThrowException" => {
                let text: String = call.arguments.get(0)?;
                stream::once(async move { Err(HubError(text)) }).boxed()
            }
            "RefusedStream" => return Err("No stream today.".into()),
            "PanickingStream" => stream::once(async { panic!("as the test wants") }).boxed(),
            _ => {
                self.streaming.fetch_add(1, Ordering::SeqCst);
                let guard = Running(self.streaming.clone());
                stream::unfold((guard, 0_u32), |(guard, number)| async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Some((number, (guard, number + 1)))
                })
                .map(move |number| item(number.to_string()))
                .boxed()
            }
        })
    }

    async fn disconnected(&self, _: &Arc<TestClient>, _: &ConnectionHandle) {
        self.disconnected.fetch_add(1, Ordering::SeqCst);
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct TestServer {
    pub(crate) server: Server<TestHub>,
    pub(crate) hub: Arc<TestHub>,
    pub(crate) address: SocketAddr,
}

impl TestServer {
    pub(crate) async fn start(options: Options) -> TestServer {
        use axum::serve::ListenerExt;
        let hub = Arc::new(TestHub::default());
        let server = Server::new(hub.clone(), options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().nest("/hub", server.router());
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        TestServer { server, hub, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hub", self.address)
    }
}

/// Waits until something holds; the test fails if it does not within five seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 5 s: {what}");
}
