//! The pages that are not the API.

use axum::Router;
use axum::response::Html;
use axum::routing::get;

pub(crate) fn routes() -> Router {
    Router::new().route("/", get(index))
}

/// Until the web client takes this place.
async fn index() -> Html<&'static str> {
    Html(include_str!("index.html"))
}
