//! Work that may block, on threads that may.
//!
//! In a [`replay`] it runs on the thread that asks for it. Each job then takes some of the runtime's
//! time, and how much the seed decides: jobs end in another order than they began, as they do on many
//! threads, and others go on meanwhile.

use super::replay;
use super::system::random;
use std::io;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// What a job takes in a replay, at most 256 of these.
const TICK: Duration = Duration::from_micros(20);

/// Runs `work` beside this thread. It runs to its end, even if nobody waits.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    spawn_on(&Handle::current(), work)
}

/// The same with the threads of `runtime`.
pub fn spawn_on<T: Send + 'static>(
    runtime: &Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    if replay::is_on() { runtime.spawn(in_time(work)) } else { runtime.spawn_blocking(work) }
}

/// Runs long `work` on a thread of its own; `None` in a replay, where there is none to wait for.
pub fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<Option<std::thread::JoinHandle<()>>> {
    if replay::is_on() {
        drop(spawn(work));
        return Ok(None);
    }
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(Some)
}

/// Lets such a thread wait; in a replay there is none, and time passes by itself.
pub fn nap(time: Duration) {
    if !replay::is_on() {
        std::thread::sleep(time);
    }
}

async fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let [ticks] = random();
    tokio::time::sleep(TICK * u32::from(ticks)).await;
    work()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::replay::Replay;
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;
    use std::thread::{ThreadId, current};

    /// In which order jobs ended, and where they ran.
    async fn order() -> Vec<(u32, ThreadId)> {
        let job = |number| spawn(move || (number, current().id()));
        let jobs: FuturesUnordered<_> = (0..20).map(job).collect();
        jobs.map(|done| done.unwrap()).collect().await
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_replay_jobs_run_here_in_an_order_of_its_seed() {
        let mut orders = Vec::new();
        for seed in [1, 1, 2] {
            let _replay = Replay::begin(seed).unwrap();
            orders.push(order().await);
        }
        assert!(orders.iter().flatten().all(|(_, thread)| *thread == current().id()));
        assert!(!orders[0].is_sorted_by_key(|(number, _)| *number));
        assert_eq!(orders[0], orders[1]);
        assert_ne!(orders[0], orders[2]);
        assert!(order().await.iter().all(|(_, thread)| *thread != current().id()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_panics_is_told_apart_everywhere() {
        assert!(spawn(|| panic!("as some work may")).await.is_err_and(|error| error.is_panic()));
        let _replay = Replay::begin(1).unwrap();
        assert!(spawn(|| panic!("as some work may")).await.is_err_and(|error| error.is_panic()));
    }
}
