//! `/api/openapi.json`, and `/api/docs`: a page that shows it and asks nobody else for anything.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::routing::get;

use super::openapi;
use crate::page::file;
use crate::state::Shared;

/// What the page may do: nothing but load its own parts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi::openapi().to_string());

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/openapi.json", get(|| file(POLICY, "application/json", &DOCUMENT)))
        .route("/docs", get(|| file(POLICY, "text/html; charset=utf-8", include_str!("reference/page.html"))))
        .route(
            "/docs/page.js",
            get(|| file(POLICY, "text/javascript; charset=utf-8", include_str!("reference/page.js"))),
        )
        .route(
            "/docs/page.css",
            get(|| file(POLICY, "text/css; charset=utf-8", include_str!("reference/page.css"))),
        )
}
