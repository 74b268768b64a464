//! Numbers in the headers of a tar.

/// Digits of an octal number in a field, whose last byte ends it.
const fn most(width: usize) -> u64 {
    (1 << (3 * (width - 1))) - 1
}

/// A number in octal, if it has room in so many bytes with the one that ends it.
pub fn octal(number: u64, width: usize) -> Option<Vec<u8>> {
    let digits = width.checked_sub(1)?;
    (number <= most(width)).then(|| format!("{number:0digits$o}\0").into_bytes())
}

/// The number in a field: in octal, with spaces or NUL around it, or in base 256 as GNU writes what is large;
/// an empty field is 0. None if it is neither, negative, or too large.
pub fn read(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((0x80, rest)) => {
            let (high, low) = rest.split_at_checked(rest.len().saturating_sub(8))?;
            let number = low.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            high.iter().all(|byte| *byte == 0).then_some(number)
        }
        _ => {
            let end = |byte: &u8| matches!(byte, b' ' | b'\0');
            let digits = field.iter().skip_while(|byte| **byte == b' ');
            let mut digits = digits.skip_while(|byte| **byte == b'\0').peekable();
            let mut number = 0_u64;
            while let Some(digit) = digits.next_if(|byte| !end(byte)) {
                let digit = u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 8)?);
                number = number.checked_mul(8)?.checked_add(digit)?;
            }
            digits.all(end).then_some(number)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_while_they_have_room() {
        assert_eq!(octal(0o644, 8).unwrap(), b"0000644\0");
        assert_eq!(octal((8 << 30) - 1, 12).unwrap(), b"77777777777\0");
        assert_eq!(octal(8 << 30, 12), None);
    }

    #[test]
    fn a_number_is_read_as_all_programs_write_it() {
        for (field, number) in [
            (&b"0000644\0"[..], 0o644),
            (b"000644 \0", 0o644),
            (b"   644 \0", 0o644),
            (b"7777777777777", 0o7_777_777_777_777),
            (b"\0\0\0\0", 0),
            (b"    ", 0),
            (b"", 0),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", 8 << 30),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", u64::MAX),
        ] {
            assert_eq!(read(field), Some(number), "{field:?}");
        }
        for bad in [
            &b"00a"[..],
            b"8",
            b"-1",
            b"1 1",
            b"0\x001",
            b"\xff\xff\xff\xff",
            b"\x80\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff",
            b"7777777777777777777777777",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
