//! `kith admin otp` and `kith admin promote`: what an operator does on the server's machine, whether the server runs or not.
//! All other commands of `kith admin` ask the server, as the admin who is signed in.

use std::sync::Arc;

use accounts::store::{AccountQuery, Change, Changed};
use accounts::{AccountStore, Address};
use anyhow::{Context, bail};
use notifications::in_app::{Bell, InApp, Note, StoredNotice};
use platform::{Clock, SystemClock, SystemRandomness};
use protocol::{NotificationKind, ServerRole, UserId};

use crate::serve::{Stores, local, policies};
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

/// Gives the user with that username, email address, phone number or id a role, and tells them. A server that runs here does
/// it itself, so that it reaches those who are connected; otherwise it is done on the database.
///
/// # Errors
/// There is no such user, they are the last admin and would be none, or the database cannot be opened.
pub async fn promote(settings: &Settings, who: &str, role: ServerRole) -> anyhow::Result<()> {
    let request = local::Request::Promote { user: who.to_owned(), role };
    let user = match local::ask(&settings.server.data, &request) {
        Some(asked) => asked?,
        None => {
            let stores = Stores::open(settings).await?;
            let clock = Arc::new(SystemClock);
            let policy = policies::notices(settings);
            let notices = Arc::new(InApp::new(stores.notices, clock, Arc::new(SystemRandomness), policy));
            let writing = tokio::spawn(Arc::clone(&notices).run(Arc::new(Nobody)));
            let user = give_role(&*stores.accounts, &notices, who, role).await?;
            notices.settle().await;
            writing.abort();
            user
        }
    };
    crate::stdout::line(format_args!("{user}\t{role}"))?;
    Ok(())
}

/// Those who look find it; nobody is connected to this process.
struct Nobody;

impl Bell for Nobody {
    fn ring(&self, _: Vec<StoredNotice>) {}
}

/// On the store, with a note to the user.
pub(crate) async fn give_role(
    store: &dyn AccountStore,
    notices: &InApp,
    who: &str,
    role: ServerRole,
) -> anyhow::Result<UserId> {
    let user = look_up(store, who).await?.with_context(|| format!("there is no user {who}"))?;
    let change = Change { user, by: user, now: SystemClock.now() };
    match store.set_role(change, role).await? {
        Changed::Done(()) => {}
        Changed::LastAdmin => bail!("{who} is the last admin: make another one first"),
        Changed::UnknownUser => bail!("there is no user {who}"),
    }
    tracing::info!(%user, %role, "audit: role changed on the server's machine");
    notices.note([Note { detail: Some(role.to_string()), ..Note::new(user, NotificationKind::Role) }]);
    Ok(user)
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
