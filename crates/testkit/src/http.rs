//! The least of an HTTP client: one request over one connection, JSON both ways. It does not follow, retry or reuse, so
//! that a test sees exactly what the server said.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// How long an answer may take; a password's hash on a busy machine takes its time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as JSON; null without one, a string if it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The first header of that name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The stable error code of a refusal; empty if there is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// One request. `body` is sent as it is and called JSON.
///
/// # Errors
/// When there is no answer, or none that is HTTP.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> io::Result<Answer> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    if let Some(token) = token {
        text += &format!("Authorization: Bearer {token}\r\n");
    }
    let body = body.unwrap_or_default();
    if !body.is_empty() {
        text += "Content-Type: application/json\r\n";
    }
    if method != "GET" {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    exchange(address, (text + "\r\n" + body).as_bytes())
}

/// One request as it is given, head and body, which asks that the connection be closed.
///
/// # Errors
/// When there is no answer, or none that is HTTP.
pub fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| {
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let [line, answer] = [line, &answer].map(String::from_utf8_lossy);
        io::Error::other(format!("no HTTP answer to {line}: {answer}"))
    })
}

/// A whole answer whose body ends with the connection.
fn parse(answer: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = match headers.iter().any(|(name, _)| name == "transfer-encoding") {
        true => whole(body)?,
        false => body.to_owned(),
    };
    let body = match body.as_str() {
        "" => Value::Null,
        body => serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())),
    };
    Some(Answer { status, headers, body })
}

/// A body that comes in chunks (RFC 9112, section 7.1), without trailers. None: its end is missing.
fn whole(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        body += rest.get(..length)?;
        chunks = rest.get(length..)?.strip_prefix("\r\n")?;
        if length == 0 {
            return Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_status_headers_and_json() {
        let answer =
            parse(b"HTTP/1.1 409 Conflict\r\nRetry-After: 3\r\n\r\n{\"code\":\"conflict\"}").unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (409, Some("3")));
        assert_eq!((answer.code(), &answer.body), ("conflict", &json!({ "code": "conflict" })));
    }

    #[test]
    fn no_body_is_null_and_text_is_text() {
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, Value::Null);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nok\n").unwrap().body, "ok\n");
        assert_eq!(parse(b"SSH-2.0\r\n\r\n"), None);
    }

    #[test]
    fn chunks_are_one_body() {
        let chunked = |body: &str| {
            let answer =
                parse(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes());
            answer.map(|answer| answer.body)
        };
        assert_eq!(chunked("0\r\n\r\n"), Some(Value::Null));
        assert_eq!(chunked("3\r\nok,\r\na\r\n and\r\nmore\r\n0\r\n\r\n"), Some(json!("ok, and\r\nmore")));
        assert_eq!(chunked("3\r\nok,\r\n"), None, "cut off");
    }
}
