//! How a node proves that it goes on as another one, from which it took over its shares.
//!
//! A node of Tahoe-LAFS 1.20 is named by the SHA-1 of its certificate, and lease secrets for the shares
//! on it are made from that name. Whoever may use the name as its own lease seed is sent these secrets,
//! so only the holder of the certificate's key may.
//!
//! ```text
//! succession = field(certificate) ‖ field(signature)
//! signature  = RSA PKCS #1 v1.5 with SHA-256, by the certificate's key,
//!              over "tahoe-succession-1: " ‖ tub id[32]
//! ```
//! The certificate is the DER whose SHA-1 is the seed, the tub the one that announces it. What that key
//! signed when the old node shook hands cannot pass for this: in TLS 1.2 it is at least 64 bytes, in
//! TLS 1.3 it begins with spaces.

use super::announcement::{AnnouncementError, Reader, field};
use super::certificate::rsa_key;
use crate::base::hash::sha1;
use crate::base::limits::{CERTIFICATE_MAX, RSA_SIGNATURE_MAX};
use crate::base::system;
use crate::tub::TubId;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

const PURPOSE: &[u8] = b"tahoe-succession-1: ";

/// The proof, as the announcement of a node carries it. Not checked before [`Succession::seed`].
#[derive(Clone, PartialEq, Eq)]
pub struct Succession {
    certificate: Vec<u8>,
    signature: Vec<u8>,
}

impl Succession {
    /// Signs that `tub` goes on as the node with this certificate; none if `key` is not the
    /// certificate's, or one of them is longer than others take.
    pub fn sign(certificate: &[u8], key: &RsaKeyPair, tub: TubId) -> Option<Self> {
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &system::source(), &signed_text(tub), &mut signature).ok()?;
        let fits = certificate.len() <= CERTIFICATE_MAX && signature.len() <= RSA_SIGNATURE_MAX;
        let this = Self { certificate: certificate.to_vec(), signature };
        (fits && this.seed(tub).is_some()).then_some(this)
    }

    /// The lease seed that is proven to be `tub`'s; none if nothing is proven.
    pub fn seed(&self, tub: TubId) -> Option<[u8; 20]> {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa_key(&self.certificate)?);
        key.verify(&signed_text(tub), &self.signature).ok()?;
        Some(sha1(&[&self.certificate]))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, AnnouncementError> {
        let mut rest = Reader(bytes);
        let certificate = rest.field(CERTIFICATE_MAX)?.to_vec();
        let signature = rest.field(RSA_SIGNATURE_MAX)?.to_vec();
        rest.end()?;
        Ok(Self { certificate, signature })
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, AnnouncementError> {
        let mut bytes = Vec::with_capacity(self.certificate.len() + self.signature.len() + 4);
        field(&mut bytes, &self.certificate)?;
        field(&mut bytes, &self.signature)?;
        Ok(bytes)
    }
}

fn signed_text(tub: TubId) -> Vec<u8> {
    [PURPOSE, &tub.0].concat()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

    /// As Foolscap writes it: X.509 of version 1, then the key.
    const PEM: &[u8] = include_bytes!("../../tests/nodes/foolscap.pem");

    /// The proof that a tub goes on as a node of 1.20, and the name of that node.
    pub fn succession(tub: TubId) -> (Succession, [u8; 20]) {
        let certificate = CertificateDer::from_pem_slice(PEM).unwrap();
        let key = PrivatePkcs8KeyDer::from_pem_slice(PEM).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        (Succession::sign(&certificate, &key, tub).unwrap(), sha1(&[&certificate]))
    }

    #[test]
    fn it_proves_the_name_of_the_certificate_for_one_tub() {
        let (proof, name) = succession(TubId([1; 32]));
        assert_eq!(proof.seed(TubId([1; 32])), Some(name));
        assert_eq!(proof.seed(TubId([2; 32])), None);
        let read = Succession::parse(&proof.to_bytes().unwrap()).unwrap();
        assert_eq!(read.seed(TubId([1; 32])), Some(name));
    }

    #[test]
    fn no_flipped_bit_proves_that_name() {
        let tub = TubId([1; 32]);
        let (proof, name) = succession(tub);
        let good = proof.to_bytes().unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let seed = Succession::parse(&bad).ok().and_then(|proof| proof.seed(tub));
            assert!(seed != Some(name), "bit {bit}");
        }
    }
}
