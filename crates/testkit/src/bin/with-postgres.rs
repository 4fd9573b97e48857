//! `with-postgres COMMAND…`: runs the command with a private PostgreSQL, named to it in `KITH_TEST_POSTGRES`, and ends
//! with its status. `make test` runs all tests through it, so that they start one server and not one each.

use std::{
    env, io,
    process::{Command, ExitCode},
};

use testkit::postgres::{Options, SHARED_VARIABLE, Server};

fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        return Err(io::Error::other("usage: with-postgres COMMAND…"));
    };
    let server = Server::start(Options::default())?;
    let status = Command::new(program).args(arguments).env(SHARED_VARIABLE, server.url()).status()?;
    // Not a signal's number plus 128, as shells do: who reads the status only asks whether it is 0.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
