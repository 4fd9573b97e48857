//! Asking before what cannot be undone.

use std::io::{self, IsTerminal};

use super::{Failure, password};

/// Goes on if the answer begins with y. Without a terminal it is an error: scripts say `--yes`.
pub(super) fn yes(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("no terminal to ask: say --yes"));
    }
    eprint!("{question} [y/N] ");
    match password::line_from_stdin("answer")?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::usage("not done")),
    }
}
