//! The command line: which command, with which settings.

use std::{env, ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kith::serve::{Server, Supervisor};
use kith::settings::{Settings, Sources, help};
use kith::telemetry::Telemetry;
use kith::{bench, cli, operate, stdout};
use tokio::signal::unix::{SignalKind, signal};

/// A self-hosted messenger.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = cli::EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    options: cli::Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Sourced),
    /// Check settings, folder, disk, database, clock and address. Exit code 1 if anything keeps the server from working.
    Doctor {
        #[command(flatten)]
        sourced: Sourced,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy a server's data into one file, whether the server runs or not.
    Backup {
        /// The file to make. It holds all that the server knows, its secret key among it.
        file: PathBuf,
        #[command(flatten)]
        sourced: Sourced,
    },
    /// Make a data folder from a backup.
    Restore {
        /// What `kith backup` made.
        file: PathBuf,
        /// The folder to make, missing or empty.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Look after a server: `otp` and `promote` on its own machine, all else signed in as an admin.
    #[command(subcommand)]
    Admin(Admin),
    /// Measure a running server: prints one JSON line.
    Bench(bench::Bench),
    #[command(flatten)]
    Client(cli::Command),
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// On the server's machine: show the one-time codes that the server has no way to send.
    Otp(Sourced),
    /// On the server's machine: make somebody an admin or a moderator, whether the server runs or not.
    Promote {
        /// A username, email, phone or user id.
        user: String,
        /// What they are to be: user, moderator, admin.
        #[arg(long)]
        role: protocol::ServerRole,
        #[command(flatten)]
        sourced: Sourced,
    },
    #[command(flatten)]
    Client(cli::AdminCommand),
}

/// Where the server's settings come from.
#[derive(Debug, Args)]
struct Sourced {
    /// The TOML file of settings. Without it only defaults, environment and flags count.
    #[arg(long, value_name = "FILE", env = "KITH_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on (server.listen).
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// The name to get a certificate for, and to serve HTTPS under (server.domain).
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// The data folder (server.data).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Sourced {
    fn settings(&self) -> anyhow::Result<Settings> {
        let listen = self.listen.map(|address| ("server.listen", OsString::from(address.to_string())));
        let domain = self.domain.as_ref().map(|name| ("server.domain", OsString::from(name)));
        let data = self.data.as_ref().map(|folder| ("server.data", OsString::from(folder)));
        let settings = Settings::load(Sources {
            file: self.config.as_deref(),
            environment: env::vars_os().filter(|(name, _)| !cli::is_variable(name)).collect(),
            flags: listen.into_iter().chain(domain).chain(data).collect(),
        })?;
        Ok(settings)
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // The chain of causes, and no backtrace: what goes wrong here, the caller can put right.
            eprintln!("kith: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let command = Cli::command().mut_subcommand("serve", |serve| serve.after_help(help::text()));
    let cli = Cli::from_arg_matches(&command.get_matches())?;
    match cli.command {
        Command::Serve(sourced) => serve(sourced)?,
        Command::Admin(Admin::Otp(sourced)) => {
            let settings = sourced.settings()?;
            runtime()?.block_on(kith::admin::show_codes(&settings))?;
        }
        Command::Admin(Admin::Promote { user, role, sourced }) => {
            let settings = sourced.settings()?;
            runtime()?.block_on(kith::admin::promote(&settings, &user, role))?;
        }
        Command::Admin(Admin::Client(command)) => {
            return Ok(cli::run(cli::Command::Admin(command), cli.options));
        }
        Command::Doctor { sourced, json } => return doctor(&sourced, json),
        Command::Backup { file, sourced } => stdout::line(operate::backup(&sourced.settings()?, &file)?)?,
        Command::Restore { file, data } => stdout::line(operate::restore(&file, &data)?)?,
        Command::Bench(bench) => return Ok(bench::run(bench)),
        Command::Client(command) => return Ok(cli::run(command, cli.options)),
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn serve(sourced: Sourced) -> anyhow::Result<()> {
    let settings = sourced.settings()?;
    runtime()?.block_on(async {
        let telemetry = Telemetry::start(&settings.telemetry)?;
        let level = kith::log::start(&settings.log, telemetry.as_ref())?;
        let server = Server::open(&settings).await?;
        // Whoever reads the address may ask the server to end the moment after.
        let stop = stop();
        let mut hang_ups = signal(SignalKind::hangup())?;
        let mut reloader = server.reloader();
        let supervisor = Arc::new(Supervisor::find());
        let telling = Arc::clone(&supervisor);
        tokio::spawn(async move {
            while hang_ups.recv().await.is_some() {
                telling.reloading();
                reloader.reload(sourced.settings(), &level);
                telling.ready();
            }
        });
        // The one line on standard output: whoever started the server with port 0 reads the address from it.
        stdout::line(format_args!("Kith listens on {}://{}", server.scheme(), server.address()))?;
        supervisor.ready();
        let telling = Arc::clone(&supervisor);
        tokio::spawn(async move { telling.keep_alive().await });
        let stop = async move {
            stop.await;
            supervisor.stopping();
        };
        let ended = server.run(stop).await;
        if let Some(telemetry) = telemetry {
            telemetry.flush().await;
        }
        ended
    })
}

fn doctor(sourced: &Sourced, json: bool) -> anyhow::Result<ExitCode> {
    let report = runtime()?.block_on(operate::examine(&sourced.settings()));
    if json {
        stdout::line(report.json())?;
    } else {
        stdout::line(report.to_string().trim_end())?;
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends when the process is asked to end. From the call on, no such request kills it.
fn stop() -> impl Future<Output = ()> {
    let asked = |kind| {
        let signal = signal(kind);
        async {
            match signal {
                Ok(mut signal) => drop(signal.recv().await),
                Err(error) => {
                    tracing::warn!(%error, "a signal cannot be caught");
                    std::future::pending().await
                }
            }
        }
    };
    let (terminated, interrupted) = (asked(SignalKind::terminate()), asked(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = terminated => {}
            () = interrupted => {}
        }
    }
}
