//! The pages that are not the API.

use axum::Router;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use http::header;

/// What the page for the first admin may do: load its own script, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", get(index))
        .route(
            "/first-admin",
            get(|| file(POLICY, "text/html; charset=utf-8", include_str!("first_admin.html"))),
        )
        .route(
            "/first-admin.js",
            get(|| file(POLICY, "text/javascript; charset=utf-8", include_str!("first_admin.js"))),
        )
}

/// Until the web client takes this place.
async fn index() -> Html<&'static str> {
    Html(include_str!("index.html"))
}

/// A file of a page that may do what `policy` says: a Content-Security-Policy (CSP Level 3).
pub(crate) async fn file(
    policy: &'static str,
    content_type: &'static str,
    content: &'static str,
) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The token stands behind a #, which no browser sends; the address of this page is nobody else's business either.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, content)
}
