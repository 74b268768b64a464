//! The order in which a file's servers are asked (`docs/spec/formats-immutable.md` §12).
//!
//! Every client sorts the same servers in the same way for one storage index, so a reader finds
//! shares where the uploader put them without any directory of who holds what.

use crate::base::{StorageIndex, base32, hash};
use std::cmp::Reverse;

/// Where a server stands on the ring of one storage index; lower comes first.
pub fn position(si: &StorageIndex, permutation_seed: &[u8]) -> [u8; 20] {
    hash::sha1(&[&si.0, permutation_seed])
}

/// Sorts servers by their [`position`]: the preferred ones first, each group along the ring.
pub fn permute<T>(
    mut servers: Vec<T>,
    position: impl Fn(&T) -> [u8; 20],
    preferred: impl Fn(&T) -> bool,
) -> Vec<T> {
    servers.sort_by_cached_key(|server| (Reverse(preferred(server)), position(server)));
    servers
}

/// The permutation seed that a 1.20 announcement stands for: what it says, else the public key that
/// its server id spells, else a hash of that id.
pub fn announced_seed(
    server_id: &str,
    permutation_seed_base32: Option<&str>,
) -> Result<Vec<u8>, base32::NotBase32> {
    if let Some(text) = permutation_seed_base32 {
        return base32::decode_loose(text);
    }
    let key = server_id.strip_prefix("v0-").and_then(|text| base32::decode_array::<32>(text).ok());
    Ok(key.unwrap_or_else(|| hash::sha256(server_id.as_bytes())).to_vec())
}
