//! Files of any size that are made and compared as they flow, never held.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use crate::nodes::http;
use std::io::Read;
use ureq::SendBody;

/// `length` bytes that look random and are the same each time.
pub struct Pattern {
    position: u64,
    length: u64,
}

impl Pattern {
    pub fn new(length: u64) -> Self {
        Self { position: 0, length }
    }

    /// The eight bytes at `8 × index`.
    fn word(index: u64) -> [u8; 8] {
        let mixed = (index ^ 0x5851_f42d_4c95_7f2d).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes()
    }
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.length - self.position;
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (mut index, mut skip) = (self.position / 8, (self.position % 8) as usize);
        let mut filled = 0;
        while filled < count {
            let word = Self::word(index);
            for byte in word.iter().skip(skip).take(count - filled) {
                buffer[filled] = *byte;
                filled += 1;
            }
            (index, skip) = (index + 1, 0);
        }
        self.position += count as u64;
        Ok(count)
    }
}

/// Stores a stream of known length; its cap.
pub fn put(url: &str, mut content: Pattern) -> String {
    let request = http().put(format!("{url}/uri")).header("Content-Length", content.length);
    let answer = request.send(SendBody::from_reader(&mut content)).unwrap();
    assert!(answer.status().is_success(), "PUT: {}", answer.status());
    answer.into_body().read_to_string().unwrap()
}

/// Whether the file of `cap` is `wanted`, to the last byte.
pub fn get_equal(url: &str, cap: &str, mut wanted: Pattern) -> bool {
    let answer = http().get(format!("{url}/uri/{cap}")).call().unwrap();
    if !answer.status().is_success() {
        let status = answer.status();
        eprintln!("GET: {status}: {:?}", answer.into_body().read_to_string());
        return false;
    }
    let mut body = answer.into_body().into_reader();
    let (mut got, mut want) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = body.read(&mut got).unwrap();
        if count == 0 {
            return wanted.position == wanted.length;
        }
        if wanted.read_exact(&mut want[..count]).is_err() || got[..count] != want[..count] {
            return false;
        }
    }
}
