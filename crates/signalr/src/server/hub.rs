//! What a server of a hub is made of.

use std::{
    borrow::Cow,
    future::{Future, ready},
    sync::Arc,
};

use futures_util::stream::BoxStream;
use http::{StatusCode, header::AUTHORIZATION, request::Parts};
use serde::Serialize;

use super::{ConnectionHandle, Upload};
use crate::{ArgumentError, Arguments, EncodeError, Payload};

/// The methods that clients may call, and who may.
pub trait Hub: Send + Sync + 'static {
    /// What authentication made of the request.
    type Client: Send + Sync + 'static;

    /// Runs at negotiation and again when the connection is opened. See [`access_token`].
    fn authenticate(&self, request: &Parts) -> impl Future<Output = Result<Self::Client, Refusal>> + Send;

    /// Runs at negotiation, after `authenticate`: where the client is to go instead. By default nowhere.
    fn redirect(
        &self,
        _client: &Self::Client,
        _request: &Parts,
    ) -> impl Future<Output = Option<Redirect>> + Send {
        ready(None)
    }

    /// Runs when a client whose WebSocket broke comes back to its connection with another one: whether `again`, what
    /// `authenticate` made of it this time, is who opened the connection. False: it is turned away.
    fn is_same(&self, client: &Self::Client, again: &Self::Client) -> bool;

    /// Runs for every further request of a connection that is no WebSocket: whether it comes from who opened it.
    fn verify(
        &self,
        client: &Self::Client,
        request: &Parts,
    ) -> impl Future<Output = Result<(), Refusal>> + Send {
        async {
            let again = self.authenticate(request).await?;
            if self.is_same(client, &again) { Ok(()) } else { Err(Refusal::not_yours()) }
        }
    }

    /// So many messages came that call no method: pings, cancellations, calls of methods that there are not, items of
    /// streams that nobody reads. An error closes the connection with its text, and with leave to reconnect. By default
    /// they cost nothing.
    fn idle_messages(&self, _client: &Self::Client, _count: u32) -> Result<(), HubError> {
        Ok(())
    }

    /// Runs after the handshake and before any invocation is dispatched. The connection can already be sent to.
    fn connected(
        &self,
        client: &Arc<Self::Client>,
        connection: &ConnectionHandle,
    ) -> impl Future<Output = ()> + Send;

    /// How a method is to be called. None: there is no such method.
    fn method(&self, target: &str) -> Option<MethodKind>;

    /// Runs a method of kind [`MethodKind::Invoke`] or [`MethodKind::InvokeLarge`]. The future is polled at once and in order of arrival, and may be
    /// polled again without having been woken. It goes on when the connection ends, for [`super::Options::close_timeout`].
    fn invoke(&self, call: Call<Self::Client>) -> impl Future<Output = Result<Payload, HubError>> + Send;

    /// Runs a method of kind [`MethodKind::Stream`]. The stream is dropped when it is cancelled or the connection ends,
    /// and not polled while the client's socket takes nothing, which may be for long: it must hold nothing meanwhile that
    /// others wait for. An error ends it.
    fn stream(
        &self,
        call: Call<Self::Client>,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<Payload, HubError>>, HubError>> + Send;

    /// Runs once after every `connected`, when the connection has ended.
    fn disconnected(
        &self,
        client: &Arc<Self::Client>,
        connection: &ConnectionHandle,
    ) -> impl Future<Output = ()> + Send;
}

/// Another place that a client is to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Redirect {
    /// The hub there, with `https`. The client negotiates anew.
    pub url: String,
    /// What the client is to show there. None: what it showed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
}

/// How a method is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// It has one result or none.
    Invoke,
    /// It has one result, which may be large: few of them run at a time ([`super::Options::max_large`]).
    InvokeLarge,
    /// It streams items.
    Stream,
}

/// An invocation of a hub method.
#[derive(Debug)]
pub struct Call<C> {
    /// Who calls.
    pub client: Arc<C>,
    /// On which connection.
    pub connection: ConnectionHandle,
    /// The method's name.
    pub target: String,
    /// What it is called with.
    pub arguments: Arguments,
    pub(super) uploads: Vec<Option<Upload>>,
}

impl<C> Call<C> {
    /// Encodes a result or a stream's item for the caller.
    ///
    /// # Errors
    /// It has no encoding.
    pub fn reply<T: Serialize + ?Sized>(&self, value: &T) -> Result<Payload, HubError> {
        Ok(Payload::encode(self.connection.protocol(), value)?)
    }

    /// The stream that the client sends as its `index`th, from 0; streams are not counted among `arguments`. To be taken
    /// once. The error's text is ASP.NET's of a missing argument.
    ///
    /// # Errors
    /// There is none, or it was taken.
    pub fn upload(&mut self, index: usize) -> Result<Upload, HubError> {
        let given = self.arguments.len() + self.uploads.len();
        let upload = self.uploads.get_mut(index).and_then(Option::take);
        upload.ok_or_else(|| ArgumentError::Missing { given, expected: given + 1 }.into())
    }

    /// The result of a method that returns nothing.
    pub fn void(&self) -> Payload {
        Payload::void(self.connection.protocol())
    }
}

/// Why a call failed. The client gets the text as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HubError(pub String);

impl From<String> for HubError {
    fn from(text: String) -> HubError {
        HubError(text)
    }
}

impl From<&str> for HubError {
    fn from(text: &str) -> HubError {
        HubError(text.to_owned())
    }
}

impl From<ArgumentError> for HubError {
    fn from(error: ArgumentError) -> HubError {
        HubError(error.to_string())
    }
}

impl From<EncodeError> for HubError {
    fn from(error: EncodeError) -> HubError {
        HubError(error.to_string())
    }
}

/// A request that is turned away, as an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 401, 403, 429, 503 or the like.
    pub status: StatusCode,
    /// Its body, as text.
    pub text: Cow<'static, str>,
    /// For the `Retry-After` header, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// A refusal with that status.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { status, text: text.into(), retry_after_s: None }
    }

    /// 401.
    pub fn unauthorized(text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, text)
    }

    /// 403.
    pub fn forbidden(text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, text)
    }

    /// 403, to whoever comes to another's connection.
    pub(super) fn not_yours() -> Refusal {
        Refusal::forbidden("This connection is somebody else's.")
    }

    /// 429.
    pub fn too_many_requests(text: impl Into<Cow<'static, str>>, retry_after_s: u32) -> Refusal {
        let retry_after_s = Some(retry_after_s);
        Refusal { retry_after_s, ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, text) }
    }

    /// 503.
    pub fn unavailable(text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// The token of `Authorization: Bearer`, else of `access_token` in the query, where browsers have to put it. Keep the
/// query out of logs.
pub fn access_token(request: &Parts) -> Option<Cow<'_, str>> {
    if let Some(header) = request.headers.get(AUTHORIZATION) {
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into());
    }
    query_value(request, "access_token")
}

/// The value of a query parameter.
pub(super) fn query_value<'a>(request: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    let query = request.uri.query()?.as_bytes();
    form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value)
}
