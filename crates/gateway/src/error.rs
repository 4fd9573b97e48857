//! Errors on their way out: a stable code, a sentence, and over HTTP a status.

use std::time::Duration;

use accounts::{AccountError, PeopleError};
use axum::response::{IntoResponse, Response};
use chats::ChatError;
use http::{HeaderValue, StatusCode, header};
use notifications::in_app::NoticeError;
use presence::PresenceError;
use protocol::ErrorCode;
use serde_json::json;
use signalr::server::{HubError, Refusal};

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// The stable code.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// How long to wait before trying again, in seconds.
    pub retry_after_s: Option<u32>,
}

/// Where a problem's type is explained, before its code.
const PROBLEMS: &str = "/api/docs#error-";
/// How long to wait when no time is known, in seconds.
const RETRY_AFTER_S: u32 = 1;

impl CommandError {
    /// An error with that code and sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_s: None }
    }

    /// Arguments that are missing, malformed or out of bounds.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }

    pub(crate) fn no_token() -> Self {
        Self::new(ErrorCode::Unauthenticated, "sign in first, and bring the access token")
    }

    /// As it reads on the hub: `code: sentence`.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }

    /// How long to wait before trying again, in seconds, if that may help.
    pub(crate) fn wait_s(&self) -> Option<u32> {
        match self.code {
            ErrorCode::RateLimited | ErrorCode::Unavailable => {
                Some(self.retry_after_s.unwrap_or(RETRY_AFTER_S))
            }
            _ => None,
        }
    }

    /// Turns a request for a connection away.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal { retry_after_s: self.wait_s(), ..Refusal::new(self.status(), self.text()) }
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<ChatError> for CommandError {
    fn from(error: ChatError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<AccountError> for CommandError {
    fn from(error: AccountError) -> Self {
        match &error {
            // What went wrong inside is for the log.
            AccountError::Unavailable(reason) | AccountError::Internal(reason) => {
                tracing::warn!(reason, "an accounts command failed");
                Self::new(error.code(), error.code().meaning())
            }
            AccountError::RateLimited { retry_after } => Self {
                retry_after_s: Some(retry_after.map_or(RETRY_AFTER_S, wait_s)),
                ..Self::new(error.code(), error.to_string())
            },
            _ => Self::new(error.code(), error.to_string()),
        }
    }
}

impl From<PeopleError> for CommandError {
    fn from(error: PeopleError) -> Self {
        match &error {
            // What went wrong inside is for the log.
            PeopleError::Unavailable(reason) => {
                tracing::warn!(reason, "a people command failed");
                Self::new(error.code(), error.code().meaning())
            }
            PeopleError::TooSoon { retry_after, .. } => {
                Self { retry_after_s: retry_after.map(wait_s), ..Self::new(error.code(), error.to_string()) }
            }
            _ => Self::new(error.code(), error.to_string()),
        }
    }
}

/// In whole seconds, after which it is over for sure.
fn wait_s(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
}

impl From<NoticeError> for CommandError {
    fn from(error: NoticeError) -> Self {
        if let NoticeError::Unavailable(reason) = &error {
            tracing::warn!(reason, "a notifications command failed");
            return Self::new(error.code(), error.code().meaning());
        }
        Self::new(error.code(), error.to_string())
    }
}

impl From<PresenceError> for CommandError {
    fn from(error: PresenceError) -> Self {
        if let PresenceError::Unavailable(reason) = &error {
            tracing::warn!(reason, "a presence command failed");
            return Self::new(error.code(), error.code().meaning());
        }
        Self::new(error.code(), error.to_string())
    }
}

impl From<CommandError> for HubError {
    fn from(error: CommandError) -> Self {
        Self(error.text())
    }
}

impl CommandError {
    /// The answer over HTTP, as problem details (RFC 9457); `code` and `message` are ours, and stable.
    pub(crate) fn problem(&self, status: StatusCode) -> Response {
        let mut body = json!({
            "type": format!("{PROBLEMS}{}", self.code),
            "title": self.code.meaning(),
            "status": status.as_u16(),
            "detail": self.message,
            "code": self.code,
            "message": self.message,
        });
        if let Some(seconds) = self.retry_after_s {
            body["retryAfter"] = seconds.into();
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.wait_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for CommandError {
    fn into_response(self) -> Response {
        self.problem(self.status())
    }
}

#[cfg(test)]
mod tests;
