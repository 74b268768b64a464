//! Everything below a directory, each thing once.
//!
//! A directory comes before its children; of these first what is unknown, then the files, then the
//! directories with all that is below them, each by name. What can be reached in two ways (the same
//! verify cap) comes once, so that loops end. What cannot be had is told, with its path and the reason,
//! and the walk goes on with the rest. Memory holds the listings between the root and the present
//! directory, as far as the room of all walks goes, and some bytes for each thing seen.

use super::dirnode::{DirError, Directories, Entry, Listing, Target, Unreadable};
use crate::base::budget::{NoRoom, Share};
use crate::base::hash::{tagged, truncated};
use crate::base::limits::{PATH_MAX, REACHED_ROOM, SEEN_ROOM};
use crate::cap::{Cap, FileCap};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

/// One thing that was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Names from the root; empty for the root itself.
    pub path: Vec<String>,
    pub target: Target,
}

/// A directory of which not all could be had.
#[derive(Debug, Clone)]
pub struct Missed {
    /// Names from the root; empty for the root itself.
    pub path: Vec<String>,
    pub cap: Cap,
    pub why: Why,
}

/// What of a directory is missing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Why {
    /// All of it, or what is beyond a limit.
    #[error("{0}")]
    Unlisted(#[from] DirError),
    /// What a writer put there that does not open; the rest is told.
    #[error("{0}")]
    Unreadable(Unreadable),
}

impl Reached {
    pub fn is_directory(&self) -> bool {
        directory(&self.target).is_some()
    }
}

/// The cap of a target whose children can be listed.
pub fn directory(target: &Target) -> Option<&Cap> {
    match target {
        Target::Known(cap) if cap.is_directory() && !cap.is_verifier() => Some(cap),
        _ => None,
    }
}

/// Whether a walk may look into a directory. One that it may not is told like any other, and nothing
/// below it.
pub type MayEnter = Arc<dyn Fn(&Cap) -> bool + Send + Sync>;

/// A walk under way; see [`Traversal::next`].
pub struct Traversal {
    directories: Directories,
    may_enter: MayEnter,
    seen: HashSet<[u8; 16]>,
    /// Directories that were reached and not yet entered, the next last.
    below: Vec<(Vec<String>, Cap)>,
    /// Reached, and next to be told.
    ready: VecDeque<Reached>,
    /// Told, and to be listed before anything else.
    entering: Option<(Vec<String>, Cap)>,
    /// Memory for the paths that wait.
    waiting: usize,
    /// Memory for them and for what was seen.
    room: Share,
    pub stats: DeepStats,
}

impl Traversal {
    pub fn new(directories: Directories, root: Cap, may_enter: MayEnter) -> Self {
        let room = directories.memory().walk();
        let mut this = Self {
            directories,
            may_enter,
            room,
            seen: HashSet::new(),
            below: Vec::new(),
            ready: VecDeque::new(),
            entering: None,
            waiting: 0,
            stats: DeepStats::default(),
        };
        this.is_new(&root);
        this.below.push((Vec::new(), root));
        this
    }

    /// The next thing, or what is missing of the directory that was told last; `None` when everything
    /// was told. A directory is told before it is listed.
    pub async fn next(&mut self) -> Option<Result<Reached, Missed>> {
        if let Some((path, cap)) = self.entering.take()
            && let Err(why) = self.enter(&path, &cap).await
        {
            self.stats.incomplete += 1;
            return Some(Err(Missed { path, cap, why }));
        }
        let reached = match self.ready.pop_front() {
            Some(reached) => {
                self.waiting = self.waiting.saturating_sub(weight(&reached.path));
                reached
            }
            None => {
                let (path, cap) = self.below.pop()?;
                self.waiting = self.waiting.saturating_sub(weight(&path));
                self.entering = (self.may_enter)(&cap).then(|| (path.clone(), cap.clone()));
                Reached { path, target: Target::Known(cap) }
            }
        };
        self.stats.count(&reached.target);
        Some(Ok(reached))
    }

    async fn enter(&mut self, path: &[String], cap: &Cap) -> Result<(), Why> {
        if path.len() >= PATH_MAX {
            return Err(DirError::TooBig("directories in directories").into());
        }
        let Listing { entries, unreadable, size, room: _room, .. } =
            self.directories.list(cap).await?;
        self.stats.entered(size, entries.len());
        let count = entries.len();
        if self.take_on(path, entries) < count {
            return Err(DirError::NoRoom(NoRoom::NotNow).into());
        }
        if unreadable.is_empty() { Ok(()) } else { Err(Why::Unreadable(unreadable)) }
    }

