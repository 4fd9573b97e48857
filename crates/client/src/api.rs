//! REST: signing in and the session's life.

use std::net::IpAddr;
use std::time::Duration;

use protocol::{
    CodeRequest, CodeSent, CodeVerification, ConversationId, Credentials, CredentialsChange,
    DeletionConfirmation, DeviceId, ErrorCode, RefreshRequest, SessionInfo, SignedIn, Tokens, UserId,
    UserInfo,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signalr::client::Tls;

use crate::{Error, runtime};

/// No REST call of this crate takes longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// An export is as long as its conversation; what it must not do is stand still, for [`CALL_TIMEOUT`].
const EXPORT_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// A connection that is not there after this never will be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The REST interface of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    tls: Option<Tls>,
}

#[derive(Deserialize)]
struct Refusal {
    code: ErrorCode,
    message: String,
}

impl Api {
    /// The server at `base`, such as `https://chat.example.org`. Does not connect yet.
    ///
    /// # Errors
    /// [`Error::Network`] if that is no address of a server.
    pub fn new(base: &str) -> Result<Self, Error> {
        Self::from_address(base, None)
    }

    /// As [`Api::new`], trusting those of a PEM file besides the machine's authorities: an operator's own, or the server's
    /// very certificate.
    pub fn trusting(base: &str, pem: &[u8]) -> Result<Self, Error> {
        Self::build(base, None, Some(pem))
    }

    /// As [`Api::new`], speaking from a certain local address: a load generator's way to be many hosts.
    ///
    /// # Errors
    /// As [`Api::new`].
    pub fn from_address(base: &str, local: Option<IpAddr>) -> Result<Self, Error> {
        Self::build(base, local, None)
    }

    fn build(base: &str, local: Option<IpAddr>, pem: Option<&[u8]>) -> Result<Self, Error> {
        // Whoever comes first sets it; all of ours set the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = reqwest::Url::parse(base).map_err(|error| Error::Network(format!("{base}: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Error::Network(format!(
                "{base}: a server's address begins with http:// or https://"
            )));
        }
        let roots = match pem {
            Some(pem) => Some(reqwest::Certificate::from_pem_bundle(pem).map_err(network)?),
            None => None,
        };
        let wrong = |error: std::io::Error| Error::Network(format!("certificate authorities: {error}"));
        let tls = pem.map(Tls::with_roots).transpose().map_err(wrong)?;
        let http = reqwest::Client::builder()
            .tls_certs_merge(roots.unwrap_or_default())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .local_address(local)
            .user_agent(concat!("kith/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(network)?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), tls })
    }

    /// The server's address, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whom to trust besides the machine's authorities, if anybody.
    pub(crate) fn tls(&self) -> Option<Tls> {
        self.tls.clone()
    }

    /// The hub's address, `ws://…/hub` or `wss://…/hub`.
    pub fn hub_url(&self) -> String {
        // http → ws, https → wss.
        format!("ws{}/hub", self.base.trim_start_matches("http"))
    }

    /// Registers with a username and a password, and signs in.
    ///
    /// # Errors
    /// [`Error::Refused`]: the name is taken, something is malformed, or nobody may register. Or the server did
    /// not answer.
    pub async fn register(&self, credentials: &Credentials) -> Result<SignedIn, Error> {
        self.post("/api/auth/register", credentials).await
    }

    /// Signs in with a username and a password.
    ///
    /// # Errors
    /// [`Error::Refused`]: there is no such user, or the password is wrong. Or the server did not answer.
    pub async fn login(&self, credentials: &Credentials) -> Result<SignedIn, Error> {
        self.post("/api/auth/login", credentials).await
    }

    /// Asks for a one-time code.
    ///
    /// # Errors
    /// [`Error::Refused`]: no address, too soon, or it cannot be sent. Or the server did not answer.
    pub async fn request_code(&self, request: &CodeRequest) -> Result<CodeSent, Error> {
        self.post("/api/auth/code", request).await
    }

    /// Asks for a one-time code to add an address to one's account.
    pub async fn request_own_code(
        &self,
        access_token: &str,
        request: &CodeRequest,
    ) -> Result<CodeSent, Error> {
        let asked = self.request(Method::POST, "/api/auth/code").bearer_auth(access_token).json(request);
        decode(self.send(asked).await?)
    }

    /// Signs in, or registers, with a one-time code.
    ///
    /// # Errors
    /// [`Error::Refused`] for a wrong code or one that is spent; or the server did not answer.
    pub async fn verify_code(&self, verification: &CodeVerification) -> Result<SignedIn, Error> {
        self.post("/api/auth/verify", verification).await
    }

    /// Exchanges a refresh token. Once the server has answered, the old one must never be used again: see
    /// [`crate::Keeper`].
    ///
    /// # Errors
    /// [`Error::SignedOut`] if the server takes it no more. After any other error it is unknown whether the token
    /// was exchanged.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Error> {
        let request = RefreshRequest { refresh_token: refresh_token.to_owned() };
        self.post("/api/auth/refresh", &request).await
    }

    /// Ends the session.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if it had ended already; or the server did not answer.
    pub async fn logout(&self, access_token: &str) -> Result<(), Error> {
        let request = self.request(Method::POST, "/api/auth/logout").bearer_auth(access_token);
        self.send(request).await.map(drop)
    }

    /// The account's signed-in devices.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if the token is not good any more; or the server did not answer.
    pub async fn sessions(&self, access_token: &str) -> Result<Vec<SessionInfo>, Error> {
        let request = self.request(Method::GET, "/api/auth/sessions").bearer_auth(access_token);
        decode(self.send(request).await?)
    }

    /// Ends the session of one device.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such device, [`Error::SignedOut`]; or the server did not answer.
    pub async fn revoke_session(&self, access_token: &str, device: DeviceId) -> Result<(), Error> {
        let path = format!("/api/auth/sessions/{device}");
        self.send(self.request(Method::DELETE, &path).bearer_auth(access_token)).await.map(drop)
    }

    /// A conversation as a file of JSON objects, one a line: itself, then its entries, the oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`] to those who have no part in it, [`Error::SignedOut`]; or the server did not answer.
    pub async fn export(&self, access_token: &str, conversation: ConversationId) -> Result<Export, Error> {
        let path = format!("/api/conversations/{conversation}/export");
        let request = self.request(Method::GET, &path).bearer_auth(access_token).timeout(EXPORT_TIMEOUT);
        let response = runtime::timeout(CALL_TIMEOUT, request.send()).await;
        let response = response.ok_or(Error::Timeout(CALL_TIMEOUT.as_secs()))?.map_err(network)?;
        let status = response.status();
        if status.is_success() {
            return Ok(Export(response));
        }
        Err(refusal(status, &response.bytes().await.map_err(network)?))
    }

    /// Sets or changes one's username, password, or both.
    ///
    /// # Errors
    /// [`Error::Refused`]: the name is taken, something is malformed, or the current password is wrong.
    /// [`Error::SignedOut`]; or the server did not answer.
    pub async fn change_credentials(
        &self,
        access_token: &str,
        change: &CredentialsChange,
    ) -> Result<UserInfo, Error> {
        let request = self.request(Method::PUT, "/api/auth/credentials").bearer_auth(access_token);
        decode(self.send(request.json(change)).await?)
    }

    /// Adds the address that a one-time code proves to one's account.
    ///
    /// # Errors
    /// [`Error::Refused`]: the code is wrong, or the address is another account's. [`Error::SignedOut`]; or the
    /// server did not answer.
    pub async fn add_address(
        &self,
        access_token: &str,
        verification: &CodeVerification,
    ) -> Result<UserInfo, Error> {
        let request = self.request(Method::POST, "/api/auth/address").bearer_auth(access_token);
        decode(self.send(request.json(verification)).await?)
    }

    /// Deletes one's account for good.
    ///
    /// # Errors
    /// [`Error::Refused`] if it takes a password or a code that was not given or is wrong, [`Error::SignedOut`];
    /// or the server did not answer.
    pub async fn delete_account(
        &self,
        access_token: &str,
        user: UserId,
        confirmation: &DeletionConfirmation,
    ) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &format!("/api/users/{user}")).bearer_auth(access_token);
        self.send(request.json(confirmation)).await.map(drop)
    }

    /// Whether the server is there and well.
    ///
    /// # Errors
    /// [`Error::Network`] or [`Error::Timeout`] if nobody answers, [`Error::Protocol`] if it is no such server.
    pub async fn health(&self) -> Result<(), Error> {
        self.send(self.request(Method::GET, "/health")).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        decode(self.send(self.request(Method::POST, path).json(body)).await?)
    }

    /// The body of a good answer.
    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Error> {
        let response = request.send().await.map_err(network)?;
        let status = response.status();
        let body = response.bytes().await.map_err(network)?.to_vec();
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }
}

