//! The field GF(2^8) of the erasure code: polynomial 0x11d, generator 2
//! (`docs/spec/formats-immutable.md` §7).

const POLYNOMIAL: u16 = 0x11d;

/// `EXP[i]` = 2^i, twice over so that sums of two logarithms need no reduction.
static EXP: [u8; 510] = TABLES.0;
/// `LOG[2^i]` = i; `LOG[0]` is never used.
static LOG: [u8; 256] = TABLES.1;

const TABLES: ([u8; 510], [u8; 256]) = tables();

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is an error"
)]
const fn tables() -> ([u8; 510], [u8; 256]) {
    let (mut exp, mut log) = ([0; 510], [0; 256]);
    let mut power: u16 = 1;
    let mut i = 0;
    while i < 255 {
        exp[i] = power as u8;
        exp[i + 255] = power as u8;
        log[power as usize] = i as u8;
        power <<= 1;
        if power > 255 {
            power ^= POLYNOMIAL;
        }
        i += 1;
    }
    (exp, log)
}

/// The product of two elements.
#[allow(clippy::indexing_slicing, reason = "bytes index 256 entries; two logarithms sum to < 510")]
pub const fn mul(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    TABLES.0[TABLES.1[a as usize] as usize + TABLES.1[b as usize] as usize]
}

/// 2 to the power `exponent`.
#[allow(clippy::indexing_slicing, reason = "the exponent is reduced to 0..255")]
pub fn power(exponent: usize) -> u8 {
    EXP[exponent % 255]
}

/// The inverse of an element; 0 has none.
#[allow(clippy::indexing_slicing, reason = "a byte indexes 256 entries; 255 minus one is < 510")]
pub fn inverse(a: u8) -> Option<u8> {
    (a != 0).then(|| EXP[255 - LOG[a as usize] as usize])
}

/// A matrix as its rows.
pub type Rows = Vec<Vec<u8>>;

/// The inverse of a square matrix, none if it has none.
pub fn invert(matrix: &[&[u8]]) -> Option<Rows> {
    let size = matrix.len();
    let mut rows: Rows = Vec::with_capacity(size);
    for (i, row) in matrix.iter().enumerate() {
        let unit = (0..size).map(|column| u8::from(column == i));
        rows.push(row.iter().copied().chain(unit).collect());
    }
    for column in 0..size {
        let pivot = (column..size).find(|row| at(&rows, *row, column) != 0)?;
        rows.swap(column, pivot);
        let mut chosen = std::mem::take(rows.get_mut(column)?);
        let scale = inverse(*chosen.get(column)?)?;
        chosen.iter_mut().for_each(|value| *value = mul(*value, scale));
        for row in rows.iter_mut().filter(|row| !row.is_empty()) {
            let factor = row.get(column).copied()?;
            add_scaled(row, &chosen, factor);
        }
        *rows.get_mut(column)? = chosen;
    }
    rows.iter_mut().for_each(|row| drop(row.drain(..size)));
    Some(rows)
}

/// The product of two matrices whose shapes fit.
pub fn product(left: &[Vec<u8>], right: &[Vec<u8>]) -> Rows {
    let columns = right.first().map_or(0, Vec::len);
    let row = |coefficients: &Vec<u8>| {
        let mut sum = vec![0; columns];
        for (factor, row) in coefficients.iter().zip(right) {
            add_scaled(&mut sum, row, *factor);
        }
        sum
    };
    left.iter().map(row).collect()
}

fn at(rows: &[Vec<u8>], row: usize, column: usize) -> u8 {
    rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
}

fn add_scaled(to: &mut [u8], from: &[u8], factor: u8) {
    if factor != 0 {
        to.iter_mut().zip(from).for_each(|(to, from)| *to ^= mul(*from, factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_follow_the_polynomial() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let mut carryless = 0u16;
                for bit in (0..8).filter(|bit| b & (1 << bit) != 0) {
                    carryless ^= u16::from(a) << bit;
                }
                for bit in (8..16).rev() {
                    if carryless & (1 << bit) != 0 {
                        carryless ^= POLYNOMIAL << (bit - 8);
                    }
                }
                assert_eq!(u16::from(mul(a, b)), carryless, "{a} * {b}");
            }
        }
    }

    #[test]
    fn every_element_but_zero_has_an_inverse() {
        assert_eq!(inverse(0), None);
        assert!((1..=255).all(|a| inverse(a).is_some_and(|b| mul(a, b) == 1)));
    }

    #[test]
    fn a_singular_matrix_has_no_inverse() {
        assert_eq!(invert(&[&[1, 2], &[1, 2]]), None);
        assert_eq!(invert(&[&[0]]), None);
        assert_eq!(
            invert(&[&[2, 0], &[0, 1]]),
            Some(vec![vec![inverse(2).unwrap(), 0], vec![0, 1]])
        );
    }
}
