//! Microsoft's own client in a browser, from a page of another origin.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use signalr::server::Options;
use tokio::{net::TcpListener, process::Command, sync::oneshot, time::timeout};

use crate::support::TestServer;

/// The page's report, as text.
type Report = Arc<Mutex<Option<oneshot::Sender<String>>>>;

/// What the page is made of. The client is as npm has it.
async fn file(Path(name): Path<String>) -> Response {
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let packages = crate_folder.join("../../tests/clients/node_modules/@microsoft");
    let folder = match name.as_str() {
        "signalr.js" => packages.join("signalr/dist/browser"),
        "signalr-protocol-msgpack.js" => packages.join("signalr-protocol-msgpack/dist/browser"),
        "browser.html" | "hub_tests.mjs" | "assert.mjs" => crate_folder.join("tests/clients"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let bytes = std::fs::read(folder.join(&name)).expect("the file: run scripts/test-deps");
    let kind = if name.ends_with(".html") { "text/html" } else { "text/javascript" };
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

async fn done(State(report): State<Report>, body: String) {
    if let Some(sender) = report.lock().unwrap().take() {
        let _ = sender.send(body);
    }
}

#[tokio::test]
async fn chromium_by_every_transport_and_protocol() {
    let (sender, reported) = oneshot::channel();
    let pages = Router::new()
        .route("/{name}", get(file))
        .route("/done", post(done))
        .with_state(Arc::new(Mutex::new(Some(sender))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
    let server = TestServer::start(Options {
        keep_alive: Duration::from_millis(400),
        allowed_origins: vec![origin.clone()],
        ..Options::default()
    })
    .await;

    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    // As root in a container there is neither a sandbox nor much shared memory.
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    chromium.args(["--no-first-run", "--disable-extensions", "--disable-background-networking"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    chromium.arg(format!("{origin}/browser.html?hub={}", server.url()));
    chromium.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let mut browser = chromium.spawn().expect("chromium: run scripts/test-deps");
    let report =
        timeout(Duration::from_secs(300), reported).await.expect("a report within 5 minutes").unwrap();
    browser.kill().await.unwrap();

    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["error"], serde_json::Value::Null, "{}", report["error"].as_str().unwrap_or_default());
    assert_eq!(report["passed"].as_array().map(Vec::len), Some(8), "{report}");
    assert!(report["agent"].as_str().unwrap().contains("Chrome/"), "{report}");
    assert_eq!(report["origin"], origin.as_str(), "the page is of another origin than the hub");
}
