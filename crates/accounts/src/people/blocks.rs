//! Blocking: whom a user shuts out. Asked on every direct message, so what is asked is in memory.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::{BlockedUser, UserId};

use super::store::Listed;
use super::{Bound, People, PeopleError};

/// Whom a user has blocked, in order of their ids. Most block nobody, which takes no memory beyond the pointer.
pub(super) type Blocked = Option<Arc<[UserId]>>;

/// Users whose blocks are asked for in one transaction.
const LOAD_USERS: usize = 500;

/// Which of two users has blocked the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocks {
    /// The first has blocked the second.
    pub by_first: bool,
    /// The second has blocked the first.
    pub by_second: bool,
}

impl Blocks {
    /// Whether either has.
    pub const fn any(self) -> bool {
        self.by_first || self.by_second
    }
}

pub(super) fn has_blocked(blocked: &Blocked, user: UserId) -> bool {
    blocked.as_ref().is_some_and(|users| users.binary_search(&user).is_ok())
}

impl People {
    /// Blocks a user. Once this returns, nothing that the one says directly to the other is taken; whoever said it before
    /// has had their answer. An open invite between the two ends.
    ///
    /// # Errors
    /// There is no such user, or it is oneself; too many are blocked; the store did not answer.
    pub async fn block(&self, owner: UserId, user: UserId) -> Result<(), PeopleError> {
        self.check_other(owner, user, "block").await?;
        let (people, now) = (self.clone(), self.now());
        // To its end, also if nobody waits any more: memory must not stay behind the store.
        let blocking = tokio::spawn(async move {
            let outcome = people.0.store.block(owner, user, now, people.0.policy.blocked).await;
            people.0.blocked.remove(&owner);
            // What was planned before memory forgot may still be on its way to the disk.
            if outcome.is_ok()
                && let Some(neighbours) = people.0.neighbours.get()
            {
                neighbours.settle(owner, user).await.map_err(PeopleError::Unavailable)?;
            }
            Ok::<_, PeopleError>(outcome?)
        });
        let (listed, invite) =
            blocking.await.map_err(|error| PeopleError::Unavailable(error.to_string()))??;
        if listed == Listed::Full {
            self.0.refusals.count(Bound::Blocked);
            return Err(PeopleError::Full { what: "blocked users", limit: self.0.policy.blocked });
        }
        self.visibility_changed(owner, Some(user));
        if let Some(invite) = invite {
            self.tell_both(&invite).await;
        }
        Ok(())
    }

    /// Ends a block, which there may not have been.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn unblock(&self, owner: UserId, user: UserId) -> Result<(), PeopleError> {
        let people = self.clone();
        let unblocking = tokio::spawn(async move {
            let outcome = people.0.store.unblock(owner, user).await;
            people.0.blocked.remove(&owner);
            outcome
        });
        if unblocking.await.map_err(|error| PeopleError::Unavailable(error.to_string()))?? {
            self.visibility_changed(owner, Some(user));
        }
        Ok(())
    }

    /// Whom a user has blocked, the latest first.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn blocked_users(&self, owner: UserId) -> Result<Vec<BlockedUser>, PeopleError> {
        let rows = self.0.store.blocked(&[owner]).await?;
        let named = self.named(rows.into_iter().map(|(_, user, when)| (user, when)).collect()).await?;
        let mut blocked: Vec<_> =
            named.into_iter().map(|(user, blocked_at)| BlockedUser { user, blocked_at }).collect();
        blocked.sort_by_key(|blocked| (std::cmp::Reverse(blocked.blocked_at), blocked.user.id));
        Ok(blocked)
    }

    /// Which of the two has blocked the other, if memory knows.
    pub fn known_blocks(&self, first: UserId, second: UserId) -> Option<Blocks> {
        let by_first = has_blocked(&self.0.blocked.get(&first)?, second);
        let by_second = has_blocked(&self.0.blocked.get(&second)?, first);
        Some(Blocks { by_first, by_second })
    }

    /// Which of each pair has blocked the other, in order. No call to the store for those in memory.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn blocks(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<Blocks>, PeopleError> {
        let users: Vec<_> = pairs.iter().flat_map(|(first, second)| [*first, *second]).collect();
        let blocked = self.blocked_by(&users).await?;
        let by = |owner: &UserId, user| blocked.get(owner).is_some_and(|blocked| has_blocked(blocked, user));
        let of_pair = |(first, second): &(UserId, UserId)| Blocks {
            by_first: by(first, *second),
            by_second: by(second, *first),
        };
        Ok(pairs.iter().map(of_pair).collect())
    }

    /// Whom each of these users has blocked.
    pub(super) async fn blocked_by(&self, users: &[UserId]) -> Result<HashMap<UserId, Blocked>, PeopleError> {
        let cache = &self.0.blocked;
        let mut found: HashMap<UserId, Blocked> = HashMap::with_capacity(users.len());
        let mut missing = Vec::new();
        for user in users {
            if found.contains_key(user) {
                continue;
            }
            match cache.get(user) {
                Some(blocked) => drop(found.insert(*user, blocked)),
                None => missing.push(*user),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for chunk in missing.chunks(LOAD_USERS) {
            let mark = cache.mark();
            let mut rows: HashMap<UserId, Vec<UserId>> = HashMap::new();
            for (owner, user, _) in self.0.store.blocked(chunk).await? {
                rows.entry(owner).or_default().push(user);
            }
            for owner in chunk {
                let blocked: Blocked = rows.remove(owner).map(|mut users| {
                    users.sort_unstable();
                    users.into()
                });
                // What was read before a change is good for whoever asked before it, and for nobody after.
                cache.insert(mark, *owner, blocked.clone());
                found.insert(*owner, blocked);
            }
        }
        Ok(found)
    }
}
