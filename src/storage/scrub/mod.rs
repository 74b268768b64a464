//! A store reads what it keeps, all of it now and then, so that what rots is known before it is missed.
//!
//! No cap is needed: a share's own trees lead from every block to its UEB ([`judge`](super::judge)). A
//! share whose sums do not hold, or that cannot be read, is treated as one that a client reports: a file tells
//! the owner, it is read once more, and from then on it is not told of and gives way to a sound one. What a
//! share's sums do not cover, a client finds who has the cap.
//!
//! A round goes over the buckets in the order of their names, at a pace that leaves the disk to others, and
//! goes on after a restart where it was.

pub(super) mod record;

use super::bucket::{Bucket, Found};
use super::container::HEADER_LEN;
use super::error::Result;
use super::journal::record::Key;
use super::store::Store;
use crate::base::blocking;
use crate::base::ids::StorageIndex;
use crate::base::limits::{SCRUB_RATE, SCRUB_SAVE_BYTES, SCRUB_SHARE_COST};
use crate::base::lock::locked;
use crate::codec::verify::{Alone, verify_alone};
use crate::disk::{File, Mode};
use record::{Record, Round, Scrubbed};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a report of this says.
const REASON: &str = "found when this server read its own shares: their sums do not hold";
/// Between two looks at whether the store is going down.
const NAP: Duration = Duration::from_millis(200);

/// How often, and how quickly, a store reads all that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrub {
    /// From the end of a round to the beginning of the next one.
    pub every: Duration,
    /// Bytes a second; more, if a round would take longer than it may.
    pub rate: u64,
}

impl Scrub {
    pub const fn every(every: Duration) -> Self {
        Self { every, rate: SCRUB_RATE }
    }
}

/// What is known of scrubbing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubState {
    pub round: Option<Round>,
    pub last: Option<Scrubbed>,
    /// Shares that are damaged and have no successor yet.
    pub damaged: usize,
}

/// Where a store is with that.
#[derive(Default)]
pub(super) struct Scrubbing {
    round: Option<Round>,
    last: Option<Scrubbed>,
    running: bool,
    /// Bytes that were read since the record was written.
    unsaved: u64,
}

impl Scrubbing {
    /// Takes what an earlier process left, and what it had condemned.
    pub fn open(bytes: Option<Vec<u8>>) -> (Self, Vec<Key>) {
        let record = bytes.and_then(|bytes| Record::from_bytes(&bytes)).unwrap_or_default();
        let condemned = record.condemned().collect();
        let Record { round, last, .. } = record;
        (Self { round, last, ..Self::default() }, condemned)
    }
}

impl Store {
    /// Goes on with a round on a thread of its own, or begins one if it is time for that and none is
    /// under way. It ends with the store.
    pub fn scrub(self: &Arc<Self>, scrub: Scrub) {
        {
            let now = self.time.look().now.wall;
            let mut scrubbing = locked(&self.scrubbing);
            let due = scrubbing.last.is_none_or(|last| {
                // A clock that was put back must not stop it for years.
                now.abs_diff(last.finished) >= scrub.every.as_secs()
            });
            if scrubbing.running || scrubbing.round.is_none() && !due {
                return;
            }
            let begun = || Round { started: now, ..Round::default() };
            scrubbing.round.get_or_insert_with(begun);
            scrubbing.running = true;
        }
        let most = self.index.sum().bytes / scrub.every.as_secs().max(1);
        let store = Arc::downgrade(self);
        let rate = scrub.rate.max(most);
        let spawned = blocking::thread("storage-scrub", move || {
            let ended = Pass { store: store.clone(), rate, debt: Duration::ZERO }.run();
            if let Some(store) = store.upgrade() {
                store.scrub_ended(ended.is_some());
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "shares are not read to find damage");
            locked(&self.scrubbing).running = false;
        }
    }

    /// How far scrubbing is, and what it found.
    pub fn scrub_state(&self) -> ScrubState {
        let scrubbing = locked(&self.scrubbing);
        let (round, last) = (scrubbing.round.clone(), scrubbing.last);
        drop(scrubbing);
        ScrubState { round, last, damaged: locked(&self.judged).condemned().count() }
    }

    fn scrub_ended(&self, whole: bool) {
        let now = self.time.look().now.wall;
        let change = self.begin_change();
        let mut scrubbing = locked(&self.scrubbing);
        scrubbing.running = false;
        if whole
            && change.is_ok()
            && let Some(round) = scrubbing.round.take()
        {
            let Round { shares, bytes, damaged, unread, .. } = round;
            tracing::info!(shares, bytes, damaged, unread, "all shares were read");
            scrubbing.last = Some(round.finished(now));
            drop(scrubbing);
            self.forget_absent();
            self.keep_scrub_record();
        }
    }

    /// Leaves what is known to the next process. The caller may change the store.
    pub(super) fn keep_scrub_record(&self) {
        // Held until it is written: of two records the later is kept, with what is condemned by then.
        let mut scrubbing = locked(&self.scrubbing);
        scrubbing.unsaved = 0;
        let condemned: Vec<Key> = locked(&self.judged).condemned().copied().collect();
        let record = Record::new(scrubbing.round.clone(), scrubbing.last, &condemned);
        if let Err(error) = self.disk.replace(&self.paths.scrub(), &record.to_bytes()) {
            tracing::warn!(%error, "how far the shares were read is not kept");
        }
    }

    /// The next process goes on with a round that is under way.
    pub(super) fn leave_scrub_round(&self) {
        let under_way = locked(&self.scrubbing).round.is_some();
        if under_way {
            self.keep_scrub_record();
        }
    }

    /// Condemned shares that were deleted since are nothing to tell of.
    fn forget_absent(&self) {
        let condemned: Vec<Key> = locked(&self.judged).condemned().copied().collect();
        for key in condemned {
            let _bucket = self.lock(&key.0);
            let opened = self.disk.open(&self.paths.share(&key), Mode::Read);
            if matches!(&opened, Err(error) if error.kind() == ErrorKind::NotFound) {
                let _known = locked(&self.judged).forget(&key);
            }
        }
    }

    /// The buckets of a prefix that come after one, in the order of their names.
    fn buckets_after(&self, prefix: &str, at: &str) -> Result<Vec<StorageIndex>> {
        let names = self.disk.list(&self.paths.shares().join(prefix))?;
        let mut names: Vec<String> = names.into_iter().map(|entry| entry.name).collect();
        names.retain(|name| name.as_str() > at && name.starts_with(prefix));
        names.sort_unstable();
        Ok(names.iter().filter_map(|name| StorageIndex::from_base32(name).ok()).collect())
    }

    /// The prefixes from that of a bucket on.
    fn prefixes_from(&self, at: &str) -> Result<Vec<String>> {
        let entries = self.disk.list(&self.paths.shares())?;
        let folders = entries.into_iter().filter(|entry| entry.is_dir);
        let mut names: Vec<String> = folders.map(|entry| entry.name).collect();
        let from = at.get(..2).unwrap_or_default();
        names.retain(|name| name.len() == 2 && name.as_str() >= from);
        names.sort_unstable();
        Ok(names)
    }

    fn bucket_to_read(&self, si: &StorageIndex) -> Result<Bucket> {
        let _bucket = self.lock(si);
        self.scan(si, Mode::Read)
    }
}

/// A round on its way. `None`: the store is gone, or goes.
struct Pass {
    store: Weak<Store>,
    rate: u64,
    /// How long it was quicker than it may.
    debt: Duration,
}

impl Pass {
    fn store(&self) -> Option<Arc<Store>> {
        self.store.upgrade().filter(|store| !store.is_stopping())
    }

