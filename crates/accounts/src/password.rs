//! Argon2id (RFC 9106) within bounds: so many hashes at once, so many waiting, and no memory kept afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use platform::Randomness;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{AccountError, Policy};

/// OWASP's first recommendation: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// glibc keeps freed memory for the thread that freed it, except blocks above its M_MMAP_THRESHOLD, which adapts to
/// what is freed but never exceeds 32 MiB. Reserving more than that (untouched pages cost nothing) gives every page
/// back when the hash is done. ejabberd keeps 600 KB for every login.
const RESERVED_BLOCKS: usize = 33 * 1024;

/// Computes hashes.
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    patience: Duration,
    refused: AtomicU64,
}

impl Hasher {
    pub(crate) fn new(policy: &Policy) -> Self {
        let turns = policy.concurrent_hashes.max(1) as usize;
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            places: Arc::new(Semaphore::new(turns + policy.waiting_hashes as usize)),
            patience: Duration::from_secs(policy.hash_wait_s.into()),
            refused: AtomicU64::new(0),
        }
    }

    /// How many were refused because too many waited.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The hash to store, in the PHC string format.
    pub(crate) async fn hash(
        &self,
        password: String,
        randomness: &dyn Randomness,
    ) -> Result<String, AccountError> {
        let mut salt = [0; SALT_BYTES];
        randomness.fill(&mut salt);
        self.run(move || {
            let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(internal)?;
            let hash = PasswordHash {
                algorithm: ARGON2ID_IDENT,
                version: Some(Version::V0x13.into()),
                salt: Some(Salt::new(&salt).map_err(internal)?),
                hash: Some(derive(&password, &salt, &params)?),
                params: params.try_into().map_err(internal)?,
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether `password` is the one that `stored` was made from.
    pub(crate) async fn verify(&self, password: String, stored: String) -> Result<bool, AccountError> {
        self.run(move || {
            let stored = PasswordHash::new(&stored).map_err(internal)?;
            let params = Params::try_from(&stored).map_err(internal)?;
            match (stored.algorithm == ARGON2ID_IDENT, stored.salt, stored.hash) {
                // `Output` compares in constant time.
                (true, Some(salt), Some(expected)) => Ok(derive(&password, &salt, &params)? == expected),
                _ => Err(internal("not an argon2id hash")),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let busy = || {
            self.refused.fetch_add(1, Ordering::Relaxed);
            AccountError::RateLimited { retry_after: None }
        };
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let turn: OwnedSemaphorePermit =
            match tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned()).await {
                Ok(Ok(turn)) => turn,
                Ok(Err(closed)) => return Err(internal(closed)),
                Err(_elapsed) => return Err(busy()),
            };
        tokio::task::spawn_blocking(move || {
            // Here, so that the turn lasts as long as the work, even if nobody waits for it any more.
            let _turn = turn;
            work()
        })
        .await
        .map_err(internal)?
    }
}

fn derive(password: &str, salt: &[u8], params: &Params) -> Result<Output, AccountError> {
    let mut memory = Vec::<Block>::with_capacity(RESERVED_BLOCKS.max(params.block_count()));
    memory.resize(params.block_count(), Block::default());
    let length = params.output_len().unwrap_or(HASH_BYTES);
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length).ok_or_else(|| internal("the stored hash is too long"))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.as_bytes(), salt, out, &mut memory)
        .map_err(internal)?;
    Output::new(out).map_err(internal)
}

fn internal(error: impl std::fmt::Display) -> AccountError {
    AccountError::Internal(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;
    use platform::SystemRandomness;

    use super::*;

    #[tokio::test]
    async fn hashes_are_standard_and_salted() {
        let hasher = Hasher::new(&Policy::default());
        let hash = hasher.hash("correct horse".into(), &SystemRandomness).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hasher.hash("correct horse".into(), &SystemRandomness).await.unwrap());
        // The library's own check agrees.
        assert!(
            Argon2::default().verify_password(b"correct horse", &PasswordHash::new(&hash).unwrap()).is_ok()
        );
        assert!(hasher.verify("correct horse".into(), hash.clone()).await.unwrap());
        assert!(!hasher.verify("correct horsf".into(), hash).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_made_elsewhere_is_understood() {
        // From the reference implementation's test.c.
        let stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hasher = Hasher::new(&Policy::default());
        assert!(hasher.verify("password".into(), stored.into()).await.unwrap());
        assert!(hasher.verify("password".into(), "nonsense".into()).await.is_err());
    }

    #[tokio::test]
    async fn whoever_comes_when_the_queue_is_full_is_refused() {
        let hasher = Hasher::new(&Policy { concurrent_hashes: 1, waiting_hashes: 1, ..Policy::default() });
        let held = Arc::clone(&hasher.turns).try_acquire_owned().unwrap();
        let hasher = Arc::new(hasher);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.hash("password".into(), &SystemRandomness).await })
            })
            .collect();
        while hasher.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = hasher.hash("password".into(), &SystemRandomness).await;
        assert_eq!(refused, Err(AccountError::RateLimited { retry_after: None }));
        drop(held);
        for task in waiting {
            assert!(task.await.unwrap().is_ok());
        }
    }

    /// The process's resident memory in MiB.
    #[cfg(target_os = "linux")]
    fn resident_mib() -> i64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_memory_stays_after_hashing() {
        let hasher = Arc::new(Hasher::new(&Policy { concurrent_hashes: 8, ..Policy::default() }));
        let before = resident_mib();
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.hash("password".into(), &SystemRandomness).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        // Other tests of this process hash too, two at a time at the most.
        let limit = before + 2 * 19 + 19;
        let grown = resident_mib();
        assert!(grown < limit, "{before} MiB before, {grown} after 32 hashes on 8 threads");
    }
}
