//! Entity tags: whoever holds the answer already gets a 304 without it.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::CommandError;

/// Characters of a tag between its quotes: 128 bits in hexadecimal.
const TAG_BYTES: usize = 16;

/// Gives a good answer the hash of its body as a strong tag (RFC 9110, section 8.8.3). The answer is the asker's own: it
/// may keep it, and has to ask each time whether it still holds.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let held = request.headers().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // The body was just made in memory: it has no need of a bound.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return CommandError::new(protocol::ErrorCode::Internal, "the answer was lost").into_response();
    };
    let etag = of(&body);
    let known = holds(&held, &etag);
    if let Ok(value) = HeaderValue::from_str(&etag) {
        parts.headers.insert(header::ETAG, value);
    }
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    if known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// The tag of an answer with that body.
fn of(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let hex: String = hash.iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// The tag of an answer.
pub(super) fn of_answer(answer: &impl Serialize) -> String {
    // What cannot be encoded is answered with an error all the same.
    serde_json::to_vec(answer).map_or_else(|_| of(&[]), |body| of(&body))
}

/// Whether what is there now is what the asker wants to change: RFC 9110, section 13.1.1, compared strongly; `*` is any.
pub(super) fn matches(headers: &HeaderMap, now: &impl Serialize) -> bool {
    let etag = of_answer(now);
    let lists = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || tag == etag)
}

/// RFC 9110, section 13.1.2: compared weakly; `*` is any.
fn holds(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_held() {
        let held = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            holds(&headers, "\"ab\"")
        };
        for yes in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(held(yes), "{yes}");
        }
        for no in ["", "ab", "\"abc\"", "\"x\""] {
            assert!(!held(no), "{no}");
        }
        assert!(!holds(&HeaderMap::new(), "\"ab\""));
    }
}
