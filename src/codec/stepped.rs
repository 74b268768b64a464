//! Two tagged hashes that take the same bytes in one pass.
//!
//! The hash of the whole ciphertext and that of each segment see every byte, one after the other.
//! Where the processor has SHA instructions both go in step, which takes less than the time of two.
//! The results are those of [`crate::base::hash::Tagged`], which stands in where it has none.

use crate::base::hash::{Hash, Tagged};
#[cfg(target_arch = "x86_64")]
use stream::Stream;

/// A tagged hash that may go in step with another one.
pub struct Stepped(Kind);

enum Kind {
    Plain(Tagged),
    #[cfg(target_arch = "x86_64")]
    Stream(Stream),
}

impl Stepped {
    pub fn new(tag: &[u8]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(stream) = Stream::new(tag) {
            return Self(Kind::Stream(stream));
        }
        Self(Kind::Plain(Tagged::new(tag)))
    }

    /// Both take `bytes`.
    pub fn update_both(&mut self, other: &mut Self, bytes: &[u8]) {
        match (&mut self.0, &mut other.0) {
            #[cfg(target_arch = "x86_64")]
            (Kind::Stream(a), Kind::Stream(b)) => Stream::update_both(a, b, bytes),
            (a, b) => {
                a.update(bytes);
                b.update(bytes);
            }
        }
    }

    pub fn finish(self) -> Hash {
        match self.0 {
            Kind::Plain(tagged) => tagged.finish(),
            #[cfg(target_arch = "x86_64")]
            Kind::Stream(stream) => stream.finish(),
        }
    }
}

impl Kind {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(tagged) => tagged.update(bytes),
            #[cfg(target_arch = "x86_64")]
            Self::Stream(stream) => stream.update(bytes),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod stream {
    use crate::base::hash::{Hash, netstring, sha256};
    use crate::codec::kernel::sha::{BLOCK, Sha, State, digest, padding};

    /// A tagged hash over the processor's SHA instructions.
    pub struct Stream {
        sha: Sha,
        state: State,
        /// Bytes that are no whole block yet, and how many.
        rest: [u8; BLOCK],
        have: usize,
        /// Bytes so far, those of the rest among them.
        len: u64,
    }

    impl Stream {
        /// `None` where the instructions are missing.
        pub fn new(tag: &[u8]) -> Option<Self> {
            let (state, rest) = (State::START, [0; BLOCK]);
            let mut stream = Self { sha: Sha::detect()?, state, rest, have: 0, len: 0 };
            stream.update(&netstring(tag));
            Some(stream)
        }

        pub fn update(&mut self, bytes: &[u8]) {
            let bytes = self.fill(bytes);
            self.sha.one(&mut self.state, bytes);
            self.keep(bytes);
        }

        pub fn update_both(a: &mut Self, b: &mut Self, bytes: &[u8]) {
            let (of_a, of_b) = (a.fill(bytes), b.fill(bytes));
            let whole = of_a.len().min(of_b.len()) / BLOCK * BLOCK;
            let ((both_a, of_a), (both_b, of_b)) = (of_a.split_at(whole), of_b.split_at(whole));
            a.sha.two((&mut a.state, both_a), (&mut b.state, both_b));
            for (stream, bytes) in [(a, of_a), (b, of_b)] {
                stream.sha.one(&mut stream.state, bytes);
                stream.keep(bytes);
            }
        }

        /// Counts `bytes`, and completes the block that was begun; what is left of them.
        fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
            self.len += bytes.len() as u64;
            if self.have == 0 {
                return bytes;
            }
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.have));
            self.put(now);
            if self.have == BLOCK {
                self.sha.one(&mut self.state, &self.rest);
                self.have = 0;
            }
            later
        }

        /// Keeps what follows the last whole block of `bytes`.
        fn keep(&mut self, bytes: &[u8]) {
            self.put(bytes.as_chunks::<BLOCK>().1);
        }

        fn put(&mut self, bytes: &[u8]) {
            let end = self.have + bytes.len();
            if let Some(room) = self.rest.get_mut(self.have..end) {
                room.copy_from_slice(bytes);
                self.have = end;
            }
        }

        pub fn finish(mut self) -> Hash {
            self.update(&padding(self.len));
            sha256(&digest(self.state.words()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(tag: &[u8], bytes: &[u8]) -> Hash {
        crate::base::hash::tagged(tag, bytes)
    }

    #[test]
    fn every_length_around_a_block_hashes_as_alone() {
        let data: Vec<u8> = (0..400u32).map(|n| (n * 7 + n / 256) as u8).collect();
        for tag in [b"".as_slice(), b"tag", &[7; 60]] {
            for len in 0..data.len() {
                let (mut a, mut b) = (Stepped::new(tag), Stepped::new(b"another"));
                a.update_both(&mut b, &data[..len]);
                assert_eq!(a.finish(), plain(tag, &data[..len]), "{len} bytes");
                assert_eq!(b.finish(), plain(b"another", &data[..len]), "{len} bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn one_may_begin_anew_wherever_it_likes(
            pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..700), any::<bool>()), 1..20)
        ) {
            let mut all = (Stepped::new(b"all"), Vec::new());
            let mut part = (Stepped::new(b"part"), Vec::new());
            for (piece, anew) in pieces {
                if anew {
                    prop_assert_eq!(part.0.finish(), plain(b"part", &part.1));
                    part = (Stepped::new(b"part"), Vec::new());
                }
                all.0.update_both(&mut part.0, &piece);
                all.1.extend_from_slice(&piece);
                part.1.extend_from_slice(&piece);
            }
            prop_assert_eq!(all.0.finish(), plain(b"all", &all.1));
            prop_assert_eq!(part.0.finish(), plain(b"part", &part.1));
        }
    }

    #[test]
    fn plain_hashes_do_the_same() {
        let mut a = Stepped(Kind::Plain(Tagged::new(b"a")));
        let mut b = Stepped::new(b"b");
        a.update_both(&mut b, b"bytes");
        assert_eq!((a.finish(), b.finish()), (plain(b"a", b"bytes"), plain(b"b", b"bytes")));
    }
}
