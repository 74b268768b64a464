//! Words that the vdrive tests are written in: a server on a chosen disk, and an owner of a
//! directory who signs heads and believes nothing without proof.

use bytes::Bytes;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tahoe::base::hash::sha256;
use tahoe::base::system::{Clock, random};
use tahoe::disk::Disk;
use tahoe::tub::furl::digest;
use tahoe::tub::{Bulk, Furl, Identity, Ref, RemoteError, Swissnum, Tub, TubOptions};
use tahoe::vdrive::api::{
    ChangeOutcome, ChangeRows, Changed, CreateDirectory, DirectoryReader, DirectoryWriter, GetHead,
    GetRows, ListRows, Page, Vdrive,
};
use tahoe::vdrive::format::{Head, Row, RowId, SignedHead, Trie, trie};
use tahoe::vdrive::{Store, StoreConfig, VdriveError, VdriveServer};

pub const NOW: u64 = 1_700_000_000;

pub fn config(disk: &Disk, dir: &Path) -> StoreConfig {
    StoreConfig {
        disk: disk.clone(),
        clock: Clock::manual(NOW),
        index_on_disk: false,
        ..StoreConfig::new(dir)
    }
}

/// A server in this process, and a tub through which its directories are found.
pub struct Server {
    pub store: Arc<Store>,
    pub vdrive: Ref<Vdrive>,
    pub tub: Tub,
}

impl Server {
    pub fn open(config: StoreConfig) -> Result<Self, VdriveError> {
        let store = Store::open(config)?;
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let (vdrive, restorer) = VdriveServer::start(store.clone(), "test");
        tub.add_restorer(restorer);
        Ok(Self { store, vdrive, tub })
    }

    /// Ends it, and waits until its folder is free again.
    pub async fn close(self) {
        let store = Arc::downgrade(&self.store);
        self.tub.shutdown();
        drop(self);
        while store.strong_count() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn furl(&self, swissnum: &Swissnum) -> Furl {
        Furl::new(self.tub.id(), Vec::new(), swissnum.clone())
    }

    pub async fn reader(&self, owner: &Owner) -> Result<Ref<DirectoryReader>, RemoteError> {
        self.tub.get(&self.furl(&owner.read)).await
    }

    pub async fn writer(&self, owner: &Owner) -> Result<Ref<DirectoryWriter>, RemoteError> {
        self.tub.get(&self.furl(&owner.write)).await
    }
}

/// Names and contents, as the owner sees them.
pub type Names = BTreeMap<String, Vec<u8>>;

/// Whoever may write one directory.
pub struct Owner {
    pub pair: Ed25519KeyPair,
    pub id: [u8; 32],
    pub read: Swissnum,
    pub write: Swissnum,
}

pub fn row_id(name: &str) -> RowId {
    sha256(name.as_bytes())
}

/// A row that an owner without secrets makes.
pub fn row(name: &str, seq: u64, content: &[u8]) -> Row {
    let read = [&[name.len() as u8], name.as_bytes(), content].concat();
    Row { id: row_id(name), seq, read: read.into(), write: Bytes::from_static(b"write") }
}

fn opened(row: &Row) -> (String, Vec<u8>) {
    let (len, rest) = row.read.split_first().unwrap();
    let (name, content) = rest.split_at(usize::from(*len));
    let name = String::from_utf8(name.to_vec()).unwrap();
    assert_eq!(row.id, row_id(&name));
    (name, content.to_vec())
}

/// What an owner does with one name: content, or none to remove it.
pub type Edit<'a> = (&'a str, Option<&'a [u8]>);

impl Owner {
    pub fn new(number: u8) -> Self {
        Self {
            pair: Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap(),
            id: sha256(&[number]),
            read: Swissnum::new(sha256(&[number, 1])),
            write: Swissnum::new(sha256(&[number, 2])),
        }
    }

    pub fn verify_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap()
    }

    pub fn sign(&self, head: Head) -> Vec<u8> {
        SignedHead::sign(head, &self.pair).to_bytes().to_vec()
    }

    /// The head under which a directory with these names begins.
    pub fn first(&self, names: &Names) -> (Head, Vec<Row>) {
        let rows: Vec<Row> = names.iter().map(|(name, content)| row(name, 1, content)).collect();
        let root = Trie::of(rows.iter().map(|row| (row.id, row.hash()))).root();
        let count = rows.len() as u64;
        let change = sha256(&self.id)[..16].try_into().unwrap();
        let head =
            Head { directory: self.id, seq: 1, previous: [0; 32], root, rows: count, change };
        (head, rows)
    }

