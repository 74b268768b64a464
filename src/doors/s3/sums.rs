//! Sums of a body, as it comes: those that its sender gives, and the MD5 by which S3 names what is stored.

use super::fault::Fault;
use actix_web::http::header::HeaderMap;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Digest, Table};
use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest as _, Md5};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// Before the name of an algorithm.
pub const PREFIX: &str = "x-amz-checksum-";
pub const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// One sum on its way.
enum Sum {
    Crc32(Digest<'static, u32, Table<16>>),
    Crc64(Digest<'static, u64, Table<16>>),
    Sha(Box<Context>),
}

impl Sum {
    fn new(algorithm: &str) -> Option<Self> {
        match algorithm {
            "crc32" => Some(Self::Crc32(CRC32.digest())),
            "crc32c" => Some(Self::Crc32(CRC32C.digest())),
            "crc64nvme" => Some(Self::Crc64(CRC64.digest())),
            "sha1" => Some(Self::Sha(Box::new(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)))),
            "sha256" => Some(Self::Sha(Box::new(Context::new(&SHA256)))),
            _ => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(sum) => sum.update(bytes),
            Self::Crc64(sum) => sum.update(bytes),
            Self::Sha(sum) => sum.update(bytes),
        }
    }

    /// In base64.
    fn finish(self) -> String {
        match self {
            Self::Crc32(sum) => BASE64.encode(&sum.finalize().to_be_bytes()),
            Self::Crc64(sum) => BASE64.encode(&sum.finalize().to_be_bytes()),
            Self::Sha(sum) => BASE64.encode(sum.finish().as_ref()),
        }
    }
}

/// What is summed while a body comes.
#[derive(Default)]
pub struct Summing {
    md5: Md5,
    sha256: Option<Context>,
    others: Vec<(&'static str, Sum)>,
}

/// The sums of all of it.
pub struct Sums {
    pub md5: [u8; 16],
    /// In hex digits.
    sha256: Option<String>,
    /// By their algorithms, in base64.
    pub others: Vec<(&'static str, String)>,
}

impl Summing {
    /// Of all that these headers give or announce.
    pub fn of(headers: &HeaderMap) -> Self {
        let said = |name: &str| headers.get(name)?.to_str().ok();
        let trailer = said("x-amz-trailer").unwrap_or_default().to_ascii_lowercase();
        let wanted = said("x-amz-sdk-checksum-algorithm").unwrap_or_default().to_ascii_lowercase();
        let others = ALGORITHMS.iter().filter(|name| {
            let header = format!("{PREFIX}{name}");
            trailer == header || wanted == **name || said(&header).is_some()
        });
        let others = others.filter_map(|name| Some((*name, Sum::new(name)?))).collect();
        Self { others, ..Self::signed(headers) }
    }

    /// Of no more than the hash that the request is signed with.
    pub fn signed(headers: &HeaderMap) -> Self {
        let sha256 = payload_hash(headers).map(|_| Context::new(&SHA256));
        Self { sha256, ..Self::default() }
    }

    /// Of that algorithm, whatever is said elsewhere.
    pub fn only(algorithm: &'static str) -> Self {
        Self::default().and(Some(algorithm))
    }

    /// The same and of that algorithm, if one is given.
    #[must_use]
    pub fn and(mut self, algorithm: Option<&'static str>) -> Self {
        let missing = algorithm.filter(|name| self.others.iter().all(|(had, _)| had != name));
        self.others.extend(missing.and_then(|name| Some((name, Sum::new(name)?))));
        self
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        for (_, sum) in &mut self.others {
            sum.update(bytes);
        }
    }

    pub fn finish(self) -> Sums {
        Sums {
            md5: self.md5.finalize().into(),
            sha256: self.sha256.map(|sum| HEXLOWER.encode(sum.finish().as_ref())),
            others: self.others.into_iter().map(|(name, sum)| (name, sum.finish())).collect(),
        }
    }
}

impl Sums {
    /// That of an algorithm, if it was made.
    pub fn of(&self, algorithm: &str) -> Option<&str> {
        self.others.iter().find(|(name, _)| *name == algorithm).map(|(_, sum)| sum.as_str())
    }

