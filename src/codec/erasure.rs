//! The erasure code: any k of N blocks give back the segment (`docs/spec/formats-immutable.md` §7).
//!
//! ```text
//! V   row 0 = [1, 0, 0, …];  row r = [2^((r-1)·c)] over columns c      (N rows, k columns)
//! E   V · inverse(V[0..k])                    out[i] = Σ E[i][c] · in[c]
//! ```
//! The first k rows of E are the identity: primary shares are the segment's own pieces. The matrix
//! comes from the crate `zfec-rs`, by encoding the k unit vectors, once for each pair of counts; the
//! construction above is its cross-check. The bulk goes through [`super::kernel`], and decoding
//! inverts the rows of the shares in hand.

use super::gf::{self, Rows};
use super::kernel::{self, BadShape};
use crate::base::ShareNum;
use crate::base::file::Params;
use crate::base::lock::locked;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Matrices kept; caps of strangers choose the counts, and a matrix may have 64 KiB.
const MATRICES_MAX: usize = 32;

static MATRICES: LazyLock<Mutex<HashMap<Params, Arc<Rows>>>> = LazyLock::new(Mutex::default);

/// Blocks from which nothing can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Fewer or more blocks than are needed.
    #[error("{got} blocks, {needed} wanted")]
    Count { got: usize, needed: usize },
    /// The same share twice.
    #[error("share {0} is there twice")]
    Duplicate(ShareNum),
    /// A number beyond the file's shares.
    #[error("share {0} is not one of this file's")]
    NoSuchShare(ShareNum),
    /// Blocks of unequal length, or outputs that do not fit them.
    #[error("blocks of unequal length")]
    Length,
    /// Rows without inverse; the matrix of the format has none such.
    #[error("the shares do not determine the segment")]
    Singular,
}

impl From<BadShape> for CodeError {
    fn from(_: BadShape) -> Self {
        Self::Length
    }
}

/// The code of one pair of counts.
#[derive(Clone, Debug)]
pub struct Code {
    params: Params,
    matrix: Arc<Rows>,
}

impl Code {
    pub fn new(params: Params) -> Self {
        let mut matrices = locked(&MATRICES);
        if matrices.len() >= MATRICES_MAX && !matrices.contains_key(&params) {
            matrices.clear();
        }
        let matrix = matrices.entry(params).or_insert_with(|| Arc::new(matrix(params)));
        Self { params, matrix: Arc::clone(matrix) }
    }

    /// The coefficients of every share, by share number.
    pub fn matrix(&self) -> &[Vec<u8>] {
        &self.matrix
    }

    /// Computes the check blocks `k..N` of one segment whose k pieces are given.
    pub fn encode(&self, pieces: &[&[u8]], checks: &mut [&mut [u8]]) -> Result<(), CodeError> {
        let rows: Vec<&[u8]> =
            self.matrix.iter().skip(self.params.needed()).map(Vec::as_slice).collect();
        if checks.is_empty() && rows.is_empty() {
            return Ok(());
        }
        Ok(kernel::apply(&rows, pieces, checks)?)
    }

    /// A decoder for blocks of exactly these shares, in this order.
    pub fn decoder(&self, shares: &[ShareNum]) -> Result<Decoder, CodeError> {
        let needed = self.params.needed();
        if shares.len() != needed {
            return Err(CodeError::Count { got: shares.len(), needed });
        }
        let mut rows: Vec<&[u8]> = Vec::with_capacity(needed);
        for (i, share) in shares.iter().enumerate() {
            if shares.iter().take(i).any(|earlier| earlier == share) {
                return Err(CodeError::Duplicate(*share));
            }
            let row = self.matrix.get(usize::from(share.0));
            rows.push(row.ok_or(CodeError::NoSuchShare(*share))?);
        }
        let sources: Vec<Option<usize>> = (0..needed)
            .map(|piece| shares.iter().position(|share| usize::from(share.0) == piece))
            .collect();
        if sources.iter().all(Option::is_some) {
            return Ok(Decoder { sources, missing: Vec::new() });
        }
        let inverse = gf::invert(&rows).ok_or(CodeError::Singular)?;
        let missing = inverse.into_iter().zip(&sources);
        let missing = missing.filter(|(_, source)| source.is_none()).map(|(row, _)| row).collect();
        Ok(Decoder { sources, missing })
    }
}

/// Rebuilds segments from blocks of one choice of k shares.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// For each piece of the segment the input that is it, if any.
    sources: Vec<Option<usize>>,
    /// The coefficients of the pieces that no input is.
    missing: Rows,
}

