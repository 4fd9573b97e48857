//! The OpenAPI 3.1 description of REST, made from the tables that the server itself runs by.

mod schemas;

use std::collections::BTreeMap;

use http::StatusCode;
use protocol::ErrorCode;
use protocol::objects::OBJECTS;
use serde_json::{Map, Value, json};

use super::objects::REST_OBJECTS;
use super::parameters::PARAMETERS;
use super::{ROUTES, RouteDoc};
use schemas::{one_line, reference, schema};

const ABOUT: &str = "REST beside the hub: each command of the one has its twin in the other. Sign in with `POST /api/auth/login` and \
     bring the access token as `Authorization: Bearer …`. Decide by the `code` of a refusal, not by its sentence. Repeat a request \
     that sends a message or creates a group with the same `id` until it is answered: it happens once. `docs/protocol.md` tells the \
     rules of the log.";

/// The description of every route, as `/api/openapi.json` answers it.
#[must_use]
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
    }
    let sections: Vec<_> = ROUTES.iter().map(section).fold(Vec::new(), |mut all, section| {
        if !all.contains(&section) {
            all.push(section);
        }
        all
    });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Kith", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT },
        "servers": [{ "url": "/" }],
        "tags": sections.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "security": [{ "accessToken": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "accessToken": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas::all(),
        },
    })
}

/// The first part of what answers it.
fn section(route: &RouteDoc) -> &'static str {
    route.function.split("::").next().unwrap_or_default().trim()
}

fn operation(route: &RouteDoc) -> Value {
    let mut operation = json!({
        "operationId": route.function.split_whitespace().collect::<String>().replace("::", "."),
        "tags": [section(route)],
        "summary": one_line(route.doc),
        "responses": responses(route),
    });
    if let Some(twin) = route.twin {
        operation["description"] = format!("The command `{twin}` of the hub.").into();
    }
    if !route.signed_in {
        operation["security"] = json!([]);
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = route.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema(body) } } });
    }
    operation
}

fn parameters(route: &RouteDoc) -> Vec<Value> {
    let names = route.path.split(['{', '}']).skip(1).step_by(2);
    let mut all: Vec<_> = names
        .map(|name| {
            let found = PARAMETERS.iter().find(|parameter| parameter.name == name);
            let found = found.unwrap_or_else(|| panic!("PARAMETERS explains no {name}"));
            json!({ "name": name, "in": "path", "required": true, "description": found.about, "schema": schema(found.of) })
        })
        .collect();
    let object =
        route.query.and_then(|name| OBJECTS.iter().chain(REST_OBJECTS).find(|object| object.name == name));
    for field in object.into_iter().flat_map(|object| object.fields) {
        let (of, optional) = schemas::optional(field.of);
        all.push(json!({
            "name": field.name,
            "in": "query",
            "required": !optional,
            "description": one_line(field.about),
            "schema": schema(&of),
        }));
    }
    if route.tagged {
        all.push(json!({
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of the answer held.",
            "schema": { "type": "string" },
        }));
    }
    if is_conditional(route) {
        all.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of what is to be changed, as it was read: 412 if it is not that any more.",
            "schema": { "type": "string" },
        }));
    }
    all
}

/// Whether it changes only what is still as the client has seen it, if the client says so.
fn is_conditional(route: &RouteDoc) -> bool {
    route.errors.contains(&ErrorCode::Changed)
}

fn responses(route: &RouteDoc) -> Value {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let mut good = json!({ "description": if route.answer.is_some() { "Success." } else { "Done." } });
    if route.lines {
        good["content"] = json!({ "application/x-ndjson": { "schema": { "type": "string" } } });
    } else if let Some(answer) = route.answer {
        good["content"] = json!({ "application/json": { "schema": schema(answer) } });
    }
    let etag = json!({ "ETag": { "required": true, "description": "Stands for this answer.", "schema": { "type": "string" } } });
    if route.tagged || is_conditional(route) {
        good["headers"] = etag.clone();
    }
    if route.tagged {
        all.insert(
            "304".into(),
            json!({ "description": "The answer held is still right.", "headers": etag }),
        );
    }
    all.insert(route.status.to_string(), good);
    let mut codes: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in refusals(route) {
        codes.entry(code.http_status()).or_default().push(code);
    }
    for (status, codes) in codes {
        all.insert(status.to_string(), refusal(status, &codes));
    }
    json!(all)
}

/// Why a request of this route may fail.
fn refusals(route: &RouteDoc) -> Vec<ErrorCode> {
    let token = route.signed_in.then_some(ErrorCode::Unauthenticated);
    let body = route.body.map(|_| ErrorCode::TooLarge);
    let input = (route.body.is_some() || route.query.is_some()).then_some(ErrorCode::Invalid);
    let any = [ErrorCode::RateLimited, ErrorCode::Unavailable, ErrorCode::Internal];
    let named = route.errors.iter().copied();
    let mut all: Vec<_> = named.chain(token).chain(body).chain(input).chain(any).collect();
    let mut seen = Vec::new();
    all.retain(|code| {
        !seen.contains(code) && {
            seen.push(*code);
            true
        }
    });
    all
}

fn refusal(status: u16, codes: &[ErrorCode]) -> Value {
    let meanings = codes.iter().map(|code| format!("`{code}`: {}", one_line(code.meaning())));
    let mut refusal = json!({
        "description": meanings.collect::<Vec<_>>().join(" "),
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    });
    let header = |about: &str, of: Value| json!({ "required": true, "description": about, "schema": of });
    match StatusCode::from_u16(status) {
        Ok(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
            let wait = header("Seconds to wait.", json!({ "type": "integer", "minimum": 0 }));
            refusal["headers"] = json!({ "Retry-After": wait });
        }
        Ok(StatusCode::UNAUTHORIZED) => {
            refusal["headers"] =
                json!({ "WWW-Authenticate": header("`Bearer`.", json!({ "type": "string" })) });
        }
        _ => {}
    }
    refusal
}

#[cfg(test)]
mod tests;
