//! Directories as `src/vdrive/FORMAT.md` has them, written by a program that shares no code with
//! this one (`scripts/vdrive_vectors.py`).

use super::support::{array, bytes, hex, items, load, number, text, unhex};
use bytes::Bytes;
use ring::signature::{Ed25519KeyPair, KeyPair};
use tahoe::base::hash::sha256;
use tahoe::vdrive::format::log::{Facts, Found, Record, Salt};
use tahoe::vdrive::format::{Row, RowId, SignedHead, Trie};

fn rows() -> Vec<Row> {
    let (_, vectors) = load("vdrive");
    let row = |one| Row::decode_all(bytes(one, "row").into()).unwrap().remove(0);
    items(&vectors["rows"]).iter().map(row).collect()
}

#[test]
fn rows_and_their_hashes() {
    let (_, vectors) = load("vdrive");
    for (row, one) in rows().iter().zip(items(&vectors["rows"])) {
        assert_eq!(hex(row.hash()), text(one, "hash"));
        assert_eq!(hex(Row::encode_all([row])), text(one, "row"));
    }
}

#[test]
fn roots_and_proofs() {
    let (_, vectors) = load("vdrive");
    for one in items(&vectors["tries"]) {
        let count = number(one, "rows") as usize;
        let trie = Trie::of(rows().iter().take(count).map(|row| (row.id, row.hash())));
        assert_eq!(hex(trie.root()), text(one, "root"), "{count} rows");
        for proof in items(&one["proofs"]) {
            let ids = items(&proof["ids"]).iter().map(|id| id.as_str().unwrap());
            let ids: Vec<RowId> = ids.map(|id| unhex(id).try_into().unwrap()).collect();
            assert_eq!(hex(trie.prove(&ids).to_bytes()), text(proof, "proof"), "{count} rows");
            let read = Trie::from_bytes(&bytes(proof, "proof")).unwrap();
            assert_eq!(read.root(), trie.root());
            assert!(ids.iter().all(|id| read.get(id) == trie.get(id)));
        }
    }
    let pair = &vectors["pair"];
    let mut one = [0; 32];
    one[31] = 1;
    let trie = Trie::of([([0; 32], array(pair, "zero")), (one, array(pair, "one"))]);
    assert_eq!(hex(trie.root()), text(pair, "root"));
}

#[test]
fn heads_and_their_signatures() {
    let (seed, vectors) = load("vdrive");
    let pair = Ed25519KeyPair::from_seed_unchecked(&unhex(&seed)).unwrap();
    let key: [u8; 32] = array(&vectors, "verify_key");
    assert_eq!(pair.public_key().as_ref(), key);
    let mut previous = [0; 32];
    for (one, seq) in items(&vectors["heads"]).iter().zip(1..) {
        let signed = SignedHead::from_bytes(&bytes(one, "signed")).unwrap();
        assert!(signed.verify(&key));
        assert_eq!(SignedHead::sign(signed.head, &pair), signed);
        assert_eq!((signed.head.seq, signed.head.previous), (seq, previous));
        assert_eq!(hex(signed.head.hash()), text(one, "hash"));
        previous = signed.head.hash();
    }
}

#[test]
fn headers_and_records_of_logs() {
    let (_, vectors) = load("vdrive");
    let log = &vectors["log"];
    let (facts, salt) = Facts::from_header(&bytes(log, "header")).unwrap();
    assert_eq!(salt.0, array(log, "salt"));
    assert_eq!(facts.id, sha256(b"directory"));
    assert_eq!((facts.read_facet, facts.write_facet), (sha256(b"read"), sha256(b"write")));
    assert_eq!(hex(facts.header(salt)), text(log, "header"));
    for one in items(&log["records"]) {
        let (offset, sealed) = (number(one, "offset"), Bytes::from(bytes(one, "record")));
        let Found::Whole(record, len) = Record::find(salt, offset, &sealed) else {
            panic!("a record is not read: {one}");
        };
        assert_eq!((record.seal(salt, offset), len), (sealed.to_vec(), sealed.len()));
        assert!(matches!(Record::find(Salt([0; 16]), offset, &sealed), Found::Bad));
    }
}
