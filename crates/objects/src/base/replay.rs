//! A thread of which every step can be had again.
//!
//! While a [`Replay`] lives, what its thread would ask of the operating system grows from a seed:
//! random bytes and the time of day ([`system`](super::system)). The rest of its environment is handed down
//! by whoever makes the parts: a network inside the process, disks in memory, and a runtime of one
//! thread whose clock is paused; that clock is the thread's only time.
//!
//! What such bytes protect, everybody can open. So a build without debug assertions, as every release
//! is, has no way to begin one.

use super::seeded::Rng;
use std::cell::RefCell;
use std::marker::PhantomData;
use tokio::time::Instant;

/// The time of day, in seconds since 1970, at which every replay begins.
const BEGINNING: u64 = 1_700_000_000;

struct State {
    rng: Rng,
    /// When time was asked for first.
    began: Option<Instant>,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// See the module. It belongs to the thread that began it.
#[derive(Debug)]
pub struct Replay(PhantomData<*const ()>);

impl Replay {
    /// Begins one on this thread, in the place of the one before; `None` in a build that has none.
    pub fn begin(seed: u64) -> Option<Self> {
        if !cfg!(debug_assertions) {
            return None;
        }
        STATE.set(Some(State { rng: Rng::new(seed), began: None }));
        Some(Self(PhantomData))
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = STATE.try_with(RefCell::take);
    }
}

/// Whether this thread is in one.
pub fn is_on() -> bool {
    ask(|_| ()).is_some()
}

/// Fills `out`; false if that is for the operating system to do.
pub(super) fn fill(out: &mut [u8]) -> bool {
    ask(|state| state.rng.fill(out)).is_some()
}

/// Time of day and seconds that have passed.
pub(super) fn seconds() -> Option<(u64, u64)> {
    ask(|state| {
        let passed = state.began.get_or_insert_with(Instant::now).elapsed().as_secs();
        (BEGINNING + passed, passed)
    })
}

fn ask<T>(question: impl FnOnce(&mut State) -> T) -> Option<T> {
    if !cfg!(debug_assertions) {
        return None;
    }
    STATE.try_with(|state| state.borrow_mut().as_mut().map(question)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::system::{Clock, random};
    use super::*;
    use std::time::Duration;

    fn drawn(seed: u64) -> [u8; 32] {
        let _replay = Replay::begin(seed).unwrap();
        random()
    }

    #[test]
    fn a_seed_gives_the_same_bytes_while_it_lives_and_on_its_thread_only() {
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let _replay = Replay::begin(1).unwrap();
        assert!(is_on());
        let elsewhere = std::thread::spawn(|| (is_on(), random::<32>())).join().unwrap();
        assert_eq!(random::<32>(), drawn(1));
        assert!(!elsewhere.0);
        assert_ne!(elsewhere.1, drawn(1));
        // That one ended the one before it.
        assert!(!is_on());
        assert_ne!(random::<32>(), random::<32>());
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_the_runtimes() {
        let (clock, _replay) = (Clock::System, Replay::begin(1).unwrap());
        assert_eq!((clock.now(), clock.steady()), (BEGINNING, 0));
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!((clock.now(), clock.steady()), (BEGINNING + 90, 90));
    }
}
