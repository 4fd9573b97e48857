//! When to measure, and what is measured.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::mark::now_ns;
use super::process::{Cpu, Processes};

/// A latency above this counts as this: 100 s.
const MAX_LATENCY_NS: u64 = 100_000_000_000;

/// The course of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Load, and nothing is counted.
    Warm,
    /// Load, and everything is counted.
    Measure,
    /// No new load; what is under way arrives.
    Drain,
}

/// Counts what arrives while measuring. For one thread.
#[derive(Debug)]
pub(super) struct Gauge {
    phase: watch::Sender<Phase>,
    /// The same, quick to read.
    now: Cell<Phase>,
    count: Cell<u64>,
    limit: u64,
    enough: Notify,
    latency: RefCell<Histogram<u64>>,
}

/// What a measured stretch came to.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) count: u64,
    pub(super) elapsed: Duration,
    pub(super) cpu: Cpu,
    pub(super) latency: Histogram<u64>,
}

impl Gauge {
    /// Measures until `limit` was counted, if that comes before the time.
    pub(super) fn new(limit: Option<u64>) -> anyhow::Result<Self> {
        Ok(Self {
            phase: watch::Sender::new(Phase::Warm),
            now: Cell::new(Phase::Warm),
            count: Cell::new(0),
            limit: limit.unwrap_or(u64::MAX),
            enough: Notify::new(),
            latency: RefCell::new(histogram()?),
        })
    }

    /// Something that was sent then has arrived now.
    pub(super) fn arrived(&self, sent_ns: u64) {
        if self.now.get() == Phase::Measure {
            let taken = now_ns().saturating_sub(sent_ns).clamp(1, MAX_LATENCY_NS);
            self.latency.borrow_mut().saturating_record(taken);
            self.count.set(self.count.get() + 1);
            if self.count.get() == self.limit {
                self.enough.notify_one();
            }
        }
    }

    /// Whether there is load to make.
    pub(super) fn is_loading(&self) -> bool {
        self.now.get() != Phase::Drain
    }

    /// Tells of changes of the phase.
    pub(super) fn changes(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    fn enter(&self, phase: Phase) {
        self.now.set(phase);
        self.phase.send_replace(phase);
    }

    /// Warms up, measures for `time` at most, and ends the load.
    pub(super) async fn conduct(
        &self,
        warmup: Duration,
        time: Duration,
        processes: &Processes,
    ) -> anyhow::Result<Measured> {
        sleep(warmup).await;
        let (started, before) = (Instant::now(), processes.cpu()?);
        self.enter(Phase::Measure);
        tokio::select! {
            () = sleep(time) => (),
            () = self.enough.notified() => (),
        }
        let (elapsed, after) = (started.elapsed(), processes.cpu()?);
        self.enter(Phase::Drain);
        let latency = self.latency.replace(histogram()?);
        Ok(Measured { count: self.count.get(), elapsed, cpu: after - before, latency })
    }
}

/// Nanoseconds up to the longest, to a thousandth.
pub(super) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, MAX_LATENCY_NS, 3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_arrives_while_measuring_counts() {
        let processes = Processes::find(Some(std::process::id()), None, 0).unwrap();
        let gauge = Gauge::new(Some(3)).unwrap();
        gauge.arrived(now_ns());
        let load = async {
            let mut changes = gauge.changes();
            changes.wait_for(|phase| *phase == Phase::Measure).await.unwrap();
            assert!(gauge.is_loading());
            (0..3).for_each(|_| gauge.arrived(now_ns().saturating_sub(5_000_000)));
            changes.wait_for(|phase| *phase == Phase::Drain).await.unwrap();
            assert!(!gauge.is_loading());
            gauge.arrived(now_ns());
        };
        let conduct = gauge.conduct(Duration::from_millis(5), Duration::from_secs(20), &processes);
        let (measured, ()) = tokio::join!(conduct, load);
        let measured = measured.unwrap();
        assert_eq!((measured.count, measured.latency.len()), (3, 3));
        assert!(measured.elapsed < Duration::from_secs(10));
        assert!(measured.latency.value_at_quantile(0.5) >= 5_000_000);
    }
}
