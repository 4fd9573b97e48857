//! What every command starts from: the options' meaning, the sign-in, the connection.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use client::{Api, Hub, HubConnector, Keeper};
use platform::SystemClock;
use signalr::client::Events;

use super::credentials::{Account, Profile, ProfileVault};
use super::output::Output;
use super::{Failure, Options};

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";
const DEFAULT_PROFILE: &str = "default";

/// How a certificate begins in a PEM file.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The longest that a renewal of tokens may hold up the end: what one call to the server may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The options, understood.
pub(super) struct Context {
    /// As given, without a slash at the end.
    server: Option<String>,
    /// As given, from the root: later commands may run in another folder.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) profile: Profile,
    pub(super) output: Output,
    /// Whose renewals must have ended before the program does.
    keepers: RefCell<Vec<Keeper>>,
}

/// A sign-in in use.
pub(super) struct SignedIn {
    pub(super) account: Account,
    pub(super) keeper: Keeper,
    pub(super) connector: HubConnector,
}

impl Context {
    pub(super) fn new(options: Options) -> Result<Self, Failure> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let server = options.server.or_else(|| variable(super::SERVER_VARIABLE));
        let profile = options.profile.or_else(|| variable(super::PROFILE_VARIABLE));
        let ca_file = options.ca_file.or_else(|| variable(super::CA_VARIABLE).map(PathBuf::from));
        let ca_file = ca_file.map(std::path::absolute).transpose();
        Ok(Self {
            ca_file: ca_file.map_err(|error| Failure::usage(format!("--ca-file: {error}")))?,
            server: server.map(|server| server.trim_end_matches('/').to_owned()),
            profile: Profile::open(profile.as_deref().unwrap_or(DEFAULT_PROFILE))?,
            output: Output::new(options.json),
            keepers: RefCell::default(),
        })
    }

    /// The server to sign in to.
    pub(super) fn api(&self) -> Result<Api, Failure> {
        api(self.server.as_deref().unwrap_or(DEFAULT_SERVER), self.ca_file.as_deref())
    }

    /// The sign-in. Its tokens never go to another server than the one that gave them.
    pub(super) fn signed_in(&self) -> Result<SignedIn, Failure> {
        let profile = self.profile.name();
        let missing =
            || Failure::not_signed_in(format!("not signed in (profile {profile}): kith login NAME"));
        let account = self.profile.load()?.ok_or_else(missing)?;
        if let Some(server) = self.server.as_ref().filter(|server| **server != account.server) {
            let other = &account.server;
            return Err(Failure::not_signed_in(format!(
                "profile {profile} is signed in to {other}, not to {server}: use another --profile, or sign in there"
            )));
        }
        let vault = ProfileVault { profile: self.profile.clone(), device: account.device };
        let keeper = Keeper::new(self.api_of(&account)?, vault, SystemClock)?;
        self.keepers.borrow_mut().push(keeper.clone());
        let connector = HubConnector::new(keeper.clone(), (account.user.id, account.device));
        Ok(SignedIn { account, keeper, connector })
    }

    /// The server of a sign-in, and whom to trust that it is it: as asked now, else as when signing in.
    pub(super) fn api_of(&self, account: &Account) -> Result<Api, Failure> {
        api(&account.server, self.ca_file.as_deref().or(account.ca_file.as_deref()))
    }

    /// Waits for what must not be left half done.
    pub(super) async fn settle(&self) {
        let keepers = self.keepers.take();
        let settled = futures_util::future::join_all(keepers.iter().map(Keeper::settle));
        // Whoever asked the server for new tokens waits no longer for an answer.
        let _ = tokio::time::timeout(SETTLE_TIMEOUT, settled).await;
    }

    /// A connection for a command that asks and leaves.
    pub(super) async fn hub(&self) -> Result<(Hub, Account), Failure> {
        let signed_in = self.signed_in()?;
        let (hub, events): (Hub, Events) = signed_in.connector.open().await?;
        // What comes by itself is for those that listen.
        drop(events);
        Ok((hub, signed_in.account))
    }
}

fn api(server: &str, ca_file: Option<&Path>) -> Result<Api, Failure> {
    let Some(ca_file) = ca_file else { return Ok(Api::new(server)?) };
    let wrong = |why: String| Failure::usage(format!("--ca-file {}: {why}", ca_file.display()));
    let pem = fs::read(ca_file).map_err(|error| wrong(error.to_string()))?;
    if !pem.windows(BEGIN.len()).any(|line| line == BEGIN) {
        return Err(wrong("there is no certificate in it (PEM)".to_owned()));
    }
    Ok(Api::trusting(server, &pem)?)
}
