//! Who is typing: told to those who look, never stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use platform::{Clock, Timestamp};
use protocol::{ConversationId, UserId};

use crate::per_user::{IdHashing, lock};

/// How long a repeat of the same state is swallowed, in milliseconds.
const REPEAT_MS: i64 = 2_000;
/// How long after it was passed on a state is forgotten, here and by clients, in milliseconds.
const FORGET_MS: i64 = 6_000;
/// The most changes passed on within [`REPEAT_MS`] of the first: enough for fingers, not for a loop.
const CHANGES: u8 = 4;

#[derive(Clone, Copy)]
struct State {
    typing: bool,
    /// When `typing` was passed on.
    passed_at: Timestamp,
    /// When the current run of changes began, and how many it has.
    run_began_at: Timestamp,
    changes: u8,
}

impl State {
    fn is_forgotten(&self, now: Timestamp) -> bool {
        // A clock set back forgets everything, rather than keep it until it has caught up.
        !(0..FORGET_MS).contains(&(now - self.passed_at))
    }
}

#[derive(Default)]
struct States {
    by_pair: HashMap<(ConversationId, UserId), State, IdHashing>,
    swept_at: Timestamp,
}

/// Says which notices of typing are worth passing on to the others in a conversation.
pub struct Typing {
    states: Mutex<States>,
    clock: Arc<dyn Clock>,
    entries: usize,
}

impl Typing {
    /// Nobody types. At most `entries` pairs of conversation and user are remembered.
    pub fn new(clock: Arc<dyn Clock>, entries: usize) -> Self {
        Self { states: Mutex::default(), clock, entries }
    }

    /// Whether to pass on that `user` types in `conversation`, or stopped.
    ///
    /// Swallowed are repeats of the same state within 2 s, a stop when the others do not know of a start (any more),
    /// what goes beyond 4 changes within 2 s, and new pairs while too many are remembered. A state is forgotten 6 s
    /// after it was last passed on. That the user is a member has been checked.
    pub fn passes(&self, conversation: ConversationId, user: UserId, typing: bool) -> bool {
        let now = self.clock.now();
        let mut states = lock(&self.states);
        states.sweep(now);
        let known = states.by_pair.get(&(conversation, user)).filter(|state| !state.is_forgotten(now));
        let next = match known.copied() {
            None if !typing => return false,
            None => State { typing, passed_at: now, run_began_at: now, changes: 1 },
            Some(state) if state.typing == typing => {
                if !typing || now - state.passed_at < REPEAT_MS {
                    return false;
                }
                State { passed_at: now, ..state }
            }
            Some(state) if now - state.run_began_at >= REPEAT_MS => {
                State { typing, passed_at: now, run_began_at: now, changes: 1 }
            }
            Some(state) if state.changes >= CHANGES => return false,
            Some(state) => State { typing, passed_at: now, changes: state.changes + 1, ..state },
        };
        let full = states.by_pair.len() >= self.entries;
        if full && !states.by_pair.contains_key(&(conversation, user)) {
            return false;
        }
        states.by_pair.insert((conversation, user), next);
        true
    }
}

impl States {
    /// Drops what is forgotten, every now and then: the cost is shared by the calls in between.
    fn sweep(&mut self, now: Timestamp) {
        if !(0..REPEAT_MS).contains(&(now - self.swept_at)) {
            self.swept_at = now;
            self.by_pair.retain(|_, state| !state.is_forgotten(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use platform::ManualClock;

    use super::*;

    const HERE: ConversationId = ConversationId::from_bytes([6; 16]);
    const THERE: ConversationId = ConversationId::from_bytes([8; 16]);
    const ALICE: UserId = UserId::from_bytes([1; 16]);
    const BOB: UserId = UserId::from_bytes([2; 16]);

    fn typing(entries: usize) -> (Typing, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(1_000_000));
        (Typing::new(clock.clone(), entries), clock)
    }

    #[test]
    fn repeats_are_swallowed_and_refreshed() {
        let (typing, clock) = typing(10);
        let mut passed = Vec::new();
        for tenth in 0..50 {
            if typing.passes(HERE, ALICE, true) {
                passed.push(tenth * 100);
            }
            clock.advance(100);
        }
        assert_eq!(passed, [0, 2_000, 4_000]);
        assert!(typing.passes(HERE, BOB, true) && typing.passes(THERE, ALICE, true));
        assert!(typing.passes(HERE, ALICE, false));
        assert!(!typing.passes(HERE, ALICE, false));
        assert!(typing.passes(HERE, ALICE, true));
    }

    #[test]
    fn a_stop_is_passed_on_only_to_those_who_know_of_a_start() {
        let (typing, clock) = typing(10);
        assert!(!typing.passes(HERE, ALICE, false));
        assert!(typing.passes(HERE, ALICE, true));
        clock.advance(6_000);
        assert!(!typing.passes(HERE, ALICE, false));
        assert!(typing.passes(HERE, ALICE, true));
        clock.advance(5_999);
        assert!(typing.passes(HERE, ALICE, false));
    }

    #[test]
    fn flickering_is_bounded() {
        let (typing, clock) = typing(10);
        let mut passed = 0;
        for turn in 0..10_000 {
            passed += u32::from(typing.passes(HERE, ALICE, turn % 2 == 0));
            clock.advance(1);
        }
        assert!((15..=25).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn memory_is_bounded_and_freed() {
        let (typing, clock) = typing(2);
        assert!(typing.passes(HERE, ALICE, true) && typing.passes(THERE, ALICE, true));
        assert!(!typing.passes(HERE, BOB, true));
        assert!(typing.passes(HERE, ALICE, false), "those remembered still change");
        clock.advance(6_000);
        assert!(typing.passes(HERE, BOB, true));
        assert_eq!(typing.states.lock().unwrap().by_pair.len(), 1);
    }

    #[test]
    fn a_clock_set_back_does_not_silence_anybody() {
        let (typing, clock) = typing(10);
        assert!(typing.passes(HERE, ALICE, true));
        clock.advance(-3_600_000);
        assert!(typing.passes(HERE, ALICE, true));
    }
}
