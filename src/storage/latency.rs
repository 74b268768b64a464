//! How long each kind of operation took lately, under the names and by the rules of Tahoe-LAFS 1.20.

use crate::base::limits::LATENCY_SAMPLES_MAX;
use crate::base::lock::locked;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A kind of operation. Storing a whole share in one step is an allocation, a write and a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Allocate,
    Write,
    Close,
    Read,
    Get,
    AddLease,
    Renew,
    Cancel,
}

/// All kinds, in the order of the figures.
const NAMES: [(Operation, &str); 8] = [
    (Operation::Allocate, "allocate"),
    (Operation::Write, "write"),
    (Operation::Close, "close"),
    (Operation::Read, "read"),
    (Operation::Get, "get"),
    (Operation::AddLease, "add-lease"),
    (Operation::Renew, "renew"),
    (Operation::Cancel, "cancel"),
];

/// Percentiles: name, part in thousandths, and samples below which it would say nothing.
const PERCENTILES: [(&str, usize, usize); 7] = [
    ("01_0_percentile", 10, 100),
    ("10_0_percentile", 100, 10),
    ("50_0_percentile", 500, 10),
    ("90_0_percentile", 900, 10),
    ("95_0_percentile", 950, 20),
    ("99_0_percentile", 990, 100),
    ("99_9_percentile", 999, 1_000),
];

/// What is known of one kind of operation that happened since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    pub operation: &'static str,
    /// How often it happened.
    pub count: u64,
    /// Of how many of the last ones the rest speaks.
    pub samples: usize,
    /// Of two at least.
    pub mean: Option<Duration>,
    /// By name; none where there are too few samples to tell.
    pub percentiles: Vec<(&'static str, Option<Duration>)>,
}

#[derive(Default)]
struct Samples {
    count: u64,
    /// The last ones, in microseconds.
    last: VecDeque<u32>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Latencies([Mutex<Samples>; NAMES.len()]);

/// An operation under way: it took as long as this lives.
pub(super) struct Timing {
    latencies: Arc<Latencies>,
    operation: Operation,
    began: Instant,
}

impl Drop for Timing {
    fn drop(&mut self) {
        self.latencies.add(self.operation, self.began.elapsed());
    }
}

impl Latencies {
    pub fn time(self: &Arc<Self>, operation: Operation) -> Timing {
        Timing { latencies: self.clone(), operation, began: Instant::now() }
    }

    fn add(&self, operation: Operation, took: Duration) {
        let place = NAMES.iter().position(|(one, _)| *one == operation);
        let Some(samples) = place.and_then(|place| self.0.get(place)) else { return };
        let mut samples = locked(samples);
        samples.count += 1;
        if samples.last.len() >= LATENCY_SAMPLES_MAX {
            samples.last.pop_front();
        }
        samples.last.push_back(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// What happened since the start, each kind for itself.
    pub fn summary(&self) -> Vec<Latency> {
        let of = |((_, operation), samples): (&(Operation, &'static str), &Mutex<Samples>)| {
            let samples = locked(samples);
            let last = samples.last.iter().copied().collect();
            (samples.count > 0).then(|| summed_up(operation, samples.count, last))
        };
        NAMES.iter().zip(&self.0).filter_map(of).collect()
    }
}

fn summed_up(operation: &'static str, count: u64, mut samples: Vec<u32>) -> Latency {
    samples.sort_unstable();
    let micros = |micros: u64| Duration::from_micros(micros);
    let total: u64 = samples.iter().copied().map(u64::from).sum();
    let percentile = |&(name, part, least): &(&'static str, usize, usize)| {
        let at = samples.get(part * samples.len() / 1_000).filter(|_| samples.len() >= least);
        (name, at.map(|at| micros(u64::from(*at))))
    };
    Latency {
        operation,
        count,
        samples: samples.len(),
        mean: (samples.len() > 1).then(|| micros(total / samples.len() as u64)),
        percentiles: PERCENTILES.iter().map(percentile).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(latency: &Latency) -> Vec<Option<u128>> {
        latency.percentiles.iter().map(|(_, at)| at.map(|at| at.as_micros())).collect()
    }

    #[test]
    fn a_percentile_is_told_only_of_enough_samples() {
        let few = |count| summed_up("read", 0, (0..count).rev().collect());
        assert_eq!(few(1).mean, None);
        assert_eq!(few(2).mean, Some(Duration::from_micros(0)));
        assert_eq!(few(9).mean, Some(Duration::from_micros(4)));
        assert_eq!(known(&few(9)), [None; 7]);
        assert_eq!(known(&few(10)), [None, Some(1), Some(5), Some(9), None, None, None]);
        assert_eq!(known(&few(20))[4], Some(19));
        assert_eq!(known(&few(99))[0], None);
        let hundred = [Some(1), Some(10), Some(50), Some(90), Some(95), Some(99), None];
        assert_eq!(known(&few(100)), hundred);
        assert_eq!(known(&few(999))[6], None);
        assert_eq!(known(&few(1_000))[6], Some(999));
    }

    #[test]
    fn the_last_samples_count_and_what_never_happened_is_not_told() {
        let latencies = Arc::new(Latencies::default());
        assert_eq!(latencies.summary(), []);
        for micros in 0..LATENCY_SAMPLES_MAX as u64 + 5 {
            latencies.add(Operation::Cancel, Duration::from_micros(micros));
        }
        latencies.add(Operation::Write, Duration::from_secs(1 << 40));
        drop(latencies.time(Operation::Get));
        let summary = latencies.summary();
        let told: Vec<_> = summary.iter().map(|one| (one.operation, one.samples)).collect();
        assert_eq!(told, [("write", 1), ("get", 1), ("cancel", LATENCY_SAMPLES_MAX)]);
        assert_eq!(summary[2].count, LATENCY_SAMPLES_MAX as u64 + 5);
        assert_eq!(known(&summary[2])[1], Some(105), "the first five are forgotten");
    }
}
