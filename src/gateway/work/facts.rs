//! What is said of one thing below a directory, and of all of them together.

use super::super::answer::Failure;
use crate::cap::Cap;
use crate::grid::dirnode::Target;
use crate::grid::{DeepStats, Reached, Why};
use serde_json::{Map, Value, json};

/// What a manifest says of one object.
pub fn unit(reached: &Reached) -> Map<String, Value> {
    let Reached { path, target } = reached;
    let (kind, verify, repair, index) = match target {
        Target::Known(cap) => {
            let kind = match cap {
                _ if reached.is_directory() => "directory",
                cap if cap.readable_file().is_some() => "file",
                _ => "unknown",
            };
            (kind, verify_text(cap), repair_text(cap), cap.index_text())
        }
        Target::Unknown { .. } => ("unknown", String::new(), String::new(), String::new()),
    };
    let mut facts = Map::new();
    facts.insert("path".to_owned(), json!(path));
    facts.insert("cap".to_owned(), json!(target.cap_text().unwrap_or_default()));
    facts.insert("type".to_owned(), json!(kind));
    facts.insert("verifycap".to_owned(), json!(verify));
    facts.insert("repaircap".to_owned(), json!(repair));
    facts.insert("storage-index".to_owned(), json!(index));
    facts
}

pub fn verify_text(cap: &Cap) -> String {
    cap.verify_cap().map_or_else(String::new, |cap| cap.reveal())
}

/// Who repairs what can change must be able to write it.
fn repair_text(cap: &Cap) -> String {
    match cap {
        cap if cap.is_writable() => cap.reveal(),
        cap if cap.is_mutable() => String::new(),
        cap => verify_text(cap),
    }
}

pub fn stats_json(stats: &DeepStats) -> Value {
    let histogram: Vec<_> =
        stats.histogram.iter().map(|((low, high), count)| json!([low, high, count])).collect();
    let mut all = json!({
        "api-version": 1,
        "count-immutable-files": stats.immutable_files,
        "count-mutable-files": 0,
        "count-literal-files": stats.literal_files,
        "count-files": stats.files(),
        "count-directories": stats.directories,
        "count-unknown": stats.unknown,
        "size-immutable-files": stats.immutable_bytes,
        "size-literal-files": stats.literal_bytes,
        "size-directories": stats.directory_bytes,
        "largest-directory": stats.largest_directory,
        "largest-directory-children": stats.largest_directory_children,
        "largest-immutable-file": stats.largest_immutable_file,
        "size-files-histogram": histogram,
    });
    if let Some(all) = all.as_object_mut().filter(|_| stats.incomplete > 0) {
        all.insert("count-incomplete-directories".to_owned(), json!(stats.incomplete));
    }
    all
}

/// Why something is missing, in the words of a refusal.
pub fn reason(why: &Why) -> String {
    match why {
        Why::Unlisted(error) => Failure::from(error.clone()).body(),
        Why::Unreadable(unreadable) => unreadable.to_string(),
    }
}
