//! Who is online, and when the others last were.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use platform::{Clock, Timestamp};
use protocol::UserId;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use crate::per_user::{IdHashing, PerUser, Sharded, lock};
use crate::{Change, Policy, PresenceError, PresenceStore};

/// Room for changes that each part keeps while nothing changes, in users.
const IDLE_UNSAVED: usize = 16;

/// A connection, as far as presence goes.
struct Link {
    number: u64,
    checked_in: bool,
    /// Its user has been forgotten: nothing about them is written any more.
    forgotten: bool,
}

#[derive(Default)]
struct Shard {
    links: PerUser<Link>,
    /// What the store does not have yet: the latest for each user.
    unsaved: HashMap<UserId, Change, IdHashing>,
}

impl Shard {
    fn is_online(&self, user: UserId) -> bool {
        self.links.get(user).iter().any(|link| link.checked_in)
    }

    fn is_forgotten(&self, user: UserId) -> bool {
        self.links.get(user).iter().any(|link| link.forgotten)
    }
}

/// Online and last seen, over all of a user's connections to this node.
///
/// A user is online while at least one connection is checked in, and was last seen when the last one went away. Changes
/// are in effect at once and written behind: at most one for each user, with the next [`flush`](Self::flush). "Last
/// seen" never goes backwards, whatever the clock does.
pub struct Presence {
    store: Arc<dyn PresenceStore>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    shards: Sharded<Shard>,
    /// The latest time ever told here.
    latest: AtomicI64,
    /// Held while flushing, so that what is written last is what is true last; when the node last wrote that it lives.
    beaten_at: Mutex<Option<Timestamp>>,
}

