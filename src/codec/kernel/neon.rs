//! NEON: two 16-entry table look-ups (`tbl`) a vector and row.
#![allow(unsafe_code, reason = "vector instructions")]
#![allow(unused_unsafe, reason = "some compilers know that every aarch64 has NEON")]

use super::Kernel;
use super::lanes::{Lane, group};
use super::tables::nibble_table;
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
struct Vector(uint8x16_t);

// SAFETY: `load` and `store` touch 16 bytes and need no alignment.
unsafe impl Lane for Vector {
    const BYTES: usize = 16;
    type Factor = (uint8x16_t, uint8x16_t);
    type Input = (uint8x16_t, uint8x16_t);

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: NEON is present (contract of `Lane`).
        Self(unsafe { vdupq_n_u8(0) })
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Input {
        // SAFETY: NEON is present and 16 bytes are readable at `from`.
        unsafe {
            let bytes = vld1q_u8(from);
            (vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8::<4>(bytes))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: NEON is present and 16 bytes are writable at `to`.
        unsafe { vst1q_u8(to, self.0) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: NEON is present.
        Self(unsafe { veorq_u8(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn factor(coefficient: u8) -> Self::Factor {
        let table = nibble_table(coefficient).as_ptr();
        // SAFETY: NEON is present; the table has 32 bytes.
        unsafe { (vld1q_u8(table), vld1q_u8(table.add(16))) }
    }

    #[inline(always)]
    unsafe fn mul(input: Self::Input, factor: Self::Factor) -> Self {
        // SAFETY: NEON is present.
        Self(unsafe { veorq_u8(vqtbl1q_u8(factor.0, input.0), vqtbl1q_u8(factor.1, input.1)) })
    }
}

group!(rows, Vector, "neon", 1 2 3 4 5 6);

pub fn kernel() -> Option<Kernel> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(Kernel {
        name: "neon",
        rows: 6,
        group: rows,
    })
}
