//! Long work in the background, known by a handle that its client chose.
//!
//! A handle is good until the work is finished, and then for some days so that the result can be
//! fetched: fewer once it was. The client may say how long; who knows the handle may see the result
//! and cancel the work.

use super::super::address::percent_encode;
use super::super::answer::{self, Failure};
use super::super::args::Arguments;
use super::super::json;
use super::super::object::{Asked, Object, cap_text, directory_of};
use super::super::pages::checked;
use super::super::route::Walk;
use super::super::spill;
use super::check::{Checker, is_distributed, is_healthy};
use super::results;
use super::walk::{Event, events, reason, verify_text};
use crate::base::budget::{Budget, Share};
use crate::base::limits::{
    CHECKS_KEPT_BYTES_MAX, DEEP_CHECKS_MAX, MANIFEST_BYTES_MAX, MANIFEST_MAX, OPERATION_HANDLE_MAX,
    OPERATION_READ_SECONDS, OPERATION_UNREAD_SECONDS, OPERATIONS_BYTES_MAX, OPERATIONS_MAX,
    OPERATIONS_RUNNING_MAX,
};
use crate::base::lock::locked;
use crate::base::rim::Clock;
use crate::grid::dirnode::Target;
use crate::grid::{DeepStats, Missed, Reached, Traversal};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use futures_util::stream::StreamExt;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// What some work has come to so far.
#[derive(Default)]
pub struct Progress {
    pub finished: bool,
    pub failed: Option<Failure>,
    pub stats: DeepStats,
    /// Path and cap.
    pub manifest: Vec<(Vec<String>, String)>,
    pub verify_caps: BTreeSet<String>,
    pub storage_indexes: BTreeSet<String>,
    pub checked: u64,
    pub healthy: u64,
    /// Path and result.
    pub unhealthy: Vec<(Vec<String>, Value)>,
    /// Results of what is healthy by storage index, as JSON: as many as there is room for.
    well: HashMap<String, String>,
    well_bytes: usize,
    /// Paths of directories of which something is missing, and why.
    pub missed: Vec<(Vec<String>, String)>,
    /// Bytes that the lists take, roughly, and the memory for them.
    bytes: usize,
    room: Option<Share>,
}

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

    /// Starts some work under a handle.
    fn start(
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
    fn look(&self, handle: &str, arguments: &Arguments) -> Result<Arc<Operation>, Failure> {
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

    fn cancel(&self, handle: &str) -> Result<Arc<Operation>, Failure> {
        let entry = self.entries().remove(handle).ok_or_else(|| unknown(handle))?;
        Ok(Arc::clone(&entry.operation))
    }

    /// `GET /operations/HANDLE`
    pub async fn show(&self, handle: &str, asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
        let operation = self.look(handle, &asked.arguments)?;
        self.answer(&operation, handle, asked).await
    }

    /// `GET /operations/HANDLE/STORAGEINDEX`: what a check of many found of one.
    pub fn show_one(
        &self,
        (handle, index): (&str, &str),
        asked: &Asked<'_>,
    ) -> Result<HttpResponse, Failure> {
        let operation = self.look(handle, &asked.arguments)?;
        let result = operation.progress().found(index).ok_or_else(|| {
            let text =
                format!("No detailed results for SI {index} are kept, or there are none yet.");
            Failure::new(StatusCode::NOT_FOUND, text)
        })?;
        if asked.arguments.json() {
            return Ok(json::answer(&result));
        }
        let back = format!("/operations/{}?output=html", percent_encode(handle));
        checked::of_many(asked, &result, back)
    }

    async fn answer(
        &self,
        operation: &Operation,
        handle: &str,
        asked: &Asked<'_>,
    ) -> Result<HttpResponse, Failure> {
        let _turn = self.answering.lock().await;
        let answer = results::answer(operation, handle, asked)?;
        Ok(spill::lighten(&asked.gateway.spool, answer).await)
    }

    /// `POST /operations/HANDLE?t=cancel`
    pub async fn stop(&self, handle: &str, asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
        let operation = self.cancel(handle)?;
        self.answer(&operation, handle, asked).await
    }
}

fn unknown(handle: &str) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("unknown/expired handle '{handle}'"))
}

fn retain_for(arguments: &Arguments) -> Result<Option<u64>, Failure> {
    let number = |text: &str| {
        text.parse().map_err(|_| Failure::bad_request("retain-for= takes a number of seconds."))
    };
    arguments.get("retain-for").map(number).transpose()
}

/// `t=start-…`: begins, and sends the client to where the result will be.
pub fn start(asked: &Asked<'_>, object: &Object, walk: Walk) -> Result<HttpResponse, Failure> {
    let root = directory_of(object)?;
    let arguments = &asked.arguments;
    let handle = arguments
        .filled("ophandle")
        .ok_or_else(|| Failure::bad_request("slow operation requires ophandle="))?;
    if handle.len() > OPERATION_HANDLE_MAX {
        return Err(Failure::bad_request("The ophandle= is too long."));
    }
    let when_done = arguments.when_done()?;
    let checker = match walk {
        Walk::Check => Some(Checker::of(asked)?),
        _ => None,
    };
    let origin = root.index_text();
    let room = Some(asked.gateway.operations.results.nothing());
    let progress = Mutex::new(Progress { room, ..Progress::default() });
    let operation = Arc::new(Operation { walk, origin, progress });
    let work = run(Arc::clone(&operation), asked.walk(root), checker);
    asked.gateway.operations.start(handle, retain_for(arguments)?, operation, work)?;
    if let Some(to) = when_done {
        return Ok(answer::redirect(StatusCode::FOUND, to));
    }
    let mut to = format!("/operations/{}", percent_encode(handle));
    if let Some(output) = arguments.filled("output") {
        to.push_str(&format!("?output={}", percent_encode(output)));
    }
    Ok(answer::redirect(StatusCode::FOUND, &asked.located(to)))
}

