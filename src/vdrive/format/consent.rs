//! A writer's word that a server may take a directory back.
//!
//! ```text
//! consent = Ed25519 signature by the directory's key of
//!           tagged("tahoe_vdrive_restoration_v1", directory 32 ‖ verify key 32 ‖ read facet 32 ‖
//!                                                 write facet 32 ‖ hash of the head 32)
//! ```
//! A head alone does not say which facets lead to its directory: whoever had only read it could bring
//! it back so that no writer finds it.

use super::Head;
use super::log::Facts;
use crate::base::hash::{Hash, tagged};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

const TAG: &[u8] = b"tahoe_vdrive_restoration_v1";

fn signed(facts: &Facts, head: &Head) -> Hash {
    let Facts { id, verify_key, read_facet, write_facet } = facts;
    tagged(TAG, &[*id, *verify_key, *read_facet, *write_facet, head.hash()].concat())
}

/// The consent to a directory of these facts under this head.
pub fn give(facts: &Facts, head: &Head, pair: &Ed25519KeyPair) -> Vec<u8> {
    pair.sign(&signed(facts, head)).as_ref().to_vec()
}

/// Whether the holder of the directory's signing key consented.
pub fn is_given(consent: &[u8], facts: &Facts, head: &Head) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, &facts.verify_key);
    key.verify(&signed(facts, head), consent).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::KeyPair;

    #[test]
    fn a_consent_is_to_one_head_behind_these_facets() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let verify_key = pair.public_key().as_ref().try_into().unwrap();
        let (read_facet, write_facet) = ([4; 32], [5; 32]);
        let facts = Facts { id: [1; 32], verify_key, read_facet, write_facet };
        let head = Head::sample();
        let consent = give(&facts, &head, &pair);
        assert!(is_given(&consent, &facts, &head));
        assert!(!is_given(&consent, &facts, &Head { seq: 3, ..head }));
        for other in [
            Facts { write_facet: [6; 32], ..facts.clone() },
            Facts { read_facet: [6; 32], ..facts.clone() },
            Facts { id: [6; 32], ..facts.clone() },
            Facts { verify_key: [6; 32], ..facts.clone() },
        ] {
            assert!(!is_given(&consent, &other, &head));
        }
        for bit in 0..consent.len() * 8 {
            let mut bad = consent.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_given(&bad, &facts, &head), "bit {bit}");
        }
    }
}
