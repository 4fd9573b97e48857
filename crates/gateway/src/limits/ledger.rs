//! Who has used how much: token buckets in a table of fixed size. Knows neither accounts nor addresses, only keys.
//!
//! A bucket is one number: the moment at which it will be full again (the generic cell rate algorithm). One that is full
//! says nothing, so nothing has to be cleared away, and a key that finds its place taken displaces the one that owes
//! least.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Parts of the table that are locked one by one.
const SHARDS: usize = 64;
/// Places that a key may have.
const WAYS: usize = 4;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// How long one token takes, in nanoseconds.
    step: u64,
    /// How long all of them take.
    room: u64,
}

impl Bucket {
    /// So many tokens each `per_ns` nanoseconds, and at most `burst` of them in store. None if there are no bounds.
    pub(super) fn new(tokens: u32, per_ns: u64, burst: u32) -> Option<Self> {
        let step = per_ns.checked_div(tokens.into())?.max(1);
        Some(Self { step, room: step * u64::from(burst.max(1)) })
    }

    /// The moment at which it is full, seen from now. Nobody owes more than all of it, whatever the bucket was before.
    fn full_at(&self, full_at: u64, now: u64) -> u64 {
        full_at.clamp(now, now.saturating_add(self.room))
    }

    /// Who asks for more than it ever holds takes all of it.
    fn price(&self, tokens: u64) -> u64 {
        self.step.saturating_mul(tokens).min(self.room)
    }
}

/// A bucket that may be changed while others ask for it. `step` 0: there are no bounds.
#[derive(Debug, Default)]
pub(super) struct SharedBucket {
    step: AtomicU64,
    room: AtomicU64,
}

impl SharedBucket {
    /// Costs no more than reading two numbers: every request does.
    pub(super) fn get(&self) -> Option<Bucket> {
        // With `set` this may be a step of before and a room of now, for one who asks at that very moment: a little more or
        // less for once. Never a step with a room that no bucket had.
        let step = self.step.load(Ordering::Acquire);
        (step > 0).then(|| Bucket { step, room: self.room.load(Ordering::Relaxed) })
    }

    pub(super) fn set(&self, bucket: Option<Bucket>) {
        if let Some(bucket) = bucket {
            self.room.store(bucket.room, Ordering::Relaxed);
        }
        self.step.store(bucket.map_or(0, |bucket| bucket.step), Ordering::Release);
    }
}

/// Tokens to take from one of a key's buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    /// Which bucket, from 1.
    pub(super) column: usize,
    pub(super) bucket: Bucket,
    pub(super) tokens: u64,
}

/// A bucket that is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Empty {
    /// Which of the charges could not be met.
    pub(super) charge: usize,
    /// How long until it could, in nanoseconds.
    pub(super) wait_ns: u64,
}

/// A key (0: nobody's), and the moments at which its buckets are full.
type Row<const WIDTH: usize> = [u64; WIDTH];

/// `WIDTH` is one more than the buckets of a key.
pub(super) struct Ledger<const WIDTH: usize> {
    shards: Box<[Mutex<Vec<Row<WIDTH>>>]>,
    sets: usize,
    /// Keyed anew in each process: nobody can choose keys that fall on one place.
    hasher: RandomState,
}