async fn run(operation: Arc<Operation>, walk: Traversal, checker: Option<Checker>) {
    let looked_at = |event: Event| {
        let checker = checker.clone();
        async move {
            let result = match (&event, checker) {
                (Event::Reached(reached), Some(checker)) => {
                    Some(checker.check(&reached.target).await)
                }
                _ => None,
            };
            (event, result)
        }
    };
    let mut steps = Box::pin(events(walk).map(looked_at).buffered(DEEP_CHECKS_MAX));
    while let Some((event, result)) = steps.next().await {
        let mut progress = operation.progress();
        match event {
            Event::Reached(reached) => note(&mut progress, operation.walk, *reached, result),
            Event::SoFar(stats) => progress.stats = *stats,
            Event::Missed(missed) => note_missed(&mut progress, *missed),
            Event::Done(stats, _) => progress.stats = *stats,
        }
        if progress.failed.is_some() {
            break;
        }
    }
    operation.progress().finished = true;
}

fn note(progress: &mut Progress, walk: Walk, reached: Reached, result: Option<Value>) {
    let path = weight(&reached.path);
    if let Some(result) = result {
        // What is in its cap, or unknown, was not looked for anywhere.
        if !is_distributed(&result) {
            return;
        }
        progress.checked += 1;
        if is_healthy(&result) {
            progress.healthy += 1;
            keep_well(progress, &result);
        } else {
            progress.bytes += path + result.to_string().len();
            progress.unhealthy.push((reached.path, result));
        }
    } else if walk == Walk::Manifest {
        if let Target::Known(cap) = &reached.target {
            let (verify, index) = (verify_text(cap), cap.index_text());
            progress.verify_caps.extend((!verify.is_empty()).then_some(verify));
            progress.storage_indexes.extend((!index.is_empty()).then_some(index));
        }
        let cap = cap_text(&reached.target).unwrap_or_default();
        // The cap, the verify cap and the storage index are of one length, more or less.
        progress.bytes += path + 3 * cap.len();
        progress.manifest.push((reached.path, cap));
    }
    bound(progress);
}

/// Keeps what can be told of something healthy, if that takes no room from what is not.
fn keep_well(progress: &mut Progress, result: &Value) {
    let (index, text) = (index_of(result), result.to_string());
    if progress.well.contains_key(index) {
        return;
    }
    let bytes = index.len() + text.len() + size_of::<(String, String)>();
    let most = progress.bytes + bytes;
    let Some(room) = progress.room.as_mut() else { return };
    if progress.well_bytes + bytes > CHECKS_KEPT_BYTES_MAX
        || most > room.bytes() && room.resize(most + RESULTS_STEP).is_err()
    {
        return;
    }
    progress.well_bytes += bytes;
    progress.bytes = most;
    progress.well.insert(index.to_owned(), text);
}

fn index_of(result: &Value) -> &str {
    result.get("storage-index").and_then(Value::as_str).unwrap_or_default()
}

impl Progress {
    /// What a check found of the object of this storage index.
    fn found(&self, index: &str) -> Option<Value> {
        let mut unhealthy = self.unhealthy.iter().map(|(_, result)| result);
        let unhealthy = unhealthy.find(|result| index_of(result) == index).cloned();
        unhealthy.or_else(|| serde_json::from_str(self.well.get(index)?).ok())
    }
}

fn note_missed(progress: &mut Progress, Missed { path, why, .. }: Missed) {
    let why = reason(&why);
    progress.bytes += weight(&path) + why.len();
    progress.missed.push((path, why));
    bound(progress);
}

fn weight(path: &[String]) -> usize {
    path.iter().map(|name| name.len() + size_of::<String>()).sum()
}

fn bound(progress: &mut Progress) {
    let lists = [progress.manifest.len(), progress.unhealthy.len(), progress.missed.len()];
    let count = lists.into_iter().max().unwrap_or(0);
    let bytes = progress.bytes;
    let short = progress
        .room
        .as_mut()
        .is_some_and(|room| bytes > room.bytes() && room.resize(bytes + RESULTS_STEP).is_err());
    let failure = if count > MANIFEST_MAX || bytes > MANIFEST_BYTES_MAX {
        let text = "There is more below this directory than can be kept; use the stream- calls.";
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    } else if short {
        Failure::busy()
    } else {
        return;
    };
    // What there is of it is told to nobody any more.
    *progress = Progress { failed: Some(failure), ..Progress::default() };
}

/// Memory that a result takes at once.
const RESULTS_STEP: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::Cap;
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
