//! How long an honest user waits.

use super::http;
use std::time::{Duration, Instant};

const READS: usize = 200;
/// Scheduling on a busy test machine; twice a few milliseconds would measure the machine.
pub const NOISE: Duration = Duration::from_millis(40);
/// The same for the median, which a hiccup does not move.
pub const MEDIAN_NOISE: Duration = Duration::from_millis(10);

/// How long it takes to read a small file.
#[derive(Clone, Copy, Default)]
pub struct Times {
    pub median: Duration,
    pub p99: Duration,
}

impl Times {
    pub fn worse(self, other: Self) -> Self {
        Self { median: self.median.max(other.median), p99: self.p99.max(other.p99) }
    }
}

/// Of 200 reads by way of the gateway at `url`.
pub fn times(url: &str, cap: &str, content: &[u8]) -> Times {
    let agent = http();
    let mut times: Vec<Duration> = (0..READS)
        .map(|_| {
            let started = Instant::now();
            let answer = agent.get(format!("{url}/uri/{cap}")).call().unwrap();
            assert!(answer.into_body().read_to_vec().unwrap() == content);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    Times { median: times[READS / 2], p99: times[READS * 99 / 100 - 1] }
}

pub fn millis(time: Duration) -> f32 {
    time.as_secs_f32() * 1000.0
}
