//! Negotiation and the WebSocket's opening.

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::{
    body::{Body, Incoming},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream, lookup_host},
    sync::oneshot,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{
    CloseReason, Connection, Events, Options, Tls, resuming::Reopen, state::Shared, task, tls::Stream,
};
use crate::Protocol;

/// Of an answer to negotiation.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// As Microsoft's clients.
const MAX_REDIRECTS: usize = 100;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be used: not `http`, `https`, `ws` or `wss`, or no host.
    #[error("cannot connect to this URL: {0}")]
    Url(String),
    /// The network.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server answered otherwise than expected.
    #[error("the server answered {status}: {text}")]
    Refused {
        /// 401, 503 or the like.
        status: StatusCode,
        /// The answer's body.
        text: String,
    },
    /// What came is not what a SignalR server says.
    #[error("{0}")]
    Protocol(String),
    /// It took longer than [`Options::connect_timeout`].
    #[error("timed out")]
    TimedOut,
}

impl From<hyper::Error> for ConnectError {
    fn from(error: hyper::Error) -> ConnectError {
        ConnectError::Io(io::Error::other(error))
    }
}

/// Opens a connection to the hub at `http://host/hub` or `https://host/hub`. Dropping all of the [`Connection`]'s clones
/// closes it.
///
/// # Errors
/// No such address, no connection, a refusal (401 for a token that is not good), or [`Options::connect_timeout`]
/// has passed.
pub async fn connect(
    url: &str,
    token: Option<&str>,
    protocol: Protocol,
    options: Options,
) -> Result<(Connection, Events), ConnectError> {
    let connecting = async {
        let mut target =
            Target { url: parse(url)?, token: token.map(str::to_owned), id: None, stateful: false };
        if options.negotiate || options.stateful {
            negotiate(&mut target, &options).await?;
        }
        let io = target.open(&options).await?;
        let reopen = target.stateful.then(|| {
            let options = options.clone();
            Reopen::new(options.stateful_patience, move || {
                let (target, options) = (target.clone(), options.clone());
                async move {
                    let opened = timeout(options.connect_timeout, target.open(&options)).await;
                    opened.unwrap_or(Err(ConnectError::TimedOut))
                }
            })
        });
        begin(io, reopen, protocol, options.clone()).await
    };
    timeout(options.connect_timeout, connecting).await.unwrap_or(Err(ConnectError::TimedOut))
}

/// Opens a connection over a stream to the server, such as TLS. `id` is the connection token of a negotiation, if there
/// was one. There is no time limit but that of the handshake.
///
/// # Errors
/// A refusal, a stream that ended, or the handshake failed.
pub async fn connect_over<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: Io,
    url: &Uri,
    token: Option<&str>,
    id: Option<&str>,
    protocol: Protocol,
    options: Options,
) -> Result<(Connection, Events), ConnectError> {
    begin(upgrade(io, url, token, id).await?, None, protocol, options).await
}

/// The WebSocket's opening.
async fn upgrade<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: Io,
    url: &Uri,
    token: Option<&str>,
    id: Option<&str>,
) -> Result<TokioIo<Upgraded>, ConnectError> {
    let query = id.map(|id| format!("id={id}"));
    let key = generate_key();
    let mut request = request(Method::GET, path(url, "", query.as_deref()), url, token)?;
    let headers = request.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(
        header::SEC_WEBSOCKET_KEY,
        HeaderValue::from_str(&key).map_err(|error| ConnectError::Protocol(error.to_string()))?,
    );
    let response = exchange(io, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refused(response).await);
    }
    let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(ConnectError::Protocol("the WebSocket's opening is not answered rightly".to_owned()));
    }
    Ok(TokioIo::new(hyper::upgrade::on(response).await?))
}

/// The handshake, and the connection's task.
async fn begin(
    io: TokioIo<Upgraded>,
    reopen: Option<Reopen<TokioIo<Upgraded>>>,
    protocol: Protocol,
    options: Options,
) -> Result<(Connection, Events), ConnectError> {
    static SEED: AtomicU32 = AtomicU32::new(0x9e37_79b9);
    let shared = Shared::new(protocol, options);
    let (sender, opened) = oneshot::channel();
    let (connection, events) = (Connection::new(shared.clone()), Events::new(shared.clone()));
    let seed = SEED.fetch_add(0x9e37_79b9, Ordering::Relaxed);
    tokio::spawn(task::run(io, reopen, shared, seed, sender));
    match opened.await {
        Ok(()) => Ok((connection, events)),
        Err(_) => Err(ConnectError::Protocol(match events.close_reason() {
            Some(CloseReason::Lost(text)) => text,
            reason => format!("the connection ended during the handshake: {reason:?}"),
        })),
    }
}

