//! Bodies of fuzz targets: what strangers' bytes meet first.

use super::format::log::{Facts, Found, Record, Salt};
use super::format::{Row, SignedHead, Trie};
use super::table::Table;
use bytes::Bytes;

/// Rows of a call.
pub fn rows(data: &[u8]) {
    if let Ok(rows) = Row::decode_all(Bytes::copy_from_slice(data)) {
        assert_eq!(Row::encode_all(&rows), data, "rows have one form");
    }
}

/// A signed head.
pub fn head(data: &[u8]) {
    if let Ok(head) = SignedHead::from_bytes(data) {
        assert_eq!(head.to_bytes().as_slice(), data, "heads have one form");
        assert!(!head.verify(&[1; 32]), "nobody signed that");
    }
}

/// A proof, and changes through it.
pub fn proof(data: &[u8]) {
    let Ok(trie) = Trie::from_bytes(data) else { return };
    assert_eq!(trie.to_bytes(), data, "proofs have one form");
    let mut id = [0; 32];
    for (to, from) in id.iter_mut().zip(data) {
        *to = *from;
    }
    let mut changed = trie.clone();
    if changed.change([(id, [7; 32])], []).is_ok() {
        assert_eq!(changed.get(&id), Ok(Some([7; 32])), "what was put in is there");
    }
    let part = trie.prove(&[id]);
    assert_eq!(part.root(), trie.root(), "hiding keeps the root");
}

/// A record of a log, and what it does to an empty directory.
pub fn log(data: &[u8]) {
    let _ = Facts::from_header(data);
    // Sums are keyed, so a record that verifies is made around the data.
    let salt = Salt([3; 16]);
    let _ = Record::find(salt, 0, &Bytes::copy_from_slice(data));
    let Some((kind, body)) = data.split_first() else { return };
    let sealed = Record::sealed_raw(*kind, body, salt, 0);
    if let Found::Whole(record, len) = Record::find(salt, 0, &sealed.into()) {
        assert_eq!(len, record.seal(salt, 0).len(), "records have one form");
        let _ = Table::default().replay(&[0; 32], &record, 0);
    }
}
