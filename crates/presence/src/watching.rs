//! Who watches whom come and go: for each one watched, the connections to tell, and what they were told last.

use std::collections::HashMap;
use std::sync::Mutex;

use protocol::UserId;

use crate::per_user::{IdHashing, Sharded, lock};

/// A connection that watches somebody.
struct Watcher<H> {
    user: UserId,
    handle: H,
    /// What it was shown last, as [`Watching::show`] takes it; [`UNKNOWN`] at first.
    shown: i64,
}

/// What a watcher was shown of whom it has just begun to watch.
const UNKNOWN: i64 = i64::MIN;

/// Somebody watched by at least one connection.
struct Watched<H> {
    /// Whether they were online when last told.
    told: bool,
    watchers: HashMap<u64, Watcher<H>, IdHashing>,
}

type Shard<H> = HashMap<UserId, Watched<H>, IdHashing>;

/// What a change is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nobody watches, or they know.
    Nothing,
    /// Tell it now.
    Tell,
    /// They seem to be gone: look again after a while, with [`Watching::settle`], before telling it.
    Hold,
}

/// The watch lists of one node's connections. `H` is what reaches a connection, as in the directory.
///
/// In memory only, and only those who watch take any: a connection without a list has no entry here. That somebody may
/// be told is decided by whoever tells.
pub struct Watching<H> {
    shards: Sharded<Shard<H>>,
    /// Whom each connection watches. Held while a list changes; the locks of the parts are taken within.
    lists: Mutex<HashMap<u64, Box<[UserId]>, IdHashing>>,
}

impl<H: Clone> Default for Watching<H> {
    fn default() -> Self {
        Self { shards: Sharded::new(), lists: Mutex::default() }
    }
}

impl<H: Clone> Watching<H> {
    /// `connection`, which is `viewer`'s, watches these users from now on and nobody else; each is named once. Answers
    /// how each was last told to those who watch: what the new watcher is to start from. `is_online` must not call this.
    pub fn watch(
        &self,
        viewer: UserId,
        connection: u64,
        handle: &H,
        users: &[UserId],
        is_online: impl Fn(UserId) -> bool,
    ) -> Vec<bool> {
        let mut lists = lock(&self.lists);
        let before = lists.remove(&connection).unwrap_or_default();
        let mut told = Vec::with_capacity(users.len());
        for &user in users {
            let mut shard = self.shards.of(user);
            // Asked under the lock: whoever changes after this finds the entry.
            let watched = shard
                .entry(user)
                .or_insert_with(|| Watched { told: is_online(user), watchers: HashMap::default() });
            told.push(watched.told);
            watched
                .watchers
                .insert(connection, Watcher { user: viewer, handle: handle.clone(), shown: UNKNOWN });
        }
        let kept: std::collections::HashSet<_> = users.iter().collect();
        for user in before.iter().filter(|user| !kept.contains(user)) {
            self.leave(*user, connection);
        }
        if !users.is_empty() {
            lists.insert(connection, users.into());
        }
        told
    }

    /// A connection watches nobody any more, as most never did.
    pub fn unwatch(&self, connection: u64) {
        let mut lists = lock(&self.lists);
        let Some(users) = lists.remove(&connection) else { return };
        for user in users {
            self.leave(user, connection);
        }
        if lists.is_empty() {
            lists.shrink_to_fit();
        }
    }

    fn leave(&self, user: UserId, connection: u64) {
        let mut shard = self.shards.of(user);
        if let Some(watched) = shard.get_mut(&user) {
            watched.watchers.remove(&connection);
            if watched.watchers.is_empty() {
                shard.remove(&user);
            }
        }
    }

    /// Whether anybody watches that user.
    pub fn is_watched(&self, user: UserId) -> bool {
        self.shards.of(user).contains_key(&user)
    }

    /// How the user was last told, if anybody watches.
    pub fn told(&self, user: UserId) -> Option<bool> {
        self.shards.of(user).get(&user).map(|watched| watched.told)
    }

    /// The user came or went, or may have: what that is worth. [`Turn::Tell`] counts as told.
    pub fn turn(&self, user: UserId, online: bool) -> Turn {
        let mut shard = self.shards.of(user);
        let Some(watched) = shard.get_mut(&user) else { return Turn::Nothing };
        match (watched.told, online) {
            (false, true) => {
                watched.told = true;
                Turn::Tell
            }
            (true, false) => Turn::Hold,
            _ => Turn::Nothing,
        }
    }

    /// After a while: whether to tell now that the user has gone, which then counts as told.
    pub fn settle(&self, user: UserId, online: bool) -> bool {
        let mut shard = self.shards.of(user);
        match shard.get_mut(&user) {
            Some(watched) if watched.told && !online => {
                watched.told = false;
                true
            }
            _ => false,
        }
    }

    /// The connections that watch a user, each with whose it is.
    pub fn watchers(&self, user: UserId) -> Vec<(UserId, H)> {
        let shard = self.shards.of(user);
        let watchers = shard.get(&user).into_iter().flat_map(|watched| watched.watchers.values());
        watchers.map(|watcher| (watcher.user, watcher.handle.clone())).collect()
    }

