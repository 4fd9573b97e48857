//! Which connections a user has on this node.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{DeviceId, UserId};

use crate::PresenceError;
use crate::per_user::{PerUser, Sharded, lock};

struct Connection<H> {
    number: u64,
    device: DeviceId,
    handle: H,
}

/// How many are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Users with at least one connection.
    pub users: usize,
    /// Connections.
    pub connections: usize,
}

/// The connections of one node, by user. `H` is what reaches a connection: cheap to clone, an `Arc` or alike.
///
/// In memory only. A look at one user is a hash and a short lock shared with a 64th of the users.
pub struct Directory<H> {
    shards: Sharded<PerUser<Connection<H>>>,
    user_connections: usize,
    refused: AtomicU64,
}

impl<H: Clone> Directory<H> {
    /// An empty directory that takes at most `user_connections` connections of each user.
    pub fn new(user_connections: usize) -> Self {
        Self { shards: Sharded::new(), user_connections, refused: AtomicU64::new(0) }
    }

    /// Enters a connection. Its `number` is its own: no other connection of this node ever had it.
    ///
    /// From when this returns, [`for_each`](Self::for_each) visits it: register first, then sync.
    ///
    /// # Errors
    /// [`PresenceError::TooManyConnections`] if the user has as many as allowed; those stay as they are.
    pub fn register(
        &self,
        user: UserId,
        device: DeviceId,
        number: u64,
        handle: H,
    ) -> Result<(), PresenceError> {
        let mut shard = self.shards.of(user);
        let connections = shard.get(user);
        debug_assert!(connections.iter().all(|connection| connection.number != number));
        if connections.len() >= self.user_connections {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(PresenceError::TooManyConnections { limit: self.user_connections });
        }
        shard.push(user, Connection { number, device, handle });
        Ok(())
    }

    /// How many connections were refused so far because the user had as many as allowed.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Takes a connection out: its handle, or nothing if it was not in.
    pub fn remove(&self, user: UserId, number: u64) -> Option<H> {
        let removed = self.shards.of(user).remove(user, |connection| connection.number == number);
        removed.map(|connection| connection.handle)
    }

    /// Calls `visit` with the device, number and handle of each of the user's connections.
    ///
    /// Others wait meanwhile: `visit` must not block, nor call this directory.
    pub fn for_each(&self, user: UserId, mut visit: impl FnMut(DeviceId, u64, &H)) {
        for Connection { number, device, handle } in self.shards.of(user).get(user) {
            visit(*device, *number, handle);
        }
    }

    /// Calls `visit` with each connection's user, device and handle, a part of the users at a time while others come and go.
    ///
    /// Others wait meanwhile: `visit` must not block, nor call this directory.
    pub fn for_all(&self, mut visit: impl FnMut(UserId, DeviceId, &H)) {
        for shard in self.shards.all() {
            for (user, connections) in lock(shard).iter() {
                for Connection { device, handle, .. } in connections {
                    visit(user, *device, handle);
                }
            }
        }
    }

    /// A connection that is in, by its number.
    pub fn find(&self, user: UserId, number: u64) -> Option<H> {
        let shard = self.shards.of(user);
        let found = shard.get(user).iter().find(|connection| connection.number == number);
        found.map(|connection| connection.handle.clone())
    }

    /// The connections of one device of a user.
    pub fn of_device(&self, user: UserId, device: DeviceId) -> Vec<H> {
        let shard = self.shards.of(user);
        let connections = shard.get(user).iter().filter(|connection| connection.device == device);
        connections.map(|connection| connection.handle.clone()).collect()
    }

    /// Whether the user has a connection, checked in or not.
    pub fn is_connected(&self, user: UserId) -> bool {
        !self.shards.of(user).get(user).is_empty()
    }

    /// How many are connected. Parts are counted one after the other, while others come and go.
    pub fn counts(&self) -> Counts {
        self.shards.all().iter().map(lock).fold(Counts::default(), |counts, shard| Counts {
            users: counts.users + shard.users(),
            connections: counts.connections + shard.items(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId::from_bytes([1; 16]);
    const BOB: UserId = UserId::from_bytes([2; 16]);
    const PHONE: DeviceId = DeviceId::from_bytes([3; 16]);
    const LAPTOP: DeviceId = DeviceId::from_bytes([4; 16]);

    fn visited(directory: &Directory<&'static str>, user: UserId) -> Vec<(DeviceId, u64, &'static str)> {
        let mut visited = Vec::new();
        directory.for_each(user, |device, number, handle| visited.push((device, number, *handle)));
        visited.sort();
        visited
    }

    #[test]
    fn connections_are_found_by_user_and_by_device() {
        let directory = Directory::new(64);
        directory.register(ALICE, PHONE, 1, "one").unwrap();
        directory.register(ALICE, LAPTOP, 2, "two").unwrap();
        directory.register(ALICE, PHONE, 3, "three").unwrap();
        directory.register(BOB, PHONE, 4, "four").unwrap();
        assert_eq!(visited(&directory, ALICE), [(PHONE, 1, "one"), (PHONE, 3, "three"), (LAPTOP, 2, "two")]);
        assert_eq!(directory.of_device(ALICE, PHONE), ["one", "three"]);
        assert_eq!(directory.counts(), Counts { users: 2, connections: 4 });

        let mut all = Vec::new();
        directory.for_all(|user, device, handle| all.push((user, device, *handle)));
        all.sort();
        let (one, two) = ((ALICE, PHONE, "one"), (ALICE, PHONE, "three"));
        assert_eq!(all, [one, two, (ALICE, LAPTOP, "two"), (BOB, PHONE, "four")]);

        assert_eq!((directory.find(ALICE, 2), directory.find(BOB, 2)), (Some("two"), None));
        assert_eq!(directory.remove(ALICE, 1), Some("one"));
        assert_eq!(directory.remove(ALICE, 1), None);
        assert_eq!(directory.remove(ALICE, 4), None);
        assert_eq!(directory.remove(BOB, 4), Some("four"));
        assert_eq!(visited(&directory, ALICE), [(PHONE, 3, "three"), (LAPTOP, 2, "two")]);
        assert!(directory.is_connected(ALICE) && !directory.is_connected(BOB));
        assert_eq!(directory.counts(), Counts { users: 1, connections: 2 });
    }

    #[test]
    fn a_user_has_a_bounded_number_of_connections() {
        let directory = Directory::new(2);
        directory.register(ALICE, PHONE, 1, ()).unwrap();
        directory.register(ALICE, PHONE, 2, ()).unwrap();
        let refused = directory.register(ALICE, LAPTOP, 3, ()).unwrap_err();
        assert_eq!(refused, PresenceError::TooManyConnections { limit: 2 });
        assert_eq!(refused.to_string(), "a user has at most 2 connections at a time");
        directory.register(BOB, PHONE, 4, ()).unwrap();
        directory.remove(ALICE, 1);
        directory.register(ALICE, LAPTOP, 5, ()).unwrap();
    }
}
