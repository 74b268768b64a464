//! Plain hashes: what names an interface, and what a table keeps instead of a secret name.

use ring::digest::{SHA256, digest};

/// A full output of 32 bytes.
pub type Hash = [u8; 32];

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes).as_ref().try_into().unwrap_or_default()
}

/// BLAKE2b with a 32-byte digest and no key.
pub fn blake2b(bytes: &[u8]) -> Hash {
    use blake2::Digest;
    blake2::Blake2b::<blake2::digest::consts::U32>::digest(bytes).into()
}
