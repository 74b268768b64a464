//! What a storage server announces so that clients find its shares and renew their leases: from files
//! that stay with the shares.
//!
//! ```text
//! permutation-seed   base32: where the server stands in the order of each file (1.20's file)
//! lease-seed         base32 of 20 bytes: what renew secrets for its shares are made from
//! private/node.pem   the certificate and RSA key of a node of Tahoe-LAFS 1.20 whose shares these were
//! ```
//! The certificate's SHA-1 was that node's name, and what its clients' renew secrets are made from. Others
//! use it as a lease seed only if it is proven, as they use nothing else but a tub's default; so that is
//! what is announced when there is no proof.

use super::basedir::{Basedir, BasedirError};
use crate::base::base32;
use crate::introducer::Succession;
use crate::introducer::announcement::default_seeds;
use crate::tub::TubId;
use ring::signature::RsaKeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const PERMUTATION: &str = "permutation-seed";
const LEASE: &str = "lease-seed";
const CERTIFICATE: &str = "private/node.pem";
/// A seed of another program's node is at most so long.
const SEED_MAX: usize = 64;

/// The seeds of a storage server.
pub struct Seeds {
    pub permutation: Vec<u8>,
    pub lease: [u8; 20],
    /// That the lease seed is this tub's, if it is not the default.
    pub succession: Option<Succession>,
}

/// Public, but lasting: with other values stored shares would be neither found nor renewed.
pub fn seeds(basedir: &Basedir, tub: TubId) -> Result<Seeds, BasedirError> {
    let (permutation, lease) = default_seeds(tub);
    let succession = succession(basedir, tub)?;
    let Some((succession, lease)) = succession else {
        let permutation = lasting(basedir, PERMUTATION, &permutation)?;
        if lasting(basedir, LEASE, &lease)? != lease {
            tracing::warn!(
                "the file lease-seed is not used: nobody believes that of another node without the \
                 certificate in private/node.pem"
            );
        }
        return Ok(Seeds { permutation, lease, succession: None });
    };
    // Before it had a file for it, that program took its name.
    let permutation = lasting(basedir, PERMUTATION, &lease)?;
    basedir.write(LEASE, &base32::encode(&lease))?;
    Ok(Seeds { permutation, lease, succession: Some(succession) })
}

/// What a file says, and from now on will say.
fn lasting(basedir: &Basedir, name: &str, default: &[u8]) -> Result<Vec<u8>, BasedirError> {
    const ACCEPTED: &str = "base32; without the file the node takes its own default";
    let Some(text) = basedir.read(name)? else {
        if basedir.join(name).exists() {
            return Err(basedir.bad(name, "", ACCEPTED));
        }
        basedir.write(name, &base32::encode(default))?;
        return Ok(default.to_vec());
    };
    base32::decode_loose(&text)
        .ok()
        .filter(|seed| !seed.is_empty() && seed.len() <= SEED_MAX)
        .ok_or_else(|| basedir.bad(name, &text, ACCEPTED))
}

/// The proof that this node goes on as an older one, and that one's name.
fn succession(
    basedir: &Basedir,
    tub: TubId,
) -> Result<Option<(Succession, [u8; 20])>, BasedirError> {
    let Some(pem) = basedir.read(CERTIFICATE)? else { return Ok(None) };
    let signed = signed(pem.as_bytes(), tub).ok_or_else(|| {
        let accepted = "a certificate and its RSA key of 2,048 to 4,096 bits; without the file the \
                        node goes on under its own name";
        basedir.bad(CERTIFICATE, &pem, accepted)
    })?;
    Ok(Some(signed))
}

fn signed(pem: &[u8], tub: TubId) -> Option<(Succession, [u8; 20])> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let key = match PrivateKeyDer::from_pem_slice(pem).ok()? {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return None,
    };
    let succession = Succession::sign(&certificate, &key.ok()?, tub)?;
    let seed = succession.seed(tub)?;
    Some((succession, seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::sha1;
    use crate::node::basedir::{Role, Synced};

    /// As Foolscap writes it: X.509 of version 1, then the key.
    const PEM: &str = include_str!("../../tests/nodes/foolscap.pem");

    fn node(dir: &tempfile::TempDir) -> Basedir {
        Basedir::create(&dir.path().join("n"), Role::Client, Synced::Each).unwrap()
    }

    #[test]
    fn a_seed_of_an_older_node_counts_with_its_certificate_only() {
        let dir = tempfile::tempdir().unwrap();
        let (node, tub) = (node(&dir), TubId([1; 32]));
        let der = CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap();
        let name = sha1(&[&der]);
        node.write(PERMUTATION, &base32::encode(&[7; 20])).unwrap();
        node.write(LEASE, &base32::encode(&name)).unwrap();
        let without = seeds(&node, tub).unwrap();
        assert_eq!(without.permutation, [7; 20], "where it stands it may say itself");
        assert!(without.lease == default_seeds(tub).1 && without.succession.is_none());
        node.write_secret(CERTIFICATE, PEM).unwrap();
        let with = seeds(&node, tub).unwrap();
        assert!(with.lease == name && with.permutation == [7; 20]);
        assert_eq!(with.succession.unwrap().seed(tub), Some(name));
    }

    #[test]
    fn a_folder_with_a_certificate_alone_goes_on_under_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (node, tub) = (node(&dir), TubId([1; 32]));
        node.write_secret(CERTIFICATE, PEM).unwrap();
        let seeds = seeds(&node, tub).unwrap();
        assert_eq!(seeds.permutation, seeds.lease);
        assert_eq!(node.read(LEASE).unwrap(), Some(base32::encode(&seeds.lease)));
    }

    #[test]
    fn a_certificate_without_its_key_is_told_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir);
        let (certificate, key) = PEM.split_at(PEM.find("-----BEGIN PRIVATE").unwrap());
        let other = include_str!("../../tests/nodes/plain-key.pem");
        for pem in [certificate, key, &format!("{certificate}{other}"), "x"] {
            node.write_secret(CERTIFICATE, pem).unwrap();
            let error = seeds(&node, TubId([1; 32])).err().unwrap().to_string();
            assert!(error.contains("node.pem") && !error.contains("BEGIN"), "{error}");
        }
    }

    #[test]
    fn seeds_are_written_once_and_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (node, tub) = (node(&dir), TubId([1; 32]));
        let first = seeds(&node, tub).unwrap();
        assert_eq!(node.read(LEASE).unwrap(), Some(base32::encode(&first.lease)));
        let again = seeds(&node, tub).unwrap();
        assert!(first.permutation == again.permutation && first.lease == again.lease);
    }
}
