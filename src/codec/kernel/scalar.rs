//! The kernel without vectors: what all others must equal.

use super::tables::nibble_table;
use std::ops::Range;

pub fn group(matrix: &[&[u8]], inputs: &[&[u8]], outputs: &mut [&mut [u8]], range: Range<usize>) {
    for (row, output) in matrix.iter().zip(outputs) {
        let Some(output) = output.get_mut(range.clone()) else { continue };
        output.fill(0);
        for (coefficient, input) in row.iter().zip(inputs) {
            add_scaled(output, input.get(range.clone()).unwrap_or(&[]), *coefficient);
        }
    }
}

#[allow(clippy::indexing_slicing, reason = "nibbles index sixteen entries each")]
fn add_scaled(to: &mut [u8], from: &[u8], coefficient: u8) {
    let table = nibble_table(coefficient);
    for (to, x) in to.iter_mut().zip(from) {
        *to ^= table[(x & 15) as usize] ^ table[16 + (x >> 4) as usize];
    }
}
