//! The sum of an object that came in parts, made of those of its parts: one sum over theirs, or, as only CRCs
//! can be put together, the very sum of the whole.

use super::fault::Fault;
use super::sums::{ALGORITHMS, PREFIX, Summing};
use actix_web::http::header::HeaderMap;
use data_encoding::BASE64;

/// Which sum the sender of parts wants of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Combined {
    pub algorithm: &'static str,
    /// Of the whole, not of the sums of its parts.
    is_full: bool,
}

/// The CRCs by their polynomials, as they are written for the lowest bit first; all begin and end inverted.
const POLYNOMIALS: [(&str, u64); 3] =
    [("crc32", 0xEDB8_8320), ("crc32c", 0x82F6_3B78), ("crc64nvme", 0x9A6C_9329_AC4B_C9B5)];

impl Combined {
    /// What the headers that begin an upload ask for.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let said = |name: &str| headers.get(format!("{PREFIX}{name}"))?.to_str().ok();
        let kind = said("type").map(str::to_ascii_uppercase);
        let Some(algorithm) = said("algorithm").map(str::to_ascii_lowercase) else {
            return match kind {
                None => Ok(None),
                Some(_) => Err(Fault::argument("A type of sum is of an algorithm.")),
            };
        };
        let known = ALGORITHMS.iter().find(|known| **known == algorithm);
        let algorithm = *known.ok_or_else(|| {
            Fault::argument(format!("Sums are {}.", ALGORITHMS.join(", ").to_uppercase()))
        })?;
        let is_full = match kind.as_deref() {
            None => algorithm == "crc64nvme",
            Some("FULL_OBJECT") if polynomial(algorithm).is_some() => true,
            Some("COMPOSITE") if algorithm != "crc64nvme" => false,
            Some(kind) => {
                let text = format!("{} has no sum of the type {kind}.", algorithm.to_uppercase());
                return Err(Fault::new("InvalidRequest", text));
            }
        };
        Ok(Some(Self { algorithm, is_full }))
    }

    pub const fn kind(self) -> &'static str {
        if self.is_full { "FULL_OBJECT" } else { "COMPOSITE" }
    }

    /// Of parts, by their sums in base64 and their lengths.
    pub fn sum<'a>(self, parts: impl Iterator<Item = (&'a str, u64)>) -> Option<String> {
        match polynomial(self.algorithm).filter(|_| self.is_full) {
            Some(polynomial) => full(polynomial, self.algorithm, parts),
            None => composite(self.algorithm, parts),
        }
    }
}

/// Which of both a sum is that was kept.
pub fn kind_of(sum: &str) -> &'static str {
    if sum.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" }
}

/// The element of XML that a sum stands in.
pub fn element(algorithm: &str) -> String {
    format!("Checksum{}", algorithm.to_uppercase())
}

fn polynomial(algorithm: &str) -> Option<u64> {
    POLYNOMIALS.iter().find(|(known, _)| *known == algorithm).map(|(_, polynomial)| *polynomial)
}

fn composite<'a>(
    algorithm: &'static str,
    parts: impl Iterator<Item = (&'a str, u64)>,
) -> Option<String> {
    let (mut all, mut count) = (Summing::only(algorithm), 0);
    for (sum, _) in parts {
        all.update(&BASE64.decode(sum.as_bytes()).ok()?);
        count += 1;
    }
    let (_, sum) = all.finish().others.pop()?;
    Some(format!("{sum}-{count}"))
}

fn full<'a>(
    polynomial: u64,
    algorithm: &str,
    parts: impl Iterator<Item = (&'a str, u64)>,
) -> Option<String> {
    let bytes = if algorithm == "crc64nvme" { 8 } else { 4 };
    let mut whole = 0;
    for (sum, length) in parts {
        let sum = BASE64.decode(sum.as_bytes()).ok().filter(|sum| sum.len() == bytes)?;
        let sum = sum.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        whole = behind(polynomial, whole, length) ^ sum;
    }
    let whole = whole.to_be_bytes();
    Some(BASE64.encode(whole.get(whole.len() - bytes..)?))
}

