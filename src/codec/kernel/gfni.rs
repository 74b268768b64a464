//! GFNI: one `gf2p8affineqb` with the coefficient's bit matrix a vector and row.
#![allow(unsafe_code, reason = "vector instructions")]

use super::Kernel;
use super::lanes::{Lane, group};
use super::tables::BIT_MATRICES;
use std::arch::x86_64::*;

#[allow(clippy::indexing_slicing, reason = "a byte indexes 256 entries")]
#[inline(always)]
fn bit_matrix(coefficient: u8) -> i64 {
    BIT_MATRICES[coefficient as usize] as i64
}

/// A vector type over GFNI: name, register, bytes, and the intrinsics that differ.
macro_rules! lane {
    ($name:ident, $register:ty, $bytes:literal,
     $zero:ident $load:ident $store:ident $xor:ident $set:ident $affine:ident) => {
        #[derive(Clone, Copy)]
        struct $name($register);

        // SAFETY: `load` and `store` touch exactly the register's bytes and need no alignment.
        unsafe impl Lane for $name {
            const BYTES: usize = $bytes;
            type Factor = $register;
            type Input = $register;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the instruction set is present (contract of `Lane`).
                Self(unsafe { $zero() })
            }

            #[inline(always)]
            unsafe fn load(from: *const u8) -> Self::Input {
                // SAFETY: as above; the bytes are readable at `from`.
                unsafe { $load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut u8) {
                // SAFETY: as above; the bytes are writable at `to`.
                unsafe { $store(to.cast(), self.0) }
            }

            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                // SAFETY: the instruction set is present.
                Self(unsafe { $xor(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn factor(coefficient: u8) -> Self::Factor {
                // SAFETY: the instruction set is present.
                unsafe { $set(bit_matrix(coefficient)) }
            }

            #[inline(always)]
            unsafe fn mul(input: Self::Input, factor: Self::Factor) -> Self {
                // SAFETY: the instruction set is present.
                Self(unsafe { $affine::<0>(input, factor) })
            }
        }
    };
}

lane!(Vector256, __m256i, 32,
    _mm256_setzero_si256 _mm256_loadu_si256 _mm256_storeu_si256
    _mm256_xor_si256 _mm256_set1_epi64x _mm256_gf2p8affine_epi64_epi8);
lane!(Vector512, __m512i, 64,
    _mm512_setzero_si512 _mm512_loadu_si512 _mm512_storeu_si512
    _mm512_xor_si512 _mm512_set1_epi64 _mm512_gf2p8affine_epi64_epi8);

group!(rows_256, Vector256, "gfni,avx2", 1 2 3 4 5 6);
group!(rows_512, Vector512, "gfni,avx512f", 1 2 3 4 5 6 7 8 9 10);

pub fn kernel_256() -> Option<Kernel> {
    let present = is_x86_feature_detected!("gfni") && is_x86_feature_detected!("avx2");
    present.then_some(Kernel { name: "gfni-avx2", rows: 6, group: rows_256 })
}

pub fn kernel_512() -> Option<Kernel> {
    let present = is_x86_feature_detected!("gfni") && is_x86_feature_detected!("avx512f");
    present.then_some(Kernel { name: "gfni-avx512", rows: 10, group: rows_512 })
}
