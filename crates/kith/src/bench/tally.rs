//! Whether every message came once and in order, by sequence number and by the mark it carries.

use std::collections::{BTreeSet, HashMap};

use protocol::Seq;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }
}

/// What one receiver got of one conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// The last sequence number accepted.
    pub(super) last_seq: Seq,
    streams: HashMap<u32, Stream>,
    faults: Faults,
}

/// The messages of one sender.
#[derive(Debug, Clone, Default)]
struct Stream {
    next: u64,
    missing: BTreeSet<u64>,
    /// Sequence number of the last.
    seq: Seq,
}

impl Tally {
    /// Counts from behind `last_seq` on.
    pub(super) fn after(last_seq: Seq) -> Self {
        Self { last_seq, ..Self::default() }
    }

    /// A message was accepted: the caller has sorted out repeats that syncing brings about.
    pub(super) fn accept(&mut self, seq: Seq, sender: u32, index: u64) {
        if seq <= self.last_seq {
            self.faults.reordered += 1;
        }
        self.last_seq = self.last_seq.max(seq);
        let stream = self.streams.entry(sender).or_default();
        if index >= stream.next {
            stream.missing.extend(stream.next..index);
            stream.next = index + 1;
        } else if stream.missing.remove(&index) {
            self.faults.reordered += 1;
        } else {
            self.faults.duplicated += 1;
        }
        stream.seq = seq;
    }

    /// The server pushed the same entry twice.
    pub(super) fn repeated(&mut self) {
        self.faults.duplicated += 1;
    }

    /// What went wrong, given that each of `senders` had the first `count` of its messages answered.
    pub(super) fn faults(&self, senders: impl IntoIterator<Item = (u32, u64)>) -> Faults {
        let mut faults = self.faults;
        for (sender, count) in senders {
            faults.lost += match self.streams.get(&sender) {
                Some(stream) => stream.missing.len() as u64 + count.saturating_sub(stream.next),
                None => count,
            };
        }
        faults
    }

    /// How many of a sender's messages came, if all came in order.
    pub(super) fn received(&self, sender: u32) -> u64 {
        self.streams.get(&sender).map_or(0, |stream| stream.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(received: &[(Seq, u64)], answered: u64) -> (u64, u64, u64) {
        let mut tally = Tally::after(10);
        received.iter().for_each(|(seq, index)| tally.accept(*seq, 1, *index));
        let Faults { lost, duplicated, reordered } = tally.faults([(1, answered)]);
        (lost, duplicated, reordered)
    }

    #[test]
    fn each_kind_of_fault_is_seen() {
        assert_eq!(faults(&[(11, 0), (12, 1), (13, 2)], 3), (0, 0, 0));
        assert_eq!(faults(&[(11, 0), (12, 1)], 3), (1, 0, 0));
        assert_eq!(faults(&[(11, 0), (13, 2)], 3), (1, 0, 0));
        assert_eq!(faults(&[(11, 0), (12, 0), (13, 1)], 2), (0, 1, 0));
        assert_eq!(faults(&[(11, 1), (12, 0)], 2), (0, 0, 1));
        assert_eq!(faults(&[(12, 0), (11, 1)], 2), (0, 0, 1));
        assert_eq!(faults(&[], 2), (2, 0, 0));
    }
}
