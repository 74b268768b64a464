//! What the node has been doing for its owner and by its doors: transfers under way, the last ones, and
//! counters.

use crate::base::limits::HISTORY_MAX;
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::cap::Cap;
use crate::grid::download::Trace;
use crate::grid::progress::{OnProgress, Progress, Stage};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Upload,
    Download,
}

/// Shared by everything that transfers. Clones are the same.
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    started: u64,
    numbers: AtomicU64,
    files: [AtomicU64; 2],
    bytes: [AtomicU64; 2],
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    active: Vec<Weak<Record>>,
    recent: VecDeque<Arc<Record>>,
}

/// One transfer.
pub struct Record {
    pub kind: Kind,
    pub number: u64,
    /// The door that it went through, if it did.
    pub door: Option<Arc<str>>,
    /// Where in its file it begins.
    pub start: u64,
    pub size: u64,
    /// When it began and ended, in seconds since 1970; 0 while it has not ended.
    began: u64,
    ended: AtomicU64,
    storage_index: Mutex<Option<String>>,
    hashed: AtomicU64,
    done: AtomicU64,
    left_out: AtomicU64,
    finished: AtomicBool,
    active: AtomicBool,
    /// Of a download: what it asked whom for.
    pub trace: Trace,
}

/// A transfer under way; when it is dropped it is over, well or not.
pub struct Transfer {
    history: History,
    record: Arc<Record>,
}

/// Bytes and files since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub files: u64,
    pub bytes: u64,
}

impl Default for History {
    fn default() -> Self {
        Self(Arc::new(Inner {
            started: Clock::System.now(),
            numbers: AtomicU64::new(0),
            files: Default::default(),
            bytes: Default::default(),
            known: Mutex::default(),
        }))
    }
}

impl History {
    fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.0.known)
    }

    /// Seconds since the node started.
    pub fn uptime(&self) -> u64 {
        Clock::System.now().saturating_sub(self.0.started)
    }

    pub fn counters(&self, kind: Kind) -> Counters {
        let of = |all: &[AtomicU64; 2]| match (all, kind) {
            ([up, _], Kind::Upload) => up.load(Ordering::Relaxed),
            ([_, down], Kind::Download) => down.load(Ordering::Relaxed),
        };
        Counters { files: of(&self.0.files), bytes: of(&self.0.bytes) }
    }

    /// Through a door, if one is named.
    pub fn upload(&self, size: u64, door: Option<Arc<str>>) -> Transfer {
        self.begin((Kind::Upload, door), 0..size, None)
    }

    /// Through a door, if one is named.
    pub fn download(&self, cap: &Cap, part: Range<u64>, door: Option<Arc<str>>) -> Transfer {
        self.begin((Kind::Download, door), part, cap.storage_index().map(|index| index.to_string()))
    }

    fn begin(
        &self,
        (kind, door): (Kind, Option<Arc<str>>),
        part: Range<u64>,
        storage_index: Option<String>,
    ) -> Transfer {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let record = Arc::new(Record {
            kind,
            number,
            door,
            start: part.start,
            size: part.end.saturating_sub(part.start),
            began: Clock::System.now(),
            ended: AtomicU64::new(0),
            storage_index: Mutex::new(storage_index),
            hashed: AtomicU64::new(0),
            done: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            active: AtomicBool::new(true),
            trace: match kind {
                Kind::Upload => Trace::default(),
                Kind::Download => Trace::begin(),
            },
        });
        self.known().active.push(Arc::downgrade(&record));
        Transfer { history: self.clone(), record }
    }

    /// Transfers under way, oldest first.
    pub fn active(&self) -> Vec<Arc<Record>> {
        self.known().active.iter().filter_map(Weak::upgrade).collect()
    }

    /// The last ones that ended, newest first.
    pub fn recent(&self) -> Vec<Arc<Record>> {
        self.known().recent.iter().cloned().collect()
    }
}

impl Transfer {
    /// What an upload tells its progress to.
    pub fn listener(&self) -> OnProgress {
        let record = Arc::clone(&self.record);
        Arc::new(move |progress: &Progress| match progress.stage {
            Stage::Hashing => record.hashed.store(progress.done, Ordering::Relaxed),
            Stage::Placing => record.hashed.store(progress.total, Ordering::Relaxed),
            Stage::Sending | Stage::Closing => {
                record.done.fetch_max(progress.done, Ordering::Relaxed);
            }
        })
    }

    /// Where a download takes down what it does.
    pub fn trace(&self) -> Trace {
        self.record.trace.clone()
    }

    /// An upload that succeeds does so without so many of the file's shares.
    pub fn left_out(&self, shares: usize) {
        self.record.left_out.store(shares as u64, Ordering::Relaxed);
    }

