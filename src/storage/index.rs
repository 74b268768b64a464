//! What the server would otherwise have to read every share file for: bytes in use, which bucket a
//! lease belongs to, which buckets have a lease that ends soon.
//!
//! ```text
//! 'A'                         → u64 bytes, u64 shares of all buckets, u64 block, at a clean stop
//! 'N2'                        → the nonce of `index.clean`
//! 'S' SI                      → u64 bytes, u32 shares, u32 earliest expiration (seconds since 1970)
//! 'R' digest of renew secret  → SI
//! 'C' digest of cancel secret → SI
//! ```
//! Half of a digest is kept, which is as hard to hit as an SI is to guess: keys of up to 22 bytes need
//! no memory of their own in sled. What is done to a lease compares the whole of it.
//!
//! All of it is taken from share files and may be lost. It is trusted only after a clean stop
//! (`index.clean` is left then, and removed at start); otherwise it is emptied and
//! filled again in the background, and until then the bytes in use are not known.

use super::collection::Sum;
use super::journal::record::{take_u32, take_u64};
use super::paths::Paths;
use super::space::Costs;
use crate::base::hash::{Hash, truncated};
use crate::base::ids::StorageIndex;
use crate::base::lock::{locked, unpoisoned};
use crate::disk::Disk;
use crate::disk::kv::{Kv, Lost};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Which power a lease secret gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Facet {
    Renew,
    Cancel,
}

/// One bucket as the index knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// What it takes on the disk.
    pub bytes: u64,
    /// Shares with leases.
    pub shares: u32,
    /// When the first of its leases ends; `u32::MAX` without leases.
    pub earliest: u32,
}

#[derive(Default)]
struct Totals {
    all: Sum,
    complete: bool,
}

/// The key of what all buckets come to.
const ALL: &[u8] = b"A";

pub(super) struct Index {
    kv: Kv,
    costs: Costs,
    totals: Mutex<Totals>,
    changed: Condvar,
}

fn row_key(si: &StorageIndex) -> Vec<u8> {
    std::iter::once(b'S').chain(si.0).collect()
}

fn facet_key(facet: Facet, digest: &Hash) -> Vec<u8> {
    let letter = match facet {
        Facet::Renew => b'R',
        Facet::Cancel => b'C',
    };
    let half: [u8; 16] = truncated(*digest);
    std::iter::once(letter).chain(half).collect()
}

impl Row {
    fn to_bytes(self) -> Vec<u8> {
        let words = [self.shares.to_be_bytes(), self.earliest.to_be_bytes()].into_iter().flatten();
        self.bytes.to_be_bytes().into_iter().chain(words).collect()
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let (bytes, shares, earliest) = (take_u64(rest)?, take_u32(rest)?, take_u32(rest)?);
        rest.is_empty().then_some(Self { bytes, shares, earliest })
    }

    /// What it adds to the sum of all.
    fn sum(self) -> Sum {
        Sum { bytes: self.bytes, shares: self.shares.into() }
    }
}

impl Index {
    /// Opens the index of a directory; true if it can be trusted as it is, else [`Index::clear`] and
    /// fill it. `on_disk` false: in memory, lost when the server stops.
    pub fn open(disk: &Disk, paths: &Paths, costs: Costs, on_disk: bool) -> (Self, bool) {
        let (kv, all) = Kv::open(disk, &paths.index(), on_disk, |kv| read_sum(kv, costs));
        let totals = Totals { all: all.unwrap_or_default(), complete: all.is_some() };
        let clean = totals.complete;
        (Self { kv, costs, totals: Mutex::new(totals), changed: Condvar::new() }, clean)
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        locked(&self.totals)
    }

    /// Runs a change of the map; if the map is lost, so is the knowledge of the bytes in use.
    fn keep<T>(&self, work: impl FnOnce(&Kv) -> std::result::Result<T, Lost>) -> Option<T> {
        work(&self.kv).inspect_err(|_| self.totals().complete = false).ok()
    }

