//! Server-Sent Events and long polling: the server's messages in answers to GET, the client's in bodies of POST.
//!
//! Both run the same task as a WebSocket does, over a [`pipe::Pipe`] instead of a socket. The first GET authenticates and
//! opens the connection; what comes later needs the connection token and has to come from the same client ([`Hub::verify`]).

mod pipe;

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderValue, StatusCode, header, request::Parts};
use tokio::time::timeout;

pub(in crate::server) use pipe::Pipes;
use pipe::{Kind, Output, Pipe, PipeLink};

use super::{
    Hub, Refusal, Server,
    accept::{Registration, Settings, bad_request, conflict, refuse, unknown_connection},
    connection,
    token::Ticket,
};

pub(super) async fn get<H: Hub>(server: Server<H>, request: Parts) -> Result<Response, Refusal> {
    let settings = server.settings().clone();
    if settings.options.web_sockets_only {
        return Err(bad_request("Only WebSockets are accepted here."));
    }
    let ticket = settings.ticket(&request)?;
    let accepts = request.headers.get_all(header::ACCEPT).iter();
    let events =
        accepts.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/event-stream"));
    if let Some((pipe, client)) = settings.pipes.get::<H::Client>(ticket.id) {
        server.hub().verify(&client, &request).await?;
        if events || pipe.kind == Kind::ServerSentEvents {
            return Err(conflict());
        }
        return Ok(long_poll(&settings, &pipe).await);
    }
    settings.check_unused(ticket)?;
    let kind = if events { Kind::ServerSentEvents } else { Kind::LongPolling };
    let pipe = open(&server, &request, kind, ticket).await?;
    Ok(match kind {
        Kind::ServerSentEvents => event_stream(pipe),
        // Tells the client that it may go on.
        Kind::LongPolling => answer(StatusCode::OK, Body::empty()),
    })
}

async fn open<H: Hub>(
    server: &Server<H>,
    request: &Parts,
    kind: Kind,
    ticket: Ticket,
) -> Result<Arc<Pipe>, Refusal> {
    let client = Arc::new(server.admit(request).await?);
    let settings = server.settings().clone();
    let (registration, handle) = Registration::new(&settings, ticket)?;
    let id = ticket.id;
    let pipe = Pipe::new(kind, settings.clone());
    settings.pipes.insert(id, pipe.clone(), client.clone());
    let hub = server.hub().clone();
    let link = PipeLink(pipe.clone());
    tokio::spawn(async move {
        connection::run(link, hub, client, handle, id.seed(), None).await;
        settings.spend(ticket);
        settings.pipes.remove(id);
        drop(registration);
    });
    Ok(pipe)
}

async fn long_poll(settings: &Settings, pipe: &Arc<Pipe>) -> Response {
    let poll = pipe.begin_poll();
    let taken = timeout(settings.options.poll_timeout, poll_fn(|context| poll.poll_take(context)));
    match taken.await {
        Ok(Output::Bytes(bytes)) => answer(StatusCode::OK, bytes.into()),
        Ok(Output::Nothing) => answer(StatusCode::NO_CONTENT, Body::empty()),
        Err(_) => answer(StatusCode::OK, Body::empty()),
    }
}

/// Takes the client's messages, as fast as its connection does. Answers when all were taken.
pub(super) async fn post<H: Hub>(State(server): State<Server<H>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    match receive(&server, &request, body).await {
        Ok(()) => answer(StatusCode::OK, Body::empty()),
        Err(refusal) => refuse(&refusal),
    }
}

async fn receive<H: Hub>(server: &Server<H>, request: &Parts, body: Body) -> Result<(), Refusal> {
    let settings = server.settings();
    let pipe = find(server, request).await?;
    let _turn = pipe.posting.lock().await;
    let mut incomplete = HangUp(Some(&pipe));
    let mut pieces = body.into_data_stream();
    loop {
        let piece = timeout(settings.options.client_timeout, pieces.next())
            .await
            .map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "The body does not come."))?;
        let Some(piece) = piece else { break };
        let mut piece = Some(piece.map_err(|_| bad_request("The body is incomplete."))?);
        if !poll_fn(|context| pipe.poll_post(context, &mut piece)).await {
            return Err(unknown_connection());
        }
    }
    incomplete.0 = None;
    Ok(())
}

/// Ends the connection if a request is given up in the middle: part of a message may have been taken already.
struct HangUp<'a>(Option<&'a Pipe>);

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        if let Some(pipe) = self.0 {
            pipe.hang_up();
        }
    }
}

/// Ends a connection of long polls.
pub(super) async fn delete<H: Hub>(State(server): State<Server<H>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    match find(&server, &request).await {
        Ok(pipe) if pipe.kind == Kind::LongPolling => {
            pipe.hang_up();
            answer(StatusCode::ACCEPTED, Body::empty())
        }
        Ok(_) => refuse(&bad_request("Terminating is for long polling only.")),
        Err(refusal) => refuse(&refusal),
    }
}

/// The connection that a request belongs to, if it comes from whoever opened it.
async fn find<H: Hub>(server: &Server<H>, request: &Parts) -> Result<Arc<Pipe>, Refusal> {
    let settings = server.settings();
    let id = settings.ticket(request)?.id;
    match settings.pipes.get::<H::Client>(id) {
        Some((pipe, client)) => server.hub().verify(&client, request).await.map(|()| pipe),
        None if settings.is_live(id) => Err(bad_request("This connection is a WebSocket.")),
        None => Err(unknown_connection()),
    }
}

fn answer(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn event_stream(pipe: Arc<Pipe>) -> Response {
    let mut response = Response::new(Body::from_stream(EventStream { pipe, begun: false }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    // nginx would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct EventStream {
    pipe: Arc<Pipe>,
    begun: bool,
}

impl Stream for EventStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.begun {
            self.begun = true;
            // A comment: the client learns that the stream is open.
            return Poll::Ready(Some(Ok(Bytes::from_static(b":\r\n\r\n"))));
        }
        Poll::Ready(match ready!(self.pipe.poll_take(context, None)) {
            Output::Bytes(messages) => Some(Ok(event(&messages).into())),
            Output::Nothing => None,
        })
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.pipe.hang_up();
    }
}

/// One event of the stream; its data is split where it has line breaks, which clients put back.
fn event(messages: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(messages.len() + 10);
    for line in messages.split(|&byte| byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend(line.iter().filter(|&&byte| byte != b'\r'));
        event.extend_from_slice(b"\r\n");
    }
    event.extend_from_slice(b"\r\n");
    event
}

#[cfg(test)]
mod tests {
    use super::event;

    #[test]
    fn line_breaks_do_not_end_an_event() {
        assert_eq!(event(b"{}\x1e{}\x1e"), b"data: {}\x1e{}\x1e\r\n\r\n");
        assert_eq!(event(b"{\r\n\r}\x1e"), b"data: {\r\ndata: }\x1e\r\n\r\n");
    }
}
