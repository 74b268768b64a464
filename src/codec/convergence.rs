//! Keys that equal plaintexts share (`docs/spec/formats-immutable.md` §4).
//!
//! ```text
//! T   = CONVERGENCE ‖ netstring(secret) ‖ netstring(dec(k) "," dec(N) "," dec(segment size))
//! key = tagged(T, plaintext), 16 bytes
//! ```
//! Whoever knows the secret can test a guess at the plaintext; the secret bounds who that is.

use super::geometry::Geometry;
use super::tags;
use crate::base::file::FileKey;
use crate::base::hash::{Tagged, netstring, truncated};
use std::fmt;
use zeroize::Zeroizing;

/// The raw value of a node's `private/convergence`; any length, also none.
#[derive(Clone)]
pub struct ConvergenceSecret(Zeroizing<Vec<u8>>);

impl ConvergenceSecret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ConvergenceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConvergenceSecret(…)")
    }
}

/// Hashes a plaintext, given in pieces, to its key.
///
/// Only the parameters and the segment size enter, so a file whose size is not known yet can be
/// hashed with the geometry of any size of at least the largest segment.
#[derive(Clone)]
pub struct KeyHasher(Tagged);

impl KeyHasher {
    pub fn new(secret: &ConvergenceSecret, geometry: &Geometry) -> Self {
        Self(Tagged::new(&tag(secret, geometry)))
    }

    pub fn update(&mut self, plaintext: &[u8]) {
        self.0.update(plaintext);
    }

    pub fn finish(self) -> FileKey {
        FileKey::new(truncated(self.0.finish()))
    }
}

/// The tag T; secret as the convergence secret is part of it.
pub fn tag(secret: &ConvergenceSecret, geometry: &Geometry) -> Zeroizing<Vec<u8>> {
    let params = geometry.params();
    let cut = format!("{},{},{}", params.needed(), params.total(), geometry.segment_size());
    let mut tag = Zeroizing::new(tags::CONVERGENCE.to_vec());
    tag.extend_from_slice(&Zeroizing::new(netstring(secret.reveal())));
    tag.extend_from_slice(&netstring(cut.as_bytes()));
    tag
}
