//! Which bytes of a share were written.

use crate::base::limits::WRITE_PIECES_MAX;
use std::ops::Range;

/// Disjoint ranges that do not touch, ascending.
#[derive(Clone, Default, Debug)]
pub(super) struct Coverage(Vec<Range<u64>>);

/// The ranges would be more than a writer may leave open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooManyPieces;

impl Coverage {
    /// Whether all of `0..size` is written.
    pub fn is_whole(&self, size: u64) -> bool {
        self.front() >= size
    }

    /// Up to where all is written.
    pub fn front(&self) -> u64 {
        self.0.first().filter(|first| first.start == 0).map_or(0, |first| first.end)
    }

    /// The parts of `range` that were written before.
    pub fn overlaps(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let first = self.0.partition_point(|known| known.end <= range.start);
        let rest = self.0.iter().skip(first).take_while(|known| known.start < range.end);
        rest.map(|known| known.start.max(range.start)..known.end.min(range.end)).collect()
    }

    /// Adds a range.
    pub fn add(&mut self, range: Range<u64>) -> Result<(), TooManyPieces> {
        if range.is_empty() {
            return Ok(());
        }
        let first = self.0.partition_point(|known| known.end < range.start);
        let end = range.end;
        let touched = self.0.iter().skip(first).take_while(|known| known.start <= end);
        let (mut merged, mut count) = (range, 0);
        for known in touched {
            merged = merged.start.min(known.start)..merged.end.max(known.end);
            count += 1;
        }
        if count == 0 && self.0.len() >= WRITE_PIECES_MAX {
            return Err(TooManyPieces);
        }
        self.0.splice(first..first + count, [merged]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_up_to_the_limit_are_kept_and_one_more_is_refused() {
        let mut coverage = Coverage::default();
        for n in 0..WRITE_PIECES_MAX as u64 {
            coverage.add(2 * n..2 * n + 1).unwrap();
        }
        let next = 2 * WRITE_PIECES_MAX as u64;
        assert_eq!(coverage.add(next..next + 1), Err(TooManyPieces));
        coverage.add(1..2).unwrap();
        coverage.add(next..next + 1).unwrap();
    }

    #[test]
    fn nothing_is_whole_only_for_the_empty_share() {
        assert!(Coverage::default().is_whole(0));
        assert!(!Coverage::default().is_whole(1));
    }

    proptest! {
        #[test]
        fn ranges_agree_with_a_row_of_flags(
            writes in prop::collection::vec((0u64..60, 0u64..20), 0..30), ask in (0u64..60, 0u64..20)
        ) {
            let mut coverage = Coverage::default();
            let mut flags = [false; 100];
            for (start, len) in writes {
                coverage.add(start..start + len).unwrap();
                flags[start as usize..(start + len) as usize].fill(true);
            }
            let ask = ask.0..ask.0 + ask.1;
            let mut found = [false; 100];
            for range in coverage.overlaps(&ask) {
                found[range.start as usize..range.end as usize].fill(true);
            }
            for at in 0..100u64 {
                let want = flags[at as usize] && ask.contains(&at);
                prop_assert_eq!(found[at as usize], want);
            }
            for size in 0..100 {
                prop_assert_eq!(coverage.is_whole(size), flags[..size as usize].iter().all(|f| *f));
            }
        }
    }
}
