use accounts::{AccountError, PeopleError};
use axum::body::to_bytes;
use chats::ChatError;
use presence::PresenceError;
use serde_json::{Value, json};

use super::*;

/// One of each, with the code it must have. A variant that is new does not compile until it is here.
fn account_errors() -> Vec<(AccountError, ErrorCode)> {
    use AccountError::*;
    let all = vec![
        (Invalid("why".into()), ErrorCode::Invalid),
        (Unauthenticated, ErrorCode::Unauthenticated),
        (UnknownUser, ErrorCode::UnknownUser),
        (WrongPassword, ErrorCode::WrongPassword),
        (WrongCode, ErrorCode::WrongCode),
        (Suspended, ErrorCode::Suspended),
        (LastAdmin, ErrorCode::LastAdmin),
        (UsernameTaken, ErrorCode::UsernameTaken),
        (AddressTaken, ErrorCode::Conflict),
        (RegistrationClosed, ErrorCode::RegistrationClosed),
        (RateLimited { retry_after: None }, ErrorCode::RateLimited),
        (UnknownDevice, ErrorCode::NotFound),
        (NoSuchUser, ErrorCode::NotFound),
        (Forbidden("list_accounts"), ErrorCode::Forbidden),
        (OnOneself("change_roles"), ErrorCode::Forbidden),
        (Changed, ErrorCode::Changed),
        (Unavailable("db-7 is down".into()), ErrorCode::Unavailable),
        (Internal("row 7 is odd".into()), ErrorCode::Internal),
    ];
    for (error, _) in &all {
        match error {
            Invalid(_)
            | Unauthenticated
            | UnknownUser
            | WrongPassword
            | WrongCode
            | Suspended
            | LastAdmin
            | UsernameTaken
            | AddressTaken
            | RegistrationClosed
            | RateLimited { .. }
            | UnknownDevice
            | NoSuchUser
            | Forbidden(_)
            | OnOneself(_)
            | Changed
            | Unavailable(_)
            | Internal(_) => {}
        }
    }
    all
}

fn chat_errors() -> Vec<(ChatError, ErrorCode)> {
    use ChatError::*;
    let all = vec![
        (Invalid("why".into()), ErrorCode::Invalid),
        (NotFound("conversation"), ErrorCode::NotFound),
        (Forbidden("only an admin may"), ErrorCode::Forbidden),
        (WrongEpoch { current: 7 }, ErrorCode::WrongEpoch),
        (InviteRequired("ask first".into()), ErrorCode::InviteRequired),
        (LastAdmin, ErrorCode::LastAdmin),
        (GroupFull { limit: 7 }, ErrorCode::GroupFull),
        (TooLarge { limit: 7 }, ErrorCode::TooLarge),
        (Unavailable, ErrorCode::Unavailable),
    ];
    for (error, _) in &all {
        match error {
            Invalid(_)
            | NotFound(_)
            | Forbidden(_)
            | InviteRequired(_)
            | WrongEpoch { .. }
            | LastAdmin
            | GroupFull { .. }
            | TooLarge { .. }
            | Unavailable => {}
        }
    }
    all
}

fn people_errors() -> Vec<(PeopleError, ErrorCode)> {
    use PeopleError::*;
    let all = vec![
        (Invalid("why".into()), ErrorCode::Invalid),
        (NotFound("invite"), ErrorCode::NotFound),
        (Forbidden("they do not take messages from you"), ErrorCode::Forbidden),
        (Settled("it was withdrawn"), ErrorCode::Conflict),
        (Full { what: "contacts", limit: 7 }, ErrorCode::Invalid),
        (TooSoon { why: "wait", retry_after: None }, ErrorCode::RateLimited),
        (Unavailable("db-7 is down".into()), ErrorCode::Unavailable),
    ];
    for (error, _) in &all {
        match error {
            Invalid(_)
            | NotFound(_)
            | Forbidden(_)
            | Settled(_)
            | Full { .. }
            | TooSoon { .. }
            | Unavailable(_) => {}
        }
    }
    all
}

fn presence_errors() -> Vec<(PresenceError, ErrorCode)> {
    vec![
        (PresenceError::TooManyConnections { limit: 7 }, ErrorCode::RateLimited),
        (PresenceError::Unavailable("db-7 is down".into()), ErrorCode::Unavailable),
    ]
}

fn all() -> Vec<(CommandError, ErrorCode)> {
    let accounts = account_errors().into_iter().map(|(error, code)| (error.into(), code));
    let chats = chat_errors().into_iter().map(|(error, code)| (error.into(), code));
    let presence = presence_errors().into_iter().map(|(error, code)| (error.into(), code));
    let people = people_errors().into_iter().map(|(error, code)| (error.into(), code));
    accounts.chain(people).chain(chats).chain(presence).collect()
}

/// Status, `Retry-After`, `WWW-Authenticate`, body.
async fn answer(error: CommandError) -> (u16, Option<String>, Option<String>, Value) {
    let response = error.into_response();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (wait, scheme) = (header(header::RETRY_AFTER), header(header::WWW_AUTHENTICATE));
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, wait, scheme, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn every_service_error_has_its_code_and_status() {
    for (error, code) in all() {
        assert_eq!(error.code, code);
        assert_eq!(HubError::from(error.clone()).0, format!("{code}: {}", error.message));
        let (status, wait, scheme, body) = answer(error.clone()).await;
        assert_eq!(status, code.http_status(), "{error:?}");
        assert_eq!((&body["code"], &body["message"]), (&json!(code.as_str()), &json!(error.message)));
        assert_eq!(wait.is_some(), matches!(status, 429 | 503), "{error:?}");
        assert_eq!(scheme.as_deref(), (status == 401).then_some("Bearer"), "{error:?}");
    }
}

#[test]
fn sentences_are_for_people_and_tell_nothing_of_the_inside() {
    for (error, _) in all() {
        assert!(!error.message.is_empty());
        for inside in ["db-7", "row 7"] {
            assert!(!error.message.contains(inside), "{error:?}");
        }
    }
}

#[tokio::test]
async fn how_long_to_wait_is_told() {
    let after = |ms| AccountError::RateLimited { retry_after: Some(Duration::from_millis(ms)) };
    let unknown = CommandError::from(AccountError::RateLimited { retry_after: None });
    assert_eq!(answer(unknown).await.1.as_deref(), Some("1"));
    let later = CommandError::from(after(59_500));
    let (_, wait, _, body) = answer(later.clone()).await;
    assert_eq!((wait.as_deref(), &body["retryAfter"]), (Some("60"), &json!(60)));
    assert_eq!(CommandError::from(after(0)).wait_s(), Some(1));
    assert_eq!(CommandError::invalid("why").wait_s(), None);
    let refusal = later.refusal();
    assert_eq!((refusal.status.as_u16(), refusal.retry_after_s), (429, Some(60)));
    assert_eq!(refusal.text, later.text());
}

#[tokio::test]
async fn an_error_has_these_fields_and_no_others() {
    let body = answer(CommandError::invalid("why")).await.3;
    let expected = json!({
        "type": "/api/docs#error-invalid", "title": ErrorCode::Invalid.meaning(), "status": 422,
        "detail": "why", "code": "invalid", "message": "why",
    });
    assert_eq!(body, expected);
}
