//! Committed files that are made from the code. A stale one is rewritten; the test then fails once.

#[test]
fn generated_settings_doc() {
    testkit::generated::assert_fresh("docs/settings.md", &kith::settings::help::markdown());
}
