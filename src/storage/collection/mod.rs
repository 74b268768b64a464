//! Giving back the room of what nobody renews: leases that ended, and shares that have none left.
//!
//! Only where the node's owner asks for it, as in Tahoe-LAFS 1.20, and never on the word of one clock:
//!
//! * the time of day has gone as time does for a day ([`clock`](super::clock));
//! * the node ran for as long as a lease lasts since leases of its day were last given;
//! * a collection at least a day ago, by both clocks, found the same bucket over ([`sighting`]);
//! * no more than half of all shares, or of their bytes, go at once, but for a few.
//!
//! The node's owner can take the place of the first and the last. A [`Collection`] goes once over all
//! buckets, a few at a time, so that whoever runs it can let others have the disk in between: first it
//! looks, then it collects. The index says where to look; each share's own leases, read under its
//! bucket's lock, decide. A bucket that fails is left for the next collection. Leases that end go by way
//! of the journal, and a share is unlinked before its folder is: whatever is cut off leaves shares
//! whole or absent.

pub mod sighting;

use super::clock::record::Jump;
use super::error::{Result, StoreError};
use super::expiry::LeaseAge;
use super::store::Store;
use crate::base::ids::StorageIndex;
use crate::base::limits::{COLLECT_BUCKETS_MAX, COLLECT_FEW};
use crate::base::lock::locked;
use crate::disk::Mode;
use sighting::{FILE_MAX, Sighting};
use std::io::ErrorKind;
use std::sync::Arc;

/// Shares and bytes of their files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    pub shares: u64,
    pub bytes: u64,
}

impl Sum {
    pub(super) fn add(&mut self, bytes: u64) {
        self.shares += 1;
        self.bytes += bytes;
    }

    /// Whether it is so much of all that somebody should have a look first.
    fn is_most_of(self, all: Self) -> bool {
        let is_most = |part: u64, all: u64| part > all / 2;
        self.shares > COLLECT_FEW
            && (is_most(self.shares, all.shares) || is_most(self.bytes, all.bytes))
    }
}

/// Why a collection deleted nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// The clock has not gone right for a day.
    Clock,
    /// So many shares were over, of so many.
    Most { over: u64, all: u64 },
}

/// What one collection did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Collected {
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970.
    pub finished: u64,
    /// Lease records that were removed.
    pub leases: u64,
    /// Shares that were deleted.
    pub shares: u64,
    /// Bytes that this gave back.
    pub bytes: u64,
    /// Buckets that could not be changed. The next collection tries them again.
    pub failed: u64,
    pub held: Option<Held>,
}

/// Where a collection is.
enum Stage {
    Begin,
    Look(Look),
    Collect(Collect),
    /// `true`: there is something to tell.
    End(bool),
}

struct Look {
    /// Where the index is read on.
    from: Vec<u8>,
    earlier: Option<Sighting>,
    seen: Sighting,
    /// What both sightings have.
    going: Sum,
}

struct Collect {
    buckets: std::vec::IntoIter<StorageIndex>,
    /// Leases with an end before this were over for the earlier collection.
    end: u64,
    /// For the next collection.
    seen: Sighting,
}

/// One pass over all buckets.
pub struct Collection {
    store: Arc<Store>,
    age: LeaseAge,
    stage: Stage,
    sum: Collected,
}

impl Collection {
    pub fn new(store: Arc<Store>, age: LeaseAge) -> Self {
        let sum = Collected { started: store.time.look().now.wall, ..Collected::default() };
        Self { store, age, stage: Stage::Begin, sum }
    }

    /// Looks at the next buckets, at most [`COLLECT_BUCKETS_MAX`] of them; false when there are no
    /// more. Blocks.
    pub fn step(&mut self) -> bool {
        let stage = std::mem::replace(&mut self.stage, Stage::End(false));
        self.stage = match stage {
            Stage::Begin => self.begin(),
            // The clock is asked each time: it may be set in between.
            Stage::Look(_) | Stage::Collect(_) if !self.store.time.look().proven => {
                self.held(Held::Clock)
            }
            Stage::Look(look) => self.look(look),
            Stage::Collect(collect) => self.collect(collect),
            end @ Stage::End(_) => end,
        };
        if let Stage::End(tell) = &mut self.stage {
            if std::mem::take(tell) {
                self.finish();
            }
            return false;
        }
        true
    }

    /// All steps at once.
    pub fn run(mut self) -> Collected {
        while self.step() {}
        self.sum
    }

    fn held(&mut self, why: Held) -> Stage {
        self.sum.held = Some(why);
        Stage::End(true)
    }

    fn begin(&mut self) -> Stage {
        let store = self.store.clone();
        if !store.indexed() {
            tracing::info!("no leases are collected while the shares are being counted");
            return Stage::End(false);
        }
        if !store.time.look().proven {
            if !store.has_owners_word() {
                return self.held(Held::Clock);
            }
            store.time.trust();
        }
        let now = store.time.look().now;
        let earlier = store.read_sighting().filter(|earlier| earlier.is_past(now));
        if earlier.as_ref().is_some_and(|earlier| !earlier.is_ripe(now)) {
            return Stage::End(false);
        }
        let end = self.age.ended_before(now.wall);
        let seen = Sighting { at: now, end, buckets: Vec::new() };
        Stage::Look(Look { from: Vec::new(), earlier, seen, going: Sum::default() })
    }

