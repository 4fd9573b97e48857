//! `with-postgres [--durable] COMMAND…`: runs the command with a private PostgreSQL, named to it in `KITH_TEST_POSTGRES`
//! (and its postmaster in `KITH_TEST_POSTGRES_PID`), and ends with its status. `make test` runs all tests through it, so
//! that they start one server and not one each. With `--durable`, commits reach the disk: for measuring.

use std::{
    env, io,
    process::{Command, ExitCode},
};

use testkit::postgres::{Options, SHARED_VARIABLE, Server};

fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args_os().skip(1).peekable();
    let fsync = arguments.next_if(|argument| argument == "--durable").is_some();
    let Some(program) = arguments.next() else {
        return Err(io::Error::other("usage: with-postgres [--durable] COMMAND…"));
    };
    let server = Server::start(Options { fsync, ..Options::default() })?;
    let mut command = Command::new(program);
    command.args(arguments).env(SHARED_VARIABLE, server.url());
    if let Some(postmaster) = server.ids().first() {
        command.env("KITH_TEST_POSTGRES_PID", postmaster.to_string());
    }
    let status = command.status()?;
    // Not a signal's number plus 128, as shells do: who reads the status only asks whether it is 0.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
