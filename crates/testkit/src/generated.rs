//! Files that are generated from the code and committed, so that people can read them and a change shows in review.

use std::{fs, path::Path};

/// Holds the committed file to what the code generates. A stale file is rewritten, and the test that found it fails
/// once. `path` is relative to the workspace's root. Tests that call this have `generated` in their names: that is how
/// `make check` finds them.
///
/// # Panics
/// When the file was stale or missing.
pub fn assert_fresh(path: &str, content: &str) {
    let file = workspace_root().join(path);
    if fs::read_to_string(&file).is_ok_and(|now| now == content) {
        return;
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).expect("the folder of a generated file");
    }
    fs::write(&file, content).expect("write a generated file");
    panic!("{path} was stale. It is rewritten now: look at the change and commit it.");
}

/// The folder that holds the workspace's `Cargo.toml`.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
