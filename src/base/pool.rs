//! Buffers that come back when their last reader lets go.
//!
//! Fresh pages cost more than encoding into them, so a batch's shares are written into a buffer that
//! an earlier batch has left. A [`Pool`] keeps a few; a buffer too many is freed. What works side by
//! side takes from the same pool ([`InUse`]): with one each, every one would keep what it once needed.

use crate::base::lock::locked;
use bytes::Bytes;
use std::sync::{Arc, Mutex, Weak};

/// Idle buffers kept for reuse.
const IDLE_MAX: usize = 4;
/// Smaller ones are left to the allocator, which has them at hand, and would push out large ones.
const KEPT_MIN: usize = 64 << 10;

/// A source of buffers. Clones share the idle ones.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A buffer of `len` bytes of any value.
    pub fn take(&self, len: usize) -> Vec<u8> {
        let mut idle = locked(&self.0);
        // The smallest that fits, so that small requests leave the large buffers to large ones.
        let fitting = idle.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= len);
        let best = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(at, _)| at);
        let kept = best.map(|at| idle.swap_remove(at));
        drop(idle);
        // The system gives new pages zeroed: nobody needs to write zeros into them.
        let Some(mut buffer) = kept else { return vec![0; len] };
        buffer.resize(len, 0);
        buffer
    }

    /// Gives a buffer back.
    pub fn give(&self, buffer: Vec<u8>) {
        if buffer.capacity() < KEPT_MIN {
            return;
        }
        let mut idle = locked(&self.0);
        if idle.len() >= IDLE_MAX {
            // The newcomer is as large as is needed now; an old one may not be.
            idle.remove(0);
        }
        idle.push(buffer);
    }

    /// Freezes a buffer; it returns to the pool when its last slice is dropped.
    pub fn freeze(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { buffer, pool: self.clone() })
    }
}

struct Lent {
    buffer: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffer));
    }
}

/// Something that exists while somebody uses it, once for all who do at the same time. Clones give
/// the same.
#[derive(Debug)]
pub struct InUse<T>(Arc<Mutex<Weak<T>>>);

impl<T: Default> InUse<T> {
    /// What the others use, or a new one.
    pub fn get(&self) -> Arc<T> {
        let mut used = locked(&self.0);
        used.upgrade().unwrap_or_else(|| {
            let new = Arc::default();
            *used = Arc::downgrade(&new);
            new
        })
    }
}

impl<T> Clone for InUse<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for InUse<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_returns_when_its_last_slice_is_dropped() {
        let pool = Pool::default();
        let buffer = pool.take(KEPT_MIN);
        let address = buffer.as_ptr();
        let bytes = pool.freeze(buffer);
        let slice = bytes.slice(10..20);
        drop(bytes);
        let other = pool.take(KEPT_MIN);
        assert_ne!(other.as_ptr(), address);
        drop(slice);
        let again = pool.take(KEPT_MIN - 100);
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn idle_buffers_are_few() {
        let pool = Pool::default();
        (0..20).for_each(|i| pool.give(vec![0; KEPT_MIN + i]));
        assert_eq!(pool.0.lock().unwrap().len(), IDLE_MAX);
    }

    #[test]
    fn small_buffers_push_out_no_large_one() {
        let pool = Pool::default();
        pool.give(vec![0; KEPT_MIN]);
        (0..20).for_each(|i| pool.give(vec![0; i]));
        assert_eq!(pool.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_is_in_use_is_one_and_goes_with_the_last_user() {
        let shared = InUse::<Pool>::default();
        let (one, two) = (shared.get(), shared.clone().get());
        assert!(Arc::ptr_eq(&one, &two));
        one.give(vec![0; KEPT_MIN]);
        drop((one, two));
        assert!(shared.get().0.lock().unwrap().is_empty());
    }
}
