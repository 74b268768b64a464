//! Long work in the background, known by a handle that its client chose.
//!
//! A handle is good until the work is finished, and then for some days so that the result can be
//! fetched: fewer once it was. The client may say how long; who knows the handle may see the result
//! and cancel the work.

use super::super::answer::Failure;
use super::super::args::Arguments;
use super::progress::{Progress, Walk};
use crate::base::budget::Budget;
use crate::base::limits::{
    MANIFEST_BYTES_MAX, OPERATION_READ_SECONDS, OPERATION_UNREAD_SECONDS, OPERATIONS_BYTES_MAX,
    OPERATIONS_MAX, OPERATIONS_RUNNING_MAX,
};
use crate::base::lock::locked;
use crate::base::system::Clock;
use actix_web::http::StatusCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// Some work, under way or finished.
pub struct Operation {
    pub walk: Walk,
    /// Of the root.
    pub origin: String,
    progress: Mutex<Progress>,
}

struct Entry {
    operation: Arc<Operation>,
    task: JoinHandle<()>,
    number: u64,
    /// When the work was first seen to be finished.
    finished: Option<u64>,
    /// When the handle ends, if something was said of it.
    ends: Option<u64>,
}

/// All handles.
pub struct Operations {
    clock: Clock,
    /// Memory for all results together.
    results: Budget,
    /// One result at a time is made an answer of, which takes several times its memory.
    answering: tokio::sync::Mutex<()>,
    entries: Mutex<HashMap<String, Entry>>,
}

impl Operation {
    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    /// Its task is over, so that nothing will be added any more: without a result it broke.
    fn ended(&self) {
        let mut progress = self.progress();
        if !progress.finished {
            let text = "The work broke off because of a fault in this node; its log says more.";
            progress.failed = Some(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, text));
            progress.finished = true;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Operations {
    pub fn new(clock: Clock) -> Self {
        let results = Budget::new(OPERATIONS_BYTES_MAX);
        Self { clock, results, answering: Default::default(), entries: Mutex::default() }
    }

    /// The handles that are still good.
    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        let now = self.clock.now();
        let mut entries = locked(&self.entries);
        entries.retain(|_, entry| {
            if entry.task.is_finished() {
                entry.operation.ended();
            }
            if entry.finished.is_none() && entry.operation.progress().finished {
                entry.finished = Some(now);
            }
            entry.finished.is_none_or(|finished| {
                now < entry.ends.unwrap_or(finished.saturating_add(OPERATION_UNREAD_SECONDS))
            })
        });
        entries
    }

    /// Work that is about to begin.
    pub fn operation(&self, walk: Walk, origin: String) -> Arc<Operation> {
        let progress = Progress { room: Some(self.results.nothing()), ..Progress::default() };
        Arc::new(Operation { walk, origin, progress: Mutex::new(progress) })
    }

    /// Starts some work under a handle.
    pub fn start(
        &self,
        handle: &str,
        retain: Option<u64>,
        operation: Arc<Operation>,
        work: impl Future<Output = ()> + 'static,
    ) -> Result<(), Failure> {
        let mut entries = self.entries();
        let running = entries.values().filter(|entry| entry.finished.is_none()).count();
        if running >= OPERATIONS_RUNNING_MAX {
            let text = "Too many operations are under way; wait for one of them or cancel it.";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        let is_short = || self.results.free() < OPERATIONS_BYTES_MAX - MANIFEST_BYTES_MAX;
        while entries.len() >= OPERATIONS_MAX || is_short() {
            let oldest = entries.iter().filter(|(_, entry)| entry.finished.is_some());
            let oldest = oldest.min_by_key(|(_, entry)| entry.number);
            let oldest = oldest.map(|(handle, _)| handle.clone());
            if oldest.and_then(|handle| entries.remove(&handle)).is_none() {
                break;
            }
        }
        let number = entries.values().map(|entry| entry.number + 1).max().unwrap_or(0);
        let ends = retain.map(|seconds| self.clock.now().saturating_add(seconds));
        let task = actix_web::rt::spawn(work);
        let entry = Entry { operation, task, number, finished: None, ends };
        entries.insert(handle.to_owned(), entry);
        Ok(())
    }

    /// The work behind a handle; looking at finished work changes how long it is kept.
    pub fn look(&self, handle: &str, arguments: &Arguments) -> Result<Arc<Operation>, Failure> {
        let retain = retain_for(arguments)?;
        let release = arguments.flag("release-after-complete")?;
        let mut entries = self.entries();
        let entry = entries.get_mut(handle).ok_or_else(|| unknown(handle))?;
        let now = self.clock.now();
        match (retain, entry.finished) {
            (Some(seconds), _) => entry.ends = Some(now.saturating_add(seconds)),
            (None, Some(_)) => entry.ends = Some(now.saturating_add(OPERATION_READ_SECONDS)),
            (None, None) => {}
        }
        let operation = Arc::clone(&entry.operation);
        if release && entry.finished.is_some() {
            entries.remove(handle);
        }
        Ok(operation)
    }

    /// The turn to make an answer of a result.
    pub async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.answering.lock().await
    }

    /// Ends the work behind a handle, and the handle.
    pub fn cancel(&self, handle: &str) -> Result<Arc<Operation>, Failure> {
        let entry = self.entries().remove(handle).ok_or_else(|| unknown(handle))?;
        Ok(Arc::clone(&entry.operation))
    }
}

fn unknown(handle: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("unknown/expired handle '{handle}'"))
}

