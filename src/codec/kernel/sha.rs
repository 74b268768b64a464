//! Two SHA-256 streams in one pass, with the processor's SHA instructions.
//!
//! One stream waits for each of its rounds; a second one fills that time. What is more than two
//! streams of one length is better off in lanes ([`crate::codec::many`]).
#![allow(unsafe_code, reason = "vector instructions")]

use crate::base::hash::Hash;
use std::arch::x86_64::*;

/// Bytes that are compressed at once.
pub const BLOCK: usize = 64;

/// A hash under way, in the order of the instructions' registers: F E B A, H G D C.
#[derive(Clone)]
pub struct State([[u32; 4]; 2]);

impl State {
    /// The standard's H(0).
    pub const START: Self = Self([
        [0x9b05_688c, 0x510e_527f, 0xbb67_ae85, 0x6a09_e667],
        [0x5be0_cd19, 0x1f83_d9ab, 0xa54f_f53a, 0x3c6e_f372],
    ]);

    /// The words A to H.
    pub fn words(&self) -> [u32; 8] {
        let [[f, e, b, a], [h, g, d, c]] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

/// What follows a message of `len` bytes: it makes the last block whole.
pub fn padding(len: u64) -> Vec<u8> {
    let bits = (len * 8).to_be_bytes();
    let zeros = (2 * BLOCK - 1 - bits.len() - (len % BLOCK as u64) as usize) % BLOCK;
    let mut padding = vec![0x80];
    padding.resize(1 + zeros, 0);
    padding.extend_from_slice(&bits);
    padding
}

/// The hash that a state's words A to H are, once the padding is in.
pub fn digest(words: [u32; 8]) -> Hash {
    let mut hash = Hash::default();
    for (to, word) in hash.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    hash
}

/// Proof that the machine has the instructions.
#[derive(Clone, Copy)]
pub struct Sha(());

impl Sha {
    pub fn detect() -> Option<Self> {
        let present = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        present.then_some(Self(()))
    }

    /// Compresses the whole blocks of `bytes`.
    pub fn one(self, state: &mut State, bytes: &[u8]) {
        // SAFETY: `self` proves that the instructions are present.
        unsafe { one(state, bytes.as_chunks().0) }
    }

    /// Compresses the whole blocks of `a.1` and as many of `b.1` into their states, in step. What
    /// one has more than the other is left alone.
    pub fn two(self, a: (&mut State, &[u8]), b: (&mut State, &[u8])) {
        // SAFETY: as above.
        unsafe { two((a.0, a.1.as_chunks().0), (b.0, b.1.as_chunks().0)) }
    }
}

/// The round constants, four to a vector.
pub(super) static ROUNDS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// A state in registers, and the last sixteen words of its message schedule.
#[derive(Clone, Copy)]
struct Stream {
    abef: __m128i,
    cdgh: __m128i,
    words: [__m128i; 4],
}

impl Stream {
    #[inline(always)]
    unsafe fn load(state: &State) -> Self {
        let [abef, cdgh] = &state.0;
        // SAFETY: each part of the state is the 16 readable bytes of a vector. The instructions are
        // present: only functions that enable them call this.
        unsafe {
            let (abef, cdgh) = (load(abef.as_ptr().cast()), load(cdgh.as_ptr().cast()));
            Self { abef, cdgh, words: [_mm_setzero_si128(); 4] }
        }
    }

    #[inline(always)]
    unsafe fn store(self, state: &mut State) {
        let [abef, cdgh] = &mut state.0;
        // SAFETY: as in `load`, and writable.
        unsafe {
            _mm_storeu_si128(abef.as_mut_ptr().cast(), self.abef);
            _mm_storeu_si128(cdgh.as_mut_ptr().cast(), self.cdgh);
        }
    }

    /// Four rounds, the `I`th of sixteen times.
    #[allow(clippy::indexing_slicing, reason = "constants, each remainder below 4")]
    #[inline(always)]
    unsafe fn rounds<const I: usize>(&mut self, block: &[u8; BLOCK]) {
        let (now, next, after, last) = (I % 4, (I + 1) % 4, (I + 2) % 4, (I + 3) % 4);
        let w = &mut self.words;
        // SAFETY: the instructions are present, as in `load`; the block's vector and the constants'
        // are 16 readable bytes each.
        unsafe {
            w[now] = if I < 4 {
                let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
                _mm_shuffle_epi8(load(block.as_ptr().add(16 * now)), big_endian)
            } else {
                let sum = _mm_add_epi32(
                    _mm_sha256msg1_epu32(w[now], w[next]),
                    _mm_alignr_epi8::<4>(w[last], w[after]),
                );
                _mm_sha256msg2_epu32(sum, w[last])
            };
            let sum = _mm_add_epi32(w[now], load(ROUNDS[I].as_ptr().cast()));
            self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, sum);
            self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, _mm_shuffle_epi32::<0x0e>(sum));
        }
    }

    /// Adds what a block began with.
    #[inline(always)]
    unsafe fn add(&mut self, before: Self) {
        // SAFETY: the instructions are present, as in `load`.
        unsafe {
            self.abef = _mm_add_epi32(self.abef, before.abef);
            self.cdgh = _mm_add_epi32(self.cdgh, before.cdgh);
        }
    }
}

#[inline(always)]
unsafe fn load(from: *const u8) -> __m128i {
    // SAFETY: the caller vouches for 16 readable bytes; no alignment is needed.
    unsafe { _mm_loadu_si128(from.cast()) }
}

macro_rules! all_rounds {
    ($(($stream:ident, $block:ident))+) => {
        all_rounds!(@ [$(($stream, $block))+] 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $streams:tt $($i:literal)+) => { $(all_rounds!(@@ $i $streams);)+ };
    (@@ $i:literal [$(($stream:ident, $block:ident))+]) => { $($stream.rounds::<$i>($block);)+ };
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
unsafe fn one(state: &mut State, blocks: &[[u8; BLOCK]]) {
    // SAFETY: the instructions are enabled here.
    unsafe {
        let mut a = Stream::load(state);
        for block in blocks {
            let before = a;
            all_rounds!((a, block));
            a.add(before);
        }
        a.store(state);
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
unsafe fn two(one: (&mut State, &[[u8; BLOCK]]), other: (&mut State, &[[u8; BLOCK]])) {
    // SAFETY: the instructions are enabled here.
    unsafe {
        let (mut a, mut b) = (Stream::load(one.0), Stream::load(other.0));
        for (block_a, block_b) in one.1.iter().zip(other.1) {
            let before = (a, b);
            all_rounds!((a, block_a)(b, block_b));
            a.add(before.0);
            b.add(before.1);
        }
        a.store(one.0);
        b.store(other.0);
    }
}
