//! Whoever may write a directory and signs whatever it likes into it, over the wire.

use super::tub_on;
use bytes::Bytes;
use ring::signature::Ed25519KeyPair;
use tahoe::base::system::random;
use tahoe::cap::{Cap, DirCap, VdriveCap};
use tahoe::tub::furl::parse_hints;
use tahoe::tub::{Bulk, Furl, LoopbackNet, Swissnum, Tub, TubId};
use tahoe::vdrive::api::{ChangeOutcome, ChangeRows, DirectoryReader, DirectoryWriter, GetRows};
use tahoe::vdrive::format::{Head, Row, RowId, SignedHead, Trie};

pub struct HostileWriter {
    tub: Tub,
    cap: DirCap,
}

impl HostileWriter {
    pub fn new(net: &LoopbackNet, cap: &str) -> Self {
        let Ok(Cap::Vdrive(VdriveCap::Write(cap))) = Cap::parse(cap) else {
            panic!("no write cap")
        };
        Self { tub: tub_on(&net.at("mallory")), cap }
    }

    fn furl(&self, facet: [u8; 32]) -> Furl {
        let place = self.cap.place();
        let hints = parse_hints(place.hints()).unwrap();
        Furl::new(TubId(*place.tub()), hints, Swissnum::new(facet))
    }

    /// Puts rows of any bytes under ids that it chooses; none of them is there yet.
    pub async fn put(&self, rows: Vec<(RowId, Vec<u8>)>) {
        let row = |(id, read): (RowId, Vec<u8>)| Row {
            id,
            seq: 0,
            read: read.into(),
            write: Bytes::new(),
        };
        let rows: Vec<Row> = rows.into_iter().map(row).collect();
        for rows in rows.chunks(1_000) {
            self.change(rows.to_vec()).await;
        }
    }

    async fn change(&self, mut rows: Vec<Row>) {
        let furl = self.furl(self.cap.verify_cap().read_facet());
        let reader = self.tub.get::<DirectoryReader>(&furl).await.unwrap();
        let ids = rows.iter().map(|row| row.id).collect();
        let now = reader.call(GetRows { ids }).await.unwrap();
        let before = SignedHead::from_bytes(&now.head).unwrap().head;
        rows.iter_mut().for_each(|row| row.seq = before.seq + 1);
        let mut trie = Trie::from_bytes(&now.proof.0).unwrap();
        trie.change(rows.iter().map(|row| (row.id, row.hash())), &[]).unwrap();
        let head = Head {
            seq: before.seq + 1,
            previous: before.hash(),
            root: trie.root(),
            rows: before.rows + rows.len() as u64,
            change: random(),
            ..before
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(self.cap.signing_seed().reveal()).unwrap();
        let head = SignedHead::sign(head, &pair).to_bytes().to_vec();
        let furl = self.furl(self.cap.write_facet());
        let writer = self.tub.get::<DirectoryWriter>(&furl).await.unwrap();
        let ask = ChangeRows { head, rows: Bulk(Row::encode_all(&rows)), removed: Vec::new() };
        assert_eq!(writer.call(ask).await.unwrap().outcome, ChangeOutcome::Applied);
    }
}
