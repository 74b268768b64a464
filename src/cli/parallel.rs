//! Many small things at once, [`CLI_WORKERS`] of them. After the first failure nothing new is begun.

use super::CliError;
use crate::base::limits::CLI_WORKERS;
use crate::base::lock::{locked, unpoisoned};
use std::sync::{Condvar, Mutex};

/// Does `work` for every item, as they come: no more of them are there than are worked on.
pub fn stream<T>(
    items: impl Iterator<Item = Result<T, CliError>> + Send,
    work: impl Fn(T) -> Result<(), CliError> + Sync,
) -> Result<(), CliError> {
    let failure = Mutex::new(None);
    let most = items.size_hint().1.unwrap_or(CLI_WORKERS);
    let waiting = Mutex::new(items);
    run(most.min(CLI_WORKERS), || {
        while locked(&failure).is_none() {
            // Of its own, so that the others can have theirs meanwhile.
            let next = locked(&waiting).next();
            let Some(next) = next else { return };
            if let Err(error) = next.and_then(&work) {
                locked(&failure).get_or_insert(error);
            }
        }
    });
    match locked(&failure).take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Does `work` for every item and returns the results in the items' order.
pub fn each<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, CliError> + Sync,
) -> Result<Vec<R>, CliError> {
    let all = Mutex::new(Vec::with_capacity(items.len()));
    stream(items.into_iter().enumerate().map(Ok), |(number, item)| {
        let result = work(item)?;
        locked(&all).push((number, result));
        Ok(())
    })?;
    let mut all = std::mem::take(&mut *locked(&all));
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// What a walk has found and not yet worked on, and how many of its items are being worked on.
struct Found<T> {
    waiting: Vec<T>,
    busy: usize,
    failure: Option<CliError>,
}

/// Does `work` for every item, and for every one that is found in doing so, the last found first.
pub fn walk<T: Send>(
    first: Vec<T>,
    work: impl Fn(T) -> Result<Vec<T>, CliError> + Sync,
) -> Result<(), CliError> {
    let found = Mutex::new(Found { waiting: first, busy: 0, failure: None });
    let change = Condvar::new();
    run(CLI_WORKERS, || {
        while let Some(item) = next(&found, &change) {
            let _busy = Busy(&found, &change);
            let below = work(item);
            let mut found = locked(&found);
            match below {
                Ok(below) => found.waiting.extend(below),
                Err(error) => {
                    found.failure.get_or_insert(error);
                }
            }
        }
    });
    match locked(&found).failure.take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// An item that is worked on; the others wait for its end, whatever that is.
struct Busy<'a, T>(&'a Mutex<Found<T>>, &'a Condvar);

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        locked(self.0).busy -= 1;
        self.1.notify_all();
    }
}

/// Something to work on; none when nothing is left and nothing can be found any more.
fn next<T>(found: &Mutex<Found<T>>, change: &Condvar) -> Option<T> {
    let mut found = locked(found);
    loop {
        if found.failure.is_some() {
            return None;
        }
        if let Some(item) = found.waiting.pop() {
            found.busy += 1;
            return Some(item);
        }
        if found.busy == 0 {
            return None;
        }
        found = unpoisoned(change.wait(found));
    }
}

/// Runs so many workers to their end.
fn run(count: usize, worker: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(&worker);
        }
    });
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
        let result = walk(vec![0], |number: usize| match number {
            0..1_000 => Ok(vec![number + 1]),
            _ => Err(CliError::new("no", "no")),
        });
        assert!(result.is_err());
    }

    #[test]
    fn items_are_asked_for_as_they_are_worked_on() {
        let (asked, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items = (0..1_000).map(|number| {
            let waiting = asked.fetch_add(1, Ordering::SeqCst) - done.load(Ordering::SeqCst);
            assert!(waiting <= CLI_WORKERS, "{waiting}");
            Ok(number)
        });
        let work = |_: usize| {
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        stream(items, work).unwrap();
        assert_eq!(done.into_inner(), 1_000);
    }

    #[test]
    fn a_walk_reaches_all_that_is_found_on_the_way() {
        let reached = AtomicUsize::new(0);
        walk(vec![(0, 0)], |(depth, _): (usize, usize)| {
            reached.fetch_add(1, Ordering::Relaxed);
            let below = if depth < 5 { 4 } else { 0 };
            Ok((0..below).map(|number| (depth + 1, number)).collect())
        })
        .unwrap();
        assert_eq!(reached.into_inner(), 1 + 4 + 16 + 64 + 256 + 1_024);
        walk(Vec::<u8>::new(), |_| Ok(Vec::new())).unwrap();
    }
}
