//! The users of a run: registered, or taken from the last run.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context as _;
use client::{Api, Error};
use futures_util::{StreamExt, TryStreamExt, stream};
use platform::{Clock, SystemClock};
use protocol::{Credentials, SignedIn, Tokens, UserId};
use serde::{Deserialize, Serialize};

/// Sign-ins under way at a time.
const CONCURRENCY: usize = 16;
/// A token of the cache must be good for so long, in milliseconds: longer than a run.
const MIN_LIFE_MS: i64 = 10 * 60 * 1000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    username: String,
    password: String,
    pub(super) user: UserId,
    tokens: Tokens,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cache {
    /// The accounts are of this server.
    server: String,
    accounts: Vec<Account>,
}

impl Account {
    pub(super) fn token(&self) -> &str {
        &self.tokens.access_token
    }
}

/// `count` accounts with tokens that last for the run. New ones are named after `run`.
pub(super) async fn accounts(
    server: &str,
    file: Option<&Path>,
    count: usize,
    run: u32,
    sources: &[IpAddr],
) -> anyhow::Result<Vec<Account>> {
    let known = match file {
        Some(file) => load(file, server)?,
        None => Vec::new(),
    };
    // One of them per source address, so that many users look like many hosts.
    let apis: Vec<Api> =
        sources.iter().map(|source| Api::from_address(server, Some(*source))).collect::<Result<_, _>>()?;
    let make = |number: usize| {
        let api = &apis[number % apis.len()];
        let known = known.get(number).cloned();
        async move {
            match known {
                Some(account) => renewed(api, account).await,
                None => register(api, &format!("bench-{run:08x}-{number}")).await,
            }
        }
    };
    let accounts: Vec<Account> = stream::iter(0..count).map(make).buffered(CONCURRENCY).try_collect().await?;
    if let Some(file) = file {
        // Those that this run does not need stay for the next.
        let rest = known.iter().skip(count).cloned();
        let cache =
            Cache { server: server.to_owned(), accounts: accounts.iter().cloned().chain(rest).collect() };
        save(file, &cache).with_context(|| file.display().to_string())?;
    }
    Ok(accounts)
}

async fn register(api: &Api, username: &str) -> anyhow::Result<Account> {
    let password = "a password for the benchmark".to_owned();
    let signed_in = api.register(&credentials(username, &password)).await;
    Ok(account(
        username.to_owned(),
        password,
        signed_in.with_context(|| format!("cannot register {username}"))?,
    ))
}

/// The account with a token that lasts.
async fn renewed(api: &Api, known: Account) -> anyhow::Result<Account> {
    if known.tokens.access_expires_at - SystemClock.now() > MIN_LIFE_MS {
        return Ok(known);
    }
    match api.refresh(&known.tokens.refresh_token).await {
        Ok(tokens) => Ok(Account { tokens, ..known }),
        Err(Error::SignedOut | Error::Refused { .. }) => {
            let Account { username, password, .. } = known;
            match api.login(&credentials(&username, &password)).await {
                Ok(signed_in) => Ok(account(username, password, signed_in)),
                // The server's data is new.
                Err(Error::Refused { .. }) => register(api, &username).await,
                Err(error) => Err(error.into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn credentials(username: &str, password: &str) -> Credentials {
    let device = Some("kith bench".to_owned());
    Credentials { username: username.to_owned(), password: password.to_owned(), name: None, device }
}

fn account(username: String, password: String, signed_in: SignedIn) -> Account {
    Account { username, password, user: signed_in.user.id, tokens: signed_in.tokens }
}

fn load(file: &Path, server: &str) -> anyhow::Result<Vec<Account>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| file.display().to_string())?,
    };
    let cache: Cache = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
    Ok(if cache.server == server { cache.accounts } else { Vec::new() })
}

/// A refresh token works once: what is kept must be all of the new or all of the old.
fn save(file: &Path, cache: &Cache) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    out.write_all(serde_json::to_string(cache)?.as_bytes())?;
    out.sync_all()?;
    fs::rename(temporary, file)
}
