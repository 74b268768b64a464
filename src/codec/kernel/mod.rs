//! The erasure code's one heavy step: `outputs = coefficients × inputs` over GF(2^8).
//!
//! [`apply`] picks the widest instruction set that the machine has; every kernel gives the same
//! bytes as [`scalar`]. A kernel keeps a few output rows in registers, loads each input vector once
//! for all of them, and stores each output once. Columns are worked off in runs that leave the
//! inputs in the first-level cache. Lengths and addresses need no alignment.
//!
//! [`sha`] and [`sha_lanes`] beside it hash several streams in one pass.
//!
//! `unsafe` is allowed below this folder only: vector loads through pointers, behind functions whose
//! slices have been checked to have one length.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod gfni;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
pub mod sha;
#[cfg(target_arch = "x86_64")]
pub mod sha_lanes;
mod tables;

use std::ops::Range;
use std::sync::LazyLock;

/// Bytes of input that stay in the first-level cache while a run of columns is worked off.
const RUN_BYTES: usize = 24 << 10;
/// The shortest run; with very many inputs the second-level cache has to do.
const RUN_MIN: usize = 512;

/// The shapes of matrix and blocks do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matrix and blocks do not fit together")]
pub struct BadShape;

/// One group of rows over one run of columns. All slices have been checked: as many coefficients in
/// each row as inputs, as many rows as outputs, `range` within every slice.
type Group = fn(&[&[u8]], &[&[u8]], &mut [&mut [u8]], Range<usize>);

/// An instruction set's way to multiply.
#[derive(Clone, Copy)]
pub struct Kernel {
    name: &'static str,
    /// Output rows that fit its registers.
    rows: usize,
    group: Group,
}

static BEST: LazyLock<Kernel> =
    LazyLock::new(|| available().into_iter().next_back().unwrap_or(SCALAR));

const SCALAR: Kernel = Kernel { name: "scalar", rows: 1, group: scalar::group };

/// The kernels that this machine can run, the best one last.
pub fn available() -> Vec<Kernel> {
    let mut kernels = vec![SCALAR];
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(avx2::kernel());
        kernels.extend(gfni::kernel_256());
        kernels.extend(gfni::kernel_512());
    }
    #[cfg(target_arch = "aarch64")]
    kernels.extend(neon::kernel());
    kernels
}

/// `outputs[r] = Σ coefficients[r][c] · inputs[c]`, with the best kernel.
pub fn apply(
    coefficients: &[&[u8]],
    inputs: &[&[u8]],
    outputs: &mut [&mut [u8]],
) -> Result<(), BadShape> {
    BEST.apply(coefficients, inputs, outputs)
}

impl Kernel {
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// [`apply`] with this kernel.
    pub fn apply(
        &self,
        coefficients: &[&[u8]],
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) -> Result<(), BadShape> {
        let len = inputs.first().ok_or(BadShape)?.len();
        let fits = coefficients.len() == outputs.len()
            && coefficients.iter().all(|row| row.len() == inputs.len())
            && inputs.iter().all(|block| block.len() == len)
            && outputs.iter().all(|block| block.len() == len);
        if !fits {
            return Err(BadShape);
        }
        let run = (RUN_BYTES / inputs.len() / 64 * 64).max(RUN_MIN);
        let groups = outputs.len().div_ceil(self.rows);
        let rows = outputs.len().div_ceil(groups.max(1)).max(1);
        for from in (0..len).step_by(run) {
            let range = from..(from + run).min(len);
            for (matrix, outputs) in coefficients.chunks(rows).zip(outputs.chunks_mut(rows)) {
                (self.group)(matrix, inputs, outputs, range.clone());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seeded::bytes;
    use crate::codec::gf::mul;

    fn run(kernel: &Kernel, matrix: &[Vec<u8>], inputs: &[Vec<u8>], len: usize) -> Vec<Vec<u8>> {
        let matrix: Vec<&[u8]> = matrix.iter().map(Vec::as_slice).collect();
        let inputs: Vec<&[u8]> = inputs.iter().map(|block| &block[..len]).collect();
        let mut outputs = vec![vec![0xee; len]; matrix.len()];
        let mut slices: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        kernel.apply(&matrix, &inputs, &mut slices).unwrap();
        outputs
    }

    #[test]
    fn every_kernel_multiplies_every_pair() {
        let input: Vec<u8> = (0..=255).collect();
        for kernel in available() {
            for coefficient in 0..=255 {
                let wanted: Vec<u8> = input.iter().map(|x| mul(coefficient, *x)).collect();
                let got = run(&kernel, &[vec![coefficient]], std::slice::from_ref(&input), 256);
                assert_eq!(got, [wanted], "{} times {coefficient}", kernel.name());
            }
        }
    }

    #[test]
    fn every_kernel_equals_the_scalar_one_at_odd_lengths() {
        let lengths = (0..=130).chain([255, 1000, 4095, 8192 + 33, 43_691]);
        for len in lengths {
            for (rows, columns) in [(1, 1), (7, 3), (4, 3), (13, 7), (3, 60), (11, 2)] {
                let inputs: Vec<_> = (0..columns).map(|c| bytes(17 * c + 3, len + 1)).collect();
                let matrix: Vec<_> = (0..rows).map(|r| bytes(r + 99, columns as usize)).collect();
                let wanted = run(&SCALAR, &matrix, &inputs, len);
                for kernel in available() {
                    let got = run(&kernel, &matrix, &inputs, len);
                    assert_eq!(got, wanted, "{}, {rows}x{columns}, {len} bytes", kernel.name());
                }
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let (short, long) = (vec![0; 3], vec![0; 4]);
        let mut out = vec![0; 3];
        assert_eq!(apply(&[], &[], &mut []), Err(BadShape));
        assert_eq!(apply(&[&[1, 2]], &[&short, &long], &mut [&mut out]), Err(BadShape));
        assert_eq!(apply(&[&[1]], &[&long], &mut [&mut out]), Err(BadShape));
        assert_eq!(apply(&[&[1, 1]], &[&short], &mut [&mut out]), Err(BadShape));
        assert_eq!(apply(&[], &[&short], &mut [&mut out]), Err(BadShape));
        assert_eq!(apply(&[], &[&short], &mut []), Ok(()));
    }
}
