//! Committed files that are made from the code. A stale one is rewritten; the test then fails once.

#[test]
fn generated_settings_doc() {
    testkit::generated::assert_fresh("docs/settings.md", &kith::settings::help::markdown());
}

#[test]
fn generated_protocol_doc() {
    testkit::generated::assert_fresh("docs/protocol.md", &kith::docs::protocol());
}

#[test]
fn generated_limits_doc() {
    testkit::generated::assert_fresh("docs/limits.md", &kith::docs::limits());
}

#[test]
fn generated_openapi() {
    testkit::generated::assert_fresh("docs/openapi.json", &kith::docs::openapi());
}

/// README is written by hand, but its script is the document's.
#[test]
fn generated_script_in_readme() {
    let readme =
        std::fs::read_to_string(testkit::generated::workspace_root().join("README.md")).expect("README.md");
    assert!(readme.contains(&format!("```js\n{}```", kith::docs::SCRIPT)), "crates/kith/src/docs/hello.mjs");
}
