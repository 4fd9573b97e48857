use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

/// One request: its first line, its headers in lower case, its body.
#[derive(Debug)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: String,
}

/// An HTTP server that gives these answers, one after another, then closes.
async fn server(
    answers: &'static [(&'static str, &'static str)],
) -> (String, mpsc::UnboundedReceiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                match line.trim_end() {
                    "" => break,
                    line => head.push(line.to_owned()),
                }
            }
            let line = head.remove(0);
            let headers: Vec<String> = head;
            let length = headers
                .iter()
                .find_map(|header| header.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut content = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut content).await.unwrap();
            let _ = sender.send(Request { line, headers, body: String::from_utf8(content).unwrap() });
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, received)
}

fn settings(base_url: String) -> SmsSettings {
    SmsSettings {
        base_url,
        account_sid: "AC123".into(),
        auth_token: "secret".into(),
        from: "+15005550006".into(),
        service: "Kith".into(),
        code_valid_for: Duration::from_secs(600),
        at_once: 16,
    }
}

const QUEUED: (&str, &str) = ("201 Created", r#"{"sid": "SM1", "status": "queued"}"#);

#[tokio::test]
async fn a_code_is_posted_as_twilio_wants_it() {
    let (url, mut received) = server(&[QUEUED]).await;
    Sms::new(settings(url)).unwrap().send_code("+4915123456789", "042137").await.unwrap();
    let request = received.recv().await.unwrap();
    assert_eq!(request.line, "POST /2010-04-01/Accounts/AC123/Messages.json HTTP/1.1");
    let has = |header: &str| request.headers.iter().any(|one| one.eq_ignore_ascii_case(header));
    let login = data_encoding::BASE64.encode(b"AC123:secret");
    assert!(request.headers.contains(&format!("authorization: Basic {login}")), "{request:?}");
    assert!(has("Content-Type: application/x-www-form-urlencoded"), "{request:?}");
    assert_eq!(
        request.body,
        "To=%2B4915123456789&From=%2B15005550006&Body=042137+is+your+code+for+Kith.+Good+for+10+minutes.+Give+it+to+nobody."
    );
}

#[tokio::test]
async fn a_refusal_is_final_and_told() {
    let refusal = r#"{"code": 21211, "message": "Invalid 'To' Phone Number\n", "more_info": "https://…", "status": 400}"#;
    let answers: &'static [_] = Box::leak(Box::new([("400 Bad Request", refusal)]));
    let (url, mut received) = server(answers).await;
    let error = Sms::new(settings(url)).unwrap().send_code("+4915123456789", "042137").await.unwrap_err();
    let expected = r"400 Bad Request, error 21211: Invalid \'To\' Phone Number\n";
    assert_eq!(error, SendError::Refused(expected.into()));
    assert!(received.recv().await.is_some());
}

#[tokio::test]
async fn a_busy_provider_is_asked_again() {
    let (url, mut received) = server(&[("503 Service Unavailable", "later"), QUEUED]).await;
    Sms::new(settings(url)).unwrap().send_code("+4915123456789", "042137").await.unwrap();
    assert!(received.recv().await.is_some());
    assert!(received.recv().await.is_some());
}

#[tokio::test]
async fn a_silent_or_absent_provider_is_given_up() {
    let limits = Limits {
        try_timeout: Duration::from_millis(200),
        deadline: Duration::from_secs(3),
        ..Limits::default()
    };
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sms = Sms::with_limits(settings(url.clone()), limits).unwrap();
    assert!(matches!(sms.send_code("+4915123456789", "1").await, Err(SendError::Unreachable(_))));
    drop(silent);
    assert!(matches!(sms.send_code("+4915123456789", "1").await, Err(SendError::Unreachable(_))));
}

#[tokio::test]
async fn a_wrong_url_is_found_at_the_start() {
    assert!(Sms::new(settings("twilio".into())).is_err());
}
