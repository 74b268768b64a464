//! Sixteen SHA-256 streams in the lanes of AVX-512 vectors, and twice sixteen in one pass.
//!
//! A round waits for the last one; the rounds of a second group fill that time. Unlike the crate
//! behind [`crate::codec::many`], which takes messages as a whole, a group can be left and taken up
//! again, so bytes are hashed while they are in the cache from what made them.
#![allow(unsafe_code, reason = "vector instructions")]
#![allow(clippy::indexing_slicing, reason = "constant indices below the arrays' lengths")]

use super::sha::{BLOCK, ROUNDS, State};
use std::arch::x86_64::*;
use std::array::from_fn;

/// Streams of a group.
pub const LANES: usize = 16;

/// The states of sixteen hashes under way: words A to H, each of all lanes.
#[derive(Clone)]
pub struct Group([[u32; LANES]; 8]);

impl Group {
    pub fn start() -> Self {
        Self(State::START.words().map(|word| [word; LANES]))
    }

    /// The words A to H of each lane.
    pub fn words(&self) -> [[u32; 8]; LANES] {
        from_fn(|lane| self.0.map(|word| word[lane]))
    }
}

/// Proof that the machine has the instructions.
#[derive(Clone, Copy)]
pub struct Lanes(());

impl Lanes {
    pub fn detect() -> Option<Self> {
        let present = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        present.then_some(Self(()))
    }

    /// Compresses whole blocks of each input into the lane of its number, of all inputs as many as
    /// the shortest has. Lanes without an input are of no use afterwards.
    pub fn compress(self, groups: &mut [Group], inputs: &[&[u8]]) {
        let blocks = inputs.iter().map(|input| input.len() / BLOCK).min().unwrap_or(0);
        for (groups, inputs) in groups.chunks_mut(2).zip(inputs.chunks(2 * LANES)) {
            let mut sources = inputs.chunks(LANES).map(sources);
            match (groups, sources.next(), sources.next()) {
                // SAFETY: `self` proves that the instructions are present, and every source is the
                // beginning of so many blocks.
                ([a, b], Some(of_a), Some(of_b)) => unsafe { two((a, &of_a), (b, &of_b), blocks) },
                // SAFETY: as above.
                ([a, ..], Some(of_a), _) => unsafe { one((a, &of_a), blocks) },
                _ => {}
            }
        }
    }
}

/// Where the bytes of each lane are.
type Sources = [*const u8; LANES];

/// Lanes without an input repeat the first one.
fn sources(inputs: &[&[u8]]) -> Sources {
    from_fn(|lane| inputs.get(lane).unwrap_or(&inputs[0]).as_ptr())
}

/// One word of every lane.
type Word = __m512i;

#[inline(always)]
unsafe fn load(group: &Group) -> [Word; 8] {
    // SAFETY: a word of all lanes is the 64 readable bytes of a vector. The instructions are
    // present: only functions that enable them call this.
    unsafe {
        let mut state = [_mm512_setzero_si512(); 8];
        for (to, word) in state.iter_mut().zip(&group.0) {
            *to = _mm512_loadu_si512(word.as_ptr().cast());
        }
        state
    }
}

#[inline(always)]
unsafe fn store(group: &mut Group, state: [Word; 8]) {
    for (to, word) in group.0.iter_mut().zip(state) {
        // SAFETY: as in `load`, and writable.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), word) }
    }
}

#[inline(always)]
unsafe fn add(a: Word, b: Word) -> Word {
    // SAFETY: the instructions are present, as in `load`; so they are in all that follows.
    unsafe { _mm512_add_epi32(a, b) }
}

#[inline(always)]
unsafe fn add_all(state: &mut [Word; 8], before: &[Word; 8]) {
    for (word, before) in state.iter_mut().zip(before) {
        // SAFETY: as in `add`.
        *word = unsafe { add(*word, *before) };
    }
}

#[inline(always)]
unsafe fn xor(a: Word, b: Word, c: Word) -> Word {
    // SAFETY: as in `add`.
    unsafe { _mm512_ternarylogic_epi32::<0x96>(a, b, c) }
}

/// The `I`th of eight rounds, after which A to H are in the places that they began in.
#[inline(always)]
unsafe fn round<const I: usize>(state: &mut [Word; 8], word: Word) {
    let [a, b, c, d, e, f, g, h] = from_fn(|name| (name + 8 - I % 8) % 8);
    // SAFETY: as in `add`.
    unsafe {
        let (of_a, of_e) = (state[a], state[e]);
        let sum_e = xor(
            _mm512_ror_epi32::<6>(of_e),
            _mm512_ror_epi32::<11>(of_e),
            _mm512_ror_epi32::<25>(of_e),
        );
        let choice = _mm512_ternarylogic_epi32::<0xca>(of_e, state[f], state[g]);
        let first = add(add(add(state[h], word), choice), sum_e);
        let sum_a = xor(
            _mm512_ror_epi32::<2>(of_a),
            _mm512_ror_epi32::<13>(of_a),
            _mm512_ror_epi32::<22>(of_a),
        );
        let majority = _mm512_ternarylogic_epi32::<0xe8>(of_a, state[b], state[c]);
        state[d] = add(state[d], first);
        state[h] = add(first, add(sum_a, majority));
    }
}

