//! What can be wrong with settings, told so that it can be put right.

use std::fmt;

use super::table::Key;

/// All that is wrong with the settings, a line each. Names the place and the key, and what was expected; never shows the
/// value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(pub(super) Vec<String>);

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong settings")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Less alike than this, a suggestion would only puzzle.
const LIKENESS_MIN: f64 = 0.8;

/// `place` is a file with its line, or "environment". `prefix` is what `name` and all `known` share, which makes none of
/// them more alike.
pub(super) fn unknown(place: &str, what: &str, prefix: &str, name: &str, known: &[String]) -> String {
    let own = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
    let likeness = |known: &String| (strsim::jaro_winkler(&own(name), &own(known)), known.clone());
    let nearest = known.iter().map(likeness).max_by(|one, two| one.0.total_cmp(&two.0));
    match nearest {
        Some((likeness, nearest)) if likeness >= LIKENESS_MIN => {
            format!("{place}: there is no {what} {name}. Did you mean {nearest}?")
        }
        _ => format!("{place}: there is no {what} {name}. `kith serve --help` lists all."),
    }
}

pub(super) fn bad_value(place: &str, key: &Key, found: &str) -> String {
    let (path, expected) = (key.path(), &key.expected);
    if key.secret {
        return format!("{place}: {path}: expected {expected}, found something else");
    }
    format!("{place}: {path}: expected {expected}, found {found}")
}