    /// What a connection that has just begun to watch a user is shown first, unless it was told something newer.
    pub fn showing(&self, connection: u64, user: UserId, view: i64) {
        if let Some(watcher) =
            self.shards.of(user).get_mut(&user).and_then(|watched| watched.watchers.get_mut(&connection))
            && watcher.shown == UNKNOWN
        {
            watcher.shown = view;
        }
    }

    /// The connections that watch a user and are to be shown something else than they were last, which then counts as shown.
    /// `view` tells what one of a user is to be shown, as a number that is another for anything else; none: nothing at all.
    pub fn show(&self, user: UserId, view: impl Fn(UserId) -> Option<i64>) -> Vec<(UserId, H)> {
        let mut shard = self.shards.of(user);
        let watchers = shard.get_mut(&user).into_iter().flat_map(|watched| watched.watchers.values_mut());
        let changed = watchers.filter_map(|watcher| {
            let view = view(watcher.user)?;
            (std::mem::replace(&mut watcher.shown, view) != view)
                .then(|| (watcher.user, watcher.handle.clone()))
        });
        changed.collect()
    }

    /// How many connections watch anybody.
    pub fn connections(&self) -> usize {
        lock(&self.lists).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId::from_bytes([1; 16]);
    const BOB: UserId = UserId::from_bytes([2; 16]);
    const CAROL: UserId = UserId::from_bytes([3; 16]);

    fn watchers(watching: &Watching<&'static str>, user: UserId) -> Vec<(UserId, &'static str)> {
        let mut watchers = watching.watchers(user);
        watchers.sort();
        watchers
    }

    #[test]
    fn a_list_replaces_the_one_before() {
        let watching = Watching::default();
        assert_eq!(watching.watch(ALICE, 1, &"one", &[BOB, CAROL], |user| user == BOB), [true, false]);
        assert_eq!(watching.watch(ALICE, 2, &"two", &[BOB], |_| panic!("it is known")), [true]);
        assert_eq!(watchers(&watching, BOB), [(ALICE, "one"), (ALICE, "two")]);
        assert_eq!(watching.watch(ALICE, 1, &"one", &[BOB], |_| false), [true]);
        assert_eq!(watchers(&watching, BOB), [(ALICE, "one"), (ALICE, "two")]);
        assert!(!watching.is_watched(CAROL) && watchers(&watching, CAROL).is_empty());
        watching.watch(ALICE, 1, &"one", &[], |_| false);
        watching.unwatch(2);
        watching.unwatch(2);
        assert_eq!((watching.connections(), watching.is_watched(BOB)), (0, false));
        assert!(watching.shards.all().iter().all(|shard| lock(shard).is_empty()), "nothing is left");
    }

    #[test]
    fn nobody_is_shown_the_same_twice() {
        let watching = Watching::default();
        watching.watch(ALICE, 1, &"one", &[BOB], |_| false);
        watching.watch(CAROL, 2, &"two", &[BOB], |_| false);
        watching.showing(1, BOB, 0);
        watching.showing(1, BOB, 7);
        assert_eq!(watching.show(BOB, |_| Some(0)), [(CAROL, "two")], "alice has begun with it");
        assert_eq!(watching.show(BOB, |_| Some(0)), []);
        assert_eq!(watching.show(BOB, |user| (user == ALICE).then_some(1)), [(ALICE, "one")]);
        // What was told counts more than what was asked for before.
        watching.watch(ALICE, 1, &"one", &[BOB], |_| false);
        assert_eq!(watching.show(BOB, |user| (user == ALICE).then_some(2)), [(ALICE, "one")]);
        watching.showing(1, BOB, 1);
        assert_eq!(watching.show(BOB, |user| (user == ALICE).then_some(2)), []);
    }

    #[test]
    fn coming_is_told_at_once_and_going_after_a_while() {
        let watching = Watching::default();
        assert_eq!(watching.turn(BOB, true), Turn::Nothing, "nobody watches");
        watching.watch(ALICE, 1, &(), &[BOB], |_| false);
        assert_eq!(watching.turn(BOB, false), Turn::Nothing);
        assert_eq!(watching.turn(BOB, true), Turn::Tell);
        assert_eq!(watching.turn(BOB, true), Turn::Nothing, "they know");
        assert_eq!(watching.turn(BOB, false), Turn::Hold);
        // Who begins to watch meanwhile starts from what the others know.
        assert_eq!(watching.watch(CAROL, 2, &(), &[BOB], |_| false), [true]);
        assert!(!watching.settle(BOB, true), "back in time");
        assert_eq!(watching.turn(BOB, false), Turn::Hold);
        assert!(watching.settle(BOB, false));
        assert!(!watching.settle(BOB, false), "told once");
        assert_eq!(watching.told(BOB), Some(false));
        assert_eq!(watching.turn(BOB, true), Turn::Tell);
    }
}
