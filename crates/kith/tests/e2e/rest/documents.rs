//! The description of REST, and a run of requests made from it: whatever comes, no fault of the server and no answer
//! outside of what is described.

use std::process::Command;

use testkit::generated::workspace_root;
use testkit::process::Process;

use super::*;
use crate::support::PATIENCE;

/// Requests made at random for each operation, besides those that try the edges of each value.
const EXAMPLES: &str = "12";
/// Of Schemathesis' checks all but `positive_data_acceptance`: some rules are told in words alone (a name's length, a
/// user who has to exist), so that what fits the schema may still be refused.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      missing_required_header,unsupported_method,use_after_free,ignored_auth";
/// Signing in takes a password's hash, and the session that asks must live to the end.
const LEFT_OUT: &str = "auth/(register|login|logout|sessions|credentials|first-admin)";
/// The others of signing in: codes, verifying, adding an address, refreshing.
const OPEN_AND_TRIED: usize = 4;

on_both_stores!(schemathesis_finds_nothing);

async fn schemathesis_finds_nothing(store: Store) {
    let server = start(store);
    let (ann, bob) = (Rest::register(&server, "ann"), Rest::register(&server, "bob"));
    let group = ann.group("Ours", &[&bob]);
    ann.send(&group, "m1", "Hello");
    let tested = ROUTES.iter().filter(|route| !route.path.starts_with("/api/auth/")).count();
    assert_eq!(schemathesis(&ann, "", &[]), tested + OPEN_AND_TRIED, "operations");
    // Ids made at random are nobody's: once more among those there are, which takes that the group stays, and Ann in it.
    let bob = bob.user();
    let known = format!(
        "[parameters]\n'path.group' = '{group}'\n'path.conversation' = '{group}'\n'path.peer' = '{group}'\n\
         'path.user' = '{bob}'\n'path.seq' = 2\n"
    );
    assert_eq!(
        schemathesis(
            &ann,
            &known,
            &["--exclude-operation-id", "groups.delete", "--exclude-operation-id", "groups.leave"]
        ),
        tested + OPEN_AND_TRIED - 2,
        "operations"
    );
    assert_eq!(ann.get(&format!("/api/groups/{group}"))["role"], "admin");
}

/// Runs it, and answers how many operations it tried.
fn schemathesis(rest: &Rest<'_>, config: &str, more: &[&str]) -> usize {
    let program = workspace_root().join(".cache/venv/bin/schemathesis");
    assert!(program.exists(), "no schemathesis: run scripts/test-deps");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("schemathesis.toml");
    std::fs::write(&file, config).expect("written");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["--no-color", "--config-file"]).arg(file);
    command.args(["run", &format!("{}/api/openapi.json", rest.server.url())]);
    command.args(["--header", &format!("Authorization: Bearer {}", rest.account.access_token)]);
    command.args(["--checks", CHECKS, "--exclude-path-regex", LEFT_OUT, "--max-examples", EXAMPLES]);
    command.args(["--phases", "examples,coverage,fuzzing", "--seed", "1", "--no-shrink"]);
    command.args(["--generation-database", "none", "--warnings", "off", "--max-failures", "5"]).args(more);
    let mut process = Process::spawn(&mut command, folder.path().join("log")).expect("schemathesis");
    let status = process.wait(PATIENCE * 3).expect("its end");
    let said = process.log();
    assert!(status.success(), "{status}\n{said}\n--- server ---\n{}", rest.server.log());
    let count =
        said.split_once("Tested: ").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    count.unwrap_or_else(|| panic!("no count in {said}"))
}

/// By the validator of the OpenAPI Initiative's schema for 3.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_is_openapi_3_1() {
    let server = start(Store::Sqlite);
    let answer = server.request("GET", "/api/openapi.json", None, None).expect("an answer");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.body, gateway::openapi());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, answer.body.to_string()).expect("written");
    let python = workspace_root().join(".cache/venv/bin/python");
    let mut command = Command::new(python);
    command.args(["-m", "openapi_spec_validator", "--schema", "3.1"]).arg(&file);
    let output = command.output().expect("run scripts/test-deps");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The page asks nobody but this server for anything, and its policy would not let it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_page_stands_alone() {
    let server = start(Store::Sqlite);
    for (path, content_type) in [
        ("/api/docs", "text/html"),
        ("/api/docs/page.js", "text/javascript"),
        ("/api/docs/page.css", "text/css"),
    ] {
        let answer = server.request("GET", path, None, None).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").is_some_and(|found| found.starts_with(content_type)), "{path}");
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        let content = answer.body.as_str().expect("text");
        for elsewhere in ["http:", "https:", "//cdn", "@import", "url("] {
            assert!(!content.contains(elsewhere), "{path} names {elsewhere}");
        }
    }
    // What a problem's type names is a place on that page.
    let script = server.request("GET", "/api/docs/page.js", None, None).expect("an answer");
    assert!(script.body.as_str().is_some_and(|script| script.contains("`error-${word}`")));
}
