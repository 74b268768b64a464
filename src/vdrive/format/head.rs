//! The signed state of a directory.
//!
//! ```text
//! head   = "tvh1" ‖ directory 32 ‖ seq u64 ‖ previous 32 ‖ root 32 ‖ rows u64 ‖ change 16
//! signed = head ‖ Ed25519 signature of head 64                                 (big endian)
//! hash   = tagged("tahoe_vdrive_head_v1", head)
//! ```
//! `previous` is the hash of the head before, zeros in the first, whose `seq` is 1; so a head fixes
//! the whole history. `change` is chosen by whoever made the change and marks it across repeats.

use super::{DirectoryId, Malformed};
use crate::base::hash::{Hash, tagged};
use crate::codec::bytes_in::BytesIn;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

const MAGIC: [u8; 4] = *b"tvh1";
const TAG: &[u8] = b"tahoe_vdrive_head_v1";
const SIGNATURE_LEN: usize = 64;
/// Bytes of a head without its signature.
pub const HEAD_LEN: usize = 4 + 32 + 8 + 32 + 32 + 8 + 16;
/// Bytes of a signed head.
pub const SIGNED_HEAD_LEN: usize = HEAD_LEN + SIGNATURE_LEN;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    pub directory: DirectoryId,
    /// 1 in the first head, one more in each.
    pub seq: u64,
    /// [`Head::hash`] of the head before.
    pub previous: Hash,
    /// Root of the trie over all rows.
    pub root: Hash,
    /// How many rows there are.
    pub rows: u64,
    /// Which change made this head.
    pub change: [u8; 16],
}

impl Head {
    /// What is signed.
    pub fn to_bytes(&self) -> [u8; HEAD_LEN] {
        let mut out = [0; HEAD_LEN];
        let fields = MAGIC.into_iter().chain(self.directory).chain(self.seq.to_be_bytes());
        let fields = fields.chain(self.previous).chain(self.root);
        let fields = fields.chain(self.rows.to_be_bytes()).chain(self.change);
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = BytesIn::new(bytes);
        if rest.array()? != MAGIC {
            return Err(Malformed);
        }
        let head = Self {
            directory: rest.array()?,
            seq: rest.u64()?,
            previous: rest.array()?,
            root: rest.array()?,
            rows: rest.u64()?,
            change: rest.array()?,
        };
        if rest.is_empty() { Ok(head) } else { Err(Malformed) }
    }

    /// What the next head calls its `previous`.
    pub fn hash(&self) -> Hash {
        tagged(TAG, &self.to_bytes())
    }
}

/// A head and a signature, which [`SignedHead::verify`] checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedHead {
    pub head: Head,
    pub signature: [u8; SIGNATURE_LEN],
}

impl SignedHead {
    /// Signs a head with the directory's signing key.
    pub fn sign(head: Head, pair: &Ed25519KeyPair) -> Self {
        let signature = pair.sign(&head.to_bytes()).as_ref().try_into().unwrap_or([0; 64]);
        Self { head, signature }
    }

    /// Whether the holder of the signing key of `verify_key` made it.
    pub fn verify(&self, verify_key: &[u8; 32]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, verify_key);
        key.verify(&self.head.to_bytes(), &self.signature).is_ok()
    }

    /// The form in which it travels and stays.
    pub fn to_bytes(&self) -> [u8; SIGNED_HEAD_LEN] {
        let mut out = [0; SIGNED_HEAD_LEN];
        let bytes = self.head.to_bytes().into_iter().chain(self.signature);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        out
    }

    /// Reads the form; says nothing about the signature.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (head, signature) = bytes.split_at_checked(HEAD_LEN).ok_or(Malformed)?;
        let signature = signature.try_into().map_err(|_| Malformed)?;
        Ok(Self { head: Head::from_bytes(head)?, signature })
    }
}

#[cfg(test)]
impl Head {
    /// One for tests.
    pub(super) const fn sample() -> Self {
        let (directory, previous, root, change) = ([1; 32], [3; 32], [4; 32], [6; 16]);
        Self { directory, seq: 2, previous, root, rows: 5, change }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::KeyPair;

    #[test]
    fn a_signed_head_is_believed_and_no_flipped_bit_is() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let head = Head::sample();
        let signed = SignedHead::sign(head, &pair);
        let bytes = signed.to_bytes();
        assert_eq!(SignedHead::from_bytes(&bytes), Ok(signed));
        assert!(signed.verify(&key));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            let read = SignedHead::from_bytes(&bad);
            assert!(read.is_err() || !read.unwrap().verify(&key), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(SignedHead::from_bytes(&bytes[..len]).is_err());
        }
    }
}
