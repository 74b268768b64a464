//! Which buckets had leases that were over, and when that was seen: what a later collection compares
//! with what it finds itself. Pure.
//!
//! ```text
//! file = "OVER-01\n" | u64 uptime | u64 wall | u64 end | SIs, ascending | 16 bytes BLAKE2b of it
//! ```

use crate::base::hash::blake2b;
use crate::base::ids::StorageIndex;
use crate::base::limits::{COLLECT_SEEN_MAX, COLLECT_TWICE_SECONDS};
use crate::storage::clock::record::Moment;
use crate::storage::journal::record::{take, take_u64};

const MAGIC: &[u8; 8] = b"OVER-01\n";
const SUM_LEN: usize = 16;
/// Bytes of the longest file.
pub const FILE_MAX: usize = 16 * COLLECT_SEEN_MAX + 64;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sighting {
    pub at: Moment,
    /// Leases with an end before this were over, in seconds since 1970.
    pub end: u64,
    /// Ascending.
    pub buckets: Vec<StorageIndex>,
}

impl Sighting {
    /// Whether it was made before `now` by both clocks. One that was not says nothing.
    pub fn is_past(&self, now: Moment) -> bool {
        self.at.uptime <= now.uptime && self.at.wall <= now.wall
    }

    /// Whether both clocks went on for so long that a second look is another one.
    pub fn is_ripe(&self, now: Moment) -> bool {
        let apart = |then: u64, now: u64| now.saturating_sub(then) >= COLLECT_TWICE_SECONDS;
        apart(self.at.uptime, now.uptime) && apart(self.at.wall, now.wall)
    }

    pub fn has(&self, si: &StorageIndex) -> bool {
        self.buckets.binary_search(si).is_ok()
    }

    /// Notes a bucket that comes after those noted; false if there is no room for it.
    pub fn add(&mut self, si: StorageIndex) -> bool {
        let room = self.buckets.len() < COLLECT_SEEN_MAX;
        if room {
            self.buckets.push(si);
        }
        room
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 16 * self.buckets.len());
        out.extend_from_slice(MAGIC);
        for number in [self.at.uptime, self.at.wall, self.end] {
            out.extend(number.to_be_bytes());
        }
        self.buckets.iter().for_each(|si| out.extend_from_slice(&si.0));
        let sum = blake2b(&out);
        out.extend(sum.into_iter().take(SUM_LEN));
        out
    }

    /// `None` unless it is what [`Sighting::to_bytes`] makes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM_LEN)?)?;
        if !blake2b(body).starts_with(sum) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let at = Moment { uptime: take_u64(&mut rest)?, wall: take_u64(&mut rest)? };
        let end = take_u64(&mut rest)?;
        let mut buckets = Vec::with_capacity(rest.len() / 16);
        while !rest.is_empty() {
            buckets.push(StorageIndex(*take::<16>(&mut rest)?));
        }
        buckets.is_sorted().then_some(Self { at, end, buckets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting() -> Sighting {
        let buckets = [3, 7, 9].map(|n| StorageIndex([n; 16])).to_vec();
        Sighting { at: Moment { uptime: 1_000, wall: 5_000 }, end: 4_000, buckets }
    }

    #[test]
    fn it_reads_as_it_was_written_and_not_at_all_when_damaged() {
        let bytes = sighting().to_bytes();
        assert_eq!(Sighting::from_bytes(&bytes), Some(sighting()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Sighting::from_bytes(&damaged), None, "flip at {at}");
            assert_eq!(Sighting::from_bytes(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn both_clocks_must_have_gone_on_for_a_day() {
        let day = COLLECT_TWICE_SECONDS;
        for (uptime, wall, past, ripe) in [
            (1_000, 5_000, true, false),
            (1_000 + day, 5_000 + day - 1, true, false),
            (1_000 + day - 1, 5_000 + day, true, false),
            (1_000 + day, 5_000 + day, true, true),
            (999, 5_000 + day, false, false),
            (1_000 + day, 4_999, false, false),
        ] {
            let now = Moment { uptime, wall };
            assert_eq!((sighting().is_past(now), sighting().is_ripe(now)), (past, ripe), "{now:?}");
        }
    }

    #[test]
    fn it_has_what_was_added() {
        let has = |n: u8| sighting().has(&StorageIndex([n; 16]));
        assert!(has(3) && has(7) && has(9) && !has(1) && !has(8) && !has(10));
    }
}