impl Presence {
    /// Takes up the node's work: whoever a crash left online becomes offline, last seen when the node last was alive.
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`].
    pub async fn open(
        store: Arc<dyn PresenceStore>,
        clock: Arc<dyn Clock>,
        policy: Policy,
    ) -> Result<Self, PresenceError> {
        let cut_off = store.recover(&policy.node).await?;
        if cut_off > 0 {
            tracing::info!(users = cut_off, node = policy.node, "users were online when the node last ended");
        }
        let latest = AtomicI64::new(clock.now());
        Ok(Self { store, clock, policy, shards: Sharded::new(), latest, beaten_at: Mutex::new(None) })
    }

    /// A connection is there, and checked in. Its number is its own on this node. Like the three that follow, answers
    /// whether the user came online or went offline by it.
    pub fn connected(&self, user: UserId, number: u64) -> bool {
        self.change(user, |links| {
            debug_assert!(links.get(user).iter().all(|link| link.number != number));
            let forgotten = links.get(user).iter().any(|link| link.forgotten);
            links.push(user, Link { number, checked_in: true, forgotten });
        })
    }

    /// A connection is gone, in whatever way. Without effect if it was not there.
    pub fn disconnected(&self, user: UserId, number: u64) -> bool {
        self.change(user, |links| {
            links.remove(user, |link| link.number == number);
        })
    }

    /// The connection counts again. Without effect if it is not there.
    pub fn check_in(&self, user: UserId, number: u64) -> bool {
        self.mark(user, number, true)
    }

    /// The connection stays, but does not count until it checks in. Without effect if it is not there.
    pub fn check_out(&self, user: UserId, number: u64) -> bool {
        self.mark(user, number, false)
    }

    fn mark(&self, user: UserId, number: u64, checked_in: bool) -> bool {
        self.change(user, |links| {
            for link in links.get_mut(user).iter_mut().filter(|link| link.number == number) {
                link.checked_in = checked_in;
            }
        })
    }

    fn change(&self, user: UserId, change: impl FnOnce(&mut PerUser<Link>)) -> bool {
        let mut shard = self.shards.of(user);
        let was_online = shard.is_online(user);
        let forgotten = shard.is_forgotten(user);
        change(&mut shard.links);
        let online = shard.is_online(user);
        if online != was_online && !forgotten {
            // Coming online counts as seen, too: a crash before the next heartbeat would forget it otherwise.
            shard.unsaved.insert(user, Change { user, online, last_seen: self.now() });
        }
        online != was_online
    }

    /// Whether a user is online. Never asks the store.
    pub fn is_online(&self, user: UserId) -> bool {
        self.shards.of(user).is_online(user)
    }

    /// How a user stands; see [`statuses`](Self::statuses).
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`].
    pub async fn status(&self, user: UserId) -> Result<protocol::Presence, PresenceError> {
        let known = match self.remembered(user) {
            Some(known) => Some(known),
            None => self.statuses(&[user]).await?.pop(),
        };
        Ok(known.unwrap_or(protocol::Presence { user, online: false, last_seen: None }))
    }

    /// How these users stand, in their order. Whoever is online is seen now. Asks the store, once, only about those who
    /// are offline; the number of users is for the caller to bound. That the caller may know has been checked.
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`].
    pub async fn statuses(&self, users: &[UserId]) -> Result<Vec<protocol::Presence>, PresenceError> {
        let mut statuses = Vec::with_capacity(users.len());
        let mut asked = Vec::new();
        for &user in users {
            statuses.push(self.remembered(user).unwrap_or_else(|| {
                asked.push(user);
                protocol::Presence { user, online: false, last_seen: None }
            }));
        }
        if !asked.is_empty() {
            let stored: HashMap<_, _> = self.store.last_seen(asked).await?.into_iter().collect();
            for status in statuses.iter_mut().filter(|status| status.last_seen.is_none()) {
                status.last_seen = stored.get(&status.user).copied();
            }
        }
        Ok(statuses)
    }

    /// How a user stands, if it takes no store to know.
    fn remembered(&self, user: UserId) -> Option<protocol::Presence> {
        let shard = self.shards.of(user);
        if shard.is_online(user) {
            return Some(protocol::Presence { user, online: true, last_seen: Some(self.now()) });
        }
        let Change { online, last_seen, .. } = *shard.unsaved.get(&user)?;
        Some(protocol::Presence { user, online, last_seen: Some(last_seen) })
    }

    /// Writes what has changed, in batches, and from time to time that the node is alive. Answers how many users were
    /// written.
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`]: what was not written is kept, at most one change for each user, and goes with the
    /// next flush.
    pub async fn flush(&self) -> Result<usize, PresenceError> {
        let mut beaten_at = self.beaten_at.lock().await;
        let (mut written, mut anybody) = (0, false);
        let mut batch = Vec::new();
        for shard in self.shards.all() {
            {
                let shard = lock(shard);
                anybody |= !shard.links.is_empty();
                batch.extend(shard.unsaved.values().copied());
            }
            while batch.len() >= self.policy.flush_users.max(1) {
                let rest = batch.split_off(self.policy.flush_users.max(1));
                written += self.write(std::mem::replace(&mut batch, rest)).await?;
            }
        }
        if !batch.is_empty() {
            written += self.write(batch).await?;
        }
        let now = self.now();
        let due = beaten_at.is_none_or(|last| now.abs_diff(last) >= self.policy.heartbeat_ms);
        if anybody && due {
            self.store.beat(&self.policy.node, now).await?;
            *beaten_at = Some(now);
        }
        Ok(written)
    }

    async fn write(&self, batch: Vec<Change>) -> Result<usize, PresenceError> {
        self.store.save(&self.policy.node, batch.clone()).await?;
        for change in &batch {
            let mut shard = self.shards.of(change.user);
            // What changed again meanwhile goes with the next flush.
            if shard.unsaved.get(&change.user) == Some(change) {
                shard.unsaved.remove(&change.user);
            }
            if shard.unsaved.is_empty() {
                shard.unsaved.shrink_to(IDLE_UNSAVED); // after everybody came at once
            }
        }
        Ok(batch.len())
    }

    /// Flushes regularly until `shutdown` is done; then closes. Failures are logged and tried again.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let mut ticks = tokio::time::interval(Duration::from_millis(self.policy.flush_ms.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut shutdown => break,
            }
            let flushed = self.flush().await;
            match &flushed {
                Err(error) if !failing => tracing::warn!(%error, "presence is not being written"),
                Ok(_) if failing => tracing::info!("presence is being written again"),
                _ => {}
            }
            failing = flushed.is_err();
        }
        if let Err(error) = self.close().await {
            tracing::warn!(%error, "presence was not written at the end");
        }
    }

    /// Ends the node's work: whoever still is online goes offline, and everything is written.
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`]: then the next [`open`](Self::open) does what is left.
    pub async fn close(&self) -> Result<(), PresenceError> {
        for shard in self.shards.all() {
            let Shard { links, unsaved } = &mut *lock(shard);
            let last_seen = self.now();
            for (user, links) in links.drain() {
                let links = links.as_slice();
                if links.iter().any(|link| link.checked_in) && !links.iter().any(|link| link.forgotten) {
                    unsaved.insert(user, Change { user, online: false, last_seen });
                }
            }
        }
        self.flush().await.map(drop)
    }

    /// Erases what is known of a user for good. Connections that still are there count until they are gone, but nothing
    /// of them is written.
    ///
    /// # Errors
    /// [`PresenceError::Unavailable`]: ask again.
    pub async fn forget(&self, user: UserId) -> Result<(), PresenceError> {
        // No flush is under way that would write the user again.
        let _flushing = self.beaten_at.lock().await;
        {
            let mut shard = self.shards.of(user);
            shard.unsaved.remove(&user);
            for link in shard.links.get_mut(user) {
                link.forgotten = true;
            }
        }
        self.store.forget(user).await
    }

    /// Now, and never earlier than the last time this was asked.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

#[cfg(test)]
mod tests;
