//! The door to the service.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use platform::{Clock, Randomness, Timestamp};
use protocol::{DeviceId, Privacy, UserId, UserInfo};
use sha2::Sha256;

use crate::cache::Cache;
use crate::password::Hasher;
use crate::sessions::Live;
use crate::token::Signer;
use crate::{AccountStore, CodeSender, Farewell, Policy, SessionObserver};

/// The server's secret: whoever has it can make tokens. All nodes of a cluster have the same one; a new one ends every
/// session.
#[derive(Clone)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// The key with these bytes, which must come from a generator fit for secrets.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key of its own for each purpose: what was made for one is worth nothing for another.
    pub(crate) fn derive(&self, purpose: &str) -> Hmac<Sha256> {
        let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let mut mac = keyed(&self.0);
        mac.update(purpose.as_bytes());
        keyed(&mac.finalize().into_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey")
    }
}

/// Users, their sessions and one-time codes. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn AccountStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) sender: Arc<dyn CodeSender>,
    pub(crate) policy: Policy,
    pub(crate) hasher: Hasher,
    pub(crate) access: Signer,
    pub(crate) refresh: Signer,
    pub(crate) codes: Hmac<Sha256>,
    pub(crate) live: Cache<DeviceId, Arc<Live>>,
    pub(crate) names: Cache<UserId, UserInfo>,
    pub(crate) privacy: Cache<UserId, Privacy>,
    /// Activity not written down yet: at most one entry for each session in `live` and minute.
    pub(crate) active: Mutex<HashMap<DeviceId, Timestamp>>,
    pub(crate) observers: RwLock<Vec<Arc<dyn SessionObserver>>>,
    pub(crate) farewells: RwLock<Option<Vec<Arc<dyn Farewell>>>>,
    pub(crate) first_admin: Hmac<Sha256>,
    pub(crate) swept_at: AtomicI64,
    pub(crate) registration_open: AtomicBool,
    /// Codes that were refused because the same receiver had one, or several.
    pub(crate) refused_codes: AtomicU64,
}

impl Accounts {
    /// The service over these parts.
    pub fn new(
        store: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        sender: Arc<dyn CodeSender>,
        key: &SecretKey,
        policy: Policy,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            randomness,
            sender,
            hasher: Hasher::new(&policy),
            access: Signer::access(key),
            refresh: Signer::refresh(key),
            codes: key.derive("kith one-time code 1: proves an address"),
            live: Cache::new(policy.cached_sessions),
            names: Cache::new(policy.cached_users),
            privacy: Cache::new(policy.cached_users),
            active: Mutex::default(),
            observers: RwLock::default(),
            farewells: RwLock::new(Some(Vec::new())),
            first_admin: key.derive("kith first admin 1: proves who runs the server"),
            swept_at: AtomicI64::new(0),
            registration_open: AtomicBool::new(policy.registration_open),
            refused_codes: AtomicU64::new(0),
            policy,
        }))
    }

    /// From now on strangers may register, or may not.
    pub fn open_registration(&self, open: bool) {
        self.0.registration_open.store(open, Ordering::Relaxed);
    }

    /// How many were refused so far, by the bound's name.
    pub fn refused(&self) -> [(&'static str, u64); 2] {
        let codes = self.0.refused_codes.load(Ordering::Relaxed);
        [("waiting_hashes", self.0.hasher.refused()), ("codes_per_receiver", codes)]
    }

    /// From now on tells `observer` of every session that ends on this node.
    pub fn observe(&self, observer: Arc<dyn SessionObserver>) {
        self.0.observers.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn registration_open(&self) -> bool {
        self.registration_open.load(Ordering::Relaxed)
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.randomness.fill(&mut bytes);
        bytes
    }
}