    /// An upload has succeeded.
    pub fn stored(&self, cap: &Cap) {
        let index = cap.storage_index().map(|index| index.to_string());
        *locked(&self.record.storage_index) = index;
        self.record.hashed.store(self.record.size, Ordering::Relaxed);
        self.advance(self.record.size);
    }

    /// So many bytes have gone on; whether they were the last.
    pub fn advance(&self, bytes: u64) -> bool {
        let record = &self.record;
        let done = match record.kind {
            Kind::Upload => record.done.fetch_max(bytes, Ordering::Relaxed).max(bytes),
            Kind::Download => record.done.fetch_add(bytes, Ordering::Relaxed) + bytes,
        };
        if done >= record.size && !record.finished.swap(true, Ordering::Relaxed) {
            let ([files, _], [total, _]) = (&self.history.0.files, &self.history.0.bytes);
            let ([_, files_down], [_, total_down]) = (&self.history.0.files, &self.history.0.bytes);
            let (files, total) = match record.kind {
                Kind::Upload => (files, total),
                Kind::Download => (files_down, total_down),
            };
            files.fetch_add(1, Ordering::Relaxed);
            total.fetch_add(record.size, Ordering::Relaxed);
        }
        done >= record.size
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.record.ended.store(Clock::System.now(), Ordering::Relaxed);
        self.record.active.store(false, Ordering::Relaxed);
        let mut known = self.history.known();
        known
            .active
            .retain(|other| other.upgrade().is_some_and(|o| o.number != self.record.number));
        known.recent.push_front(Arc::clone(&self.record));
        // What many small requests through doors leave does not drive out what the owner did.
        let like = |other: &Arc<Record>| {
            (other.kind, other.door.is_some()) == (self.record.kind, self.record.door.is_some())
        };
        if known.recent.iter().filter(|record| like(record)).count() > HISTORY_MAX {
            let oldest = known.recent.iter().rposition(like);
            oldest.and_then(|index| known.recent.remove(index));
        }
    }
}

impl Record {
    pub fn storage_index(&self) -> Option<String> {
        locked(&self.storage_index).clone()
    }

    /// Shares of an uploaded file that no server took in time.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// When it began, and when it ended if it has, in seconds since 1970.
    pub fn times(&self) -> (u64, Option<u64>) {
        let ended = self.ended.load(Ordering::Relaxed);
        (self.began, (ended > 0).then_some(ended))
    }

    /// Bytes that have gone on.
    pub fn bytes(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Parts of the whole, 0 to 1: hashed, and transferred.
    pub fn progress(&self) -> (f64, f64) {
        let part = |bytes: &AtomicU64| match self.size {
            0 => 1.0,
            size => bytes.load(Ordering::Relaxed) as f64 / size as f64,
        };
        (part(&self.hashed), part(&self.done))
    }

    pub fn status(&self) -> &'static str {
        let finished = self.finished.load(Ordering::Relaxed);
        match (self.active.load(Ordering::Relaxed), finished, self.kind) {
            (_, true, _) => "Finished",
            (true, _, Kind::Upload) => "Uploading",
            (true, _, Kind::Download) => "Downloading",
            (false, ..) => "Ended early",
        }
    }

    /// The last element of the address of its page.
    pub fn name(&self) -> String {
        let kind = match self.kind {
            Kind::Upload => "up",
            Kind::Download => "down",
        };
        format!("{kind}-{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::LitCap;

    #[test]
    fn transfers_are_active_then_recent_then_forgotten() {
        let (history, cap) = (History::default(), Cap::from(LitCap::new(b"x".to_vec())));
        let one = history.upload(10, Some("box".into()));
        assert_eq!(history.active().len(), 1);
        one.stored(&cap);
        drop(one);
        assert_eq!(history.counters(Kind::Upload), Counters { files: 1, bytes: 10 });
        assert_eq!(history.recent()[0].status(), "Finished");
        assert_eq!(history.recent()[0].door.as_deref(), Some("box"));
        let cut = history.download(&cap, 50..150, None);
        cut.advance(60);
        assert_eq!(history.active()[0].progress().1, 0.6);
        assert_eq!((history.active()[0].start, history.active()[0].times().1), (50, None));
        drop(cut);
        assert_eq!(history.recent()[0].status(), "Ended early");
        assert_eq!(history.counters(Kind::Download), Counters::default());
        for _ in 0..HISTORY_MAX + 3 {
            drop(history.download(&cap, 0..1, None));
        }
        let recent = history.recent();
        assert_eq!(recent.iter().filter(|r| r.kind == Kind::Download).count(), HISTORY_MAX);
        assert_eq!(recent.iter().filter(|r| r.kind == Kind::Upload).count(), 1);
        assert!(history.active().is_empty());
    }
}
