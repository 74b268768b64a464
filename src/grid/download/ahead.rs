//! What a read will ask for: how it is cut into units, and shares opened before it comes to them.

use super::book::UnderWay;
use super::gather::until;
use super::share::Share;
use super::{Download, Unit, blocks_of};
use crate::base::limits::{BATCH_SEGMENTS_MAX, BULK_MAX, READ_AHEAD_UNITS, READ_UNIT_MAX};
use crate::codec::encode::Plan;
use crate::codec::{Geometry, SegmentNum};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Plaintext of a unit at most, where a file is read from many servers: more and smaller ones are under
/// way.
pub const WIDE_UNIT_MAX: u64 = READ_UNIT_MAX / 2;
/// Units for which shares are opened before the first is there.
const UNITS_AHEAD: usize = READ_AHEAD_UNITS * 2;

/// The rest of a read, of which units are cut.
pub struct Cut {
    geometry: Geometry,
    /// The next segment to ask for, and the first that is not wanted.
    next: u64,
    end: u64,
    /// Plaintext bytes of the next unit: small at first, for an early first byte.
    ramp: u64,
}

impl Cut {
    pub fn new(geometry: Geometry, range: &Range<u64>) -> Self {
        let segment = |offset: u64| offset / geometry.segment_size();
        let end = match range.is_empty() {
            true => segment(range.start),
            false => segment(range.end - 1) + 1,
        };
        Self { geometry, next: segment(range.start), end, ramp: geometry.segment_size() }
    }

    /// Plaintext bytes that are left, about.
    pub const fn left(&self) -> u64 {
        (self.end - self.next).saturating_mul(self.geometry.segment_size())
    }

    /// The next unit, of at most so many bytes: what the ramp allows and one answer of a server can hold.
    pub fn next(&mut self, most: u64) -> Option<Unit> {
        // Segments are a little longer than 1 MiB where k does not divide it: round.
        let size = self.geometry.segment_size();
        let by_ramp = self.ramp.min(most).saturating_add(size / 2) / size;
        let by_answer = BULK_MAX as u64 / self.geometry.block_size().max(1);
        let length = by_ramp.min(by_answer).clamp(1, BATCH_SEGMENTS_MAX);
        let unit = Unit { first: SegmentNum(self.next), count: length.min(self.end - self.next) };
        self.next += unit.count;
        self.ramp = self.ramp.saturating_mul(2);
        (unit.count > 0).then_some(unit)
    }
}

/// Where lines are long, opens shares that nobody has asked yet, each with the blocks that the units
/// after the first will want of it: so all lines find out at once how much they take.
pub async fn open_ahead(download: Arc<Download>, part: Range<u64>) {
    let Ok(plan) = Plan::new(download.facts.params, download.facts.size) else { return };
    let needed = download.facts.params.needed();
    let mut cut = Cut::new(*plan.geometry(), &part);
    let units = std::iter::from_fn(|| cut.next(WIDE_UNIT_MAX)).skip(1).take(UNITS_AHEAD);
    let mut wanted = units.flat_map(|unit| std::iter::repeat_n(unit, needed)).peekable();
    let mut opening = FuturesUnordered::new();
    let mut right: Option<(Unit, Arc<OwnedSemaphorePermit>)> = None;
    loop {
        let changed = download.book.changed();
        let due = download.book.ahead_from();
        // What the read has come to it asks for itself.
        while wanted.next_if(|unit| download.book.has_begun(unit.first.0)).is_some() {}
        while let Some(unit) = wanted.peek().copied() {
            if right.as_ref().is_none_or(|(of, _)| *of != unit) {
                let Some(permit) = download.spare_unit() else { break };
                right = Some((unit, Arc::new(permit)));
            }
            let Some(share) = download.book.unused(unit.first.0) else { break };
            let blocks = blocks_of(&download.facts, unit);
            let under_way = download.book.asked(&share, blocks.end - blocks.start);
            let permit = right.as_ref().map(|(_, permit)| Arc::clone(permit));
            opening.push(open(&download, (share, blocks), (under_way, permit)));
            wanted.next();
        }
        if wanted.peek().is_none() && opening.is_empty() {
            return;
        }
        tokio::select! {
            biased;
            Some(()) = opening.next() => {}
            () = changed => {}
            () = until(due) => {}
        }
    }
}

/// What fails here is tried again, and judged, by the read.
async fn open(
    download: &Download,
    (share, blocks): (Arc<Share>, Range<u64>),
    (under_way, _right): (UnderWay, Option<Arc<OwnedSemaphorePermit>>),
) {
    if share.open(&download.opener(&blocks)).await.is_ok() {
        under_way.came();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::file::Params;

    const KIB: u64 = 1 << 10;

    #[test]
    fn units_grow_and_cover_a_read_once() {
        let params = Params::new(3, 10).unwrap();
        let geometry = Geometry::for_upload(params, 40_000_000, 128 * KIB).unwrap();
        let size = geometry.segment_size();
        for range in [0..40_000_000, 5_000_000..5_000_001, 39_999_999..40_000_000, 7..30_000_000] {
            let mut cut = Cut::new(geometry, &range);
            let mut next = range.start / size;
            let mut lengths = Vec::new();
            while let Some(unit) = cut.next(WIDE_UNIT_MAX) {
                assert_eq!(unit.first.0, next, "{range:?}");
                next += unit.count;
                lengths.push(unit.count);
            }
            assert_eq!(next, (range.end - 1) / size + 1, "{range:?}");
            assert_eq!(cut.left(), 0);
            assert!(lengths.iter().all(|count| count * size <= WIDE_UNIT_MAX + size));
            assert_eq!(lengths.first(), Some(&1), "{range:?}: somebody waits for the first");
        }
        assert!(Cut::new(geometry, &(5..5)).next(WIDE_UNIT_MAX).is_none());
    }
}
