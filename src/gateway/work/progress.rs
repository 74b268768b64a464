//! What work on everything below a directory has come to so far, within the memory that there is.

use super::super::answer::Failure;
use super::facts::{reason, verify_text};
use super::verdict::{after, before, corrupt, is_distributed, is_healthy, repair_of};
use crate::base::budget::Share;
use crate::base::limits::{CHECKS_KEPT_BYTES_MAX, MANIFEST_BYTES_MAX, MANIFEST_MAX};
use crate::grid::dirnode::Target;
use crate::grid::{DeepStats, Missed, Reached};
use actix_web::http::StatusCode;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Work on everything below a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    Manifest,
    Check,
    /// A check that repairs.
    Repair,
    Stats,
    Size,
}

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
    /// Before anything was repaired.
    pub healthy: u64,
    pub repairs: Repairs,
    /// Shares that were read and are not good, before and after that.
    pub corrupt: Vec<Value>,
    pub still_corrupt: Vec<Value>,
    /// Path and result of what was not healthy at first.
    pub unhealthy: Vec<(Vec<String>, Value)>,
    /// Results of what is healthy by storage index, as JSON: as many as there is room for.
    pub(super) well: HashMap<String, String>,
    pub(super) well_bytes: usize,
    /// Paths of directories of which something is missing, and why.
    pub missed: Vec<(Vec<String>, String)>,
    /// Bytes that the lists take, roughly, and the memory for them.
    pub(super) bytes: usize,
    pub(super) room: Option<Share>,
}

/// What came of repairs.
#[derive(Default)]
pub struct Repairs {
    pub attempted: u64,
    pub successful: u64,
    /// Objects that are healthy now.
    pub healthy: u64,
}

impl Repairs {
    fn note(&mut self, result: &Value) {
        self.healthy += u64::from(is_healthy(after(result)));
        if let Some(successful) = repair_of(result) {
            self.attempted += 1;
            self.successful += u64::from(successful);
        }
    }
}

impl Progress {
    /// Notes which shares are not good, for as long as there is room for it.
    fn note_corrupt(&mut self, walk: Walk, result: &Value) {
        let after = corrupt(after(result)).iter().filter(|_| walk == Walk::Repair);
        for (list, more) in [
            (&mut self.corrupt, corrupt(before(result)).to_vec()),
            (&mut self.still_corrupt, after.cloned().collect()),
        ] {
            self.bytes += more.iter().map(|one| one.to_string().len()).sum::<usize>();
            list.extend(more);
        }
    }

    /// What a check found of the object of this storage index.
    pub fn found(&self, index: &str) -> Option<Value> {
        let mut unhealthy = self.unhealthy.iter().map(|(_, result)| result);
        let unhealthy = unhealthy.find(|result| index_of(result) == index).cloned();
        unhealthy.or_else(|| serde_json::from_str(self.well.get(index)?).ok())
    }
}

/// Notes something that was reached, and what a check found of it.
pub fn note(progress: &mut Progress, walk: Walk, reached: Reached, result: Option<Value>) {
    let path = weight(&reached.path);
    if let Some(result) = result {
        // What is in its cap, or unknown, was not looked for anywhere.
        if !is_distributed(&result) {
            return;
        }
        progress.checked += 1;
        progress.repairs.note(&result);
        progress.note_corrupt(walk, &result);
        if is_healthy(before(&result)) {
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
        let cap = reached.target.cap_text().unwrap_or_default();
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

/// Notes what is missing of a directory.
pub fn note_missed(progress: &mut Progress, Missed { path, why, .. }: Missed) {
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
pub(super) const RESULTS_STEP: usize = 64 << 10;
