//! What goes to standard output.

use std::io::{self, Write};

use serde::Serialize;

use super::Failure;

/// Standard output, for people or for scripts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether objects are wanted.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// The object as a line with `--json`, or else what `text` says.
    pub(super) fn put<T: Serialize>(self, object: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { self.object(object) } else { self.text(&text()) }
    }

    /// Lines for people. Nothing if there are none.
    pub(super) fn text(self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// One JSON object on a line.
    pub(super) fn object<T: Serialize>(self, object: &T) -> Result<(), Failure> {
        let line = serde_json::to_string(object).map_err(|error| Failure::failed(error.to_string()))?;
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// Something to know that is no result; on standard error, and only for people.
    pub(super) fn note(self, text: &str) {
        if !self.json {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(io::stderr().lock(), "kith: {}", clean(text));
        }
    }
}

/// A text from elsewhere, safe to show: without what would move the cursor, colour the terminal or turn the reading
/// direction. Line ends and tabs stay.
pub(super) fn clean(text: &str) -> String {
    let harmful = |letter: char| match letter {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        letter => letter.is_control(),
    };
    text.trim_end_matches('\r')
        .chars()
        .map(|letter| if harmful(letter) { '\u{fffd}' } else { letter })
        .collect()
}

/// The same on one line, cut to `width` characters.
pub(super) fn clean_line(text: &str, width: usize) -> String {
    let text = clean(&text.replace(['\n', '\t'], " "));
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Rows in columns, each as wide as its widest cell, with a head. Nothing at the line ends.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([head[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let pad =
            |(cell, width): (&str, usize)| format!("{cell}{}", " ".repeat(width - cell.chars().count()));
        let padded: Vec<String> = cells.into_iter().zip(widths).map(pad).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    [line(head)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[2J\u{7}b\nc\td\u{202e}"), "a\u{fffd}[2J\u{fffd}b\nc\td\u{fffd}");
        assert_eq!(clean_line("one\ntwo three", 8), "one two…");
        assert_eq!(clean_line("ünïcödé", 7), "ünïcödé");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["bob".to_owned(), "1".to_owned()], ["élodie".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "UNREAD"], &rows), "NAME    UNREAD\nbob     1\nélodie");
    }
}
