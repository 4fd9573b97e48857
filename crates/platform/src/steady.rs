//! A wall clock that does not follow every jump of the machine's.
//!
//! A machine's clock jumps: somebody sets it, a virtual machine wakes up, a time server is wrong for a moment. Whoever believed
//! each jump would end every session because it is next year for ten seconds. So this clock runs on by the machine's uptime,
//! follows small corrections at once, and a jump only when it has lasted.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Clock, SystemClock, Timestamp};

/// What the machine's clock may be off without being a jump, in milliseconds.
const SLACK_MS: i64 = 2_000;
/// How long a jump has to last before it is followed.
const LASTS: Duration = Duration::from_secs(60);

/// See the module. Somebody has to call [`look`](Self::look) about once a second.
#[derive(Debug)]
pub struct SteadyClock {
    started: Instant,
    /// What the time was when it started, as far as is known now.
    began_at: AtomicI64,
    /// Since when, in uptime, the machine's clock has been showing something else.
    apart_since: Mutex<Option<Duration>>,
}

/// What a look at the machine's clock found. Milliseconds are how far that is ahead of this one, negative if behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockNews {
    /// It has jumped; it is not followed yet.
    Jumped(i64),
    /// It is back where it was expected: what it showed meanwhile was never believed.
    CameBack,
    /// The jump has lasted, and is followed from now on.
    Followed(i64),
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::showing(SystemClock.now())
    }
}

impl SteadyClock {
    fn showing(now: Timestamp) -> Self {
        Self { started: Instant::now(), began_at: AtomicI64::new(now), apart_since: Mutex::new(None) }
    }

    /// Holds it against the machine's clock.
    pub fn look(&self) -> Option<ClockNews> {
        self.compare(SystemClock.now(), self.started.elapsed())
    }

    fn compare(&self, machine: Timestamp, uptime: Duration) -> Option<ClockNews> {
        let apart = machine - self.at(uptime);
        let mut since = self.apart_since.lock().unwrap_or_else(PoisonError::into_inner);
        if apart.abs() <= SLACK_MS {
            self.began_at.fetch_add(apart, Ordering::Relaxed);
            return since.take().map(|_| ClockNews::CameBack);
        }
        match *since {
            None => {
                *since = Some(uptime);
                Some(ClockNews::Jumped(apart))
            }
            Some(began) if uptime.saturating_sub(began) >= LASTS => {
                *since = None;
                self.began_at.fetch_add(apart, Ordering::Relaxed);
                Some(ClockNews::Followed(apart))
            }
            Some(_) => None,
        }
    }

    fn at(&self, uptime: Duration) -> Timestamp {
        let passed = Timestamp::try_from(uptime.as_millis()).unwrap_or(Timestamp::MAX);
        self.began_at.load(Ordering::Relaxed).saturating_add(passed)
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.at(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Looks once a second from `from` to `to` at a machine that is `ahead` of the truth, and answers all news.
    fn looks(clock: &SteadyClock, from: u64, to: u64, ahead: i64) -> Vec<ClockNews> {
        let look = |second: u64| {
            clock.compare(i64::try_from(second).unwrap() * 1_000 + ahead, Duration::from_secs(second))
        };
        (from..to).filter_map(look).collect()
    }

    #[test]
    fn corrections_are_followed_and_brief_jumps_are_not() {
        let clock = SteadyClock::showing(0);
        assert_eq!(looks(&clock, 0, 10, 1_500), []);
        assert_eq!(clock.at(Duration::from_secs(10)), 11_500);
        for jump in [HOUR, -HOUR, 365 * 24 * HOUR] {
            let (news, now) = (looks(&clock, 20, 70, jump), clock.at(Duration::from_secs(70)));
            assert_eq!((news, now), (vec![ClockNews::Jumped(jump - 1_500)], 71_500));
            assert_eq!(looks(&clock, 70, 80, 1_500), [ClockNews::CameBack]);
        }
    }

    #[test]
    fn a_jump_that_lasts_is_followed() {
        for jump in [HOUR, -HOUR] {
            let clock = SteadyClock::showing(0);
            assert_eq!(looks(&clock, 0, 100, jump), [ClockNews::Jumped(jump), ClockNews::Followed(jump)]);
            assert_eq!(clock.at(Duration::from_secs(100)), jump + 100_000);
            assert_eq!(looks(&clock, 100, 300, jump), []);
        }
    }

    #[test]
    fn it_goes_on_by_itself() {
        let (clock, before) = (SteadyClock::default(), SystemClock.now());
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now() >= before + 19, "{} {before}", clock.now());
        assert_eq!(clock.look(), None);
    }
}