    pub fn create_message(&self, names: &Names) -> CreateDirectory {
        let (head, rows) = self.first(names);
        CreateDirectory {
            id: self.id,
            verify_key: self.verify_key(),
            read_facet: digest(&self.read),
            write_facet: digest(&self.write),
            head: self.sign(head),
            rows: Bulk(Row::encode_all(&rows)),
        }
    }

    pub async fn create(
        &self,
        vdrive: &Ref<Vdrive>,
        names: &Names,
    ) -> Result<ChangeOutcome, RemoteError> {
        vdrive.call(self.create_message(names)).await.map(|changed| changed.outcome)
    }

    pub fn believe(&self, head: &[u8]) -> Head {
        let head = SignedHead::from_bytes(head).unwrap();
        assert!(head.verify(&self.verify_key()), "a head that nobody signed");
        assert_eq!(head.head.directory, self.id);
        head.head
    }

    /// The head after `before` that makes these edits, given a proof for their names.
    pub fn next(
        &self,
        before: &Head,
        proof: &[u8],
        edits: &[Edit<'_>],
    ) -> (Head, Vec<Row>, Vec<RowId>) {
        let mut trie = Trie::from_bytes(proof).unwrap();
        assert_eq!(trie.root(), before.root, "a proof of something else");
        let seq = before.seq + 1;
        let put = edits.iter().filter_map(|(name, content)| Some(row(name, seq, (*content)?)));
        let rows: Vec<Row> = put.collect();
        let gone = edits.iter().filter(|(_, content)| content.is_none());
        let removed: Vec<RowId> = gone.map(|(name, _)| row_id(name)).collect();
        let there = |trie: &Trie, id: &RowId| u64::from(trie.get(id).unwrap().is_some());
        let new: u64 = rows.iter().map(|row| 1 - there(&trie, &row.id)).sum();
        trie.change(rows.iter().map(|row| (row.id, row.hash())), &removed).unwrap();
        let head = Head {
            directory: self.id,
            seq,
            previous: before.hash(),
            root: trie.root(),
            rows: before.rows + new - removed.len() as u64,
            change: random(),
        };
        (head, rows, removed)
    }

    /// Makes edits, again and again until nobody was quicker; the number of the head that has them.
    pub async fn edit(
        &self,
        reader: &Ref<DirectoryReader>,
        writer: &Ref<DirectoryWriter>,
        edits: &[Edit<'_>],
    ) -> Result<u64, RemoteError> {
        let ids = edits.iter().map(|(name, _)| row_id(name)).collect();
        let now = reader.call(GetRows { ids }).await?;
        let (mut head, mut proof) = (self.believe(&now.head), now.proof);
        let change = random();
        loop {
            let (mut next, rows, removed) = self.next(&head, &proof.0, edits);
            next.change = change;
            let rows = Bulk(Row::encode_all(&rows));
            let ask = ChangeRows { head: self.sign(next), rows, removed };
            let Changed { outcome, head: newest, proof: newer, .. } = writer.call(ask).await?;
            match outcome {
                ChangeOutcome::Stale => (head, proof) = (self.believe(&newest), newer),
                _ => return Ok(next.seq),
            }
        }
    }

    /// Everything, proven complete; the head it belongs to.
    pub async fn list(&self, reader: &Ref<DirectoryReader>) -> Result<(Head, Names), RemoteError> {
        'again: loop {
            let (mut rows, mut after, mut first) = (Vec::new(), None, None);
            loop {
                let page: Page = reader.call(ListRows { after, limit: 700 }).await?;
                assert_eq!(page.verify_key, self.verify_key());
                let head = self.believe(&page.head);
                if *first.get_or_insert(head) != head {
                    continue 'again;
                }
                rows.extend(Row::decode_all(page.rows.0).unwrap());
                after = rows.last().map(|row: &Row| row.id);
                if !page.more {
                    break;
                }
            }
            let head = first.unwrap();
            let root = Trie::of(rows.iter().map(|row| (row.id, row.hash()))).root();
            assert_eq!((root, rows.len() as u64), (head.root, head.rows), "rows are missing");
            assert!(root != trie::EMPTY || rows.is_empty());
            return Ok((head, rows.iter().map(opened).collect()));
        }
    }

    pub async fn head(&self, reader: &Ref<DirectoryReader>) -> Result<Head, RemoteError> {
        Ok(self.believe(&reader.call(GetHead {}).await?.head))
    }
}

pub fn names<const N: usize>(names: [(&str, &[u8]); N]) -> Names {
    names.into_iter().map(|(name, content)| (name.to_owned(), content.to_vec())).collect()
}