/// Word `I` of the next sixteen of the message schedule, in the place of the last sixteen's.
#[inline(always)]
unsafe fn extend<const I: usize>(words: &mut [Word; 16]) -> Word {
    let (near, far) = (words[(I + 1) % 16], words[(I + 14) % 16]);
    // SAFETY: as in `add`.
    unsafe {
        let near = xor(
            _mm512_ror_epi32::<7>(near),
            _mm512_ror_epi32::<18>(near),
            _mm512_srli_epi32::<3>(near),
        );
        let far = xor(
            _mm512_ror_epi32::<17>(far),
            _mm512_ror_epi32::<19>(far),
            _mm512_srli_epi32::<10>(far),
        );
        words[I] = add(add(words[I], words[(I + 9) % 16]), add(near, far));
    }
    words[I]
}

/// The sixteen words of a block, each of all lanes. `at` is the block's place in every source.
#[inline(always)]
unsafe fn transposed(sources: &Sources, at: usize) -> [Word; 16] {
    // Loops, not closures: those would be functions of their own, without the instructions.
    // SAFETY: the caller vouches for 64 readable bytes at `at` of every source.
    unsafe {
        let zero = _mm512_setzero_si512();
        let (mut rows, mut twos, mut fours, mut words) =
            ([zero; 16], [zero; 16], [zero; 16], [zero; 16]);
        for lane in 0..LANES {
            rows[lane] = _mm512_loadu_si512(sources[lane].add(at).cast());
        }
        for i in (0..16).step_by(2) {
            twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
            twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        }
        for i in (0..16).step_by(4) {
            fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
            fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
            fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
            fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
        }
        for i in 0..4 {
            let (a, b, c, d) = (fours[i], fours[4 + i], fours[8 + i], fours[12 + i]);
            let even = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d));
            let odd = (_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d));
            words[i] = _mm512_shuffle_i32x4::<0x88>(even.0, even.1);
            words[4 + i] = _mm512_shuffle_i32x4::<0x88>(odd.0, odd.1);
            words[8 + i] = _mm512_shuffle_i32x4::<0xdd>(even.0, even.1);
            words[12 + i] = _mm512_shuffle_i32x4::<0xdd>(odd.0, odd.1);
        }
        let big_endian =
            _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
        for word in &mut words {
            *word = _mm512_shuffle_epi8(*word, big_endian);
        }
        words
    }
}

macro_rules! sixteen_rounds {
    ($word:ident $constants:ident $groups:tt) => {
        sixteen_rounds!(@ $word $constants $groups 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $word:ident $constants:ident $groups:tt $($i:literal)+) => {
        $(sixteen_rounds!(@@ $i $word $constants $groups);)+
    };
    (@@ $i:literal $word:ident $constants:ident [$(($state:ident, $words:ident))+]) => {
        let constant = _mm512_set1_epi32($constants[$i].cast_signed());
        $(let word = $word::<$i>(&mut $words);
        round::<$i>(&mut $state, add(word, constant));)+
    };
}

/// Word `I` of the block itself.
#[inline(always)]
fn given<const I: usize>(words: &mut [Word; 16]) -> Word {
    words[I]
}

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn one(group: (&mut Group, &Sources), blocks: usize) {
    let (first, later) = constants();
    // SAFETY: the instructions are enabled here, and the caller vouches for the blocks.
    unsafe {
        let mut state = load(group.0);
        for block in 0..blocks {
            let before = state;
            let mut words = transposed(group.1, block * BLOCK);
            sixteen_rounds!(given first [(state, words)]);
            for next in later {
                sixteen_rounds!(extend next [(state, words)]);
            }
            add_all(&mut state, &before);
        }
        store(group.0, state);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn two(a: (&mut Group, &Sources), b: (&mut Group, &Sources), blocks: usize) {
    let (first, later) = constants();
    // SAFETY: as in `one`.
    unsafe {
        let (mut of_a, mut of_b) = (load(a.0), load(b.0));
        for block in 0..blocks {
            let before = (of_a, of_b);
            let mut words_a = transposed(a.1, block * BLOCK);
            let mut words_b = transposed(b.1, block * BLOCK);
            sixteen_rounds!(given first [(of_a, words_a)(of_b, words_b)]);
            // Not unrolled: the code would not fit the first-level cache.
            for next in later {
                sixteen_rounds!(extend next [(of_a, words_a)(of_b, words_b)]);
            }
            add_all(&mut of_a, &before.0);
            add_all(&mut of_b, &before.1);
        }
        store(a.0, of_a);
        store(b.0, of_b);
    }
}

/// The round constants, sixteen at a time.
fn constants() -> (&'static [u32; 16], &'static [[u32; 16]]) {
    match ROUNDS.as_flattened().as_chunks().0 {
        [first, later @ ..] => (first, later),
        [] => (&[0; 16], &[]),
    }
}
