//! Every decoder of strangers' bytes, with good samples to start from.

use super::vdrive::Directories;
use ring::signature::RsaKeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tahoe::base::ShareNum;
use tahoe::base::file::{FileKey, Params};
use tahoe::cap::{Cap, fuzz as cap};
use tahoe::codec::encode::{Encoder, Plan};
use tahoe::codec::fuzz as codec;
use tahoe::codec::layout::{Offsets, Version};
use tahoe::doors::book::{Door, Rights, line};
use tahoe::doors::fuzz as doors;
use tahoe::doors::secret::Secret;
use tahoe::grid::dirnode::fuzz as dirnode;
use tahoe::http::archive::{Entry, Kind, fuzz as archive, tar};
use tahoe::introducer::announcement::default_seeds;
use tahoe::introducer::{Announcement, Fields, Succession, fuzz as introducer};
use tahoe::link::{Suite, fuzz as link, preamble};
use tahoe::storage::fuzz as storage;
use tahoe::storage::journal::record::seal;
use tahoe::tub::{Furl, Hint, Identity, Swissnum, codec::encode, fuzz as tub};
use tahoe::vdrive::fuzz as vdrive;

/// Certificate and key of a node of 1.20.
const FOOLSCAP: &[u8] = include_bytes!("../nodes/foolscap.pem");

/// One decoder's fuzz body and inputs that it should like.
pub struct Decoder {
    pub name: &'static str,
    pub body: fn(&[u8]),
    pub samples: Vec<Vec<u8>>,
}

/// All of them; the library's `fuzz` modules have one function for each.
pub fn all() -> Vec<Decoder> {
    let (shares, directories) = (Shares::make(), Directories::make());
    vec![
        decoder("preamble", link::preamble, vec![preamble::encode(Suite::AesGcm).to_vec()]),
        decoder("handshake", link::handshake, handshakes()),
        decoder("braid", link::braid, vec![braid()]),
        decoder("record", link::record, vec![vec![0; 17], vec![0; 4096]]),
        decoder("frame", tub::frame, frames()),
        decoder("arguments", tub::arguments, arguments()),
        decoder("furl", tub::furl, furls()),
        decoder("caps", cap::caps, caps()),
        decoder("dirtable", dirnode::table, tables()),
        decoder("share", codec::share, shares.whole),
        decoder("ueb", codec::ueb, shares.uebs),
        decoder("chain", codec::chain, shares.chains),
        decoder("tree", codec::tree, shares.trees),
        decoder("container", storage::container, containers()),
        decoder("journal", storage::journal, journals().map(|records| seal(0, &records)).collect()),
        decoder("sealed_journal", storage::sealed_journal, journals().collect()),
        decoder("announcement", introducer::announcement, announcements()),
        decoder("certificate", introducer::certificate, vec![certificate().to_vec()]),
        decoder("vdrive_rows", vdrive::rows, directories.rows),
        decoder("vdrive_head", vdrive::head, directories.heads),
        decoder("vdrive_proof", vdrive::proof, directories.proofs),
        decoder("vdrive_log", vdrive::log, directories.records),
        decoder("xml", doors::xml, vec![DOCUMENT.to_vec()]),
        decoder("doors", doors::doors, vec![door()]),
        decoder(
            "s3_query",
            doors::s3_query,
            vec![b"list-type=2&prefix=a%2Fb+c".to_vec(), b"b/c d/e/".to_vec()],
        ),
        decoder("s3_pieces", doors::s3_pieces, vec![PIECES.to_vec()]),
        decoder("dav_if", doors::dav_if, vec![IF.to_vec()]),
        decoder("sftp_message", doors::sftp_message, sftp_messages()),
        decoder("tar", archive::tar, tars()),
        decoder("size", sizelimit, ["1000", "10K", "5mB", "78Gb"].map(Vec::from).to_vec()),
    ]
}

const DOCUMENT: &[u8] = b"<?xml version=\"1.0\"?><D:propfind xmlns:D=\"DAV:\" a=\"1\"><D:prop>\
      <getetag xmlns=\"x:\"/>&amp;<![CDATA[<]]></D:prop></D:propfind>";
const PIECES: &[u8] = b"3;chunk-signature=00\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
const IF: &[u8] = b"<http://host/dav/a> (<urn:uuid:1> [\"tag\"]) (Not <DAV:no-lock>)";