impl Decoder {
    /// Rebuilds one segment, padding included, from a block of each share in the decoder's order.
    pub fn decode(&self, blocks: &[&[u8]], segment: &mut [u8]) -> Result<(), CodeError> {
        let needed = self.sources.len();
        if blocks.len() != needed {
            return Err(CodeError::Count { got: blocks.len(), needed });
        }
        let len = blocks.first().map_or(0, |block| block.len());
        let equal = blocks.iter().all(|block| block.len() == len);
        if !equal || len.checked_mul(needed) != Some(segment.len()) {
            return Err(CodeError::Length);
        }
        if len == 0 {
            return Ok(());
        }
        let mut missing = Vec::with_capacity(self.missing.len());
        for (source, piece) in self.sources.iter().zip(segment.chunks_exact_mut(len)) {
            match source.and_then(|source| blocks.get(source)) {
                Some(block) => piece.copy_from_slice(block),
                None => missing.push(piece),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let rows: Vec<&[u8]> = self.missing.iter().map(Vec::as_slice).collect();
        Ok(kernel::apply(&rows, blocks, &mut missing)?)
    }
}

/// The whole encoding matrix, from `zfec-rs`; the own construction if that crate refused.
fn matrix(params: Params) -> Rows {
    zfec_matrix(params).unwrap_or_else(|| own_matrix(params))
}

/// The code is linear: encoding the unit vectors gives the columns of its matrix.
fn zfec_matrix(params: Params) -> Option<Rows> {
    let (k, n) = (params.needed(), params.total());
    let mut units = vec![0; k * k];
    units.iter_mut().step_by(k + 1).for_each(|unit| *unit = 1);
    let fec = zfec_rs::Fec::new(k, n).ok()?;
    let (chunks, padding) = fec.encode(&units).ok()?;
    let fits = padding == 0 && chunks.len() == n && chunks.iter().all(|c| c.data.len() == k);
    fits.then(|| chunks.into_iter().map(|chunk| chunk.data).collect())
}

/// The matrix by its definition.
fn own_matrix(params: Params) -> Rows {
    let (k, n) = (params.needed(), params.total());
    let row = |r: usize| -> Vec<u8> {
        match r.checked_sub(1) {
            None => (0..k).map(|column| u8::from(column == 0)).collect(),
            Some(r) => (0..k).map(|column| gf::power(r * column)).collect(),
        }
    };
    let vandermonde: Rows = (0..n).map(row).collect();
    let top: Vec<&[u8]> = vandermonde.iter().take(k).map(Vec::as_slice).collect();
    gf::invert(&top).map_or_else(Rows::new, |inverse| gf::product(&vandermonde, &inverse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(k: u64, n: u64) -> Params {
        Params::new(k, n).unwrap()
    }

    fn blocks(code: &Code, pieces: &[Vec<u8>], n: usize) -> Vec<Vec<u8>> {
        let len = pieces[0].len();
        let inputs: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let mut checks = vec![vec![0; len]; n - pieces.len()];
        let mut outputs: Vec<&mut [u8]> = checks.iter_mut().map(Vec::as_mut_slice).collect();
        code.encode(&inputs, &mut outputs).unwrap();
        pieces.iter().cloned().chain(checks).collect()
    }

    #[test]
    fn the_matrix_of_the_crate_is_the_matrix_of_the_definition() {
        let small = (1..=14).flat_map(|n| (1..=n).map(move |k| (k, n)));
        for (k, n) in small.chain([(25, 100), (71, 255), (101, 256), (128, 256), (255, 256)]) {
            assert_eq!(zfec_matrix(params(k, n)), Some(own_matrix(params(k, n))), "{k} of {n}");
        }
    }

    #[test]
    fn any_k_shares_in_any_order_decode() {
        for (k, n) in [(1u64, 3u64), (2, 4), (3, 5), (3, 6)] {
            let code = Code::new(params(k, n));
            let pieces: Vec<Vec<u8>> =
                (0..k).map(|i| (0..45).map(|b| (b * 3 + i * 91) as u8).collect()).collect();
            let blocks = blocks(&code, &pieces, n as usize);
            let mut tried = 0;
            for choice in 0..n.pow(k as u32) {
                let shares: Vec<u8> =
                    (0..k).map(|i| (choice / n.pow(i as u32) % n) as u8).collect();
                let numbers: Vec<ShareNum> = shares.iter().copied().map(ShareNum).collect();
                let Ok(decoder) = code.decoder(&numbers) else { continue };
                let chosen: Vec<&[u8]> =
                    shares.iter().map(|s| blocks[*s as usize].as_slice()).collect();
                let mut segment = vec![0; 45 * k as usize];
                decoder.decode(&chosen, &mut segment).unwrap();
                assert_eq!(segment, pieces.concat(), "{shares:?} of {n}");
                tried += 1;
            }
            assert_eq!(tried, (n - k + 1..=n).product::<u64>());
        }
    }

    #[test]
    fn impossible_share_lists_are_refused() {
        let code = Code::new(params(3, 10));
        let decoder = |numbers: &[u8]| {
            code.decoder(&numbers.iter().copied().map(ShareNum).collect::<Vec<_>>()).map(drop)
        };
        assert_eq!(decoder(&[0, 1]), Err(CodeError::Count { got: 2, needed: 3 }));
        assert_eq!(decoder(&[0, 1, 2, 3]), Err(CodeError::Count { got: 4, needed: 3 }));
        assert_eq!(decoder(&[4, 1, 4]), Err(CodeError::Duplicate(ShareNum(4))));
        assert_eq!(decoder(&[4, 1, 10]), Err(CodeError::NoSuchShare(ShareNum(10))));
        assert_eq!(decoder(&[9, 1, 4]), Ok(()));
    }

    #[test]
    fn blocks_of_unequal_length_are_refused() {
        let decoder = Code::new(params(2, 3)).decoder(&[ShareNum(2), ShareNum(0)]).unwrap();
        assert_eq!(decoder.decode(&[&[1, 2], &[3]], &mut [0; 4]), Err(CodeError::Length));
        assert_eq!(decoder.decode(&[&[1, 2], &[3, 4]], &mut [0; 3]), Err(CodeError::Length));
        assert_eq!(
            decoder.decode(&[&[1, 2]], &mut [0; 4]),
            Err(CodeError::Count { got: 1, needed: 2 })
        );
    }
}