    pub fn md5_hex(&self) -> String {
        HEXLOWER.encode(&self.md5)
    }

    /// Holds them against what headers say, and what came behind the body.
    pub fn check(&self, headers: &HeaderMap, trailers: &[(String, String)]) -> Result<(), Fault> {
        let said = |name: &str| headers.get(name)?.to_str().ok();
        if let Some(text) = said("content-md5") {
            let given = BASE64.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == 16);
            let given = given.ok_or_else(|| {
                Fault::new("InvalidDigest", "The Content-MD5 is not 16 bytes in base64.")
            })?;
            if given != self.md5 {
                return Err(Fault::new("BadDigest", "The body is not that of the Content-MD5."));
            }
        }
        if self.sha256.is_some() && self.sha256.as_deref() != payload_hash(headers) {
            let text = "The body is not that of x-amz-content-sha256.";
            return Err(Fault::new("XAmzContentSHA256Mismatch", text));
        }
        for (name, sum) in &self.others {
            let header = format!("{PREFIX}{name}");
            let behind = trailers.iter().find(|(name, _)| *name == header);
            let given = said(&header).or_else(|| behind.map(|(_, value)| value.as_str()));
            let announced =
                said("x-amz-trailer").is_some_and(|name| name.eq_ignore_ascii_case(&header));
            if announced && given.is_none() {
                let text = format!("Behind the body there is no {header}.");
                return Err(Fault::new("MalformedTrailerError", text));
            }
            if given.is_some_and(|given| given != sum) {
                return Err(Fault::new("BadDigest", format!("The body is not that of {header}.")));
            }
        }
        Ok(())
    }
}

/// The hash of the body that a request is signed with.
fn payload_hash(headers: &HeaderMap) -> Option<&str> {
    let said = headers.get("x-amz-content-sha256")?.to_str().ok()?;
    (said.len() == 64 && said.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::super::headers;
    use super::super::sign::sha256;
    use super::*;

    fn checked(pairs: &[(&str, &str)], trailers: &[(&str, &str)]) -> &'static str {
        let headers = headers(pairs);
        let mut summing = Summing::of(&headers);
        summing.update(b"12345");
        summing.update(b"6789");
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let trailers: Vec<_> = trailers.iter().map(own).collect();
        summing.finish().check(&headers, &trailers).err().map_or("", |fault| fault.code)
    }

    #[test]
    fn every_sum_is_known_by_its_check_value() {
        // The check values of the algorithms' catalogue: sums of "123456789".
        for (name, sum) in [
            ("crc32", "y/Q5Jg=="),
            ("crc32c", "4waSgw=="),
            ("crc64nvme", "rosUhgp5mIg="),
            ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            let header = format!("{PREFIX}{name}");
            assert_eq!(checked(&[(&header, sum)], &[]), "", "{name}");
            assert_eq!(checked(&[(&header, "AAAAAA==")], &[]), "BadDigest", "{name}");
            assert_eq!(checked(&[("x-amz-trailer", &header)], &[(&header, sum)]), "", "{name}");
            assert_eq!(checked(&[("x-amz-trailer", &header)], &[]), "MalformedTrailerError");
            let wrong = checked(&[("x-amz-trailer", &header)], &[(&header, "AAAAAA==")]);
            assert_eq!(wrong, "BadDigest", "{name}");
        }
    }

    #[test]
    fn the_body_is_that_which_was_signed() {
        assert_eq!(checked(&[("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")], &[]), "");
        assert_eq!(checked(&[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")], &[]), "BadDigest");
        assert_eq!(checked(&[("content-md5", "AAAA")], &[]), "InvalidDigest");
        let hash = sha256(b"123456789");
        assert_eq!(checked(&[("x-amz-content-sha256", &hash)], &[]), "");
        let hash = sha256(b"");
        let wrong = checked(&[("x-amz-content-sha256", &hash)], &[]);
        assert_eq!(wrong, "XAmzContentSHA256Mismatch");
        assert_eq!(checked(&[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], &[]), "");
    }
}
