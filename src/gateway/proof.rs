//! How a gateway shows to a program of its owner that it is the owner's, before it is told anything.
//!
//! ```text
//! GET /login?prove=N   N: base32 of 32 random bytes
//! 200                  base32 of HMAC-SHA-256 under the token, over
//!                      "tahoe-gateway-proof-1" ‖ N's bytes ‖ the gateway's address as in node.url, no slash
//! ```
//! The file `node.url` of a node that was killed stays, and any user of the machine may listen on that
//! port next; who does knows no token. With the address in it, a proof that the node's gateway of today
//! gave is none for the port of yesterday. Each connection is proven, so that it does not matter when the
//! node ends.

use crate::base::base32;
use ring::hmac::{HMAC_SHA256, Key, Tag, sign, verify};

const PURPOSE: &[u8] = b"tahoe-gateway-proof-1";

/// What a gateway has to know the token for, different for each connection.
#[derive(Clone, Copy)]
pub struct Challenge(pub [u8; 32]);

impl Challenge {
    /// None if the text is not base32 of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        base32::decode_array(text).ok().map(Self)
    }

    /// The path and query that ask for the proof.
    pub fn path(&self) -> String {
        format!("/login?prove={}", base32::encode(&self.0))
    }

    /// The proof that the gateway at `address` knows `token`.
    pub fn proof(&self, token: &str, address: &str) -> String {
        let tag: Tag = sign(&key(token), &self.text(address));
        base32::encode(tag.as_ref())
    }

    /// Whether an answer is that proof.
    pub fn is_met_by(&self, proof: &str, token: &str, address: &str) -> bool {
        let proof = base32::decode(proof).unwrap_or_default();
        verify(&key(token), &self.text(address), &proof).is_ok()
    }

    fn text(&self, address: &str) -> Vec<u8> {
        [PURPOSE, &self.0, address.trim_end_matches('/').as_bytes()].concat()
    }
}

fn key(token: &str) -> Key {
    Key::new(HMAC_SHA256, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_one_challenge_token_and_address() {
        let challenge = Challenge([1; 32]);
        let proof = challenge.proof("token", "http://127.0.0.1:8123/");
        assert!(challenge.is_met_by(&proof, "token", "http://127.0.0.1:8123"));
        assert!(!Challenge([2; 32]).is_met_by(&proof, "token", "http://127.0.0.1:8123"));
        assert!(!challenge.is_met_by(&proof, "other", "http://127.0.0.1:8123"));
        assert!(!challenge.is_met_by(&proof, "token", "http://127.0.0.1:8124"));
        for not in ["", "token", &proof[1..], &challenge.path()] {
            assert!(!challenge.is_met_by(not, "token", "http://127.0.0.1:8123"), "{not}");
        }
    }

    #[test]
    fn a_challenge_is_thirty_two_bytes() {
        let path = Challenge([3; 32]).path();
        let text = path.strip_prefix("/login?prove=").unwrap();
        assert_eq!(Challenge::parse(text).unwrap().0, [3; 32]);
        for bad in ["", "aa", &format!("{text}a"), &text[2..], "http://x"] {
            assert!(Challenge::parse(bad).is_none(), "{bad}");
        }
    }
}