    fn run(mut self) -> Option<()> {
        let at = locked(&self.store()?.scrubbing).round.as_ref()?.at.clone();
        let prefixes = self.told(|store| store.prefixes_from(&at))?;
        for prefix in prefixes.unwrap_or_default() {
            for si in self.told(|store| store.buckets_after(&prefix, &at))?.unwrap_or_default() {
                self.bucket(&si)?;
            }
        }
        Some(())
    }

    /// What the disk told; what it did not is counted, and left for the next round.
    fn told<T>(&self, ask: impl FnOnce(&Store) -> Result<T>) -> Option<Option<T>> {
        let store = self.store()?;
        let told = ask(&store);
        if let Err(error) = &told {
            tracing::error!(%error, "shares cannot be found to be read");
            if let Some(round) = &mut locked(&store.scrubbing).round {
                round.unread += 1;
            }
        }
        Some(told.ok())
    }

    fn bucket(&mut self, si: &StorageIndex) -> Option<()> {
        let Bucket { shares, unread, moved, .. } =
            self.told(|store| store.bucket_to_read(si))?.unwrap_or_default();
        let (count, mut bytes, mut damaged) = (shares.len() as u64 + moved, 0, moved);
        for Found { key, file, header } in shares {
            let read = self.judge(&file, key, header.data_len)?;
            bytes += header.data_len;
            let store = self.store()?;
            let known = store.is_condemned(&key);
            let good = matches!(read, Ok(Alone::Sound(_) | Alone::Unknown));
            damaged += u64::from(!good);
            if !good && !known {
                store.tell_owner(&key, REASON);
            }
            if good == known {
                store.look_again(&key);
            }
        }
        let store = self.store()?;
        let _change = store.begin_change().ok()?;
        let mut scrubbing = locked(&store.scrubbing);
        let round = scrubbing.round.as_mut()?;
        round.at = si.to_string();
        round.shares += count;
        round.bytes += bytes;
        round.damaged += damaged;
        round.unread += u64::from(unread);
        scrubbing.unsaved += bytes;
        let save = scrubbing.unsaved >= SCRUB_SAVE_BYTES;
        drop(scrubbing);
        if save {
            store.keep_scrub_record();
        }
        Some(())
    }

    /// Reads a share whole. Who replaces it meanwhile does no harm: it is read once more before anything
    /// comes of it.
    fn judge(&mut self, file: &File, key: Key, len: u64) -> Option<io::Result<Alone>> {
        self.wait(SCRUB_SHARE_COST)?;
        let mut stopped = false;
        let verdict = verify_alone(key.1, len, |range| {
            if self.wait(range.end - range.start).is_none() {
                stopped = true;
                return Err(ErrorKind::Other.into());
            }
            let bytes = file.read(HEADER_LEN + range.start, (range.end - range.start) as usize);
            bytes.map(bytes::Bytes::from)
        });
        (!stopped).then_some(verdict)
    }

    /// Waits until so many bytes may be read.
    fn wait(&mut self, bytes: u64) -> Option<()> {
        self.debt += Duration::from_secs_f64(bytes as f64 / self.rate.max(1) as f64);
        while self.debt >= NAP {
            self.store()?;
            self.debt -= NAP;
            blocking::nap(NAP);
        }
        self.store().map(drop)
    }
}
