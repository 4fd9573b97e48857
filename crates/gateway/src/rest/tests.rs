use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::extract::FromRequest;
use axum::extract::rejection::JsonRejection;
use http::Request;
use protocol::objects::OBJECTS;
use serde_json::Value;

use super::*;
use crate::{TABLE, WITHOUT_TWIN};
use axum::response::IntoResponse as _;

#[test]
fn every_route_is_documented_once() {
    let routes: BTreeSet<_> = ROUTES.iter().map(|route| (route.path, route.method)).collect();
    assert_eq!(routes.len(), ROUTES.len());
    for route in ROUTES {
        assert!(route.path.starts_with("/api/"), "{}", route.path);
        assert!(route.doc.trim().ends_with('.'), "{}", route.path);
        assert_eq!(route.status == 204, route.answer.is_none(), "{}", route.path);
        for of in route.body.into_iter().chain(route.query).chain(route.answer) {
            let of = of.trim_start_matches("Vec").trim_matches(['<', '>', ' ']);
            let mut objects = OBJECTS.iter().chain(REST_OBJECTS);
            assert!(objects.any(|object| object.name == of), "{of} of {}", route.path);
        }
        for name in route.path.split(['{', '}']).skip(1).step_by(2) {
            assert!(PARAMETERS.iter().any(|parameter| parameter.name == name), "{name} of {}", route.path);
        }
        assert!(!route.tagged || (route.method == "get" && route.signed_in), "{}", route.path);
    }
}

/// S7: what the hub does, REST does.
#[test]
fn every_command_has_its_twin_or_a_reason_not_to() {
    for command in TABLE {
        let twins = ROUTES.iter().filter(|route| route.twin == Some(command.name)).count();
        let reason = WITHOUT_TWIN.iter().find(|(name, _)| *name == command.name);
        assert_eq!(twins, usize::from(reason.is_none()), "{}", command.name);
    }
    for route in ROUTES {
        let named = |name| TABLE.iter().any(|command| command.name == name);
        assert!(route.twin.is_none_or(named), "{}", route.path);
    }
    for (name, reason) in WITHOUT_TWIN {
        assert!(TABLE.iter().any(|command| command.name == *name) && reason.ends_with('.'), "{name}");
    }
}

/// Seed 003's paths, as written there. Notifications and changing a profile are still to come.
#[test]
fn the_paths_that_the_seed_names_are_there() {
    for (method, path) in [
        ("post", "/api/auth/login"),
        ("post", "/api/auth/logout"),
        ("post", "/api/auth/register"),
        ("get", "/api/users/{user}"),
        ("post", "/api/messages/send"),
        ("get", "/api/messages/{peer}/history"),
        ("post", "/api/groups/create"),
        ("get", "/api/groups/{group}"),
        ("put", "/api/groups/{group}"),
        ("delete", "/api/groups/{group}"),
        ("post", "/api/groups/{group}/addMember"),
        ("post", "/api/groups/{group}/removeMember"),
    ] {
        assert!(ROUTES.iter().any(|route| (route.method, route.path) == (method, path)), "{method} {path}");
    }
}

/// The router refuses to be built from paths that overlap or are malformed.
#[test]
fn the_table_is_a_router() {
    drop(table());
}

async fn rejection(request: Request<Body>) -> JsonRejection {
    axum::Json::<RefreshRequest>::from_request(request, &()).await.unwrap_err()
}

fn request(content_type: Option<&str>, body: &'static str) -> Request<Body> {
    let mut request = Request::post("/");
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    request.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_the_reason() {
    for content_type in [None, Some("text/plain")] {
        let error = body::refuse(&rejection(request(content_type, "{}")).await, 10);
        assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(error.text().contains("content-type: application/json"), "{error:?}");
    }
    for (text, reason) in [("{", "EOF"), ("{}", "refreshToken"), (r#"{"refreshToken": 7}"#, "integer")] {
        let error = body::refuse(&rejection(request(Some("application/json"), text)).await, 10);
        assert_eq!(error.code, ErrorCode::Invalid, "{text}");
        assert!(error.message.contains(reason), "{error:?}");
    }
}

async fn read(response: Response) -> (u16, String, Value) {
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, content_type, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_answer_in_json() {
    let (status, content_type, body) = read(nothing().await.into_response()).await;
    assert_eq!(
        (status, content_type.as_str(), &body["code"]),
        (404, "application/problem+json", &"not_found".into())
    );
    let (status, content_type, body) = read(not_that_way().await).await;
    assert_eq!(
        (status, content_type.as_str(), &body["code"]),
        (405, "application/problem+json", &"not_found".into())
    );
}

#[tokio::test]
async fn answers_are_kept_nowhere() {
    let response = keep_nothing(StatusCode::NO_CONTENT.into_response()).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
}

#[test]
fn tokens_come_in_the_authorization_header() {
    let token = |value: &str| {
        let request = Request::get("/").header(header::AUTHORIZATION, value).body(()).unwrap();
        bearer(&request.into_parts().0).map(str::to_owned)
    };
    assert_eq!(token("Bearer ka_1").as_deref(), Some("ka_1"));
    assert_eq!(token("bearer  ka_1").as_deref(), Some("ka_1"));
    assert_eq!(token("Basic ka_1"), None);
    assert_eq!(token("ka_1"), None);
}
