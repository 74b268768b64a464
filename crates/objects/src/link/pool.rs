//! Recycled receive buffers.
//!
//! Without them the allocator returns and refaults the same pages for each bulk: 210,000 page
//! faults a second were measured. A buffer goes back to its pool when the last view of it is gone.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Smallest and largest size class, as powers of two: 4 KiB … 4 MiB.
const CLASS_MIN: u32 = 12;
const CLASS_MAX: u32 = 22;
/// Bytes that a pool keeps for reuse; what comes back beyond is freed.
const KEEP: usize = 8 << 20;

#[derive(Default)]
struct Kept {
    buffers: [Vec<Vec<u8>>; (CLASS_MAX - CLASS_MIN + 1) as usize],
    bytes: usize,
}

/// A shelf of buffers, shared by all links of a tub.
#[derive(Clone, Default)]
pub struct Pool(Arc<Mutex<Kept>>);

/// A writable buffer of at least the length that was asked for.
pub struct Buffer {
    bytes: Vec<u8>,
    class: Option<usize>,
    pool: Pool,
}

impl Pool {
    /// A buffer of at least `length` initialised bytes, of whatever content.
    pub fn take(&self, length: usize) -> Buffer {
        let power = length.max(1).next_power_of_two().trailing_zeros().max(CLASS_MIN);
        if power > CLASS_MAX {
            return Buffer { bytes: vec![0; length], class: None, pool: self.clone() };
        }
        let class = (power - CLASS_MIN) as usize;
        let bytes = self.reuse(class).unwrap_or_else(|| vec![0; 1 << power]);
        Buffer { bytes, class: Some(class), pool: self.clone() }
    }

    fn reuse(&self, class: usize) -> Option<Vec<u8>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = kept.buffers.get_mut(class)?.pop()?;
        kept.bytes = kept.bytes.saturating_sub(buffer.len());
        Some(buffer)
    }

    fn give_back(&self, class: usize, buffer: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.bytes + buffer.len();
        if bytes <= KEEP
            && let Some(shelf) = kept.buffers.get_mut(class)
        {
            shelf.push(buffer);
            kept.bytes = bytes;
        }
    }

    /// Frees what is kept, for a tub that has gone quiet.
    pub fn trim(&self) {
        let kept = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *kept)
        };
        drop(kept);
    }
}

impl Buffer {
    /// The whole buffer.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first `length` bytes as a value that can be shared and sliced.
    pub fn freeze(self, length: usize) -> Bytes {
        let mut bytes = Bytes::from_owner(self);
        bytes.truncate(length);
        bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(class) = self.class {
            self.pool.give_back(class, std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_view_is_gone() {
        let pool = Pool::default();
        let mut buffer = pool.take(43_690);
        assert_eq!(buffer.as_mut_slice().len(), 65_536);
        let address = buffer.as_ref().as_ptr();
        let bytes = buffer.freeze(43_690);
        let view = bytes.slice(10..20);
        drop(bytes);
        assert_ne!(pool.take(60_000).as_ref().as_ptr(), address);
        drop(view);
        let again = [pool.take(60_000), pool.take(60_000)];
        assert!(again.iter().any(|buffer| buffer.as_ref().as_ptr() == address));
    }

    #[test]
    fn keeps_no_more_than_its_bound() {
        let pool = Pool::default();
        let many: Vec<_> = (0..20).map(|_| pool.take(1 << 20)).collect();
        drop(many);
        assert!(pool.0.lock().unwrap().bytes <= KEEP);
        pool.trim();
        assert_eq!(pool.0.lock().unwrap().bytes, 0);
    }
}
