//! The command line: which command, with which settings.

use std::{env, ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kith::settings::{Settings, Sources, help};

/// A self-hosted messenger.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// The TOML file of settings. Without it only defaults, environment and flags count.
    #[arg(long, value_name = "FILE", env = "KITH_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on (server.listen).
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The data folder (server.data).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Serve {
    fn settings(&self) -> anyhow::Result<Settings> {
        let listen = self.listen.map(|address| ("server.listen", OsString::from(address.to_string())));
        let data = self.data.as_ref().map(|folder| ("server.data", OsString::from(folder)));
        let settings = Settings::load(Sources {
            file: self.config.as_deref(),
            environment: env::vars_os().collect(),
            flags: listen.into_iter().chain(data).collect(),
        })?;
        Ok(settings)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, and no backtrace: what goes wrong here, the caller can put right.
            eprintln!("kith: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let command = Cli::command().mut_subcommand("serve", |serve| serve.after_help(help::text()));
    let cli = Cli::from_arg_matches(&command.get_matches())?;
    match cli.command {
        Command::Serve(serve) => println!("{:#?}", serve.settings()?),
    }
    Ok(())
}
