//! AVX2: two 16-entry table look-ups (`vpshufb`) a vector and row.
#![allow(unsafe_code, reason = "vector instructions")]

use super::Kernel;
use super::lanes::{Lane, group};
use super::tables::nibble_table;
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
struct Vector(__m256i);

// SAFETY: `load` and `store` touch 32 bytes and need no alignment.
unsafe impl Lane for Vector {
    const BYTES: usize = 32;
    type Factor = (__m256i, __m256i);
    type Input = (__m256i, __m256i);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: AVX2 is present (contract of `Lane`).
        Self(unsafe { _mm256_setzero_si256() })
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Input {
        // SAFETY: AVX2 is present and 32 bytes are readable at `from`.
        unsafe {
            let bytes = _mm256_loadu_si256(from.cast());
            let mask = _mm256_set1_epi8(15);
            let high = _mm256_and_si256(_mm256_srli_epi64::<4>(bytes), mask);
            (_mm256_and_si256(bytes, mask), high)
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: AVX2 is present and 32 bytes are writable at `to`.
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: AVX2 is present.
        Self(unsafe { _mm256_xor_si256(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> Self::Factor {
        let table = nibble_table(coefficient).as_ptr();
        // SAFETY: AVX2 is present; the table has 32 bytes.
        unsafe {
            let half = |from: *const u8| _mm256_broadcastsi128_si256(_mm_loadu_si128(from.cast()));
            (half(table), half(table.add(16)))
        }
    }

    #[inline(always)]
    unsafe fn mul(input: Self::Input, factor: Self::Factor) -> Self {
        // SAFETY: AVX2 is present.
        unsafe {
            let low = _mm256_shuffle_epi8(factor.0, input.0);
            Self(_mm256_xor_si256(low, _mm256_shuffle_epi8(factor.1, input.1)))
        }
    }
}

group!(rows, Vector, "avx2", 1 2 3 4);

pub fn kernel() -> Option<Kernel> {
    is_x86_feature_detected!("avx2").then_some(Kernel { name: "avx2", rows: 4, group: rows })
}
