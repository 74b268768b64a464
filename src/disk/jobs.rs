//! Disk work of one server, on threads that may block: so many jobs at a time, first come first
//! served.
//!
//! Actors must not wait for a disk themselves. Jobs run beside each other: who needs an order hands
//! over the next one when the last is done.

use crate::base::blocking;
use crate::base::limits::DISK_JOBS_MAX;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// See the module. Clones share the places.
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Semaphore>);

impl Default for Jobs {
    fn default() -> Self {
        Self::at_once(DISK_JOBS_MAX)
    }
}

/// Runs one job on a thread that may block, beside whatever else runs.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    blocking::spawn(work).await.unwrap_or_else(|_| Err(io::Error::other("the work was cut off")))
}

impl Jobs {
    /// So many at a time.
    pub fn at_once(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }

    /// Runs `work` on a thread that may block; `None` if that thread came to no result. The work
    /// begins when there is a place and then runs to its end, even if nobody waits.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.0.clone().acquire_owned().await.ok()?;
        // Boxed: one kind of task for each result, not one for each job.
        let job: Box<dyn FnOnce() -> T + Send> = Box::new(move || {
            let done = work();
            drop(permit);
            done
        });
        blocking::spawn(job).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::channel;

    #[test]
    fn no_more_jobs_run_at_once_than_there_are_places() {
        actix_rt::System::new().block_on(async {
            let (jobs, begun) = (Jobs::default(), Arc::new(AtomicUsize::new(0)));
            let gates: Vec<_> = (0..=DISK_JOBS_MAX)
                .map(|_| {
                    let ((open, gate), begun) = (channel::<()>(), begun.clone());
                    let jobs = jobs.clone();
                    let work = move || {
                        begun.fetch_add(1, SeqCst);
                        gate.recv().is_ok()
                    };
                    (open, actix_rt::spawn(async move { jobs.run(work).await }))
                })
                .collect();
            while begun.load(SeqCst) < DISK_JOBS_MAX {
                tokio::task::yield_now().await;
            }
            assert!(jobs.0.try_acquire().is_err());
            for (open, job) in gates {
                open.send(()).unwrap();
                assert_eq!(job.await.unwrap(), Some(true));
            }
            assert_eq!(begun.load(SeqCst), DISK_JOBS_MAX + 1);
        });
    }

    #[test]
    fn a_job_that_panics_gives_its_place_back() {
        actix_rt::System::new().block_on(async {
            let jobs = Jobs::default();
            for _ in 0..=DISK_JOBS_MAX {
                assert_eq!(jobs.run(|| panic!("as some work may")).await, None::<()>);
            }
            assert_eq!(jobs.run(|| 7).await, Some(7));
        });
    }
}