    /// Forgets everything, before it is filled again.
    pub fn clear(&self) {
        *self.totals() = Totals::default();
        self.keep(Kv::clear);
    }

    /// Every bucket was put in since [`Index::clear`].
    pub fn filled(&self) {
        // A lost map answers no question, but then nothing may rely on it either.
        self.totals().complete = self.kv.get(b"S").is_ok();
        self.changed.notify_all();
    }

    /// Bytes in use; `None` while that is not known.
    pub fn bytes(&self) -> Option<u64> {
        let totals = self.totals();
        totals.complete.then_some(totals.all.bytes)
    }

    /// All that is known of, whether complete or not.
    pub fn sum(&self) -> Sum {
        self.totals().all
    }

    /// As [`Index::bytes`], after waiting so long for the index to be filled.
    pub fn bytes_within(&self, wait: Duration) -> Option<u64> {
        let waited = self.changed.wait_timeout_while(self.totals(), wait, |t| !t.complete);
        let (totals, _) = unpoisoned(waited);
        totals.complete.then_some(totals.all.bytes)
    }

    pub fn row(&self, si: &StorageIndex) -> Option<Row> {
        Row::from_bytes(&self.kv.get(&row_key(si)).ok()??)
    }

    /// Replaces what is known of a bucket; `None`: it has no share any more.
    pub fn put(&self, si: &StorageIndex, row: Option<Row>) {
        self.replace(si, self.row(si), row);
    }

    /// As [`Index::put`], knowing what was there.
    fn replace(&self, si: &StorageIndex, known: Option<Row>, row: Option<Row>) {
        let sum = |row: Option<Row>| row.map_or_else(Sum::default, Row::sum);
        let key = row_key(si);
        self.keep(|kv| match row {
            Some(row) => kv.put(&key, &row.to_bytes()),
            None => kv.remove(&key),
        });
        let (before, after, all) = (sum(known), sum(row), &mut self.totals().all);
        all.bytes = all.bytes.saturating_add(after.bytes).saturating_sub(before.bytes);
        all.shares = all.shares.saturating_add(after.shares).saturating_sub(before.shares);
    }

    /// A share that takes so much was added to a bucket.
    pub fn add_share(&self, si: &StorageIndex, bytes: u64, expires: u32) {
        let known = self.row(si);
        let new = Row { bytes: self.costs.bucket(), shares: 0, earliest: u32::MAX };
        let row = known.unwrap_or(new);
        let bytes = row.bytes.saturating_add(bytes);
        let (shares, earliest) = (row.shares.saturating_add(1), row.earliest.min(expires));
        self.replace(si, known, Some(Row { bytes, shares, earliest }));
    }

    /// A lease's secrets lead to this bucket.
    pub fn add_lease(&self, si: &StorageIndex, (renew, cancel): &(Hash, Hash)) {
        self.keep(|kv| {
            kv.put(&facet_key(Facet::Renew, renew), &si.0)?;
            kv.put(&facet_key(Facet::Cancel, cancel), &si.0)
        });
    }

    pub fn remove_lease(&self, si: &StorageIndex, (renew, cancel): &(Hash, Hash)) {
        for key in [facet_key(Facet::Renew, renew), facet_key(Facet::Cancel, cancel)] {
            if self.keep(|kv| kv.get(&key)).flatten().as_deref() == Some(&si.0) {
                self.keep(|kv| kv.remove(&key));
            }
        }
    }

    /// The bucket that a secret with this digest has a lease on, and what it allows.
    pub fn find(&self, digest: &Hash) -> Option<(Facet, StorageIndex)> {
        [Facet::Renew, Facet::Cancel].into_iter().find_map(|facet| {
            let si = self.kv.get(&facet_key(facet, digest)).ok()??;
            Some((facet, StorageIndex(si.try_into().ok()?)))
        })
    }

