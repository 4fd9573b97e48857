use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

/// What a mail server got in one transaction.
#[derive(Debug, Default)]
struct Received {
    login: Option<String>,
    from: String,
    to: String,
    data: String,
}

/// How a mail server behaves.
#[derive(Clone, Copy)]
enum Behaviour {
    Accept,
    /// Says this to every recipient.
    Answer(&'static str),
    /// So for the first recipient only.
    AnswerFirst(&'static str),
    Silent,
}

/// A mail server that speaks enough of RFC 5321 and 4954.
async fn server(behaviour: Behaviour) -> (u16, mpsc::UnboundedReceiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut refused = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let now = match behaviour {
                Behaviour::AnswerFirst(answer) if refused == 0 => Behaviour::Answer(answer),
                Behaviour::AnswerFirst(_) => Behaviour::Accept,
                other => other,
            };
            refused += 1;
            tokio::spawn(converse(stream, now, sender.clone()));
        }
    });
    (port, received)
}

async fn converse(mut stream: TcpStream, behaviour: Behaviour, sender: mpsc::UnboundedSender<Received>) {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    if matches!(behaviour, Behaviour::Silent) {
        while let Ok(Some(_)) = lines.next_line().await {}
        return;
    }
    writer.write_all(b"220 test ESMTP\r\n").await.unwrap();
    let mut received = Received::default();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => {
                received.login = line.strip_prefix("AUTH PLAIN ").map(str::to_owned);
                "235 welcome"
            }
            "MAIL" => {
                received.from = line;
                "250 ok"
            }
            "RCPT" => {
                received.to = line;
                if let Behaviour::Answer(answer) = behaviour { answer } else { "250 ok" }
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    received.data.push_str(&line);
                    received.data.push('\n');
                }
                let _ = sender.send(std::mem::take(&mut received));
                "250 queued"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "127.0.0.1".into(),
        port,
        encryption: Encryption::None,
        ca: None,
        login: None,
        from: "Kith at home <kith@example.org>".into(),
        service: "Kith".into(),
        code_valid_for: Duration::from_secs(600),
        at_once: 16,
    }
}

fn quick() -> Limits {
    Limits { try_timeout: Duration::from_millis(300), deadline: Duration::from_secs(3), ..Limits::default() }
}

#[tokio::test]
async fn a_code_arrives() {
    let (port, mut received) = server(Behaviour::Accept).await;
    let login = Some(("kith".to_owned(), "secret".to_owned()));
    let mail = Mail::new(MailSettings { login, ..settings(port) }).unwrap();
    mail.send_code("bob@example.net", "042137").await.unwrap();
    let got = received.recv().await.unwrap();
    assert_eq!(got.login, Some(data_encoding::BASE64.encode(b"\0kith\0secret")));
    assert!(got.from.starts_with("MAIL FROM:<kith@example.org>"), "{}", got.from);
    assert_eq!(got.to, "RCPT TO:<bob@example.net>");
    assert!(got.data.contains("\nSubject: 042137 is your code for Kith\n"), "{}", got.data);
    assert!(got.data.contains("From: \"Kith at home\" <kith@example.org>\n"), "{}", got.data);
    assert!(got.data.contains("\nAuto-Submitted: auto-generated\n"), "{}", got.data);
    assert!(got.data.contains("\n    042137\n\nIt is good for 10 minutes, once."), "{}", got.data);
    // A second one, over the pool's connection.
    mail.send_code("eve@example.net", "000000").await.unwrap();
    assert_eq!(received.recv().await.unwrap().to, "RCPT TO:<eve@example.net>");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let (port, mut received) = server(Behaviour::AnswerFirst("451 later")).await;
    let mail = Mail::new(settings(port)).unwrap();
    mail.send_code("bob@example.net", "042137").await.unwrap();
    assert!(received.recv().await.is_some());
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (port, mut received) = server(Behaviour::Answer("550 no such mailbox")).await;
    let mail = Mail::new(settings(port)).unwrap();
    let error = mail.send_code("bob@example.net", "042137").await.unwrap_err();
    assert!(matches!(&error, SendError::Refused(why) if why.contains("550")), "{error}");
    assert!(received.try_recv().is_err());
    assert!(matches!(mail.send_code("bob", "042137").await, Err(SendError::Refused(_))));
}

#[tokio::test]
async fn a_silent_or_absent_server_is_given_up() {
    let (port, _received) = server(Behaviour::Silent).await;
    let mail = Mail::with_limits(settings(port), quick()).unwrap();
    let start = std::time::Instant::now();
    assert!(matches!(mail.send_code("bob@example.net", "042137").await, Err(SendError::Unreachable(_))));
    assert!(start.elapsed() < Duration::from_secs(3));
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mail = Mail::with_limits(settings(unused), quick()).unwrap();
    assert!(matches!(mail.send_code("bob@example.net", "042137").await, Err(SendError::Unreachable(_))));
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_where_encryption_is_asked_for() {
    let (port, mut received) = server(Behaviour::Accept).await;
    for encryption in [Encryption::Starttls, Encryption::Tls] {
        let host = "localhost".to_owned();
        let mail = Mail::with_limits(MailSettings { encryption, host, ..settings(port) }, quick()).unwrap();
        assert!(mail.send_code("bob@example.net", "042137").await.is_err());
    }
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_wrong_sender_is_found_at_the_start() {
    let error = Mail::new(MailSettings { from: "Kith".into(), ..settings(25) }).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("mail sender: "), "{error}");
}