/// An export on its way.
#[derive(Debug)]
pub struct Export(reqwest::Response);

impl Export {
    /// The next part of it, which may end within a line; none at its end.
    ///
    /// # Errors
    /// It broke off, or stood still for too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let chunk = runtime::timeout(CALL_TIMEOUT, self.0.chunk()).await;
        let chunk = chunk.ok_or(Error::Timeout(CALL_TIMEOUT.as_secs()))?.map_err(network)?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }
}

fn decode<T: DeserializeOwned>(body: Vec<u8>) -> Result<T, Error> {
    serde_json::from_slice(&body).map_err(|error| Error::Protocol(error.to_string()))
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { code: ErrorCode::Unauthenticated, .. }) => Error::SignedOut,
        Ok(Refusal { code, message }) => Error::Refused { code, message },
        // A proxy in between, or no server of ours.
        Err(_) if status.is_server_error() => Error::Network(format!("it answered {status}")),
        Err(_) => Error::Protocol(format!("{status}; is this a Kith server?")),
    }
}

/// reqwest's errors hide the cause one level down.
fn network(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout(CALL_TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Error::Network(match error.url() {
        Some(url) => format!("{}: {cause}", url.origin().ascii_serialization()),
        None => cause.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_is_beside_the_api() {
        for (base, hub) in [
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/hub"),
            ("https://chat.example.org/", "wss://chat.example.org/hub"),
        ] {
            assert_eq!(Api::new(base).unwrap().hub_url(), hub);
        }
        assert!(Api::new("127.0.0.1:8080").is_err());
        assert!(Api::new("ftp://x").is_err());
    }

    #[test]
    fn a_refusal_keeps_the_code_and_the_sentence() {
        let body = br#"{"code":"username_taken","message":"That name is taken."}"#;
        let error = refusal(StatusCode::CONFLICT, body);
        assert_eq!(error.code(), Some(ErrorCode::UsernameTaken));
        assert_eq!(error.to_string(), "That name is taken.");
        let ended = refusal(StatusCode::UNAUTHORIZED, br#"{"code":"unauthenticated","message":"x"}"#);
        assert_eq!(ended, Error::SignedOut);
        assert!(refusal(StatusCode::BAD_GATEWAY, b"<html>").breaks_connection());
        assert!(matches!(refusal(StatusCode::NOT_FOUND, b"nope"), Error::Protocol(_)));
    }
}
