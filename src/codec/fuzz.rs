//! What fuzzers and property tests feed with bytes: every decoder of this layer. None may panic, and
//! none may ask for bytes beyond the share.

use super::bytes_in::BytesIn;
use super::chain::Chain;
use super::decode::{FileReader, Opening, VerifiedRun};
use super::geometry::SegmentNum;
use super::hashtree::HashTree;
use super::layout::Offsets;
use super::ueb::{Ueb, ueb_hash};
use super::verify::{Verdict, verify_share};
use crate::base::ShareNum;
use crate::base::file::{FileFacts, Params};
use bytes::Bytes;

/// A URI extension block of any bytes, with the hash that lets it in.
pub fn ueb(bytes: &[u8]) {
    let hash = ueb_hash(bytes);
    let Ok(ueb) = Ueb::parse(bytes, &hash) else { return };
    let geometry = Params::new(3, 10).ok().and_then(|params| {
        super::Geometry::with_segment_size(params, 1 << 40, ueb.segment_size).ok()
    });
    if let Some(geometry) = geometry {
        let _ = ueb.check_redundant(&geometry);
        assert!(geometry.tail_padded() <= geometry.segment_size());
    }
    assert!(Ueb::parse(bytes, &[0; 32]).is_err());
}

/// A chain region of any bytes. Nobody can make one that proves a root of zeros.
pub fn chain(bytes: &[u8]) {
    let Some((counts, region)) = bytes.split_first_chunk::<2>() else { return };
    let Ok(chain) = Chain::parse(region) else { return };
    let [total, share] = *counts;
    let params = Params::new(1, u64::from(total) + 1);
    if let Some(params) = params.ok().filter(|params| params.has(ShareNum(share))) {
        assert!(chain.prove(params, ShareNum(share), &[7; 32], &[0; 32]).is_err());
    }
}

/// A tree region of any bytes, with a number of leaves from the first two.
pub fn tree(bytes: &[u8]) {
    let Some((leaves, region)) = bytes.split_first_chunk() else { return };
    let leaves = usize::from(u16::from_be_bytes(*leaves));
    if let Ok(tree) = HashTree::parse_unrooted(region, leaves) {
        assert_eq!(tree.as_bytes(), region);
    }
}

/// A share of any bytes, after five that say what the cap says: needed, total, share number and the
/// size's exponent and factor. The UEB's hash is taken from the share, so that whatever is behind
/// it is reached.
pub fn share(bytes: &[u8]) {
    let mut bytes = BytesIn::new(bytes);
    let Ok([needed, total, number, exponent, factor]) = bytes.array() else { return };
    let Ok(params) = Params::new(needed.into(), total.into()) else { return };
    let size = u64::from(factor) << (exponent % 57);
    let ueb_hash = found_ueb_hash(bytes.rest()).unwrap_or_default();
    let facts = FileFacts { params, size, ueb_hash };
    judge(facts, ShareNum(number), &Bytes::copy_from_slice(bytes.rest()));
}

fn found_ueb_hash(share: &[u8]) -> Option<[u8; 32]> {
    let offsets = Offsets::parse(share).ok()?;
    let region = share.get(usize::try_from(offsets.ueb).ok()?..)?;
    offsets.split_ueb(region).ok().map(|(_, ueb)| ueb_hash(ueb))
}

/// Verifies and reads one share, as a verifier and a downloader do; gives the verdict.
pub fn judge(facts: FileFacts, number: ShareNum, share: &Bytes) -> Verdict {
    let len = share.len();
    let read = |range: std::ops::Range<u64>| {
        assert!(range.start <= range.end && range.end <= len as u64, "{range:?} of {len}");
        Ok::<_, std::convert::Infallible>(share.slice(range.start as usize..range.end as usize))
    };
    let Ok(verdict) = verify_share(facts, number, len as u64, read);
    let decoded = first_segment(facts, number, share);
    if verdict == Verdict::Good && facts.params.needed() == 1 {
        assert!(decoded.is_some(), "a good share decodes");
    }
    verdict
}

/// The first segment of a file of which one share is enough.
fn first_segment(facts: FileFacts, number: ShareNum, share: &Bytes) -> Option<Bytes> {
    let mut opening = Opening::new(facts, number, share.len() as u64, true).ok()?;
    opening.take(0, share.slice(..share.len().min(100))).ok()?;
    while let Some(range) = opening.wants().ok()? {
        let bytes = share.slice(range.start as usize..range.end as usize);
        opening.take(range.start, bytes).ok()?;
    }
    let (open, tree) = opening.finish().ok()?;
    let range = open.range(SegmentNum(0), 1);
    let end = usize::try_from(range.end).ok().filter(|end| *end <= share.len())?;
    let run: VerifiedRun =
        open.verify(SegmentNum(0), 1, share.slice(range.start as usize..end)).ok()?;
    FileReader::new(&facts, tree?, None).decode(&[run]).ok()
}

