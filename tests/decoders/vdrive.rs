//! Good samples for the decoders of directories.

use tahoe::vdrive::format::log::{Facts, Record, Salt};
use tahoe::vdrive::format::{Head, Row, SignedHead, Trie};

pub struct Directories {
    pub rows: Vec<Vec<u8>>,
    pub heads: Vec<Vec<u8>>,
    pub proofs: Vec<Vec<u8>>,
    /// A kind and a body each; or a whole header.
    pub records: Vec<Vec<u8>>,
}

fn row(number: u8) -> Row {
    let (read, write) = (vec![1; usize::from(number) * 40], vec![2; usize::from(number)]);
    Row { id: [number.wrapping_mul(37); 32], seq: 1, read: read.into(), write: write.into() }
}

impl Directories {
    pub fn make() -> Self {
        let rows: Vec<Row> = (0..6).map(row).collect();
        let trie = Trie::of(rows.iter().map(|row| (row.id, row.hash())));
        let head = Head {
            directory: [0; 32],
            seq: 1,
            previous: [0; 32],
            root: trie.root(),
            rows: rows.len() as u64,
            change: [6; 16],
        };
        let head = Box::new(SignedHead { head, signature: [5; 64] });
        let bulk = Row::encode_all(&rows);
        let records = [
            Record::Rows(bulk.clone()),
            Record::Removed(vec![[1; 32], [2; 32]]),
            Record::Change { head: head.clone(), removed: vec![[0; 32]], rows: bulk.clone() },
            Record::Whole { head: head.clone(), known_since: 1, recent: vec![[6; 16]; 3] },
            Record::Lease { renew: [1; 32], cancel: [2; 32], end: 3 },
        ];
        let body = |record: &Record| {
            let sealed = record.seal(Salt([0; 16]), 0);
            [&sealed[4..5], &sealed[9..sealed.len() - 16]].concat()
        };
        let facts =
            Facts { id: [0; 32], verify_key: [1; 32], read_facet: [2; 32], write_facet: [3; 32] };
        let header = facts.header(Salt([3; 16]));
        Self {
            rows: vec![bulk.to_vec(), row(3).read.to_vec(), Row::encode_all([&row(5)]).to_vec()],
            heads: vec![head.to_bytes().to_vec()],
            proofs: vec![
                trie.prove(&[row(2).id]).to_bytes(),
                trie.prove(&[[9; 32], row(4).id]).to_bytes(),
                Trie::default().to_bytes(),
            ],
            records: records.iter().map(body).chain([header]).collect(),
        }
    }
}