    /// Buckets that may have a lease that ended before `end`, at most so many of them from key
    /// `from` on (empty: the first), and where to go on. Rows may be old: look at the leases
    /// themselves before believing it.
    pub fn due(&self, from: &[u8], end: u64, most: usize) -> (Vec<StorageIndex>, Option<Vec<u8>>) {
        const PAGE: usize = 1_000;
        let rows = self.kv.range(if from.is_empty() { b"S" } else { from }, PAGE);
        let rows = rows.unwrap_or_default();
        let (mut due, mut last) = (Vec::new(), None);
        for (key, row) in &rows {
            if due.len() >= most {
                return (due, last.map(after));
            }
            if Row::from_bytes(row).is_some_and(|row| u64::from(row.earliest) < end) {
                let si = key.strip_prefix(b"S").and_then(|si| si.try_into().ok());
                due.extend(si.map(StorageIndex));
            }
            last = Some(key.as_slice());
        }
        (due, last.filter(|_| rows.len() == PAGE).map(after))
    }

    /// Leaves the index on disk such that the next start may trust it.
    pub fn shut_down(&self, disk: &Disk, paths: &Paths) {
        let Some(bytes) = self.bytes() else { return };
        let all = [bytes, self.sum().shares, self.costs.block].map(u64::to_be_bytes).concat();
        if self.kv.put(ALL, &all).is_ok() {
            self.kv.shut_down(disk, &paths.index(), bytes);
        }
    }
}

/// What all buckets came to at the last stop; none in an index of another form, or of a disk with other
/// blocks.
fn read_sum(kv: &Kv, costs: Costs) -> Option<Sum> {
    let value = kv.get(ALL).ok()??;
    let mut rest = value.as_slice();
    let (bytes, shares) = (take_u64(&mut rest)?, take_u64(&mut rest)?);
    let same = take_u64(&mut rest)? == costs.block && rest.is_empty();
    same.then_some(Sum { shares, bytes })
}

/// The key that follows.
fn after(key: &[u8]) -> Vec<u8> {
    key.iter().copied().chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Mode;
    use std::path::Path;

    /// Bytes that sled takes before it holds anything.
    const FLOOR: u64 = 2 << 20;

    fn bytes_below(disk: &Disk, folder: &Path) -> u64 {
        let entries = disk.list(folder).unwrap().into_iter();
        let bytes = entries.map(|entry| {
            let path = folder.join(entry.name);
            match entry.is_dir {
                true => bytes_below(disk, &path),
                false => disk.open(&path, Mode::Read).unwrap().size().unwrap(),
            }
        });
        bytes.sum()
    }

    fn si(n: u64) -> StorageIndex {
        let [digest @ .., _] = crate::base::hash::sha256(&n.to_be_bytes());
        StorageIndex(digest.first_chunk().copied().unwrap())
    }

    fn pair(n: u64) -> (Hash, Hash) {
        let digest =
            |side: u8| crate::base::hash::sha256(&[&n.to_be_bytes()[..], &[side]].concat());
        (digest(1), digest(2))
    }

    #[test]
    fn it_takes_no_more_of_the_disk_than_is_counted_for_it() {
        let (folder, disk) = (tempfile::tempdir().unwrap(), Disk::real());
        let paths = Paths(folder.path().to_owned());
        let costs = Costs { block: 4_096 };
        let (index, _) = Index::open(&disk, &paths, costs, true);
        index.clear();
        index.filled();
        let (buckets, extra) = (5_000, 512 + 512);
        for n in 0..buckets {
            index.add_share(&si(n), 0, n as u32);
            index.add_lease(&si(n), &pair(n));
            // Everything is renewed again and again.
            for again in 0..3 {
                let n = (n * 7 + again) % (n + 1);
                index.put(&si(n), index.row(&si(n)).map(|row| Row { earliest: 9, ..row }));
            }
        }
        index.shut_down(&disk, &paths);
        let taken = bytes_below(&disk, &paths.index().folder);
        println!("the index of {buckets} leases takes {taken} bytes");
        assert!(taken <= FLOOR + buckets * extra, "{taken} bytes");
    }
}