    /// Notes what is in a directory to be told, as far as there is room; how many of the entries.
    fn take_on(&mut self, above: &[String], entries: Vec<Entry>) -> usize {
        let (mut files, mut below, mut count) = (Vec::new(), Vec::new(), 0);
        for Entry { name, child } in entries {
            let path: Vec<String> = above.iter().cloned().chain([name]).collect();
            let waiting = self.waiting.saturating_add(weight(&path));
            let needed = waiting + self.seen.len() * SEEN_ROOM;
            if needed > self.room.bytes()
                && self.room.resize(needed + REACHED_ROOM * ROOM_STEP).is_err()
            {
                break;
            }
            self.waiting = waiting;
            count += 1;
            match child.target {
                Target::Unknown { .. } => {
                    self.ready.push_back(Reached { path, target: child.target });
                }
                Target::Known(cap) if !self.is_new(&cap) => {
                    self.waiting = self.waiting.saturating_sub(weight(&path));
                }
                Target::Known(cap) if directory(&Target::Known(cap.clone())).is_some() => {
                    below.push((path, cap));
                }
                target @ Target::Known(_) => files.push(Reached { path, target }),
            }
        }
        self.ready.extend(files);
        self.below.extend(below.into_iter().rev());
        count
    }

    /// Notes a cap; false if it was noted before. A literal is always new: it cannot make a loop.
    fn is_new(&mut self, cap: &Cap) -> bool {
        let Some(verify) = cap.verify_cap() else { return true };
        self.seen.insert(truncated(tagged(b"tahoe_traversal_v1", verify.reveal().as_bytes())))
    }
}

/// Things for which memory is taken at once.
const ROOM_STEP: usize = 256;

/// Memory for a thing that waits at a path.
fn weight(path: &[String]) -> usize {
    REACHED_ROOM + path.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>()
}

/// Counts of what is below a directory (`docs/spec/webapi-delta.md` §4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeepStats {
    pub immutable_files: u64,
    pub literal_files: u64,
    pub directories: u64,
    pub unknown: u64,
    pub immutable_bytes: u64,
    pub literal_bytes: u64,
    pub directory_bytes: u64,
    pub largest_directory: u64,
    pub largest_directory_children: u64,
    pub largest_immutable_file: u64,
    /// Directories of which something is missing in all this.
    pub incomplete: u64,
    /// Files by size: the bounds of a range, both inclusive, and how many are in it.
    pub histogram: BTreeMap<(u64, u64), u64>,
}

impl DeepStats {
    fn count(&mut self, target: &Target) {
        if directory(target).is_some() {
            self.directories += 1;
            return;
        }
        match target.known().and_then(Cap::readable_file) {
            Some(file) => self.count_file(file),
            None => self.unknown += 1,
        }
    }

    fn count_file(&mut self, file: &FileCap) {
        let size = file.size();
        *self.histogram.entry(range_of(size)).or_default() += 1;
        if file.storage_index().is_none() {
            self.literal_files += 1;
            self.literal_bytes += size;
            return;
        }
        self.immutable_files += 1;
        self.immutable_bytes = self.immutable_bytes.saturating_add(size);
        self.largest_immutable_file = self.largest_immutable_file.max(size);
    }

    fn entered(&mut self, size: u64, children: usize) {
        self.directory_bytes = self.directory_bytes.saturating_add(size);
        self.largest_directory = self.largest_directory.max(size);
        self.largest_directory_children = self.largest_directory_children.max(children as u64);
    }

    pub fn files(&self) -> u64 {
        self.immutable_files + self.literal_files
    }
}

/// 0–0, 1–3, 4–10, 11–31, 32–100, …: the upper bounds are the powers of √10, rounded down.
fn range_of(size: u64) -> (u64, u64) {
    let (mut low, mut high, mut even) = (1, 3, true);
    if size == 0 {
        return (0, 0);
    }
    let mut power: u64 = 1;
    while size > high {
        low = high + 1;
        high = if even {
            power = power.saturating_mul(10);
            power
        } else {
            root_of_ten_times(power)
        };
        even = !even;
    }
    (low, high)
}

/// `power` times √10, rounded down.
fn root_of_ten_times(power: u64) -> u64 {
    // Sizes come from caps that anybody may make, so this may be more than there is room for.
    let square = (u128::from(power) * u128::from(power)).saturating_mul(10);
    u64::try_from(square.isqrt()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_two_ranges_a_decade() {
        let cases = [
            (0, (0, 0)),
            (1, (1, 3)),
            (3, (1, 3)),
            (4, (4, 10)),
            (10, (4, 10)),
            (11, (11, 31)),
            (31, (11, 31)),
            (32, (32, 100)),
            (101, (101, 316)),
            (317, (317, 1000)),
            (1001, (1001, 3162)),
            (1 << 40, (1_000_000_000_001, 3_162_277_660_168)),
        ];
        for (size, range) in cases {
            assert_eq!(range_of(size), range, "{size}");
        }
        assert_eq!(range_of(u64::MAX).1, u64::MAX);
    }
}