/// Runs `body` on a part of the fuzz inputs that one test run spends: of `TAHOE_FUZZ_CASES` in all
/// (100,000 unless set) `percent` per cent. A failure prints its input.
#[cfg(test)]
pub fn run<S: proptest::strategy::Strategy>(percent: u32, input: S, body: impl Fn(S::Value)) {
    use proptest::test_runner::{Config, TestRunner};
    let cases = std::env::var("TAHOE_FUZZ_CASES").ok().and_then(|text| text.parse().ok());
    let cases = (cases.unwrap_or(100_000) * u64::from(percent) / 100).max(1) as u32;
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&input, |input| {
        body(input);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::file::FileKey;
    use crate::codec::encode::{Encoder, Plan};
    use crate::codec::layout::Version;
    use proptest::prelude::*;

    fn bytes(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), len)
    }

    /// A sound share of a small file, with what its cap says.
    fn sound(version: Version, needed: u64) -> (FileFacts, Bytes) {
        let (params, size) = (Params::new(needed, 5).unwrap(), 1_000);
        let plan = Plan::custom(params, size, 300, version).unwrap();
        let mut encoder = Encoder::new(plan, FileKey::new([1; 16]));
        let mut share = Vec::new();
        while let Some(buffer) = encoder.buffer() {
            share.extend(encoder.encode(buffer).unwrap().shares[3].concat());
        }
        let finished = encoder.finish().unwrap();
        share.extend_from_slice(&finished.trailer(ShareNum(3)).unwrap().concat());
        (FileFacts { params, size, ueb_hash: finished.ueb_hash() }, share.into())
    }

    #[test]
    fn no_ueb_makes_the_parser_panic() {
        run(10, bytes(0..300), |input| ueb(&input));
        let text = "((segment_size|size|share_root_hash|crypttext_root_hash|x):[0-9]{1,3}:[0-9a-z]{0,40},){0,6}";
        run(5, proptest::string::string_regex(text).unwrap(), |input| ueb(input.as_bytes()));
    }

    #[test]
    fn no_chain_or_tree_makes_the_parser_panic() {
        run(10, bytes(0..350), |input| chain(&input));
        run(5, (any::<[u8; 2]>(), 0..12usize), |(head, entries)| {
            let entry: Vec<u8> =
                (0..entries as u8).flat_map(|i| [[0, i].as_slice(), &[i; 32]].concat()).collect();
            chain(&[&head[..], &entry].concat());
        });
        run(10, (0..5u16, bytes(0..300)), |(leaves, nodes)| {
            tree(&[&leaves.to_be_bytes()[..], &nodes].concat());
        });
    }

    #[test]
    fn no_share_makes_the_reader_panic() {
        run(5, bytes(0..400), |input| share(&input));
        let head = (1..4u8, 3..6u8, 0..6u8, 0..60u8, any::<u8>());
        let offsets = prop::collection::vec(0..500u32, 8);
        run(5, (head, offsets, bytes(0..400)), |((k, n, share_num, e, f), offsets, rest)| {
            let head = [k, n, share_num, e, f, 0, 0, 0, 1];
            let offsets: Vec<u8> = offsets.into_iter().flat_map(u32::to_be_bytes).collect();
            share(&[&head[..], &offsets, &rest].concat());
        });
    }

    #[test]
    fn no_damage_to_a_sound_share_passes_or_panics() {
        for (version, needed) in [(Version::V1, 1), (Version::V1, 3), (Version::V2, 2)] {
            let (facts, sound) = sound(version, needed);
            assert_eq!(judge(facts, ShareNum(3), &sound), Verdict::Good);
            let places = prop::collection::vec((0..sound.len(), any::<u8>()), 1..4);
            run(3, (places, 0..=sound.len()), |(places, keep)| {
                let mut bytes = sound.to_vec();
                for (place, value) in places {
                    bytes[place] = value;
                }
                judge(facts, ShareNum(3), &bytes.clone().into());
                bytes.truncate(keep);
                judge(facts, ShareNum(3), &bytes.into());
            });
        }
    }

    #[test]
    fn a_share_judged_good_decodes_to_its_file() {
        let (facts, share) = sound(Version::V1, 1);
        for place in 0..share.len() {
            let mut bytes = share.to_vec();
            bytes[place] ^= 0x40;
            if let Some(segment) = first_segment(facts, ShareNum(3), &bytes.into()) {
                assert_eq!(segment, first_segment(facts, ShareNum(3), &share).unwrap());
            }
        }
    }
}
