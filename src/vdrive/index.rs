//! What would otherwise take reading every log: which directory a facet belongs to, and when its
//! last lease ends.
//!
//! ```text
//! 'N2'                    → the nonce of `index.clean`
//! 'R' digest, 'W' digest  → directory id: the read and the write facet
//! 'E' directory id        → u64: when its last lease ends, in seconds since 1970
//! ```
//! All of it is taken from the logs and may be lost. It is trusted only after a clean stop.

use super::error::{Result, VdriveError};
use super::format::DirectoryId;
use super::format::log::Facts;
use super::paths::Paths;
use crate::base::hash::Hash;
use crate::base::lock::locked;
use crate::disk::Disk;
use crate::disk::kv::{Kv, Lost};
use std::sync::{Mutex, MutexGuard};

/// Which power a swissnum gives over a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Facet {
    Read,
    Write,
}

pub(super) struct Index {
    kv: Mutex<Kv>,
}

fn key(letter: u8, name: &[u8; 32]) -> Vec<u8> {
    std::iter::once(letter).chain(*name).collect()
}

fn facets(facts: &Facts) -> [Vec<u8>; 2] {
    [key(b'R', &facts.read_facet), key(b'W', &facts.write_facet)]
}

fn find(kv: &Kv, digest: &Hash) -> std::result::Result<Option<(Facet, DirectoryId)>, Lost> {
    for (letter, facet) in [(b'R', Facet::Read), (b'W', Facet::Write)] {
        let found = kv.get(&key(letter, digest))?;
        if let Some(id) = found.and_then(|id| id.try_into().ok()) {
            return Ok(Some((facet, id)));
        }
    }
    Ok(None)
}

impl Index {
    /// Opens the index; true if it can be trusted as it is, else it is empty and wants to be filled.
    /// `on_disk` false: in memory.
    pub fn open(disk: &Disk, paths: &Paths, on_disk: bool) -> (Self, bool) {
        let (kv, kept) = Kv::open(disk, &paths.index(), on_disk, |_| Some(()));
        (Self { kv: Mutex::new(kv) }, kept.is_some())
    }

    fn kv(&self) -> MutexGuard<'_, Kv> {
        locked(&self.kv)
    }

    /// Runs `work`; if the map is lost, goes on with one in memory that `fill` fills first.
    pub fn with<T>(
        &self,
        fill: impl FnOnce(&Kv),
        work: impl Fn(&Kv) -> std::result::Result<T, Lost>,
    ) -> Result<T> {
        let mut kv = self.kv();
        if let Ok(done) = work(&kv) {
            return Ok(done);
        }
        tracing::warn!("the vdrive index is lost; it is rebuilt in memory");
        *kv = Kv::memory();
        fill(&kv);
        work(&kv).map_err(|Lost| VdriveError::Disk("no index".to_owned()))
    }

    /// The directory that a facet of this digest belongs to.
    pub fn find(
        &self,
        digest: &Hash,
        fill: impl FnOnce(&Kv),
    ) -> Result<Option<(Facet, DirectoryId)>> {
        self.with(fill, |kv| find(kv, digest))
    }

    /// Notes a new directory, unless one of its facets is another's.
    pub fn claim(&self, facts: &Facts, fill: impl FnOnce(&Kv)) -> Result<()> {
        let free = self.with(fill, |kv| {
            let ours = |facet, digest| {
                Ok(find(kv, digest)?.is_none_or(|known| known == (facet, facts.id)))
            };
            let free = facts.read_facet != facts.write_facet
                && ours(Facet::Read, &facts.read_facet)?
                && ours(Facet::Write, &facts.write_facet)?;
            if free {
                put(kv, facts)?;
            }
            Ok(free)
        })?;
        if free { Ok(()) } else { Err(VdriveError::Exists) }
    }

    /// Takes a claim back.
    pub fn disclaim(&self, facts: &Facts, fill: impl FnOnce(&Kv)) -> Result<()> {
        self.with(fill, |kv| facets(facts).iter().try_for_each(|key| kv.remove(key)))
    }

    /// When the last lease of a directory ends; `None` without leases.
    pub fn note_lease(&self, id: &DirectoryId, end: Option<u64>, fill: impl FnOnce(&Kv)) {
        let _ = self.with(fill, |kv| note_lease(kv, id, end));
    }

    /// Directories whose leases have all ended before `now`, a page of them from key `from` on
    /// (empty: the first), and where the next page begins.
    pub fn due(&self, from: &[u8], now: u64) -> (Vec<DirectoryId>, Option<Vec<u8>>) {
        const PAGE: usize = 1_000;
        let rows = self.kv().range(if from.is_empty() { b"E" } else { from }, PAGE);
        let rows = rows.unwrap_or_default();
        let next = rows.last().filter(|_| rows.len() == PAGE);
        let next = next.map(|(key, _)| key.iter().copied().chain([0]).collect());
        let due = rows.iter().filter_map(|(key, end)| {
            let end = u64::from_be_bytes(end.as_slice().try_into().ok()?);
            let id = key.strip_prefix(b"E")?.try_into().ok()?;
            (end < now).then_some(id)
        });
        (due.collect(), next)
    }

    /// Leaves the index on disk such that the next start may trust it.
    pub fn shut_down(&self, disk: &Disk, paths: &Paths) {
        self.kv().shut_down(disk, &paths.index(), 0);
    }

    /// Fills an empty index.
    pub fn fill(&self, fill: impl FnOnce(&Kv)) {
        fill(&self.kv());
    }
}

/// Notes a directory's facets.
pub(super) fn put(kv: &Kv, facts: &Facts) -> std::result::Result<(), Lost> {
    facets(facts).iter().try_for_each(|key| kv.put(key, &facts.id))
}

/// Notes when a directory's last lease ends.
pub(super) fn note_lease(
    kv: &Kv,
    id: &DirectoryId,
    end: Option<u64>,
) -> std::result::Result<(), Lost> {
    match end {
        Some(end) => kv.put(&key(b'E', id), &end.to_be_bytes()),
        None => kv.remove(&key(b'E', id)),
    }
}
