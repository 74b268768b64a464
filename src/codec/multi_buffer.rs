//! Tagged hashes of many messages that arrive side by side, in pieces of one length.
//!
//! As fast as [`super::many`], and bytes can be hashed as soon as they are made, while the cache has
//! them. The results are those of [`crate::base::hash::tagged`].

#[cfg(target_arch = "x86_64")]
pub use streams::MultiBuffer;

#[cfg(target_arch = "x86_64")]
mod streams {
    use crate::base::hash::{Hash, netstring};
    use crate::codec::kernel::sha::{BLOCK, digest, padding};
    use crate::codec::kernel::sha_lanes::{Group, LANES, Lanes};

    /// Hashes under way.
    pub struct MultiBuffer {
        lanes: Lanes,
        groups: Vec<Group>,
        /// Of each message the bytes that are no whole block yet, and how many of all.
        rests: Vec<[u8; BLOCK]>,
        have: usize,
        /// Bytes so far of each, the tag's and the rest among them.
        len: u64,
    }

    impl MultiBuffer {
        /// For `count` messages. `None` where whole messages are quicker: without the instructions,
        /// or if many lanes of the vectors were idle.
        pub fn new(tag: &[u8], count: usize) -> Option<Self> {
            let groups = count.div_ceil(LANES);
            let worth = count > 0 && 4 * count >= 3 * groups * LANES;
            let mut new = Self {
                lanes: Lanes::detect().filter(|_| worth)?,
                groups: vec![Group::start(); groups],
                rests: vec![[0; BLOCK]; count],
                have: 0,
                len: 0,
            };
            new.update(&vec![netstring(tag).as_slice(); count]);
            Some(new)
        }

        /// The next bytes of each message, of one length.
        pub fn update(&mut self, pieces: &[&[u8]]) {
            let len = pieces.iter().map(|piece| piece.len()).min().unwrap_or(0);
            debug_assert!(pieces.iter().all(|piece| piece.len() == len), "of one length");
            self.len += len as u64;
            let fill = if self.have == 0 { 0 } else { len.min(BLOCK - self.have) };
            self.keep(pieces, 0, fill);
            if self.have == BLOCK {
                let full: Vec<&[u8]> = self.rests.iter().map(<[u8; BLOCK]>::as_slice).collect();
                self.lanes.compress(&mut self.groups, &full);
                self.have = 0;
            }
            let whole = (len - fill) / BLOCK * BLOCK;
            let blocks = pieces.iter().map(|piece| piece.get(fill..fill + whole));
            let blocks: Vec<&[u8]> = blocks.map(Option::unwrap_or_default).collect();
            self.lanes.compress(&mut self.groups, &blocks);
            self.keep(pieces, fill + whole, len);
        }

        /// Keeps these bytes of each piece for the next block.
        fn keep(&mut self, pieces: &[&[u8]], from: usize, to: usize) {
            let end = self.have + (to - from);
            for (rest, piece) in self.rests.iter_mut().zip(pieces) {
                if let Some((room, bytes)) = rest.get_mut(self.have..end).zip(piece.get(from..to)) {
                    room.copy_from_slice(bytes);
                }
            }
            self.have = end;
        }

        /// The hashes, in order.
        pub fn finish(mut self) -> Vec<Hash> {
            let count = self.rests.len();
            self.update(&vec![padding(self.len).as_slice(); count]);
            let words = self.groups.iter().flat_map(Group::words).take(count);
            let inner: Vec<Hash> = words.map(digest).collect();
            let inner: Vec<&[u8]> = inner.iter().map(Hash::as_slice).collect();
            let mut hashes = vec![Hash::default(); count];
            tape_sha256::hash_many(&inner, &mut hashes);
            hashes
        }
    }
}

/// For processors of which none is known to gain by it.
#[cfg(not(target_arch = "x86_64"))]
pub enum MultiBuffer {}

#[cfg(not(target_arch = "x86_64"))]
impl MultiBuffer {
    pub fn new(_: &[u8], _: usize) -> Option<Self> {
        None
    }

    pub fn update(&mut self, _: &[&[u8]]) {
        match *self {}
    }

    pub fn finish(self) -> Vec<crate::base::hash::Hash> {
        match self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::{Hash, tagged};
    use proptest::prelude::*;

    /// A machine without the instructions has nothing to compare.
    fn check(tag: &[u8], count: usize, lengths: &[usize]) {
        let Some(mut hashes) = MultiBuffer::new(tag, count) else { return };
        let total: usize = lengths.iter().sum();
        let byte = |message: usize, at: usize| (message * 31 + at * 7 + at / 256) as u8;
        let messages: Vec<Vec<u8>> =
            (0..count).map(|message| (0..total).map(|at| byte(message, at)).collect()).collect();
        let mut at = 0;
        for len in lengths {
            let pieces: Vec<&[u8]> = messages.iter().map(|m| &m[at..at + len]).collect();
            hashes.update(&pieces);
            at += len;
        }
        let wanted: Vec<Hash> = messages.iter().map(|message| tagged(tag, message)).collect();
        assert_eq!(hashes.finish(), wanted, "{count} messages in pieces of {lengths:?}");
    }

    #[test]
    fn whatever_the_length_hashes_are_those_of_each_alone() {
        for count in [12, 13, 16, 24, 30, 32, 40, 48, 60, 64] {
            for len in (0..130).chain([4096, 5000]) {
                check(b"tag", count, &[len]);
            }
        }
    }

    #[test]
    fn few_messages_are_left_to_others() {
        for count in [0, 1, 10, 11, 17, 20, 23, 33] {
            assert!(MultiBuffer::new(b"tag", count).is_none(), "{count}");
        }
    }

    proptest! {
        #[test]
        fn pieces_may_be_cut_anywhere(
            tag in prop::collection::vec(any::<u8>(), 0..150),
            count in 12usize..66,
            lengths in prop::collection::vec(0usize..400, 0..9),
        ) {
            check(&tag, count, &lengths);
        }
    }
}
