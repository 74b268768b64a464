//! Products of every coefficient, in the two shapes that vector instructions want.

use crate::codec::gf::mul;

/// For coefficient `c`: the products with 0..16, then those with 0, 16, 32 … 240.
#[repr(align(64))]
pub struct Nibbles(pub [[u8; 32]; 256]);

pub static NIBBLES: Nibbles = Nibbles(nibbles());

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is an error"
)]
const fn nibbles() -> [[u8; 32]; 256] {
    let mut table = [[0; 32]; 256];
    let mut c = 0;
    while c < 256 {
        let mut x = 0;
        while x < 16 {
            table[c][x] = mul(c as u8, x as u8);
            table[c][16 + x] = mul(c as u8, (x << 4) as u8);
            x += 1;
        }
        c += 1;
    }
    table
}

/// The table of one coefficient.
#[allow(clippy::indexing_slicing, reason = "a byte indexes 256 entries")]
#[inline(always)]
pub fn nibble_table(coefficient: u8) -> &'static [u8; 32] {
    &NIBBLES.0[coefficient as usize]
}

/// For coefficient `c` the 8×8 bit matrix of `x ↦ c·x` as `gf2p8affineqb` reads it: byte `7 - i`
/// is the row that makes bit `i` of the product.
#[cfg(any(target_arch = "x86_64", test))]
pub static BIT_MATRICES: [u64; 256] = bit_matrices();

#[cfg(any(target_arch = "x86_64", test))]
#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is an error"
)]
const fn bit_matrices() -> [u64; 256] {
    let mut table = [0; 256];
    let mut c = 0;
    while c < 256 {
        let mut column = 0;
        while column < 8 {
            let image = mul(c as u8, 1 << column);
            let mut bit = 0;
            while bit < 8 {
                if image & (1 << bit) != 0 {
                    table[c] |= 1 << (8 * (7 - bit) + column);
                }
                bit += 1;
            }
            column += 1;
        }
        c += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instruction as its manual tells it, for machines that lack it.
    fn affine(matrix: u64, x: u8) -> u8 {
        let rows = matrix.to_le_bytes();
        (0..8).map(|i| (((rows[7 - i] & x).count_ones() & 1) as u8) << i).sum()
    }

    #[test]
    fn bit_matrices_multiply() {
        for c in 0..=255u8 {
            for x in 0..=255u8 {
                assert_eq!(affine(BIT_MATRICES[c as usize], x), mul(c, x), "{c} * {x}");
            }
        }
    }

    #[test]
    fn nibble_tables_multiply() {
        for c in 0..=255u8 {
            let table = nibble_table(c);
            for x in 0..=255u8 {
                let product = table[(x & 15) as usize] ^ table[16 + (x >> 4) as usize];
                assert_eq!(product, mul(c, x), "{c} * {x}");
            }
        }
    }
}
