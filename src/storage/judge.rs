//! Whether shares are what they say themselves: read whole once, and remembered.
//!
//! A server has no cap, so it cannot know what should be under a storage index; but a share carries
//! sums of its own, and one whose sums do not hold is nobody's. Small shares are judged while their
//! allocation waits. Larger ones are read by a thread beside it, one at a time, and nobody is told
//! anything of them before. One that a client reports, and whose own sums do not hold, is condemned: it is
//! read as before, since most of it may be good, but is not told of, and gives way to a sound one.

use super::bucket::Found;
use super::container::{HEADER_LEN, Kind};
use super::error::Result;
use super::journal::record::Key;
use super::store::Store;
use crate::base::blocking;
use crate::base::ids::ShareNum;
use crate::base::limits::{CONDEMNED_MAX, JUDGE_AT_ONCE_MAX, JUDGE_LATER_MAX, JUDGED_MAX};
use crate::base::lock::locked;
use crate::codec::verify::{Alone, verify_alone};
use crate::disk::{File, Mode};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Weak};

/// What has been judged, and what waits for it.
#[derive(Default)]
pub(super) struct Judged {
    known: HashMap<Key, Alone>,
    /// Shares that were reported, and that nobody has read since.
    suspects: BTreeSet<Key>,
    /// Shares that were reported and then read and found broken.
    condemned: BTreeSet<Key>,
    /// With a number each: a share that is replaced and asked for again is another one.
    waiting: VecDeque<(u64, Key)>,
    last: u64,
    working: bool,
}

impl Judged {
    /// Begins with what an earlier process had condemned.
    pub fn with(condemned: Vec<Key>) -> Self {
        Self { condemned: condemned.into_iter().collect(), ..Self::default() }
    }

    /// Whether the share is condemned from now on, or is not any more.
    fn remember(&mut self, key: Key, verdict: Alone) -> bool {
        if self.known.len() >= JUDGED_MAX {
            self.known.clear();
        }
        self.known.insert(key, verdict);
        let reported = self.suspects.remove(&key);
        match verdict {
            Alone::Broken if self.condemned.len() < CONDEMNED_MAX => {
                reported && self.condemned.insert(key)
            }
            Alone::Broken => false,
            Alone::Sound(_) | Alone::Unknown => self.condemned.remove(&key),
        }
    }

    /// Puts a share in the queue; whether somebody must begin to work on that.
    fn wait_for(&mut self, key: Key) -> bool {
        let queued = self.waiting.iter().any(|(_, waiting)| *waiting == key);
        if queued || self.waiting.len() >= JUDGE_LATER_MAX {
            return false;
        }
        self.last += 1;
        self.waiting.push_back((self.last, key));
        !std::mem::replace(&mut self.working, true)
    }

    /// The share to judge now. None: there is nothing to do, and nobody does it from now on.
    fn next(&mut self) -> Option<(u64, Key)> {
        let next = self.waiting.front().copied();
        self.working = next.is_some();
        next
    }

    /// What was read of the first in the queue says so; `None`: it is not there. See [`Judged::remember`].
    fn done(&mut self, job: (u64, Key), verdict: Option<Alone>) -> bool {
        if self.waiting.front() != Some(&job) {
            return false;
        }
        self.waiting.pop_front();
        verdict.is_some_and(|verdict| self.remember(job.1, verdict))
    }

    /// Somebody says that it is not as it was: it is looked at again before it is vouched for, even if
    /// somebody looks at it now, who may have passed the place.
    pub fn doubt(&mut self, key: &Key) {
        self.known.remove(key);
        self.waiting.retain(|(_, waiting)| waiting != key);
        if self.suspects.len() >= JUDGE_LATER_MAX {
            self.suspects.clear();
        }
        self.suspects.insert(*key);
    }

    pub fn condemned(&self) -> impl Iterator<Item = &Key> {
        self.condemned.iter()
    }

    /// Another file takes this place; whether a condemned one was there.
    pub fn forget(&mut self, key: &Key) -> bool {
        self.known.remove(key);
        self.suspects.remove(key);
        self.waiting.retain(|(_, waiting)| waiting != key);
        self.condemned.remove(key)
    }
}

/// Judges the data of a share file.
pub(super) fn judge_file(file: &File, num: ShareNum, len: u64) -> io::Result<Alone> {
    verify_alone(num, len, |range| {
        let bytes = file.read(HEADER_LEN + range.start, (range.end - range.start) as usize)?;
        Ok(bytes.into())
    })
}

impl Store {
    /// What is to be said of a share; none as long as that takes. The caller holds the bucket's lock.
    pub(super) fn judge(self: &Arc<Self>, found: &Found) -> io::Result<Option<Alone>> {
        let known = locked(&self.judged).known.get(&found.key).copied();
        if known.is_some() {
            return Ok(known);
        }
        if found.header.data_len > JUDGE_AT_ONCE_MAX {
            self.judge_later(found.key);
            return Ok(None);
        }
        let verdict = judge_file(&found.file, found.key.1, found.header.data_len)?;
        self.remember(found.key, verdict);
        Ok(Some(verdict))
    }

    fn remember(&self, key: Key, verdict: Alone) {
        if locked(&self.judged).remember(key, verdict) {
            self.note_condemned(&key, verdict);
        }
    }

    /// Another process of this store will know it, too. The caller may change the store.
    fn note_condemned(&self, (si, num): &Key, verdict: Alone) {
        match verdict {
            Alone::Broken => {
                tracing::error!(%si, %num, "a share is damaged; a sound one may replace it")
            }
            _ => tracing::info!(%si, %num, "a share that was damaged is sound"),
        }
        self.keep_scrub_record();
    }

