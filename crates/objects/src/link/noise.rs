//! What the Noise library works with: the ciphers, hashes and curve that it comes with, and random
//! bytes from where all others come from.

use crate::base::system::fill_random;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver};
use snow::resolvers::{FallbackResolver, RingResolver};
use snow::types::{Cipher, Dh, Hash, Random};

/// Ours first, then the quickest that there is.
pub(super) fn resolver() -> BoxedCryptoResolver {
    let library = FallbackResolver::new(Box::new(RingResolver), Box::new(DefaultResolver));
    Box::new(FallbackResolver::new(Box::new(Ours), Box::new(library)))
}

struct Ours;

impl CryptoResolver for Ours {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(System))
    }

    fn resolve_dh(&self, _: &DHChoice) -> Option<Box<dyn Dh>> {
        None
    }

    fn resolve_hash(&self, _: &HashChoice) -> Option<Box<dyn Hash>> {
        None
    }

    fn resolve_cipher(&self, _: &CipherChoice) -> Option<Box<dyn Cipher>> {
        None
    }
}

struct System;

impl Random for System {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), snow::Error> {
        fill_random(out);
        Ok(())
    }
}
