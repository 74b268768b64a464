//! Many small things at once.

use super::CliError;
use crate::base::limits::CLI_WORKERS;
use std::sync::{Mutex, PoisonError};

/// Does `work` for every item, [`CLI_WORKERS`] at a time, and returns the results in the items' order.
/// After the first failure nothing new is begun.
pub fn each<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, CliError> + Sync,
) -> Result<Vec<R>, CliError> {
    let count = items.len();
    let waiting = Mutex::new(items.into_iter().enumerate());
    let failure = Mutex::new(None);
    let worker = || {
        let mut done = Vec::new();
        loop {
            if locked(&failure).is_some() {
                return done;
            }
            let Some((number, item)) = locked(&waiting).next() else { return done };
            match work(item) {
                Ok(result) => done.push((number, result)),
                Err(error) => {
                    locked(&failure).get_or_insert(error);
                }
            }
        }
    };
    let mut all = Vec::with_capacity(count);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CLI_WORKERS.min(count)).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    if let Some(error) = locked(&failure).take() {
        return Err(error);
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_keep_their_order_and_all_workers_run_at_once() {
        let together = Barrier::new(CLI_WORKERS);
        let results = each((0..CLI_WORKERS * 3).collect(), |number| {
            together.wait();
            Ok(number * 2)
        });
        assert_eq!(results.unwrap(), (0..CLI_WORKERS * 3).map(|n| n * 2).collect::<Vec<_>>());
        assert!(each(Vec::<u8>::new(), Ok).unwrap().is_empty());
    }

    #[test]
    fn after_a_failure_nothing_new_begins() {
        let begun = AtomicUsize::new(0);
        let result = each((0..1_000).collect(), |_: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(CliError::new("no", "no"))
        });
        assert!(result.is_err() && begun.load(Ordering::Relaxed) <= CLI_WORKERS);
    }
}
