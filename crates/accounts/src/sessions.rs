//! Who is asking, and on which devices a user is signed in (A5).

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};

use platform::Timestamp;
use protocol::{DeviceId, SessionInfo, UserId};

use crate::facade::Inner;
use crate::store::{StoreError, StoredSession};
use crate::{AccountError, Accounts};

/// Activity is noted at most this often for a session, in milliseconds.
const ACTIVITY_STEP_MS: i64 = 60_000;
/// Questions to the store before an answer that others keep invalidating is used without keeping it.
const LOADS: usize = 3;

/// Users whose devices one question to the store asks for.
const PAGE_USERS: usize = 500;

/// A signed-in device that is asking for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: UserId,
    /// With which device.
    pub device: DeviceId,
    /// When it signed in.
    pub created_at: Timestamp,
}

/// Hears of sessions that ended on this node.
pub trait SessionObserver: Send + Sync + 'static {
    /// The session is over: close the device's connections. Called after the store has it and the cache forgot it, for
    /// some sessions more than once. Must not block.
    fn ended(&self, user: UserId, device: DeviceId);

    /// The store did not say whether it ended sessions of the user: close all the user's connections, with leave to come
    /// back. Whoever is still signed in does. Must not block.
    fn doubted(&self, user: UserId);
}

/// A session known to be live.
pub(crate) struct Live {
    session: Session,
    expires_at: Timestamp,
    /// Activity up to here is in the store or on its way there.
    noted_at: AtomicI64,
}

impl Accounts {
    /// Whose access token this is. No call to the store while the session is cached.
    ///
    /// Who keeps a connection open calls it twice: before accepting it, and again after it is registered where
    /// [`SessionObserver::ended`] finds it. A session ended in between is found by the one or by the other.
    ///
    /// # Errors
    /// [`AccountError::Unauthenticated`]; [`AccountError::Unavailable`] if the store had to be asked.
    pub async fn authenticate(&self, token: &str) -> Result<Session, AccountError> {
        let inner = &self.0;
        let now = inner.now();
        let claims = inner.access.check(token, now).ok_or(AccountError::Unauthenticated)?;
        let live = match inner.live.get(&claims.device) {
            Some(live) => live,
            None => inner.load(claims.device).await?.ok_or(AccountError::Unauthenticated)?,
        };
        if live.session.user != claims.user || live.expires_at <= now {
            return Err(AccountError::Unauthenticated);
        }
        inner.note_activity(&live, now);
        Ok(live.session)
    }

    /// Notes that a device was active just now; for long connections, now and then. Written down within about a minute
    /// by [`upkeep`](Self::upkeep).
    pub fn note_activity(&self, device: DeviceId) {
        let now = self.0.now();
        match self.0.live.get(&device) {
            Some(live) => self.0.note_activity(&live, now),
            // More sessions are in use than are remembered. One that has ended is not there to be written to.
            None => drop(self.0.active.lock().unwrap_or_else(PoisonError::into_inner).insert(device, now)),
        }
    }

    /// The user's devices, the most recently active first. `current` is the one asking.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn list(
        &self,
        user: UserId,
        current: Option<DeviceId>,
    ) -> Result<Vec<SessionInfo>, AccountError> {
        let stored = self.0.store.sessions(user).await?;
        let live = stored.into_iter().filter(self.0.is_live());
        let active = self.0.active.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(live
            .map(|one| SessionInfo {
                id: one.device,
                name: one.name,
                created_at: one.created_at,
                last_active_at: active.get(&one.device).copied().unwrap_or(0).max(one.last_active_at),
                current: Some(one.device) == current,
            })
            .collect())
    }

    /// The devices of all these users, in any order: whose each is, and when it signed in. One call to the store for
    /// 500 of them.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn devices_of(&self, users: &[UserId]) -> Result<Vec<Session>, AccountError> {
        let mut devices = Vec::new();
        for page in users.chunks(PAGE_USERS) {
            let live = self.0.store.sessions_of(page).await?.into_iter().filter(self.0.is_live());
            devices.extend(live.map(|one| Session {
                user: one.user,
                device: one.device,
                created_at: one.created_at,
            }));
        }
        Ok(devices)
    }

    /// Signs out the device that asks.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn logout(&self, session: &Session) -> Result<(), AccountError> {
        match self.revoke(session.user, session.device).await {
            Ok(()) | Err(AccountError::UnknownDevice) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Signs out one of the user's devices.
    ///
    /// # Errors
    /// [`AccountError::UnknownDevice`], [`AccountError::Unavailable`].
    pub async fn revoke(&self, user: UserId, device: DeviceId) -> Result<(), AccountError> {
        let ended = self.0.store.end_session(user, device).await;
        if self.0.certain(user, ended)? {
            self.0.ended(user, &[device]);
            Ok(())
        } else {
            Err(AccountError::UnknownDevice)
        }
    }

    /// Signs out all of the user's devices but `except`. Returns how many.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn revoke_all(&self, user: UserId, except: Option<DeviceId>) -> Result<usize, AccountError> {
        let devices = self.0.store.end_sessions(user, except).await;
        let devices = self.0.certain(user, devices)?;
        self.0.ended(user, &devices);
        Ok(devices.len())
    }

    /// Another node says that the device's session ended: the store is asked again before the device is believed. Tells
    /// no observer, since whoever calls this is telling.
    pub fn forget(&self, device: DeviceId) {
        self.0.live.remove(&device);
    }
}

impl Inner {
    /// Whether a stored session has not ended by itself: by idleness, or at its end.
    fn is_live(&self) -> impl Fn(&StoredSession) -> bool + use<> {
        let now = self.now();
        let idle_since = now - self.policy.session_idle_ms();
        move |one| one.last_active_at > idle_since && now < one.expires_at
    }

    /// Sessions that the store has ended: forgets them, then tells.
    pub(crate) fn ended(&self, user: UserId, devices: &[DeviceId]) {
        if devices.is_empty() {
            return;
        }
        for device in devices {
            self.live.remove(device);
        }
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            for device in devices {
                observer.ended(user, *device);
            }
        }
    }

    /// What the store answered to a change of the user's account. Where it did not, the change may be made or not: nothing
    /// kept of the user is believed any more, and who is connected has to come again.
    pub(crate) fn certain<T>(&self, user: UserId, answer: Result<T, StoreError>) -> Result<T, AccountError> {
        answer.map_err(|error| {
            self.names.remove(&user);
            self.privacy.remove(&user);
            self.live.remove_all(|live| live.session.user == user);
            let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner).clone();
            for observer in observers {
                observer.doubted(user);
            }
            error.into()
        })
    }

    async fn load(&self, device: DeviceId) -> Result<Option<Arc<Live>>, AccountError> {
        let mut answer = None;
        for _ in 0..LOADS {
            let mark = self.live.mark();
            let Some(stored) = self.store.session(device).await? else { return Ok(None) };
            let live = Arc::new(Live {
                session: Session { user: stored.user, device, created_at: stored.created_at },
                expires_at: stored.expires_at,
                noted_at: AtomicI64::new(stored.last_active_at),
            });
            answer = Some(Arc::clone(&live));
            if self.live.insert(mark, device, live) {
                break;
            }
        }
        Ok(answer)
    }

    fn note_activity(&self, live: &Live, now: Timestamp) {
        let noted = live.noted_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(noted) >= ACTIVITY_STEP_MS;
        if due && live.noted_at.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.active.lock().unwrap_or_else(PoisonError::into_inner).insert(live.session.device, now);
        }
    }
}
