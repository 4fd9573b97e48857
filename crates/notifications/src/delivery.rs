//! What all ways out have in common: bounds on time, tries and how many are under way.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Semaphore;

const TRIES: u32 = 2;
const BACKOFF: Duration = Duration::from_millis(500);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// One try.
    pub(crate) try_timeout: Duration,
    /// All of it: waiting, tries and the pause between them.
    pub(crate) deadline: Duration,
    /// Sends under way at once, for each way out; whoever comes later waits, within their deadline.
    pub(crate) at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { try_timeout: Duration::from_secs(10), deadline: Duration::from_secs(20), at_once: 16 }
    }
}

/// Why a code did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The other side took it for wrong: the address, the account, the content. The same again would fail again.
    #[error("refused: {0}")]
    Refused(String),
    /// The other side could not be reached, was too slow or busy: later may help.
    #[error("not reached: {0}")]
    Unreachable(String),
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(pub(crate) String);

/// Runs sends within the bounds.
pub(crate) struct Delivery {
    limits: Limits,
    places: Semaphore,
}

impl Delivery {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, places: Semaphore::new(limits.at_once) }
    }

    /// Tries, and once more if that may help. What was sent twice because the first answer was lost says the same twice.
    pub(crate) async fn run<F, S>(&self, send: F) -> Result<(), SendError>
    where
        F: Fn() -> S + Send + Sync,
        S: Future<Output = Result<(), SendError>> + Send,
    {
        let late = |_| SendError::Unreachable("no answer in time".to_owned());
        let tries = async {
            let _place =
                self.places.acquire().await.map_err(|error| SendError::Unreachable(error.to_string()))?;
            let mut tried = 1;
            loop {
                let result = tokio::time::timeout(self.limits.try_timeout, send()).await.map_err(late);
                match result.and_then(|sent| sent) {
                    Err(SendError::Unreachable(reason)) if tried < TRIES => {
                        tracing::debug!(reason, tried, "a code was not sent; trying again");
                        tokio::time::sleep(BACKOFF * tried).await;
                        tried += 1;
                    }
                    other => return other,
                }
            }
        };
        tokio::time::timeout(self.limits.deadline, tries).await.map_err(late)?
    }
}
