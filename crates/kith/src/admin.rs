//! `kith admin otp` and `kith admin promote`: what an operator does on the database itself, whether the server runs or not.
//! All other commands of `kith admin` ask the server, as the admin who is signed in.

use std::sync::Arc;

use accounts::store::{AccountQuery, Change, Changed};
use accounts::{AccountStore, Address};
use anyhow::{Context, bail};
use platform::{Clock, SystemClock};
use protocol::{ServerRole, UserId};

use crate::serve::Stores;
use crate::settings::Settings;

/// Prints the one-time codes that wait for an address to which the server has no way to send: `address code`, one a line.
///
/// # Errors
/// The database cannot be opened.
pub async fn show_codes(settings: &Settings) -> anyhow::Result<()> {
    let store: Arc<dyn AccountStore> = Stores::open(settings).await?.accounts;
    let now = SystemClock.now();
    let codes = store.pending_codes(now).await?;
    if codes.is_empty() {
        eprintln!("no code waits (codes are shown here only where the server cannot send them)");
    }
    for code in codes {
        let seconds = (code.expires_at - now).max(0) / 1_000;
        crate::stdout::line(format_args!(
            "{}\t{}\texpires in {seconds} s",
            code.address.as_str(),
            code.code
        ))?;
    }
    Ok(())
}

/// Gives the user with that username, email address, phone number or id a role.
///
/// # Errors
/// There is no such user, they are the last admin and would be none, or the database cannot be opened.
pub async fn promote(settings: &Settings, who: &str, role: ServerRole) -> anyhow::Result<()> {
    let store: Arc<dyn AccountStore> = Stores::open(settings).await?.accounts;
    let user = look_up(&*store, who).await?.with_context(|| format!("there is no user {who}"))?;
    let change = Change { user, by: user, now: SystemClock.now() };
    match store.set_role(change, role).await? {
        Changed::Done(()) => {}
        Changed::LastAdmin => bail!("{who} is the last admin: make another one first"),
        Changed::UnknownUser => bail!("there is no user {who}"),
    }
    crate::stdout::line(format_args!("{user}\t{role}"))?;
    Ok(())
}

async fn look_up(store: &dyn AccountStore, who: &str) -> anyhow::Result<Option<UserId>> {
    if let Ok(id) = who.parse() {
        return Ok(Some(id));
    }
    let username = who.strip_prefix('@').unwrap_or(who);
    let address = if who.starts_with('+') {
        Some(Address::phone(who)?)
    } else if username.contains('@') {
        Some(Address::email(who)?)
    } else {
        None
    };
    let Some(address) = address else {
        return Ok(store.login(&username.to_ascii_lowercase()).await?.map(|login| login.user.id));
    };
    let query = AccountQuery { role: None, state: None, address: Some(address), after: None, limit: 1 };
    Ok(store.accounts(&query).await?.pop().map(|account| account.user.id))
}