/// Looking, opening, reading and writing.
fn sftp_messages() -> Vec<Vec<u8>> {
    let message = |kind: u8, rest: &[u8]| [&[kind, 0, 0, 0, 1], rest].concat();
    vec![
        vec![1, 0, 0, 0, 3],
        message(17, b"\0\0\0\x09/a/../b/c"),
        message(3, b"\0\0\0\x01a\0\0\0\x1a\0\0\0\x05\0\0\0\0\0\0\0\x09\0\0\x01\xa4"),
        message(5, b"\0\0\0\x04\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\x80\0"),
        message(6, b"\0\0\0\x04\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\0\x02ab"),
        message(200, b"\0\0\0\x19posix-rename@openssh.com\0\0\0\x01a\0\0\0\x01b"),
    ]
}

/// Tars with all that this program writes.
fn tars() -> Vec<Vec<u8>> {
    let member = |path: &str, kind, content: &[u8]| {
        let entry = Entry { path: path.to_owned(), kind, time: Some(1.5) };
        [tar::begin(&entry), content.to_vec(), tar::fill(content.len() as u64)].concat()
    };
    let small = member("a/b", Kind::File(5), b"hello");
    let long = member(&"\u{e9}".repeat(300), Kind::File(600), &[7; 600]);
    let all = [member("a", Kind::Directory, b""), small.clone(), long, tar::end()].concat();
    vec![tar::end(), [small, tar::end()].concat(), all]
}

fn door() -> Vec<u8> {
    let cap = Cap::parse("URI:LIT:me").expect("a cap");
    line(&Door::new(("a", &cap), Rights::Append, Some(1), &Secret::new())).into_bytes()
}

fn tables() -> Vec<Vec<u8>> {
    let entry = |name: &str, cap: &str, json: &str| {
        let fields = [name, cap, "", json].map(|field| format!("{}:{field},", field.len()));
        let fields = fields.concat();
        format!("{}:{fields},", fields.len()).into_bytes()
    };
    let one = entry("a", "URI:LIT:aa", r#"{"tahoe": {"linkcrtime": 1.5}}"#);
    let unknown = entry("\u{e9}", "imm.future:1", "{}");
    vec![one.clone(), [one, unknown].concat()]
}

fn decoder(name: &'static str, body: fn(&[u8]), samples: Vec<Vec<u8>>) -> Decoder {
    Decoder { name, body, samples }
}

fn sizelimit(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        storage::size(text);
    }
}

/// First messages of the right lengths.
fn handshakes() -> Vec<Vec<u8>> {
    let first = |length: u8| [&[0, length][..], &vec![9; usize::from(length)]].concat();
    let opened = [&preamble::encode(Suite::AesGcm)[..], &first(48)].concat();
    vec![first(48), opened, first(96), first(64)]
}

/// Whole frames with all kinds of heads, cut at every eighth byte (the first byte says so).
fn frames() -> Vec<Vec<u8>> {
    let frame = |body: &[u8], bulk: &[u8]| {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(0).to_le_bytes();
        [&length(body)[..], &length(bulk), body, bulk].concat()
    };
    let heads = (0..8u8).map(|kind| frame(&[&[kind], &[1; 12][..]].concat(), b""));
    let bulky = frame(&[0; 20], &[7; 5000]);
    heads.chain([bulky]).map(|frame| [&[8][..], &frame, &frame].concat()).collect()
}

fn arguments() -> Vec<Vec<u8>> {
    let (mut plain, mut nested) = (Vec::new(), Vec::new());
    let value = (vec![(7u64, 9u32); 3], Some("reason".to_owned()), [5u8; 32]);
    encode(&value, &mut plain).expect("small");
    encode(&vec![vec!["a".to_owned(); 3]; 3], &mut nested).expect("small");
    vec![plain, nested]
}

fn furls() -> Vec<Vec<u8>> {
    let hints = [
        vec![],
        vec![Hint::tcp("127.0.0.1", 4000)],
        vec![Hint::tcp("[::1]", 1), Hint::Loop("a".to_owned()), Hint::Other("tor:x".to_owned())],
    ];
    let furl = |hints| {
        let tub = Identity::random().tub_id();
        Furl::new(tub, hints, Swissnum::new([3; 32])).reveal().into_bytes()
    };
    hints.into_iter().map(furl).collect()
}

/// Every text of the vectors that looks like a cap.
fn caps() -> Vec<Vec<u8>> {
    let vectors = include_str!("../vectors/uris.json");
    let texts = vectors.split('"').filter(|text| text.contains("URI:"));
    texts.map(|text| text.as_bytes().to_vec()).collect()
}

/// Shares of a small file, whole and in parts.
#[derive(Default)]
struct Shares {
    whole: Vec<Vec<u8>>,
    uebs: Vec<Vec<u8>>,
    chains: Vec<Vec<u8>>,
    trees: Vec<Vec<u8>>,
}

