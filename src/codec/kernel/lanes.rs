//! The loop that all vector kernels share.
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::scalar;
use std::ops::Range;

/// A vector register of bytes and how to multiply it.
///
/// # Safety
/// Every function may be called only where the instruction set is present; `load` and `store` touch
/// `BYTES` bytes at the pointer.
pub unsafe trait Lane: Copy {
    const BYTES: usize;
    /// One coefficient in the shape that `mul` wants.
    type Factor: Copy;
    /// An input vector in the shape that `mul` wants.
    type Input: Copy;

    unsafe fn zero() -> Self;
    unsafe fn load(from: *const u8) -> Self::Input;
    unsafe fn store(self, to: *mut u8);
    unsafe fn xor(self, other: Self) -> Self;
    unsafe fn factor(coefficient: u8) -> Self::Factor;
    unsafe fn mul(input: Self::Input, factor: Self::Factor) -> Self;
}

/// `R` output rows over `range`: two vectors at a time, then one, then one that overlaps what is
/// already done (outputs never alias inputs, so computing a byte twice is harmless).
///
/// # Safety
/// The lane's instruction set is present; there are `R` rows and outputs, each row has a
/// coefficient for each input, and `range` lies within every slice.
#[inline(always)]
pub unsafe fn rows<L: Lane, const R: usize>(
    matrix: &[&[u8]],
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    range: Range<usize>,
) {
    if range.len() < L::BYTES {
        return scalar::group(matrix, inputs, outputs, range);
    }
    let mut at = range.start;
    while at + 2 * L::BYTES <= range.end {
        // SAFETY: `at` and the two vectors from there lie within `range`.
        unsafe { step::<L, R, 2>(matrix, inputs, outputs, at) };
        at += 2 * L::BYTES;
    }
    while at + L::BYTES <= range.end {
        // SAFETY: as above, with one vector.
        unsafe { step::<L, R, 1>(matrix, inputs, outputs, at) };
        at += L::BYTES;
    }
    if at < range.end {
        // SAFETY: `range` is at least one vector long, so its last vector lies within it.
        unsafe { step::<L, R, 1>(matrix, inputs, outputs, range.end - L::BYTES) };
    }
}

/// `R` output rows of `V` vectors at column `at`.
///
/// # Safety
/// As for [`rows`]; `at + V * BYTES` lies within every slice.
#[inline(always)]
unsafe fn step<L: Lane, const R: usize, const V: usize>(
    matrix: &[&[u8]],
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
    at: usize,
) {
    // SAFETY: the caller vouches for instruction set, row count and column range.
    unsafe {
        let mut sums = [[L::zero(); V]; R];
        for (column, input) in inputs.iter().enumerate() {
            let from = input.as_ptr().add(at);
            let vectors: [L::Input; V] = std::array::from_fn(|v| L::load(from.add(v * L::BYTES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = L::factor(*matrix.get_unchecked(row).get_unchecked(column));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = sum.xor(L::mul(vector, factor));
                }
            }
        }
        for (output, sums) in outputs.iter_mut().zip(sums) {
            let to = output.as_mut_ptr().add(at);
            for (v, sum) in sums.into_iter().enumerate() {
                sum.store(to.add(v * L::BYTES));
            }
        }
    }
}

/// A group function of one instruction set: `fn` with the number of rows as a constant inside.
macro_rules! group {
    ($name:ident, $lane:ty, $features:literal, $($rows:literal)+) => {
        fn $name(
            matrix: &[&[u8]],
            inputs: &[&[u8]],
            outputs: &mut [&mut [u8]],
            range: std::ops::Range<usize>,
        ) {
            #[target_feature(enable = $features)]
            unsafe fn all(
                matrix: &[&[u8]],
                inputs: &[&[u8]],
                outputs: &mut [&mut [u8]],
                range: std::ops::Range<usize>,
            ) {
                match outputs.len() {
                    // SAFETY: the caller vouches for the shapes; the row count is matched here.
                    $($rows => unsafe {
                        $crate::codec::kernel::lanes::rows::<$lane, $rows>(
                            matrix, inputs, outputs, range,
                        )
                    },)+
                    _ => $crate::codec::kernel::scalar::group(matrix, inputs, outputs, range),
                }
            }
            // SAFETY: a kernel is offered only after its instruction set was detected, and
            // `Kernel::apply` has checked the shapes.
            unsafe { all(matrix, inputs, outputs, range) }
        }
    };
}
pub(super) use group;