/// A CRC with so many zero bytes behind it. The inversions at both ends cancel out where two are joined.
fn behind(polynomial: u64, crc: u64, mut length: u64) -> u64 {
    // One bit further is a map of bits to bits, here by what each bit becomes; twice that map is two bits.
    let mut further: Vec<u64> = vec![polynomial];
    further.extend((0..63).map(|bit| 1_u64 << bit));
    for _ in 0..3 {
        further = twice(&further);
    }
    let mut crc = crc;
    while length > 0 && crc != 0 {
        if length & 1 == 1 {
            crc = mapped(&further, crc);
        }
        further = twice(&further);
        length >>= 1;
    }
    crc
}

fn mapped(map: &[u64], bits: u64) -> u64 {
    let set = map.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    set.fold(0, |sum, (_, image)| sum ^ image)
}

fn twice(map: &[u64]) -> Vec<u64> {
    map.iter().map(|image| mapped(map, *image)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::headers;
    use super::*;

    fn sum(algorithm: &'static str, bytes: &[u8]) -> String {
        let mut summing = Summing::only(algorithm);
        summing.update(bytes);
        summing.finish().others.pop().unwrap().1
    }

    fn wanted(pairs: &[(&str, &str)]) -> Result<Option<Combined>, &'static str> {
        Combined::of(&headers(pairs)).map_err(|fault| fault.code)
    }

    #[test]
    fn the_crc_of_a_whole_is_made_of_those_of_its_parts() {
        let bytes: Vec<u8> = (0..100_000_u64).map(|at| ((at * at) >> 5) as u8).collect();
        for (algorithm, _) in POLYNOMIALS {
            for cuts in [vec![], vec![0], vec![1, 1], vec![5, 70_000], vec![64, 99_999, 100_000]] {
                let mut parts = Vec::new();
                let mut rest = bytes.as_slice();
                for cut in cuts {
                    let (part, behind) = rest.split_at(cut - (bytes.len() - rest.len()));
                    parts.push((sum(algorithm, part), part.len() as u64));
                    rest = behind;
                }
                parts.push((sum(algorithm, rest), rest.len() as u64));
                let combined = Combined { algorithm, is_full: true };
                let whole = combined.sum(parts.iter().map(|(sum, size)| (sum.as_str(), *size)));
                assert_eq!(whole.unwrap(), sum(algorithm, &bytes), "{algorithm}, {parts:?}");
            }
        }
    }

    #[test]
    fn a_sum_of_sums_says_of_how_many() {
        let combined = Combined { algorithm: "sha256", is_full: false };
        let parts = [sum("sha256", b"12345"), sum("sha256", b"6789")];
        let raw: Vec<u8> =
            parts.iter().flat_map(|sum| BASE64.decode(sum.as_bytes()).unwrap()).collect();
        let whole = combined.sum(parts.iter().map(|sum| (sum.as_str(), 0))).unwrap();
        assert_eq!(whole, format!("{}-2", sum("sha256", &raw)));
        assert_eq!((kind_of(&whole), kind_of(&parts[0])), ("COMPOSITE", "FULL_OBJECT"));
        assert_eq!(combined.sum([("no base64", 1)].into_iter()), None);
        assert_eq!(element("crc64nvme"), "ChecksumCRC64NVME");
    }

    #[test]
    fn who_begins_an_upload_says_which_sum_the_whole_gets() {
        let both = |algorithm, kind| {
            wanted(&[("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", kind)])
        };
        let kind = |combined: Result<Option<Combined>, _>| combined.unwrap().unwrap().kind();
        assert_eq!(wanted(&[]), Ok(None));
        assert_eq!(kind(wanted(&[("x-amz-checksum-algorithm", "CRC32")])), "COMPOSITE");
        assert_eq!(kind(wanted(&[("x-amz-checksum-algorithm", "crc64nvme")])), "FULL_OBJECT");
        assert_eq!(kind(both("CRC32C", "FULL_OBJECT")), "FULL_OBJECT");
        assert_eq!(kind(both("SHA1", "COMPOSITE")), "COMPOSITE");
        assert_eq!(both("SHA1", "FULL_OBJECT"), Err("InvalidRequest"));
        assert_eq!(both("CRC64NVME", "COMPOSITE"), Err("InvalidRequest"));
        assert_eq!(both("MD4", "COMPOSITE"), Err("InvalidArgument"));
        assert_eq!(wanted(&[("x-amz-checksum-type", "COMPOSITE")]), Err("InvalidArgument"));
    }
}
