//! Keeping a session's tokens fresh.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use platform::Clock;
use protocol::{Timestamp, Tokens};
use tokio::sync::oneshot;

use crate::runtime::{self, BoxFuture};
use crate::{Api, Error};

/// An access token with less than this ahead of it is renewed before use. Short: a server may give tokens for seconds.
const USE_BEFORE_MS: i64 = 3_000;
/// [`Keeper::keep_fresh`] renews a token with less than this ahead of it.
const RENEW_BEFORE_MS: i64 = 60_000;
/// [`Keeper::keep_fresh`] looks at the clock at least this often: the machine may have slept.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Where a session's tokens rest between runs, shared by every process of this session.
pub trait Vault: Send + Sync + 'static {
    /// The tokens last saved; [`Error::SignedOut`] if there are none.
    fn load(&self) -> Result<Tokens, Error>;
    /// Keeps the tokens; they survive a crash once this returns.
    fn save(&self, tokens: &Tokens) -> Result<(), Error>;
    /// Forgets the tokens `stale`, if it is still these that are kept: the server takes them no more.
    fn forget(&self, stale: &Tokens) -> Result<(), Error>;
    /// Waits until no other process renews, and keeps it so until the answer is dropped.
    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Send>, Error>>;
}

/// Hands out access tokens that are fresh. A refresh token works once, and using it twice ends the session; so only one
/// refresh is under way at a time over all processes, it starts from what is in the vault then, and its outcome is in
/// the vault before anybody uses it. Cheap to clone.
#[derive(Clone)]
pub struct Keeper(Arc<Shared>);

struct Shared {
    api: Api,
    vault: Box<dyn Vault>,
    clock: Box<dyn Clock>,
    tokens: Mutex<Tokens>,
    /// Held by the one renewal that is under way.
    renewing: Arc<tokio::sync::Mutex<()>>,
}

impl Keeper {
    /// Keeps the tokens in `vault`, which must hold some.
    ///
    /// # Errors
    /// What the vault fails with: [`Error::SignedOut`] if it is empty.
    pub fn new(api: Api, vault: impl Vault, clock: impl Clock) -> Result<Self, Error> {
        let tokens = Mutex::new(vault.load()?);
        let (vault, clock) = (Box::new(vault), Box::new(clock));
        Ok(Self(Arc::new(Shared { api, vault, clock, tokens, renewing: Arc::default() })))
    }

    /// The server they are for.
    pub fn api(&self) -> &Api {
        &self.0.api
    }

    /// An access token that is good for a while.
    ///
    /// # Errors
    /// As [`Keeper::renew`], where it takes that.
    pub async fn access_token(&self) -> Result<String, Error> {
        let tokens = self.tokens();
        if self.lasts(&tokens, USE_BEFORE_MS) {
            Ok(tokens.access_token)
        } else {
            self.renew(&tokens.access_token).await
        }
    }

    /// Another access token after the server has refused `refused`. Goes on in the background if the future is dropped:
    /// the server's answer, once asked for, must reach the vault.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if the session has ended; the server did not answer, or the vault failed.
    pub async fn renew(&self, refused: &str) -> Result<String, Error> {
        let (sender, receiver) = oneshot::channel();
        let (keeper, refused) = (self.clone(), refused.to_owned());
        let one_of_this_process = Arc::clone(&self.0.renewing).lock_owned().await;
        runtime::spawn(async move {
            let renewed = keeper.renew_alone(&refused).await;
            drop(one_of_this_process);
            // Whoever asked may not wait any more.
            let _ = sender.send(renewed);
        });
        receiver.await.unwrap_or(Err(Error::Closed))
    }

    async fn renew_alone(&self, refused: &str) -> Result<String, Error> {
        let _one_of_all = self.0.vault.lock().await?;
        // Somebody else may have been faster.
        let kept = self.0.vault.load()?;
        if kept.access_token != refused && self.lasts(&kept, USE_BEFORE_MS) {
            return Ok(self.set(kept));
        }
        match self.0.api.refresh(&kept.refresh_token).await {
            Ok(fresh) => {
                self.0.vault.save(&fresh)?;
                Ok(self.set(fresh))
            }
            Err(Error::SignedOut) => {
                self.0.vault.forget(&kept)?;
                Err(Error::SignedOut)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until no renewal is under way. Without this, a program that ends may lose the answer to one, and with it the
    /// session.
    pub async fn settle(&self) {
        drop(self.0.renewing.lock().await);
    }

    /// Runs `call` with an access token, and once more with a new one if the server refuses the first.
    ///
    /// # Errors
    /// What `call` failed with, or [`Keeper::renew`].
    pub async fn with_token<T, F>(&self, call: impl Fn(String) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let token = self.access_token().await?;
        match call(token.clone()).await {
            Err(Error::SignedOut) => call(self.renew(&token).await?).await,
            other => other,
        }
    }

    /// Renews in time, for as long as it is polled; ends only when the session has.
    pub async fn keep_fresh(&self) -> Error {
        loop {
            let tokens = self.tokens();
            if !self.lasts(&tokens, RENEW_BEFORE_MS) {
                match self.renew(&tokens.access_token).await {
                    Err(Error::SignedOut) => return Error::SignedOut,
                    Err(error) => tracing::debug!(%error, "tokens were not renewed; trying again"),
                    Ok(_) => (),
                }
            }
            runtime::sleep(LOOK_EVERY).await;
        }
    }

    fn tokens(&self) -> Tokens {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, tokens: Tokens) -> String {
        let access_token = tokens.access_token.clone();
        *self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
        access_token
    }

    /// Whether the access token is good for longer than that.
    fn lasts(&self, tokens: &Tokens, milliseconds: i64) -> bool {
        let now: Timestamp = self.0.clock.now();
        tokens.access_expires_at.saturating_sub(milliseconds) > now
    }
}