/// Where to connect, as negotiation left it.
#[derive(Clone)]
struct Target {
    url: Uri,
    token: Option<String>,
    /// The secret one.
    id: Option<String>,
    stateful: bool,
}

impl Target {
    async fn open(&self, options: &Options) -> Result<TokioIo<Upgraded>, ConnectError> {
        let io = open(&self.url, options).await?;
        upgrade(io, &self.url, self.token.as_deref(), self.id.as_deref()).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Negotiated {
    error: Option<String>,
    url: Option<String>,
    access_token: Option<String>,
    connection_id: Option<String>,
    connection_token: Option<String>,
    #[serde(default)]
    use_stateful_reconnect: bool,
}

/// Follows redirects.
async fn negotiate(target: &mut Target, options: &Options) -> Result<(), ConnectError> {
    let query = match options.stateful {
        true => "negotiateVersion=1&useStatefulReconnect=true",
        false => "negotiateVersion=1",
    };
    for _ in 0..MAX_REDIRECTS {
        let io = open(&target.url, options).await?;
        let path = path(&target.url, "/negotiate", Some(query));
        let request = request(Method::POST, path, &target.url, target.token.as_deref())?;
        let response = exchange(io, request).await?;
        if response.status() != StatusCode::OK {
            return Err(refused(response).await);
        }
        let answer: Negotiated = serde_json::from_slice(&body(response).await?)
            .map_err(|error| ConnectError::Protocol(format!("invalid answer to negotiation: {error}")))?;
        if let Some(error) = answer.error {
            return Err(ConnectError::Protocol(error));
        }
        let Some(url) = answer.url else {
            target.id = answer.connection_token.or(answer.connection_id);
            target.stateful = options.stateful && answer.use_stateful_reconnect;
            return Ok(());
        };
        target.url = parse(&url)?;
        if answer.access_token.is_some() {
            target.token = answer.access_token;
        }
    }
    Err(ConnectError::Protocol("too many redirects".to_owned()))
}

fn parse(url: &str) -> Result<Uri, ConnectError> {
    let uri: Uri = url.parse().map_err(|error| ConnectError::Url(format!("{error}")))?;
    let known = matches!(uri.scheme_str(), Some("http" | "https" | "ws" | "wss"));
    if !known || uri.host().is_none() {
        return Err(ConnectError::Url("it must be http or https with a host".to_owned()));
    }
    Ok(uri)
}

fn is_secure(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("https" | "wss"))
}

/// The path and query of the hub with something appended to each.
fn path(url: &Uri, suffix: &str, query: Option<&str>) -> String {
    let mut path = url.path().trim_end_matches('/').to_owned() + suffix;
    if path.is_empty() {
        path.push('/');
    }
    for (index, query) in url.query().into_iter().chain(query).enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(query);
    }
    path
}

fn request(
    method: Method,
    path: String,
    url: &Uri,
    token: Option<&str>,
) -> Result<Request<String>, ConnectError> {
    let host = url.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(String::new()).map_err(|error| ConnectError::Url(error.to_string()))
}

async fn open(url: &Uri, options: &Options) -> Result<Stream, ConnectError> {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(if is_secure(url) { 443 } else { 80 });
    let mut failure = None;
    for address in lookup_host((host, port)).await? {
        match open_address(address, options.local_address).await {
            Ok(stream) if is_secure(url) => {
                let tls = options.tls.clone().map_or_else(Tls::system, Ok)?;
                return Ok(Stream::Tls(Box::new(tls.connect(host, stream).await?)));
            }
            Ok(stream) => return Ok(Stream::Plain(stream)),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(|| ConnectError::Url("the host has no address".to_owned()), ConnectError::Io))
}

async fn open_address(address: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request over a stream of its own.
async fn exchange<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: Io,
    request: Request<String>,
) -> Result<Response<Incoming>, ConnectError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await?;
    // Ends with the answer's body or the upgrade.
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

async fn refused(response: Response<Incoming>) -> ConnectError {
    let status = response.status();
    let text = body(response).await.unwrap_or_default();
    ConnectError::Refused { status, text: String::from_utf8_lossy(&text).into_owned() }
}

async fn body(response: Response<Incoming>) -> Result<Vec<u8>, ConnectError> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            if bytes.len() + data.len() > MAX_ANSWER_BYTES {
                return Err(ConnectError::Protocol("the answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