/// For how long the client wants a result kept.
pub fn retain_for(arguments: &Arguments) -> Result<Option<u64>, Failure> {
    let number = |text: &str| {
        text.parse().map_err(|_| Failure::bad_request("retain-for= takes a number of seconds."))
    };
    arguments.get("retain-for").map(number).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::progress::{RESULTS_STEP, note};
    use super::*;
    use crate::cap::Cap;
    use crate::grid::Reached;
    use crate::grid::dirnode::Target;
    use std::future::pending;

    fn args(text: &str) -> Arguments {
        Arguments::parse(text).unwrap()
    }

    fn operation(finished: bool) -> Arc<Operation> {
        let progress = Mutex::new(Progress { finished, ..Progress::default() });
        Arc::new(Operation { walk: Walk::Stats, origin: String::new(), progress })
    }

    fn table() -> (Operations, Clock) {
        let clock = Clock::manual(1_000_000);
        (Operations::new(clock.clone()), clock)
    }

    #[actix_rt::test]
    async fn a_handle_outlives_its_work_by_days() {
        let (table, clock) = table();
        table.start("a", None, operation(false), pending()).unwrap();
        table.start("b", None, operation(true), async {}).unwrap();
        table.start("c", None, operation(true), async {}).unwrap();
        table.start("d", Some(10), operation(true), async {}).unwrap();
        assert!(table.look("c", &args("")).is_ok());
        clock.advance(10);
        assert_eq!(table.look("d", &args("")).err().unwrap().status, 404);
        clock.advance(OPERATION_READ_SECONDS);
        assert!(table.look("c", &args("")).is_err());
        clock.advance(OPERATION_UNREAD_SECONDS - OPERATION_READ_SECONDS - 11);
        assert!(table.entries().contains_key("b"));
        clock.advance(1);
        assert!(table.look("b", &args("")).is_err());
        assert!(table.look("a", &args("")).is_ok(), "it is still running");
    }

    #[actix_rt::test]
    async fn a_client_may_say_how_long() {
        let (table, clock) = table();
        table.start("a", None, operation(true), async {}).unwrap();
        assert!(table.look("a", &args("retain-for=x")).is_err());
        assert!(table.look("a", &args("retain-for=1000000")).is_ok());
        clock.advance(999_999);
        assert!(table.look("a", &args("release-after-complete=true")).is_ok());
        assert!(table.look("a", &args("")).is_err());
        table.start("b", None, operation(false), pending()).unwrap();
        assert!(table.look("b", &args("release-after-complete=true")).is_ok());
        assert!(table.cancel("b").is_ok() && table.cancel("b").is_err());
    }

    #[actix_rt::test]
    async fn work_that_breaks_has_failed() {
        let (table, _) = table();
        table.start("a", None, operation(false), async { panic!("a fault") }).unwrap();
        while table.look("a", &args("")).unwrap().progress().failed.is_none() {
            tokio::task::yield_now().await;
        }
        let failed = table.look("a", &args("")).unwrap();
        assert!(failed.progress().finished && table.entries()["a"].finished.is_some());
    }

    #[actix_rt::test]
    async fn what_is_kept_is_bounded_in_bytes() {
        let mut progress = Progress { bytes: MANIFEST_BYTES_MAX - 100, ..Progress::default() };
        let reached = |name: usize| {
            let target = Target::Known(Cap::parse("URI:LIT:me").unwrap());
            Reached { path: vec!["n".repeat(name)], target }
        };
        note(&mut progress, Walk::Manifest, reached(10), None);
        assert!(progress.failed.is_none());
        note(&mut progress, Walk::Manifest, reached(100), None);
        assert_eq!(progress.failed.unwrap().status, 413);
        let (table, _) = table();
        for handle in ["old", "new"] {
            let kept = operation(true);
            table.start(handle, None, Arc::clone(&kept), async {}).unwrap();
            kept.progress().room = table.results.try_take(MANIFEST_BYTES_MAX + 1).ok();
        }
        assert!(table.look("old", &args("")).is_err() && table.look("new", &args("")).is_ok());
        assert_eq!(table.results.free(), OPERATIONS_BYTES_MAX - MANIFEST_BYTES_MAX - 1);
    }

    #[actix_rt::test]
    async fn work_that_is_too_much_gives_its_memory_back_and_says_whose_fault_it_is() {
        let (table, _) = table();
        let reached = || {
            let target = Target::Known(Cap::parse("URI:LIT:me").unwrap());
            Reached { path: vec!["n".repeat(RESULTS_STEP)], target }
        };
        let others = table.results.try_take(OPERATIONS_BYTES_MAX - RESULTS_STEP).unwrap();
        for (status, others) in [(503, Some(others)), (413, None)] {
            let room = Some(table.results.nothing());
            let mut progress = Progress { room, ..Progress::default() };
            let mut noted = 0;
            while progress.failed.is_none() {
                note(&mut progress, Walk::Manifest, reached(), None);
                noted += 1;
            }
            assert_eq!(
                (progress.failed.as_ref().unwrap().status.as_u16(), noted > 1),
                (status, status == 413)
            );
            assert!(progress.manifest.is_empty() && progress.room.is_none());
            drop(others);
            assert_eq!(table.results.free(), OPERATIONS_BYTES_MAX);
        }
    }

    #[actix_rt::test]
    async fn there_is_room_for_so_many_and_no_more() {
        let (table, _) = table();
        for number in 0..OPERATIONS_MAX + 3 {
            table.start(&format!("done {number}"), None, operation(true), async {}).unwrap();
        }
        assert_eq!(table.entries().len(), OPERATIONS_MAX);
        assert!(table.look("done 2", &args("")).is_err());
        assert!(table.look("done 3", &args("")).is_ok());
        for number in 0..OPERATIONS_RUNNING_MAX {
            table.start(&number.to_string(), None, operation(false), pending()).unwrap();
        }
        let refused = table.start("more", None, operation(false), async {}).unwrap_err();
        assert_eq!(refused.status, 503);
    }
}
