//! A few things for each of very many users, small in memory and quick to find.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::UserId;

/// Parts with a lock each. A power of two, so that it divides the values of a byte.
const SHARDS: usize = 64;

/// Hashes ids, and nothing else: 64 of their 80 random bits and one multiplication. The server made those bits, so
/// nobody can choose ids that collide, and a keyed hash would be time spent for nothing.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

pub(crate) type IdHashing = BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut last = [0; 8];
        let len = bytes.len().min(8);
        last[..len].copy_from_slice(&bytes[bytes.len() - len..]);
        let mixed = u128::from(self.0.rotate_left(32) ^ u64::from_le_bytes(last)) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (mixed >> 64) as u64 ^ mixed as u64;
    }

    /// The length that goes before an id is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// `S`, split by user.
pub(crate) struct Sharded<S>(Box<[Mutex<S>]>);

impl<S: Default> Sharded<S> {
    pub(crate) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// The part that `user` belongs to.
    pub(crate) fn of(&self, user: UserId) -> MutexGuard<'_, S> {
        // A random byte that the hash within the shard does not look at.
        let shard = usize::from(user.as_bytes()[7]) % SHARDS;
        lock(&self.0[shard])
    }

    pub(crate) fn all(&self) -> &[Mutex<S>] {
        &self.0
    }
}

/// The lock, also after somebody panicked who held it: nothing is ever half done under it.
pub(crate) fn lock<S>(mutex: &Mutex<S>) -> MutexGuard<'_, S> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One thing without an allocation, or several: most users have one connection.
pub(crate) enum Few<T> {
    One(T),
    #[expect(clippy::box_collection, reason = "one word instead of three, in every entry of the map")]
    Many(Box<Vec<T>>),
}

impl<T> Few<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => std::slice::from_mut(item),
            Self::Many(items) => items,
        }
    }

    fn push(&mut self, item: T) {
        if let Self::One(_) = self {
            let room = Self::Many(Box::new(Vec::with_capacity(2)));
            if let (Self::One(first), Self::Many(items)) = (std::mem::replace(self, room), &mut *self) {
                items.push(first);
            }
        }
        if let Self::Many(items) = self {
            items.push(item);
        }
    }
}

/// A map from users to one or several `T`.
pub(crate) struct PerUser<T> {
    users: HashMap<UserId, Few<T>, IdHashing>,
    items: usize,
}

impl<T> Default for PerUser<T> {
    fn default() -> Self {
        Self { users: HashMap::default(), items: 0 }
    }
}

impl<T> PerUser<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (UserId, &[T])> {
        self.users.iter().map(|(user, items)| (*user, items.as_slice()))
    }

    pub(crate) fn get(&self, user: UserId) -> &[T] {
        self.users.get(&user).map_or(&[], Few::as_slice)
    }

    pub(crate) fn get_mut(&mut self, user: UserId) -> &mut [T] {
        self.users.get_mut(&user).map_or(&mut [], Few::as_mut_slice)
    }

    pub(crate) fn push(&mut self, user: UserId, item: T) {
        match self.users.entry(user) {
            Entry::Occupied(mut few) => few.get_mut().push(item),
            Entry::Vacant(place) => drop(place.insert(Few::One(item))),
        }
        self.items += 1;
    }

    /// Takes out the first that matches.
    pub(crate) fn remove(&mut self, user: UserId, matches: impl FnMut(&T) -> bool) -> Option<T> {
        let Entry::Occupied(mut few) = self.users.entry(user) else { return None };
        let place = few.get().as_slice().iter().position(matches)?;
        self.items -= 1;
        match few.get_mut() {
            Few::One(_) => match few.remove() {
                Few::One(item) => Some(item),
                Few::Many(_) => None,
            },
            Few::Many(items) => {
                let item = items.swap_remove(place);
                if items.len() == 1
                    && let Some(rest) = items.pop()
                {
                    few.insert(Few::One(rest));
                }
                Some(item)
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    pub(crate) fn users(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (UserId, Few<T>)> {
        self.items = 0;
        self.users.drain()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_few_items_come_and_go() {
        let user = UserId::from_bytes([1; 16]);
        let mut few = PerUser::default();
        for item in 0..5 {
            few.push(user, item);
            assert_eq!(few.get(user), (0..=item).collect::<Vec<_>>());
        }
        assert_eq!(few.remove(user, |&item| item == 9), None);
        for item in [0, 4, 1, 3] {
            assert_eq!(few.remove(user, |&held| held == item), Some(item));
        }
        few.get_mut(user)[0] = 7;
        assert_eq!((few.users(), few.items(), few.get(user)), (1, 1, [7].as_slice()));
        assert_eq!(few.remove(user, |_| true), Some(7));
        assert_eq!((few.users(), few.items(), few.get(user)), (0, 0, [].as_slice()));
    }

    #[test]
    fn the_common_case_takes_no_word_more_than_its_item() {
        assert_eq!(size_of::<Few<(u64, [u8; 16], Arc<()>)>>(), 32);
        assert_eq!(size_of::<Few<(u64, bool)>>(), 16);
    }

    #[test]
    fn neighbouring_ids_spread() {
        let hashes: std::collections::HashSet<_> = (0..10_000u64)
            .map(|number| {
                let mut bytes = [0; 16];
                bytes[8..].copy_from_slice(&number.to_be_bytes());
                IdHashing::default().hash_one(UserId::from_bytes(bytes)) % 65_536
            })
            .collect();
        assert!(hashes.len() > 8_000, "{}", hashes.len());
    }
}
