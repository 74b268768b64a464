//! Tagged double SHA-256, the one hash of all formats (`docs/spec/formats-immutable.md` §2).
//!
//! ```text
//! netstring(x)        = dec(len(x)) ‖ ":" ‖ x ‖ ","
//! tagged(tag, v)      = SHA256(SHA256(netstring(tag) ‖ v))
//! pair(tag, a, b)     = SHA256(SHA256(netstring(tag) ‖ netstring(a) ‖ netstring(b)))
//! ```
//! Shorter outputs keep the leading bytes. What a tag is *for* is known to the module that uses it.
//! BLAKE2b hides stored lease secrets and swissnums (§3).

use ring::digest::{Context, SHA256};

pub use tahoe_objects::base::hash::{Hash, blake2b, sha256};

/// Length-prefixed bytes, so that a concatenation has one reading.
pub fn netstring(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.len().to_string().into_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b':');
    out.extend_from_slice(bytes);
    out.push(b',');
    out
}

/// SHA-1, for server permutation (§12) and the names of 1.20's nodes.
pub fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    fixed(context.finish().as_ref())
}

/// A tagged hash whose value arrives in pieces.
#[derive(Clone)]
pub struct Tagged(Context);

impl Tagged {
    pub fn new(tag: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&netstring(tag));
        Self(context)
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Hash {
        sha256(self.0.finish().as_ref())
    }
}

/// `tagged(tag, value)`.
pub fn tagged(tag: &[u8], value: &[u8]) -> Hash {
    let mut hasher = Tagged::new(tag);
    hasher.update(value);
    hasher.finish()
}

/// `pair(tag, a, b)`.
pub fn pair(tag: &[u8], a: &[u8], b: &[u8]) -> Hash {
    let mut hasher = Tagged::new(tag);
    hasher.update(&netstring(a));
    hasher.update(&netstring(b));
    hasher.finish()
}

/// The first `N` bytes of a digest that is at least that long; missing bytes would be zero.
pub fn truncated<const N: usize>(hash: Hash) -> [u8; N] {
    fixed(&hash)
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