impl<const WIDTH: usize> Ledger<WIDTH> {
    /// Room for about `keys`. Memory is taken only where keys come to lie.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(SHARDS * WAYS).next_power_of_two();
        // Zeroes: the system gives such memory only when it is written to.
        let shards = (0..SHARDS).map(|_| Mutex::new(vec![[0; WIDTH]; sets * WAYS])).collect();
        Self { shards, sets, hasher: RandomState::new() }
    }

    /// Takes all charges or none.
    pub(super) fn take(&self, key: impl Hash, now: u64, charges: &[Charge]) -> Result<(), Empty> {
        self.with_row(key, |row| {
            for (charge, Charge { column, bucket, tokens }) in charges.iter().enumerate() {
                // Also when it is refused: who owed more under another bucket pays it off from now on.
                row[*column] = bucket.full_at(row[*column], now);
                let due = row[*column].saturating_add(bucket.price(*tokens));
                let wait_ns = due.saturating_sub(now.saturating_add(bucket.room));
                if wait_ns > 0 {
                    return Err(Empty { charge, wait_ns });
                }
            }
            for Charge { column, bucket, tokens } in charges {
                row[*column] = row[*column].saturating_add(bucket.price(*tokens));
            }
            Ok(())
        })
    }

    /// Gives back what was taken for nothing.
    pub(super) fn give_back(&self, key: impl Hash, charges: &[Charge]) {
        self.with_row(key, |row| {
            for Charge { column, bucket, tokens } in charges {
                row[*column] = row[*column].saturating_sub(bucket.price(*tokens));
            }
        });
    }

    /// Marks a column until a moment.
    pub(super) fn mark(&self, key: impl Hash, column: usize, until: u64) {
        self.with_row(key, |row| row[column] = until);
    }

    /// Whether it is marked.
    pub(super) fn is_marked(&self, key: impl Hash, column: usize, now: u64) -> bool {
        self.with_row(key, |row| row[column] > now)
    }

    fn with_row<T>(&self, key: impl Hash, act: impl FnOnce(&mut Row<WIDTH>) -> T) -> T {
        let hash = self.hasher.hash_one(key);
        let [shard, set] = [hash as usize % SHARDS, (hash >> 8) as usize & (self.sets - 1)];
        let key = hash | 1;
        let mut rows = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let rows = &mut rows[set * WAYS..][..WAYS];
        let place = rows.iter().position(|row| row[0] == key).unwrap_or_else(|| {
            let debt = |row: &Row<WIDTH>| row[1..].iter().copied().max();
            let least = (0..WAYS).min_by_key(|place| debt(&rows[*place])).unwrap_or_default();
            rows[least] = [0; WIDTH];
            rows[least][0] = key;
            least
        });
        act(&mut rows[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn charge(column: usize, tokens: u32, burst: u32) -> Charge {
        Charge { column, bucket: Bucket::new(tokens, S, burst).expect("a bucket"), tokens: 1 }
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let ledger = Ledger::<2>::new(1_000);
        let one = [charge(1, 10, 5)];
        let now = 7 * S;
        for _ in 0..5 {
            assert_eq!(ledger.take("a", now, &one), Ok(()));
        }
        assert_eq!(ledger.take("a", now, &one), Err(Empty { charge: 0, wait_ns: S / 10 }));
        assert_eq!(ledger.take("b", now, &one), Ok(()), "another's bucket is another");
        assert_eq!(ledger.take("a", now + S / 10, &one), Ok(()));
        assert!(ledger.take("a", now + S / 10, &one).is_err());
        // What is not used is kept, up to the burst.
        let later = now + 100 * S;
        assert_eq!((0..10).filter(|_| ledger.take("a", later, &one).is_ok()).count(), 5);
    }

    #[test]
    fn all_charges_or_none() {
        let ledger = Ledger::<3>::new(1_000);
        let both = [charge(1, 10, 5), charge(2, 1, 2)];
        assert_eq!(ledger.take("a", S, &both), Ok(()));
        assert_eq!(ledger.take("a", S, &both), Ok(()));
        assert_eq!(ledger.take("a", S, &both), Err(Empty { charge: 1, wait_ns: S }));
        // The first bucket has lost two tokens, not three.
        assert_eq!((0..10).filter(|_| ledger.take("a", S, &both[..1]).is_ok()).count(), 3);
        ledger.give_back("a", &both[1..]);
        assert_eq!(ledger.take("a", S, &both[1..]), Ok(()));
    }

    #[test]
    fn whoever_asks_for_more_than_there_ever_is_takes_all() {
        let ledger = Ledger::<2>::new(1_000);
        let many = [Charge { tokens: 1_000, ..charge(1, 10, 5) }];
        assert_eq!(ledger.take("a", S, &many), Ok(()));
        assert_eq!(ledger.take("a", S, &[charge(1, 10, 5)]), Err(Empty { charge: 0, wait_ns: S / 10 }));
        assert_eq!(ledger.take("a", S, &many), Err(Empty { charge: 0, wait_ns: S / 2 }));
        assert_eq!(ledger.take("a", S + S / 2, &many), Ok(()));
    }

    #[test]
    fn no_tokens_are_no_bounds() {
        assert!(Bucket::new(0, S, 5).is_none());
    }

    #[test]
    fn memory_is_bounded_and_whoever_owes_most_is_remembered() {
        let ledger = Ledger::<2>::new(SHARDS * WAYS);
        let one = [charge(1, 1, 100)];
        for _ in 0..100 {
            assert_eq!(ledger.take("debtor", S, &one), Ok(()));
        }
        for number in 0..100_000 {
            assert_eq!(ledger.take(number, S, &one), Ok(()));
        }
        assert!(ledger.take("debtor", S, &one).is_err());
        let rows: usize = ledger.shards.iter().map(|shard| shard.lock().expect("a shard").len()).sum();
        assert_eq!(rows, SHARDS * WAYS);
    }

    #[test]
    fn a_bucket_that_changes_lets_nobody_wait_longer_than_it_would_itself() {
        let (ledger, shared) = (Ledger::<2>::new(1_000), SharedBucket::default());
        assert!(shared.get().is_none());
        let take = |now| match shared.get() {
            Some(bucket) => ledger.take("a", now, &[Charge { column: 1, bucket, tokens: 1 }]),
            None => Ok(()),
        };
        shared.set(Bucket::new(1, 3_600 * S, 5));
        assert_eq!((0..10).filter(|_| take(S).is_ok()).count(), 5);
        assert_eq!(take(S), Err(Empty { charge: 0, wait_ns: 3_600 * S }));
        shared.set(Bucket::new(10, S, 5));
        assert_eq!(take(S), Err(Empty { charge: 0, wait_ns: S / 10 }));
        assert_eq!(take(S + S / 10), Ok(()));
        shared.set(None);
        assert_eq!((0..10).filter(|_| take(2 * S).is_ok()).count(), 10);
    }

    #[test]
    fn marks_last_until_their_time() {
        let ledger = Ledger::<2>::new(1_000);
        assert!(!ledger.is_marked("a", 1, S));
        ledger.mark("a", 1, 2 * S);
        assert!(ledger.is_marked("a", 1, S) && !ledger.is_marked("a", 1, 2 * S));
    }
}
