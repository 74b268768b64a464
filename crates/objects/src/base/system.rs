//! Time and randomness from the operating system; in a [`replay`], from its seed.

use super::replay;
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `N` bytes that nobody can guess.
///
/// The process ends if the system has no randomness to give: going on would make keys that others
/// could guess.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill_random(&mut out);
    out
}

/// As [`random`], into a slice.
#[allow(
    clippy::expect_used,
    reason = "without randomness no key may be made; there is no fallback"
)]
pub fn fill_random(out: &mut [u8]) {
    if !replay::fill(out) {
        SystemRandom::new().fill(out).expect("the operating system gives random bytes");
    }
}

/// The operating system's, for algorithms that draw from it themselves.
pub fn source() -> impl SecureRandom {
    SystemRandom::new()
}

/// The time of day, and time as it passes whatever the time of day is set to; or a clock that a test
/// moves by hand.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// That of the operating system.
    #[default]
    System,
    /// One that stands until it is moved; see [`Clock::manual`].
    Manual(Arc<ManualClock>),
}

/// See [`Clock::manual`].
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicU64,
    steady: AtomicU64,
}

impl Clock {
    /// A clock that stands at `seconds` since 1970 until [`Clock::advance`] or [`Clock::set`].
    pub fn manual(seconds: u64) -> Self {
        let (wall, steady) = (AtomicU64::new(seconds), AtomicU64::new(0));
        Self::Manual(Arc::new(ManualClock { wall, steady }))
    }

    /// Seconds since the epoch, going by whoever set the clock.
    pub fn now(&self) -> u64 {
        match self {
            Self::System => replay::seconds().map_or_else(system_now, |(of_day, _)| of_day),
            Self::Manual(clock) => clock.wall.load(Ordering::SeqCst),
        }
    }

    /// Seconds since some moment before the first call of this process. Nobody sets this clock, and
    /// where the system allows it goes on while the machine sleeps.
    pub fn steady(&self) -> u64 {
        match self {
            Self::System => replay::seconds().map_or_else(steady_now, |(_, passed)| passed),
            Self::Manual(clock) => clock.steady.load(Ordering::SeqCst),
        }
    }

    /// So many seconds pass on a manual clock; the system's clock stays as it is.
    pub fn advance(&self, seconds: u64) {
        if let Self::Manual(clock) = self {
            clock.wall.fetch_add(seconds, Ordering::SeqCst);
            clock.steady.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    /// Sets the time of day of a manual clock, while no time passes.
    pub fn set(&self, seconds: u64) {
        if let Self::Manual(clock) = self {
            clock.wall.store(seconds, Ordering::SeqCst);
        }
    }
}

/// How many threads work at once on this machine.
pub fn processors() -> usize {
    // As many on every machine, where each step is to be the same.
    if replay::is_on() { 2 } else { std::thread::available_parallelism().map_or(2, usize::from) }
}

fn system_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn steady_now() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn steady_now() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs()
}
