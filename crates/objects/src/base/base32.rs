//! Base32: RFC 4648 letters in lower case, no padding.
//!
//! There are two strictnesses. [`decode`] demands that the unused bits of the last character are zero,
//! so that every value has one spelling; whatever names something or is authority wants that.
//! [`decode_loose`] lets one unused bit slip, as some other programs write it.

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz234567";

static STRICT: LazyLock<Encoding> = LazyLock::new(|| encoding(true));
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| encoding(false));

#[allow(clippy::expect_used, reason = "a constant alphabet of 32 distinct letters is always valid")]
fn encoding(check_trailing_bits: bool) -> Encoding {
    let mut spec = Specification::new();
    spec.symbols.push_str(LETTERS);
    spec.check_trailing_bits = check_trailing_bits;
    spec.encoding().expect("constant alphabet")
}

/// Text that is not base32, or not its one canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base32")]
pub struct NotBase32;

/// The canonical spelling of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    STRICT.encode(bytes)
}

/// Bytes of a canonical spelling.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase32> {
    STRICT.decode(text.as_bytes()).map_err(|_| NotBase32)
}

/// Bytes of a canonical spelling of exactly `N` bytes.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], NotBase32> {
    if text.len() != STRICT.encode_len(N) {
        return Err(NotBase32);
    }
    decode(text)?.try_into().map_err(|_| NotBase32)
}

/// Bytes of a spelling whose last character may carry one surplus bit, which is dropped.
pub fn decode_loose(text: &str) -> Result<Vec<u8>, NotBase32> {
    let last = text.bytes().last().and_then(|c| LETTERS.bytes().position(|l| l == c));
    let zero_bits_wanted = match text.len() % 8 {
        0 | 5 => 0,
        2 => 1,
        4 => 3,
        7 => 2,
        _ => return Err(NotBase32),
    };
    match last {
        Some(value) if value % (1 << zero_bits_wanted) != 0 => Err(NotBase32),
        None if !text.is_empty() => Err(NotBase32),
        _ => LENIENT.decode(text.as_bytes()).map_err(|_| NotBase32),
    }
}
