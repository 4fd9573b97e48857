//! A bounded map of what the store said, that never outlives an invalidation.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Holds at most `capacity` entries: two halves, of which the older is dropped when the younger is full; what is used
/// moves into the younger. Never locked across an await.
pub(crate) struct Cache<K, V> {
    half: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    invalidations: u64,
}

/// The cache as it was before the store was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl<K: Eq + Hash + Copy, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: u32) -> Self {
        let state = State { young: HashMap::new(), old: HashMap::new(), invalidations: 0 };
        Self { half: (capacity as usize / 2).max(1), state: Mutex::new(state) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.lock();
        if let Some(value) = state.young.get(key) {
            return Some(value.clone());
        }
        let value = state.old.remove(key)?;
        self.put(&mut state, *key, value.clone());
        Some(value)
    }

    /// Take this before asking the store for something to [`insert`](Self::insert).
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.lock().invalidations)
    }

    /// Keeps what the store said. Does nothing and returns false if anything was removed since `mark`: it might have
    /// been this, and the store's answer might be the older.
    pub(crate) fn insert(&self, mark: Mark, key: K, value: V) -> bool {
        let mut state = self.lock();
        let current = state.invalidations == mark.0;
        if current {
            state.old.remove(&key);
            self.put(&mut state, key, value);
        }
        current
    }

    pub(crate) fn remove(&self, key: &K) {
        let mut state = self.lock();
        state.invalidations += 1;
        state.young.remove(key);
        state.old.remove(key);
    }

    /// Removes every value of which that holds. Looks at all of them.
    pub(crate) fn remove_all(&self, which: impl Fn(&V) -> bool) {
        let mut state = self.lock();
        state.invalidations += 1;
        state.young.retain(|_, value| !which(value));
        state.old.retain(|_, value| !which(value));
    }

    fn put(&self, state: &mut State<K, V>, key: K, value: V) {
        if state.young.len() >= self.half && !state.young.contains_key(&key) {
            state.old = std::mem::take(&mut state.young);
        }
        state.young.insert(key, value);
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(10);
        for key in 0..1_000 {
            cache.insert(cache.mark(), key, key);
            assert_eq!(cache.get(&0), Some(0), "after {key}");
            let state = cache.lock();
            assert!(state.young.len() + state.old.len() <= 10);
        }
        assert_eq!(cache.get(&999), Some(999));
        assert_eq!(cache.get(&500), None);
    }

    #[test]
    fn what_was_read_before_an_invalidation_is_not_kept() {
        let cache = Cache::new(10);
        let mark = cache.mark();
        cache.remove(&1);
        assert!(!cache.insert(mark, 1, "stale"));
        assert_eq!(cache.get(&1), None);
        assert!(cache.insert(cache.mark(), 1, "fresh"));
        assert_eq!(cache.get(&1), Some("fresh"));
        cache.remove(&1);
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn whatever_fits_is_removed() {
        let cache = Cache::new(4);
        for key in 0..4 {
            cache.insert(cache.mark(), key, key % 2);
        }
        let mark = cache.mark();
        cache.remove_all(|value| *value == 1);
        assert_eq!([0, 1, 2, 3].map(|key| cache.get(&key)), [Some(0), None, Some(0), None]);
        assert!(!cache.insert(mark, 1, 1));
    }
}
