//! `kith admin`: what an operator does on the machine itself, whether the server runs or not.

use std::sync::Arc;

use accounts::AccountStore;
use platform::{Clock, SystemClock};

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
        println!("{}\t{}\texpires in {seconds} s", code.address.as_str(), code.code);
    }
    Ok(())
}