    fn look(&mut self, mut look: Look) -> Stage {
        let (due, next) = self.store.index.due(&look.from, look.seen.end, COLLECT_BUCKETS_MAX);
        for si in due {
            let over = Over { store: &self.store, age: self.age, end: look.seen.end };
            match self.store.find_over(&si, &over) {
                Ok(Some(going)) if look.seen.add(si) => {
                    if look.earlier.as_ref().is_some_and(|earlier| earlier.has(&si)) {
                        look.going.shares += going.shares;
                        look.going.bytes += going.bytes;
                    }
                }
                Ok(_) => {}
                Err(error) => self.failed(&si, &error),
            }
        }
        match next {
            Some(from) => Stage::Look(Look { from, ..look }),
            None => self.looked(look),
        }
    }

    /// Everything was looked at: what goes, and may it?
    fn looked(&mut self, look: Look) -> Stage {
        let Look { earlier, seen, going, .. } = look;
        let Some(earlier) = earlier else { return self.remember(&seen) };
        let all = self.store.index.sum();
        if going.is_most_of(all) && !self.store.has_owners_word() {
            return self.held(Held::Most { over: going.shares, all: all.shares });
        }
        let mut buckets = earlier.buckets;
        buckets.retain(|si| seen.has(si));
        Stage::Collect(Collect { buckets: buckets.into_iter(), end: earlier.end, seen })
    }

    fn collect(&mut self, mut collect: Collect) -> Stage {
        let end = self.age.ended_before(self.store.time.look().now.wall).min(collect.end);
        for si in collect.buckets.by_ref().take(COLLECT_BUCKETS_MAX) {
            let over = Over { store: &self.store, age: self.age, end };
            match self.store.expire(&si, &over, &mut self.sum) {
                Ok(()) => {}
                Err(StoreError::Ended) => return Stage::End(false),
                Err(error) => self.failed(&si, &error),
            }
        }
        match collect.buckets.as_slice() {
            [] => self.remember(&collect.seen),
            _ => Stage::Collect(collect),
        }
    }

    fn failed(&mut self, si: &StorageIndex, error: &StoreError) {
        if self.sum.failed == 0 {
            tracing::warn!(%si, %error, "a bucket's leases could not be collected");
        }
        self.sum.failed += 1;
    }

    /// Leaves what was seen to the next collection.
    fn remember(&mut self, seen: &Sighting) -> Stage {
        let Store { disk, paths, .. } = &*self.store;
        if let Err(error) = disk.replace(&paths.over(), &seen.to_bytes()) {
            tracing::warn!(%error, "what this collection found over is not kept for the next one");
        }
        Stage::End(true)
    }

    fn finish(&mut self) {
        self.sum.finished = self.store.time.look().now.wall;
        let Collected { leases, shares, bytes, failed, .. } = self.sum;
        let word = self.store.owners_word.display();
        match self.sum.held {
            None => {
                tracing::info!(leases, shares, bytes, failed, "leases that ended were collected")
            }
            Some(Held::Clock) => {
                tracing::warn!(%word, "no leases are collected: the clock has not gone right for a day");
            }
            Some(Held::Most { over, all }) => tracing::error!(
                over, all, %word,
                "more than half of what is stored would be deleted, so nothing is; to have it \
                 deleted, make an empty file of this name"
            ),
        }
        *locked(&self.store.collected) = Some(self.sum);
    }
}

/// Decides which leases are over.
pub(super) struct Over<'a> {
    store: &'a Store,
    age: LeaseAge,
    /// In seconds since 1970.
    end: u64,
}

impl Over<'_> {
    /// Whether a lease with this end is, by both clocks.
    pub fn is(&self, expires: u32) -> bool {
        u64::from(expires) < self.end
            && self.store.time.ran_since_given(expires) >= self.age.seconds()
    }
}

impl Store {
    /// What the last collection since the start did, if one came to its end.
    pub fn collected(&self) -> Option<Collected> {
        *locked(&self.collected)
    }

    /// How the clock jumped, while it is not believed for that.
    pub fn clock_jump(&self) -> Option<Jump> {
        self.time.jump()
    }

    /// The time by which leases are dated now, in seconds since 1970.
    pub fn date(&self) -> u64 {
        self.time.date()
    }

    /// To be called every hour or so, for as long as the store is open.
    pub fn tick(&self) {
        self.time.tick();
    }

    /// Whether the node's owner said that what looks wrong is right. It holds once.
    fn has_owners_word(&self) -> bool {
        match self.disk.unlink(&self.owners_word) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(%error, "the owner's word cannot be taken");
                false
            }
        }
    }

    fn read_sighting(&self) -> Option<Sighting> {
        let read = || -> Result<Option<Sighting>> {
            let file = self.disk.open(&self.paths.over(), Mode::Read)?;
            let len = file.size()?.min(FILE_MAX as u64) as usize;
            Ok(Sighting::from_bytes(&file.read(0, len)?))
        };
        // Without it the next collection is the first one to look.
        read().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_may_go_and_more_may_not_unless_it_is_little() {
        let sum = |shares, bytes| Sum { shares, bytes };
        let few = COLLECT_FEW;
        for (going, all, is_most) in [
            (sum(few, 100), sum(few, 100), false),
            (sum(few + 1, 100), sum(few + 1, 100), true),
            (sum(50, 50), sum(100, 100), false),
            (sum(51, 50), sum(100, 100), true),
            (sum(50, 51), sum(100, 100), true),
            (sum(few, 99), sum(100, 100), false),
            (sum(0, 0), sum(0, 0), false),
        ] {
            assert_eq!(going.is_most_of(all), is_most, "{going:?} of {all:?}");
        }
    }
}