    /// Looks at a share that was reported: at once if it is small, else beside all else.
    pub(super) fn look_into(self: &Arc<Self>, key: &Key) -> Result<()> {
        let _change = self.begin_change()?;
        let _bucket = self.lock(&key.0);
        let (file, _, Kind::Immutable(header)) = self.look(key, Mode::Read)? else { return Ok(()) };
        if self.judge(&Found { key: *key, file, header }).is_err() {
            // What cannot be read is as good as broken.
            self.remember(*key, Alone::Broken);
        }
        Ok(())
    }

    /// Another share stands there from now on. The caller may change the store.
    pub(super) fn forget_judgement(&self, key: &Key) {
        if locked(&self.judged).forget(key) {
            self.keep_scrub_record();
        }
    }

    /// The same without a report: a share that was damaged may have been put right.
    pub(super) fn look_again(self: &Arc<Self>, key: &Key) {
        locked(&self.judged).doubt(key);
        if let Err(error) = self.look_into(key) {
            tracing::warn!(si = %key.0, num = %key.1, %error, "a share cannot be looked at");
        }
    }

    /// Whether a share is to give way to a sound one, and is not to be told of.
    pub(super) fn is_condemned(&self, key: &Key) -> bool {
        locked(&self.judged).condemned.contains(key)
    }

    /// Whether shares wait to be judged.
    pub fn is_judging(&self) -> bool {
        !locked(&self.judged).waiting.is_empty()
    }

    fn judge_later(self: &Arc<Self>, key: Key) {
        if !locked(&self.judged).wait_for(key) {
            return;
        }
        let store = Arc::downgrade(self);
        let judge = move || while judge_next(&store).is_some() {};
        let spawned = blocking::thread("storage-judge", judge);
        if let Err(error) = spawned {
            tracing::error!(%error, "shares cannot be judged");
            locked(&self.judged).working = false;
        }
    }

    fn open_to_judge(&self, key: &Key) -> Option<(File, u64)> {
        let _bucket = self.lock(&key.0);
        let (file, len) = self.immutable(key, Mode::Read).ok()??;
        Some((file, len))
    }
}

/// Judges the next share of the queue; none: there is no more, or no store.
fn judge_next(store: &Weak<Store>) -> Option<()> {
    let job = locked(&store.upgrade()?.judged).next()?;
    let opened = store.upgrade()?.open_to_judge(&job.1);
    let verdict = opened.map(|(file, len)| {
        // A long read must not keep a store that everybody else has let go.
        let read = |range: std::ops::Range<u64>| {
            store.upgrade().filter(|store| !store.is_stopping()).ok_or(io::ErrorKind::Other)?;
            file.read(HEADER_LEN + range.start, (range.end - range.start) as usize)
                .map(bytes::Bytes::from)
        };
        verify_alone(job.1.1, len, read).unwrap_or(Alone::Broken)
    });
    let store = store.upgrade()?;
    let _change = store.begin_change().ok()?;
    if locked(&store.judged).done(job, verdict)
        && let Some(verdict) = verdict
    {
        store.note_condemned(&job.1, verdict);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::StorageIndex;

    fn key(num: u8) -> Key {
        (StorageIndex([1; 16]), ShareNum(num))
    }

    #[test]
    fn a_share_that_was_replaced_while_it_was_read_is_not_known() {
        let mut judged = Judged::default();
        assert!(judged.wait_for(key(1)));
        let job = judged.next().unwrap();
        judged.forget(&key(1));
        assert!(!judged.wait_for(key(1)), "somebody works already");
        judged.done(job, Some(Alone::Broken));
        assert!(judged.known.is_empty());
        let job = judged.next().unwrap();
        judged.done(job, Some(Alone::Unknown));
        assert_eq!(judged.known.get(&key(1)), Some(&Alone::Unknown));
        assert_eq!(judged.next(), None);
        assert!(judged.wait_for(key(2)), "nobody works any more");
    }

    #[test]
    fn a_share_that_is_reported_while_it_is_read_is_read_again() {
        let mut judged = Judged::default();
        assert!(judged.wait_for(key(1)));
        let job = judged.next().unwrap();
        judged.doubt(&key(1));
        judged.wait_for(key(1));
        assert!(!judged.done(job, Some(Alone::Sound([7; 32]))) && judged.known.is_empty());
        let job = judged.next().unwrap();
        assert!(judged.done(job, Some(Alone::Broken)));
        assert!(judged.condemned().eq([&key(1)]));
        assert!(!judged.remember(key(2), Alone::Broken), "nobody reported it");
        judged.doubt(&key(1));
        assert!(judged.remember(key(1), Alone::Unknown), "it was put right");
        assert_eq!(judged.condemned().count(), 0);
    }

    #[test]
    fn what_is_remembered_and_what_waits_is_bounded() {
        let mut judged = Judged::default();
        let nth = |n: usize| (StorageIndex((n as u128).to_be_bytes()), ShareNum(0));
        let changed = (0..=JUDGED_MAX).any(|n| judged.remember(nth(n), Alone::Unknown));
        assert!(!changed, "none was condemned");
        assert_eq!(judged.known.len(), 1);
        let begun = (0..=JUDGE_LATER_MAX).filter(|n| judged.wait_for(nth(*n))).count();
        assert_eq!(begun, 1);
        assert_eq!(judged.waiting.len(), JUDGE_LATER_MAX);
    }
}
