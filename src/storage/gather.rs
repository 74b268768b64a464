//! Small writes gathered into few large ones.
//!
//! A share arrives in pieces at odd offsets, since its data starts 12 bytes into the file. They are
//! gathered into chunks that end on a multiple of [`WRITE_CHUNK`] of the file, in aligned memory.
//! Whole chunks bypass the page cache; nobody reads a share right after it was written, and fresh
//! cache pages are dear: ten times what the copy into aligned memory costs.

use crate::base::limits::{WRITE_CHUNK, WRITE_GATHER_MAX};
use crate::base::tally::{Counted, Tally};
use crate::disk::{AlignedBuffer, Cache};
use std::io;

const CHUNK: u64 = WRITE_CHUNK as u64;

/// Bytes that wait for one file.
pub(super) struct Gather {
    /// File offset of the first waiting byte.
    start: u64,
    bytes: AlignedBuffer,
    /// Bytes of memory that all writers together hold, whether filled or not.
    all: Tally,
    /// What this one holds of it.
    held: Option<Counted>,
}

/// Where gathered bytes go: bytes, file offset, cache.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8], u64, Cache) -> io::Result<()>;

fn to_boundary(offset: u64) -> usize {
    (CHUNK - offset % CHUNK) as usize
}

impl Gather {
    /// For a file of `len` bytes.
    pub fn new(all: Tally, len: u64) -> Self {
        let capacity = len.min(CHUNK) as usize;
        Self { start: 0, bytes: AlignedBuffer::new(capacity), all, held: None }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn continues(&self, offset: u64) -> bool {
        self.bytes.is_empty() || self.end() == offset
    }

    /// Whether `len` bytes at `offset` can wait without any write.
    pub fn takes(&self, offset: u64, len: usize) -> bool {
        let held = self.all.in_use().saturating_add(self.bytes.capacity() as u64);
        let room = self.held.is_some() || held <= WRITE_GATHER_MAX as u64;
        room && self.continues(offset) && len < to_boundary(offset)
    }

    /// Takes bytes for `offset`; writes what makes whole pieces, and what does not continue.
    pub fn push(&mut self, offset: u64, data: &[u8], sink: Sink<'_>) -> io::Result<()> {
        let (mut offset, mut data) = (offset, data);
        if !self.continues(offset) {
            self.flush(sink)?;
        }
        while !data.is_empty() {
            let whole = if offset.is_multiple_of(CHUNK) && self.bytes.is_empty() {
                data.len() - data.len() % WRITE_CHUNK
            } else {
                0
            };
            let len = if whole > 0 { whole } else { data.len().min(to_boundary(offset)) };
            let Some((now, later)) = data.split_at_checked(len) else { break };
            match whole {
                0 => self.keep(offset, now, sink)?,
                _ => sink(now, offset, Cache::Drop)?,
            }
            offset += len as u64;
            data = later;
        }
        Ok(())
    }

    /// Takes bytes up to the next boundary at most.
    fn keep(&mut self, offset: u64, data: &[u8], sink: Sink<'_>) -> io::Result<()> {
        let ends = data.len() == to_boundary(offset);
        if self.bytes.is_empty() && ends {
            return sink(data, offset, Cache::Keep);
        }
        if !ends && !self.takes(offset, data.len()) {
            self.flush(sink)?;
            return sink(data, offset, Cache::Keep);
        }
        if self.bytes.is_empty() {
            self.start = offset;
        }
        let (all, capacity) = (&self.all, self.bytes.capacity() as u64);
        self.held.get_or_insert_with(|| all.count(capacity));
        self.bytes.push(data);
        if ends { self.flush(sink) } else { Ok(()) }
    }

    /// Writes all that waits.
    pub fn flush(&mut self, sink: Sink<'_>) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let whole = self.start.is_multiple_of(CHUNK) && self.bytes.len() == WRITE_CHUNK;
        let cache = if whole { Cache::Drop } else { Cache::Keep };
        let written = sink(self.bytes.as_slice(), self.start, cache);
        self.bytes.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_pieces_the_file_is_the_same_and_only_whole_chunks_skip_the_cache(
            cuts in prop::collection::vec(1usize..400_000, 1..12), start in 0u64..600_000, full: bool
        ) {
            let held = Tally::new(u64::MAX);
            let _others = held.count(if full { WRITE_GATHER_MAX as u64 } else { 0 });
            let before = held.in_use();
            let total: usize = cuts.iter().sum();
            let data: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
            let mut file = vec![0xEE; total];
            let mut writes = 0;
            let mut gather = Gather::new(held.clone(), start + total as u64);
            let mut sink = |bytes: &[u8], at: u64, cache| {
                let whole = at.is_multiple_of(CHUNK) && bytes.len().is_multiple_of(WRITE_CHUNK);
                assert_eq!(cache == Cache::Drop, whole);
                let at = (at - start) as usize;
                file[at..at + bytes.len()].copy_from_slice(bytes);
                writes += 1;
                Ok(())
            };
            let mut at = 0;
            for cut in &cuts {
                gather.push(start + at as u64, &data[at..at + cut], &mut sink).unwrap();
                at += cut;
            }
            gather.flush(&mut sink).unwrap();
            drop(gather);
            prop_assert_eq!(held.in_use(), before);
            prop_assert!(file == data);
            if !full {
                prop_assert!(writes <= total / WRITE_CHUNK + 2);
            }
        }
    }

    #[test]
    fn small_contiguous_writes_wait_and_others_do_not() {
        let held = Tally::new(u64::MAX);
        let mut gather = Gather::new(held.clone(), 1 << 30);
        assert!(gather.takes(12, 1000));
        gather.push(12, &[1; 1000], &mut |_, _, _| panic!("waits")).unwrap();
        assert!(gather.takes(1012, 1000));
        assert!(!gather.takes(1013, 1000));
        assert!(!gather.takes(1012, WRITE_CHUNK));
        assert_eq!(held.in_use(), WRITE_CHUNK as u64);
    }

    #[test]
    fn memory_is_counted_from_the_first_byte_until_the_writer_is_gone() {
        let held = Tally::new(u64::MAX);
        let _others = held.count((WRITE_GATHER_MAX - WRITE_CHUNK) as u64);
        let (mut last, late) =
            (Gather::new(held.clone(), 1 << 30), Gather::new(held.clone(), 1 << 30));
        assert!(late.takes(12, 1));
        last.push(12, &[1], &mut |_, _, _| panic!("waits")).unwrap();
        assert_eq!(held.in_use(), WRITE_GATHER_MAX as u64);
        assert!(!late.takes(12, 1), "no memory is left");
        assert!(last.takes(13, 1), "what is there is used");
        last.flush(&mut |_, _, _| Ok(())).unwrap();
        assert!(!late.takes(12, 1), "an empty buffer is memory too");
        drop(last);
        assert!(late.takes(12, 1));
        assert!(Gather::new(held, 100).takes(12, 1));
    }
}
