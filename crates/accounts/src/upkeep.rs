//! What has to be done now and then, off the hot path.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::{AccountError, Accounts};

/// Between two looks for expired sessions and codes, in milliseconds.
const SWEEP_EVERY_MS: i64 = 10 * 60_000;
/// Sessions ended in one transaction.
const SWEEP_SESSIONS: u32 = 500;
/// Users whose words are made in one transaction.
const TERMS_USERS: u32 = 200;
/// Times of activity written in one transaction.
const TOUCH_SESSIONS: usize = 1_000;

impl Accounts {
    /// Writes down which devices were active, goes on with deletions, and makes the words by which users are found where they are missing; every ten minutes also ends expired sessions and forgets old codes. To be
    /// called about once a minute, and once before the process ends. Losing the last minute of activity in a crash
    /// harms nobody.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`]: what was not written is kept for the next call.
    pub async fn upkeep(&self) -> Result<(), AccountError> {
        self.write_activity().await?;
        self.resume_deletions().await?;
        loop {
            let began = Instant::now();
            if self.0.store.make_terms(TERMS_USERS).await? < TERMS_USERS {
                break;
            }
            // After an upgrade everybody's are missing: half of the time is for others who write.
            tokio::time::sleep(began.elapsed()).await;
        }
        let now = self.0.now();
        let swept_at = self.0.swept_at.load(Ordering::Relaxed);
        if (now - swept_at).abs() < SWEEP_EVERY_MS {
            return Ok(());
        }
        self.0.swept_at.store(now, Ordering::Relaxed);
        let idle_since = now - self.0.policy.session_idle_ms();
        loop {
            let ended = self.0.store.expire(now, idle_since, SWEEP_SESSIONS).await?;
            for (user, device) in &ended {
                self.0.ended(*user, &[*device]);
            }
            if ended.len() < SWEEP_SESSIONS as usize {
                return Ok(());
            }
        }
    }

    async fn write_activity(&self) -> Result<(), AccountError> {
        let active = std::mem::take(&mut *self.0.active.lock().unwrap_or_else(PoisonError::into_inner));
        let active: Vec<_> = active.into_iter().collect();
        for (done, chunk) in active.chunks(TOUCH_SESSIONS).enumerate() {
            if let Err(error) = self.0.store.touch(chunk).await {
                let mut kept = self.0.active.lock().unwrap_or_else(PoisonError::into_inner);
                for (device, at) in &active[done * TOUCH_SESSIONS..] {
                    kept.entry(*device).or_insert(*at);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}
