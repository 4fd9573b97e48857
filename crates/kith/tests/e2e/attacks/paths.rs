//! Nothing but what is meant to be served is served, however the path is written.

use testkit::server::Store;

use super::{Bystanders, rest, send, status};
use crate::support::start;

/// Everything that is served as a file.
const STATIC: &[&str] = &["/", "/api/docs", "/api/docs/page.js", "/api/docs/page.css", "/api/openapi.json"];
/// Ways out of a folder.
const WAYS_OUT: &[&str] = &[
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/.%2e/.%2e/etc/passwd",
    "/..;/..;/etc/passwd",
    "/..\\..\\..\\etc\\passwd",
    "/..%5c..%5cetc%5cpasswd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/..%c0%af..%c0%afetc/passwd",
    "/..%00/etc/passwd",
    "//etc/passwd",
    "/../kith.db",
    "/../secret.key",
    "/....//....//secret.key",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_lead_nowhere() {
    let server = start(Store::Sqlite);
    let mut bystanders = Bystanders::meet(&server).await;
    let secret = std::fs::read_to_string(server.data().join("secret.key")).expect("a key");
    let passwords = std::fs::read("/etc/passwd").expect("passwords");
    let ask = async |target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: kith\r\nConnection: close\r\n\r\n");
        let mut stream = send(&server, request.as_bytes()).await;
        rest(&mut stream).await
    };
    let holds = |answer: &[u8], what: &[u8]| answer.windows(what.len()).any(|part| part == what);
    for path in STATIC {
        assert_eq!(status(&ask(path).await), 200, "{path}");
        for way in WAYS_OUT {
            let path = format!("{}{way}", path.trim_end_matches('/'));
            for target in [path.clone(), format!("http://kith{path}"), format!("{path}?x=/../../etc/passwd")]
            {
                let answer = ask(&target).await;
                assert!(
                    [400, 404].contains(&status(&answer)),
                    "{target}: {}",
                    String::from_utf8_lossy(&answer)
                );
                assert!(!holds(&answer, secret.trim().as_bytes()), "{target}");
                assert!(!holds(&answer, &passwords[..16]), "{target}");
            }
        }
    }
    // Ids in paths are ids or nothing.
    for id in ["..", "%2e%2e", "u_..%2f..", "%00", "c_%0d%0aX-Forged:%201"] {
        let answer = ask(&format!("/api/users/{id}")).await;
        assert!([400, 401, 404].contains(&status(&answer)), "{id}");
        assert!(!holds(&answer.to_ascii_lowercase(), b"\r\nx-forged"), "{id}");
    }
    bystanders.talk().await;
}
