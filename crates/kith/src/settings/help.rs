//! The settings as `kith serve --help` and `docs/settings.md` tell them, both made from the sections' own table.

use std::fmt::Write;

use super::{
    Settings, is_live,
    table::{Key, Section},
    value::Toml,
};

/// Of the text on a terminal, in characters.
const WIDTH: usize = 100;

/// For the end of `kith serve --help`.
#[must_use]
pub fn text() -> String {
    let mut out = String::from(
        "Settings, each with its default as in TOML and its environment variable. The TOML file overrides the\n\
         defaults, the environment overrides the file, flags override both. An empty text is none.\n",
    );
    each_section(|name, section| {
        put(&mut out, format_args!("\n[{name}]\n{}", wrapped(section.about(), 2)));
        for key in section.keys(name) {
            let setting = format!("{} = {}", key.name, default_in_toml(&key));
            put(&mut out, format_args!("  {setting:<44} {}\n", key.variable()));
            out.push_str(&wrapped(&format!("{} Expected: {}.", key.doc, key.expected), 6));
        }
    });
    out
}

/// The content of `docs/settings.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "<!-- Generated from crates/kith/src/settings by `cargo test -p kith --test generated`. -->\n\n# Settings\n\n\
         `kith serve` needs none. Each has a default; a TOML file (`--config FILE` or `KITH_CONFIG`) overrides it, the\n\
         environment overrides the file, flags override both. What is not understood, an unknown key or a bad value, is\n\
         an error at start. The default is written as in TOML; `—` is none, in the environment an empty text.\n\n\
         SIGHUP (`systemctl reload kith`) makes a running server read them again. If anything in them is wrong, all stay as\n\
         they were, and the log says why. Those with ↻ count from then on; changes of the others wait for a restart, and\n\
         the log names them.\n",
    );
    each_section(|name, section| {
        put(&mut out, format_args!("\n## `[{name}]`\n\n{}\n\n", one_line(section.about())));
        out.push_str("| key | default | environment | expected | |\n|---|---|---|---|---|\n");
        for key in section.keys(name) {
            let default = shown(&key);
            let (variable, doc) = (key.variable(), one_line(key.doc));
            let live = if is_live(&key.path()) { " ↻" } else { "" };
            let row = format_args!(
                "| `{}`{live} | {default} | `{variable}` | {} | {doc} |\n",
                key.name, key.expected
            );
            put(&mut out, row);
        }
    });
    out
}

/// A setting, for other documents.
#[derive(Debug)]
pub struct Setting {
    /// `section.key`.
    pub path: String,
    /// As in TOML; `—` is none.
    pub default: String,
    /// What it is.
    pub doc: &'static str,
}

/// All of them.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let mut all = Vec::new();
    each_section(|name, section| {
        let keys = section.keys(name).into_iter();
        all.extend(keys.map(|key| Setting { path: key.path(), default: shown(&key), doc: key.doc }));
    });
    all
}

/// Its default as a table shows it.
fn shown(key: &Key) -> String {
    match default_in_toml(key) {
        none if none == "\"\"" => "—".to_owned(),
        default => format!("`{default}`"),
    }
}

fn each_section(mut tell: impl FnMut(&'static str, &dyn Section)) {
    for (name, section) in Settings::default().sections() {
        tell(name, section);
    }
}

fn default_in_toml(key: &Key) -> String {
    match key.toml {
        Toml::Text => format!("{:?}", key.default),
        Toml::Number | Toml::Switch => key.default.to_owned(),
    }
}

/// Documentation's lines run together, as Markdown takes them.
fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines of at most [`WIDTH`] characters where words allow, each indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if indent + line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all");
}
