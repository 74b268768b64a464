//! Work on many things, of which one that fails is not the failure of the rest: what may pass is tried
//! again, what fails is left out, named and counted, and only what would fail for all is an error.

use super::CliError;
use super::error::Reach;
use super::output::count;
use super::progress::Progress;
use crate::base::limits::{LEFT_OUT_LINES_MAX, RETRIES_MAX, RETRY_PAUSES};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

/// What has become of the things so far; shared by all who work on them.
pub struct Many {
    left_out: AtomicU64,
    rests: [Duration; RETRY_PAUSES.len()],
    /// Pauses since something last went well, or failed for good.
    pauses: AtomicU32,
}

impl Default for Many {
    fn default() -> Self {
        let (left_out, pauses) = (AtomicU64::new(0), AtomicU32::new(0));
        Self { left_out, rests: RETRY_PAUSES, pauses }
    }
}

impl Many {
    /// Does one of many things; none if it alone failed.
    pub fn one<R>(
        &self,
        path: &str,
        progress: &Progress,
        work: impl Fn() -> Result<R, CliError>,
    ) -> Result<Option<R>, CliError> {
        match self.patiently(work) {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.reach() == Reach::All => Err(error),
            Err(error) => {
                self.leave_out(path, &error.what(), progress);
                Ok(None)
            }
        }
    }

    /// Does something again that may go well later. A gateway that says nothing else for long, of
    /// whatever it is asked for, fails for all.
    pub fn patiently<R>(&self, work: impl Fn() -> Result<R, CliError>) -> Result<R, CliError> {
        for pause in self.rests {
            match work() {
                Err(error) if error.reach() == Reach::Now => {
                    if self.pauses.fetch_add(1, Relaxed) >= RETRIES_MAX {
                        return Err(error.reaching(Reach::All));
                    }
                    sleep(pause);
                }
                done => {
                    self.pauses.store(0, Relaxed);
                    return done;
                }
            }
        }
        work().inspect(|_| self.pauses.store(0, Relaxed))
    }

    /// Names something that will not be there; beyond some of them only their number is told.
    pub fn leave_out(&self, path: &str, reason: &str, progress: &Progress) {
        match self.left_out.fetch_add(1, Relaxed) {
            before if before < LEFT_OUT_LINES_MAX => {
                progress.remark(format_args!("left out {path}: {reason}"));
            }
            LEFT_OUT_LINES_MAX => {
                progress.remark("more things are left out; they are counted, not named");
            }
            _ => {}
        }
    }

    /// How many things were named and are not there.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// What was done with the rest is a failure all the same if something is missing.
    pub fn whole(&self, what: &str, one: &str, many: &str, advice: &str) -> Result<(), CliError> {
        match self.left_out() {
            0 => Ok(()),
            number => {
                Err(CliError::new(format!("{what}, but {}", count(number, one, many)), advice))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn hasty() -> Many {
        Many { rests: [Duration::ZERO; RETRY_PAUSES.len()], ..Many::default() }
    }

    /// Fails so often with what may pass, then goes well; how often it was tried.
    fn tried(many: &Many, failures: u32) -> (Result<Option<()>, CliError>, u32) {
        let count = Cell::new(0);
        let done = many.one("it", &Progress::finding(), || {
            count.set(count.get() + 1);
            match count.get() <= failures {
                true => Err(CliError::new("no", "no").reaching(Reach::Now)),
                false => Ok(()),
            }
        });
        (done, count.get())
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_does_not_is_left_out() {
        let many = hasty();
        assert!(matches!(tried(&many, 1), (Ok(Some(())), 2)));
        assert!(matches!(tried(&many, 9), (Ok(None), 5)));
        let fatal = many.one("it", &Progress::finding(), || Err::<(), _>(CliError::nobody_reads()));
        assert!(fatal.is_err());
        let lost = many.one("it", &Progress::finding(), || Err::<(), _>(CliError::new("no", "no")));
        assert_eq!((lost.unwrap(), many.left_out()), (None, 2));
    }

    #[test]
    fn what_helps_nothing_for_long_fails_for_all() {
        let many = hasty();
        many.pauses.store(RETRIES_MAX - 1, Relaxed);
        assert!(matches!(tried(&many, 1), (Ok(Some(())), 2)));
        many.pauses.store(RETRIES_MAX, Relaxed);
        assert!(matches!(tried(&many, 1), (Err(_), 1)));
    }
}