impl Shares {
    fn make() -> Self {
        let mut made = Self::default();
        for (version, needed, total) in
            [(Version::V1, 1, 5), (Version::V1, 3, 10), (Version::V2, 2, 3)]
        {
            made.add(version, needed, total);
        }
        made
    }

    /// A file of 125 × 2³ bytes in segments of 300; `codec::fuzz::share` reads five bytes first.
    fn add(&mut self, version: Version, needed: u8, total: u8) {
        const NUMBER: u8 = 2;
        let params = Params::new(needed.into(), total.into()).expect("sound");
        let plan = Plan::custom(params, 1000, 300, version).expect("sound");
        let mut encoder = Encoder::new(plan, FileKey::new([1; 16]));
        let mut share = Vec::new();
        while let Some(buffer) = encoder.buffer() {
            let batch = encoder.encode(buffer).expect("in order");
            share.extend(batch.shares[usize::from(NUMBER)].concat());
        }
        let finished = encoder.finish().expect("complete");
        share.extend_from_slice(&finished.trailer(ShareNum(NUMBER)).expect("in range").concat());
        let offsets = Offsets::parse(&share).expect("our own");
        let part = |from: u64, to: u64| share[from as usize..to as usize].to_vec();
        let chain = part(offsets.share_hashes, offsets.ueb);
        let tree = part(offsets.crypttext_tree, offsets.block_hashes);
        self.uebs.push(finished.ueb().to_vec());
        self.chains.push([&[total - 1, NUMBER][..], &chain].concat());
        self.trees.push([&4u16.to_be_bytes()[..], &tree].concat());
        self.whole.push([&[needed, total, NUMBER, 3, 125][..], &share].concat());
    }
}

/// Share files with no, one and three leases, of both versions.
fn containers() -> Vec<Vec<u8>> {
    let container = |version: u32, leases: u32| {
        let header = [version, 100, leases].map(u32::to_be_bytes).concat();
        let lease = [&[0; 4][..], &[1; 32], &[2; 32], &[0x70; 4]].concat();
        [header, vec![9; 100], lease.repeat(leases as usize)].concat()
    };
    [(1, 0), (1, 1), (2, 1), (2, 3)].map(|(version, leases)| container(version, leases)).to_vec()
}

/// Two strands of three runs.
fn braid() -> Vec<u8> {
    let run = |number: u32, length: u16| {
        let head = [number.to_le_bytes().as_slice(), &length.to_le_bytes()].concat();
        [head, vec![9; usize::from(length)]].concat()
    };
    // The first byte is where the second strand begins, and part of a number.
    let mut one = run(0, 20);
    one[0] = one.len() as u8;
    [one, run(0, 8_192), run(1, 1)].concat()
}

/// The records of lease journals: edits that fit, and a void.
fn journals() -> impl Iterator<Item = Vec<u8>> {
    let key = |share: u8| [&[4; 16][..], &[share]].concat();
    let edit = move |share: u8| {
        let bytes = [5; 72];
        let numbers =
            [&184u64.to_be_bytes()[..], &1u32.to_be_bytes(), &2u32.to_be_bytes()].concat();
        let place = [&184u64.to_be_bytes()[..], &72u32.to_be_bytes()].concat();
        [key(share), vec![0], numbers, place, bytes.to_vec()].concat()
    };
    let void = move |share: u8| [key(share), vec![1]].concat();
    [vec![], edit(1), [edit(1), edit(2), void(1)].concat()].into_iter()
}

/// That of a node of 1.20.
fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(FOOLSCAP).expect("a certificate")
}

/// What three nodes say of themselves; the last goes on as a node of 1.20.
fn announcements() -> Vec<Vec<u8>> {
    let announcement = |nickname: &str, key: Option<&RsaKeyPair>| {
        let identity = Identity::random();
        let tub = identity.tub_id();
        let (permutation_seed, lease_seed) = default_seeds(tub);
        let fields = Fields {
            sequence: 7,
            service: "storage".to_owned(),
            furl: Furl::new(tub, vec![Hint::tcp("127.0.0.1", 4000)], Swissnum::new([3; 32])),
            nickname: nickname.to_owned(),
            version: "tahoe/0.1.0".to_owned(),
            permutation_seed,
            lease_seed,
        };
        let proof = key.and_then(|key| Succession::sign(&certificate(), key, tub));
        let signed = Announcement::sign_with(&identity, &fields, proof.as_ref());
        signed.expect("our own tub").bytes().to_vec()
    };
    let key = PrivatePkcs8KeyDer::from_pem_slice(FOOLSCAP).expect("a key");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key");
    vec![announcement("alice", None), announcement("", None), announcement("bob", Some(&key))]
}
