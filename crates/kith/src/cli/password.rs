//! Secrets from people and from pipes.

use std::io::{self, BufRead, IsTerminal};

use super::Failure;

/// A line of standard input, without its end.
pub(super) fn line_from_stdin(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    let count =
        io::stdin().lock().read_line(&mut line).map_err(|error| Failure::failed(error.to_string()))?;
    if count == 0 {
        return Err(Failure::usage(format!("standard input ended before a {what}")));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// The password, from standard input or asked for without showing it; twice for a new one.
pub(super) fn password(from_stdin: bool, new: bool) -> Result<String, Failure> {
    if from_stdin {
        return line_from_stdin("password");
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map_err(|_| Failure::usage("no terminal to ask for the password: use --password-stdin"))
    };
    let password = ask("Password: ")?;
    if new && ask("Again: ")? != password {
        return Err(Failure::usage("the two passwords differ"));
    }
    Ok(password)
}

/// The one-time code that was sent.
pub(super) fn code() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        eprint!("Code: ");
    }
    let code =
        line_from_stdin("code").map_err(|failure| failure.about("the code was sent: pass it with --code"))?;
    Ok(code.trim().to_owned())
}
