//! The RSA key in an X.509 certificate, of version 1 too, as nodes of Tahoe-LAFS 1.20 make them.
//!
//! ```text
//! Certificate    = SEQUENCE { TBSCertificate, algorithm SEQUENCE, signature BIT STRING }
//! TBSCertificate = SEQUENCE { [0] version ?, serial INTEGER, algorithm SEQUENCE, issuer SEQUENCE,
//!                             validity SEQUENCE, subject SEQUENCE, key SEQUENCE, … }
//! key            = SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { 0, RSAPublicKey } }
//! ```
//! Names, dates and the certificate's own signature mean nothing here: such a certificate stands for
//! nothing but the key in the bytes that have a certain SHA-1.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
/// The object identifier of RSA keys, 1.2.840.113549.1.1.1, and no parameters.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// The RSAPublicKey in a certificate; none if the bytes are no certificate, or not one of an RSA key.
pub fn rsa_key(certificate: &[u8]) -> Option<&[u8]> {
    let mut certificate = Der(Der(certificate).whole(SEQUENCE)?);
    let mut signed = Der(certificate.take(SEQUENCE)?);
    certificate.take(SEQUENCE)?;
    certificate.whole(BIT_STRING)?;
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    signed.take(INTEGER)?;
    for _algorithm_issuer_validity_subject in 0..4 {
        signed.take(SEQUENCE)?;
    }
    let mut key = Der(signed.take(SEQUENCE)?);
    if key.take(SEQUENCE)? != RSA {
        return None;
    }
    key.whole(BIT_STRING)?.strip_prefix(&[0])
}

/// What is left of some elements in DER.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag and the one length that DER has for it.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[found, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            ..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&[length], rest) = rest.split_first_chunk()?;
                (usize::from(length), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let shortest = match length {
            ..=0x7f => first <= 0x7f,
            0x80..=0xff => first == 0x81,
            _ => first == 0x82,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag && shortest).then_some(content)
    }

    /// The content of the next element, after which there is nothing.
    fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let content = self.take(tag)?;
        self.0.is_empty().then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element with this tag and content.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = match length {
            ..=0x7f => vec![tag, length as u8],
            0x80..=0xff => vec![tag, 0x81, length as u8],
            _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        };
        [head, content.to_vec()].concat()
    }

    fn certificate(version: &[u8], algorithm: &[u8], key: &[u8]) -> Vec<u8> {
        let empty = element(SEQUENCE, &[]);
        let bits = element(BIT_STRING, &[&[0], key].concat());
        let key = element(SEQUENCE, &[element(SEQUENCE, algorithm), bits].concat());
        let serial = element(INTEGER, &[1]);
        let signed = [version.to_vec(), serial, empty.repeat(4), key].concat();
        let signed = element(SEQUENCE, &signed);
        element(SEQUENCE, &[signed, empty, element(BIT_STRING, &[0, 1])].concat())
    }

    #[test]
    fn the_key_of_either_version_is_found() {
        let key = vec![7; 270];
        for version in [vec![], element(VERSION, &element(INTEGER, &[2]))] {
            assert_eq!(rsa_key(&certificate(&version, RSA, &key)), Some(key.as_slice()));
        }
    }

    #[test]
    fn what_is_no_certificate_of_an_rsa_key_has_none() {
        let good = certificate(&[], RSA, &[7; 270]);
        for len in 0..good.len() {
            assert_eq!(rsa_key(&good[..len]), None, "length {len}");
        }
        assert_eq!(rsa_key(&[&good[..], &[0]].concat()), None, "more behind it");
        let curve = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
        assert_eq!(rsa_key(&certificate(&[], curve, &[7; 65])), None);
    }

    #[test]
    fn a_length_is_spelled_in_one_way() {
        for (bytes, good) in [
            (vec![SEQUENCE, 0x7f], true),
            (vec![SEQUENCE, 0x81, 0x7f], false),
            (vec![SEQUENCE, 0x81, 0x80], true),
            (vec![SEQUENCE, 0x82, 0x00, 0xff], false),
            (vec![SEQUENCE, 0x82, 0x01, 0x00], true),
            (vec![SEQUENCE, 0x80], false),
            (vec![SEQUENCE, 0x83, 0x01, 0x00, 0x00], false),
        ] {
            let long = [bytes.clone(), vec![0; 70_000]].concat();
            assert_eq!(Der(&long).take(SEQUENCE).is_some(), good, "{bytes:?}");
        }
    }
}
