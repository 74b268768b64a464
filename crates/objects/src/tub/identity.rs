//! A tub's one key, in its two forms: Ed25519 to sign with, and its Montgomery form as the tub id
//! and the key of its links. Whoever knows the Ed25519 public key can check that a tub id is its.

use super::furl::TubId;
use crate::base::secret::IdentitySeed;
use crate::link::handshake::Keys;
use curve25519_dalek::edwards::CompressedEdwardsY;
use ring::digest::{SHA512, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

/// The private half of a tub's identity.
pub struct Identity {
    pair: Ed25519KeyPair,
    keys: Keys,
}

impl Identity {
    /// The identity that grows from 32 secret bytes.
    #[allow(clippy::expect_used, reason = "any 32 bytes are a valid Ed25519 seed")]
    pub fn from_seed(seed: &IdentitySeed) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal()).expect("32 bytes");
        let expanded = digest(&SHA512, seed.reveal());
        let mut scalar = Zeroizing::new([0; 32]);
        for (to, from) in scalar.iter_mut().zip(expanded.as_ref()) {
            *to = *from;
        }
        let public = curve25519_dalek::MontgomeryPoint::mul_base_clamped(*scalar).to_bytes();
        Self { pair, keys: Keys::new(scalar, public) }
    }

    /// An identity that nobody has had before.
    pub fn random() -> Self {
        Self::from_seed(&IdentitySeed::new(crate::base::system::random()))
    }

    /// The name that follows from it.
    pub fn tub_id(&self) -> TubId {
        TubId(self.keys.public())
    }

    /// The Ed25519 public key, to send beside signatures.
    pub fn verify_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap_or_default()
    }

    /// An Ed25519 signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap_or([0; 64])
    }

    /// The key pair that links are made with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// Whether `signature` over `message` was made by the tub `id`, whose Ed25519 key is said to be
/// `verify_key`.
pub fn verify(id: TubId, verify_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let point = CompressedEdwardsY(*verify_key).decompress();
    let names_tub = point.is_some_and(|point| point.to_montgomery().to_bytes() == id.0);
    names_tub && UnparsedPublicKey::new(&ED25519, verify_key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_proves_the_tub_and_nobody_else() {
        let (alice, mallory) = (Identity::random(), Identity::random());
        let signature = alice.sign(b"hello");
        assert!(verify(alice.tub_id(), &alice.verify_key(), b"hello", &signature));
        assert!(!verify(alice.tub_id(), &alice.verify_key(), b"hallo", &signature));
        assert!(!verify(alice.tub_id(), &mallory.verify_key(), b"hello", &mallory.sign(b"hello")));
        assert!(!verify(mallory.tub_id(), &alice.verify_key(), b"hello", &signature));
    }

    #[test]
    fn the_same_seed_is_the_same_tub() {
        let id = |byte| Identity::from_seed(&IdentitySeed::new([byte; 32])).tub_id();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
    }
}
