//! The house's plan, held to the house: which crate may lean on which, that ARCHITECTURE.md names the crates there are,
//! and that no file grows past reading. Test names carry `arrows`: that is how `make check` finds them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use testkit::generated::workspace_root;

/// The allowed arrows between our crates: what each may depend on, in the product. Tests (dev-dependencies) may lean on
/// `testkit` besides. A new arrow is a change of the design: write down why in `docs/decisions/`.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("platform", &[]),
    ("signalr", &[]),
    ("client", &["protocol", "platform", "signalr"]),
    // The services never depend on each other.
    ("accounts", &["protocol", "platform"]),
    ("chats", &["protocol", "platform"]),
    ("presence", &["protocol", "platform"]),
    ("notifications", &["protocol", "platform"]),
    // It implements the store traits of those that store.
    ("storage", &["accounts", "chats", "notifications", "presence", "protocol", "platform"]),
    ("gateway", &["accounts", "chats", "notifications", "presence", "protocol", "platform", "signalr"]),
    (
        "kith",
        &[
            "accounts",
            "chats",
            "client",
            "gateway",
            "notifications",
            "platform",
            "presence",
            "protocol",
            "signalr",
            "storage",
        ],
    ),
    (
        "testkit",
        &[
            "accounts",
            "chats",
            "client",
            "gateway",
            "notifications",
            "platform",
            "presence",
            "protocol",
            "signalr",
            "storage",
        ],
    ),
];

/// A source file past this asks to be two: printed, no failure.
const LINES_ASK: usize = 400;
/// A source file past this fails.
const LINES_MAX: usize = 700;

#[test]
fn arrows_between_crates() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|&(from, to)| (from, to.iter().copied().collect())).collect();
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let mut wrong = Vec::new();
    for package in packages {
        let from = package["name"].as_str().expect("name");
        let Some(to) = allowed.get(from) else {
            wrong.push(format!("{from} is not in the table"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        for dependency in dependencies.iter().filter(|dependency| dependency["path"].is_string()) {
            let name = dependency["name"].as_str().expect("name");
            let for_tests = dependency["kind"] == "dev" && name == "testkit";
            if !to.contains(name) && !for_tests {
                wrong.push(format!("{from} → {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table of crates/testkit/tests/arrows.rs: {wrong:#?}");
}

#[test]
fn arrows_table_names_the_crates_there_are() {
    let named: BTreeSet<_> = ARROWS.iter().map(|&(name, _)| name.to_owned()).collect();
    assert_eq!(named, crate_folders());
    // Folder and crate carry the same name.
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let names: BTreeSet<_> =
        packages.filter_map(|package| Some(package["name"].as_str()?.to_owned())).collect();
    assert_eq!(names, crate_folders());
}

#[test]
fn arrows_architecture_page_names_the_crates_there_are() {
    let page = fs::read_to_string(workspace_root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    assert_eq!(crate_map(&page), crate_folders(), "the crate map of ARCHITECTURE.md against crates/");
}

#[test]
fn arrows_no_source_file_past_reading() {
    let mut too_long = Vec::new();
    for file in source_files() {
        let lines = fs::read_to_string(&file).expect("a source file").lines().count();
        let name = file.strip_prefix(workspace_root()).unwrap_or(&file).display();
        if lines > LINES_MAX {
            too_long.push(format!("{name}: {lines} lines"));
        } else if lines > LINES_ASK {
            // Past the harness, which swallows what `eprintln` says in a test that passes.
            let _ = writeln!(io::stderr(), "asks to be two files: {name}, {lines} lines");
        }
    }
    assert!(too_long.is_empty(), "more than {LINES_MAX} lines: {too_long:#?}");
}

/// The names in the code block that starts with a line `crates/`: lines of the form `  name/   what it is for`.
fn crate_map(page: &str) -> BTreeSet<String> {
    let block = page.lines().skip_while(|line| *line != "crates/").skip(1);
    let entries = block.take_while(|line| line.starts_with("  "));
    let names = entries.filter_map(|line| line.strip_prefix("  ")?.split_once('/'));
    names.filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| name.to_owned()).collect()
}

fn crate_folders() -> BTreeSet<String> {
    let folders = fs::read_dir(workspace_root().join("crates")).expect("crates/").flatten();
    let crates = folders.filter(|folder| folder.path().join("Cargo.toml").exists());
    crates.map(|folder| folder.file_name().to_string_lossy().into_owned()).collect()
}

/// Our Rust files; generated ones are no reading matter.
fn source_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace_root().join("crates"), &mut found);
    found.sort();
    found
}

/// Only what our own `Cargo.toml` files say: needs no network and no lock file.
fn cargo_metadata() -> serde_json::Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(workspace_root());
    let output = cargo.output().expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
