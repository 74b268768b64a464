//! Bytes that a disk can take straight from memory.

/// Writes past the page cache want memory, offset and length in multiples of this; it is the page
/// size and at least the block size of every common disk.
pub const ALIGNMENT: usize = 4 << 10;

/// A buffer whose first byte lies on a multiple of [`ALIGNMENT`]. Its memory is there from the first
/// byte that is pushed until it is dropped.
pub struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    used: usize,
    capacity: usize,
}

impl AlignedBuffer {
    /// For at most `capacity` bytes.
    pub const fn new(capacity: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, used: 0, capacity }
    }

    /// Bytes of memory that it has or will have.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    const fn is_allocated(&self) -> bool {
        !self.bytes.is_empty()
    }

    pub const fn len(&self) -> usize {
        self.used
    }

    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..self.start + self.used).unwrap_or_default()
    }

    /// Takes as much of `data` as there is room for; answers how much that was.
    pub fn push(&mut self, data: &[u8]) -> usize {
        if !self.is_allocated() {
            self.bytes = vec![0; self.capacity + ALIGNMENT];
            self.start = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        }
        let taken = data.len().min(self.capacity - self.used);
        let from = self.start + self.used;
        if let Some((place, data)) = self.bytes.get_mut(from..from + taken).zip(data.get(..taken)) {
            place.copy_from_slice(data);
        }
        self.used += taken;
        taken
    }

    pub const fn clear(&mut self) {
        self.used = 0;
    }
}

/// Whether `bytes` for `offset` of a file are all on multiples of [`ALIGNMENT`].
pub fn is_aligned(bytes: &[u8], offset: u64) -> bool {
    let multiple = |number: usize| number.is_multiple_of(ALIGNMENT);
    multiple(bytes.as_ptr().addr()) && multiple(bytes.len()) && multiple(offset as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_stays_in_order_and_aligned() {
        let data: Vec<u8> = (0..20_000).map(|n| (n % 251) as u8).collect();
        let mut buffer = AlignedBuffer::new(8_192);
        for round in 0..3 {
            assert_eq!(buffer.push(&data[..5_000]), 5_000);
            assert!(!is_aligned(buffer.as_slice(), 0));
            assert_eq!(buffer.push(&data[5_000..]), 3_192, "round {round}");
            assert_eq!(buffer.push(&data), 0);
            assert_eq!(buffer.as_slice(), &data[..8_192]);
            assert!(is_aligned(buffer.as_slice(), 4_096));
            assert!(!is_aligned(buffer.as_slice(), 512));
            buffer.clear();
            assert!(buffer.is_empty());
        }
    }
}
