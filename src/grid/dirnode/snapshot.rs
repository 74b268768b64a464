//! The signed state of a directory as a file of the grid, from which its writers bring it back.
//!
//! ```text
//! snapshot = "tvs1" ‖ verify key 32 ‖ signed head 196 ‖ row…            rows ascending by id
//! key      = first 16 bytes of tagged("tahoe_vdrive_snapshot_key_v1",
//!                                     verify key ‖ signed head ‖ k u16 ‖ n u16)       (big endian)
//! ```
//! It proves itself as a vdrive server's answers do, and is sealed as those are: any verifier can make
//! one, and no more than a reader sees what is in it. The head fixes every byte, so that all who keep
//! a directory make the same file of the same state.

use super::change::{Next, stage};
use super::kept::open_all;
use super::list::{Signed, ascending, proven};
use super::place::{Place, failed};
use super::seal::RowKeys;
use super::{DirError, Directories, Entry, Listing, SeenHeads, create};
use crate::base::budget::Share;
use crate::base::file::FileKey;
use crate::base::hash::{Hash, blake2b, tagged, truncated};
use crate::base::limits::{PAGE_ROOM, REDOS_MAX, RESTORED_GAP, ROW_ROOM, SNAPSHOT_MAX};
use crate::base::system::random;
use crate::cap::Cap;
use crate::codec::bytes_in::BytesIn;
use crate::grid::EncodingParams;
use crate::grid::source::{ReadAt, Source};
use crate::grid::upload::UploadOptions;
use crate::tub::{Furl, RemoteError};
use crate::vdrive::api::{BeginRestoration, ChangeOutcome, Changed};
use crate::vdrive::format::log::Facts;
use crate::vdrive::format::{Head, Row, RowId, SignedHead, Trie, consent, head::SIGNED_HEAD_LEN};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

const MAGIC: [u8; 4] = *b"tvs1";
const KEY_TAG: &[u8] = b"tahoe_vdrive_snapshot_key_v1";
/// Bytes before the rows.
const FRONT: usize = 4 + 32 + SIGNED_HEAD_LEN;
/// No row is shorter.
const ROW_MIN: usize = 48;

/// A snapshot that was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Sequence number and hash of the state that is in it.
    pub seq: u64,
    pub head: Hash,
    /// The file.
    pub cap: Cap,
}

/// What became of a directory that was to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Its server has it.
    There,
    /// It is there again, as it was at `seq`; `seen` is the newest that this node had seen of it.
    Back { seq: u64, seen: Option<u64> },
}

/// A directory that is to come back.
struct Back {
    /// The head under which it was copied.
    old: SignedHead,
    /// The hash of the one under which it is there.
    over: Option<Hash>,
    /// Its next version.
    seq: u64,
    rows: Vec<Row>,
}

enum Brought {
    Back,
    /// It is there, under this head.
    There(Head),
}

impl Directories {
    /// Stores the newest state of a directory in the grid. Any cap will do.
    pub async fn snapshot(&self, dir: &Cap) -> Result<Snapshot, DirError> {
        let signed = Place::of(self, dir)?.signed(self.wait).await?;
        let SignedHead { head, .. } = signed.head;
        let params = self.grid.params();
        let key = Some(key(&signed, params));
        let options = UploadOptions { key, params: Some(params), ..UploadOptions::default() };
        let stored = self.grid.upload(source(signed), options).await?;
        Ok(Snapshot { seq: head.seq, head: head.hash(), cap: stored.cap })
    }

    /// What is in a snapshot of a directory.
    pub async fn list_snapshot(&self, dir: &Cap, snapshot: &Cap) -> Result<Listing, DirError> {
        let place = Place::unasked(self, dir)?;
        let keys = place.keys()?.clone();
        let Signed { rows, room, .. } = self.opened(&place, snapshot).await?;
        let size = rows.iter().map(|row| row.encoded_len() as u64).sum();
        let opened = self.on_rows(rows.len(), move || Ok(open_all(&keys, rows))).await?;
        let (entries, unreadable) = opened;
        let (writable, room) = (dir.is_writable(), Arc::new(room));
        Ok(Listing { entries, unreadable, writable, mutable: true, size, room })
    }

    /// Brings a directory that its server has lost back from a snapshot of it; where the server has an
    /// older state, what was added to that stays. The server must be the one on which this client makes
    /// directories.
    pub async fn restore(&self, dir: &Cap, snapshot: &Cap) -> Result<Restored, DirError> {
        let place = Place::of(self, dir)?;
        let furl = self.vdrive().filter(|furl| furl.tub() == place.tub_id());
        let furl = furl.ok_or(DirError::NotItsServer(place.tub_id()))?;
        let signed = self.opened(&place, snapshot).await?;
        let (old, seen) = (signed.head, self.seen.newest(place.id()));
        let (mut rows, mut over, mut _room) = (signed.rows.clone(), None, None);
        for _ in 0..REDOS_MAX {
            // Whoever saw states that are lost takes this one for newer than all of them.
            let newest = old.head.seq.max(seen.unwrap_or(0));
            let seq = newest.checked_add(RESTORED_GAP);
            let seq = seq.ok_or(DirError::Corrupt("its version overflows"))?;
            let ours = Back { old, over, seq, rows: std::mem::take(&mut rows) };
            let head = match self.bring_back(&place, &furl, ours).await? {
                Brought::Back => return Ok(Restored::Back { seq: old.head.seq, seen }),
                Brought::There(head) => head,
            };
            if head.seq >= old.head.seq {
                return Ok(Restored::There);
            }
            // That it is older than what was seen is why this is done.
            let apart = Self { seen: SeenHeads::in_memory(), ..self.clone() };
            let there = Place::of(&apart, dir)?.signed(self.wait).await?;
            over = Some(there.head.head.hash());
            let (keys, copied) = (place.keys()?.clone(), signed.rows.clone());
            let now = there.rows;
            rows = self.on_rows(copied.len(), move || Ok(union(&keys, copied, now))).await?;
            _room = Some(there.room);
        }
        Err(DirError::TooManyRedos)
    }

    async fn bring_back(
        &self,
        place: &Place,
        furl: &Furl,
        Back { old, over, seq, rows }: Back,
    ) -> Result<Brought, DirError> {
        let signer = place.signer()?.clone();
        let head = Head {
            seq,
            previous: old.head.hash(),
            root: Trie::of(rows.iter().map(|row| (row.id, row.hash()))).root(),
            rows: rows.len() as u64,
            change: random(),
            ..old.head
        };
        let facts = Facts {
            id: *place.id(),
            verify_key: signer.verify_key(),
            read_facet: blake2b(&place.verify.read_facet()),
            write_facet: blake2b(signer.write_facet.reveal()),
        };
        let consent = consent::give(&facts, &head, &signer.pair);
        let next = Next::first(head, rows, &signer.pair);
        let Facts { id, verify_key, read_facet, write_facet } = facts;
        let begin = || {
            let (of, consent) = (old.to_bytes().to_vec(), consent.clone());
            BeginRestoration { id, verify_key, read_facet, write_facet, of, over, consent }
        };
        let answer = self.staged(furl, begin, &next).await;
        let answer = answer.map_err(|error| failed(furl.tub(), error))?;
        match answer.outcome {
            ChangeOutcome::Stale => {
                let there = place.check(&signer.verify_key(), &answer.head)?;
                Ok(Brought::There(there.head))
            }
            _ if answer.head == next.head() => {
                self.seen.note(place.id(), None, (head.seq, head.hash()))?;
                self.changed.note(&place.verify);
                Ok(Brought::Back)
            }
            _ => Err(DirError::Forged("it brought another directory back")),
        }
    }

    async fn staged(
        &self,
        furl: &Furl,
        begin: impl Fn() -> BeginRestoration,
        next: &Next,
    ) -> Result<Changed, RemoteError> {
        let services = &self.held.services;
        let staging = services.call(&self.tub, furl, &begin).await?;
        match stage(&staging, next).await {
            Err(RemoteError::Disconnected | RemoteError::Stopped) => {
                let staging = services.call(&self.tub, furl, &begin).await?;
                stage(&staging, next).await
            }
            outcome => outcome,
        }
    }

    /// Makes a directory of a fresh cap, which was perhaps linked already, with these children; their
    /// metadata stays as it is.
    pub async fn create_as(&self, cap: &Cap, children: Vec<Entry>) -> Result<(), DirError> {
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        let Cap::Vdrive(crate::cap::VdriveCap::Write(cap)) = cap else {
            return Err(DirError::ReadOnly);
        };
        create::create(self, &furl, (cap.clone(), super::edit::checked(children)?)).await?;
        Ok(())
    }

    /// The cap of a directory that [`Self::create_as`] may make.
    pub fn fresh(&self) -> Result<Cap, DirError> {
        Ok(create::fresh(&self.vdrive().ok_or(DirError::NoVdrive)?)?.into())
    }

    /// Reads a snapshot of a directory, and proves it.
    async fn opened(&self, place: &Place, snapshot: &Cap) -> Result<Signed, DirError> {
        let size = usize::try_from(snapshot.size().unwrap_or(0)).unwrap_or(usize::MAX);
        if !(FRONT..=SNAPSHOT_MAX).contains(&size) {
            return Err(NOT_ONE);
        }
        let room = self.room_for(size).await?;
        let reader = self.grid.open(snapshot).await?;
        let bytes = reader.read_all(0..reader.size()).await?;
        let place = place.clone();
        let parse = move || parse(&place, bytes, room);
        self.grid.compute.run(size, parse).await.map_err(|_| DirError::CutOff)?
    }

    /// The memory for a snapshot of this size and its rows, if these are not shorter than usual.
    async fn room_for(&self, size: usize) -> Result<Share, DirError> {
        const USUAL: usize = 512;
        let rows = size / USUAL + 1;
        match size.saturating_add(rows.saturating_mul(ROW_ROOM)) {
            ..=PAGE_ROOM => self.memory.page(self.wait).await,
            large => self.memory.large(large, self.wait).await,
        }
    }
}

/// What was copied, and what is there now; of links of one name the one that was changed later.
fn union(keys: &RowKeys, copied: Vec<Row>, now: Vec<Row>) -> Vec<Row> {
    let changed = |row: &Row| keys.open(row).ok().and_then(|entry| entry.child.metadata.last_set());
    let mut rows: BTreeMap<RowId, Row> = copied.into_iter().map(|row| (row.id, row)).collect();
    for row in now {
        let newer = rows.get(&row.id).is_none_or(|copied| changed(&row) > changed(copied));
        if newer {
            rows.insert(row.id, row);
        }
    }
    rows.into_values().collect()
}

const NOT_ONE: DirError = DirError::Corrupt("its copy in the grid is none of it");

/// One that no other bytes have, nor other shares of these.
fn key(Signed { verify_key, head, .. }: &Signed, params: EncodingParams) -> FileKey {
    let code = [params.k().to_be_bytes(), params.n().to_be_bytes()].concat();
    let of = [&verify_key[..], &head.to_bytes(), &code].concat();
    FileKey::new(truncated(tagged(KEY_TAG, &of)))
}

/// What is in the file, if it is a state of this directory.
fn parse(place: &Place, bytes: Bytes, mut room: Share) -> Result<Signed, DirError> {
    let mut front = BytesIn::new(&bytes);
    let magic: [u8; 4] = front.array().map_err(|_| NOT_ONE)?;
    let verify_key: [u8; 32] = front.array().map_err(|_| NOT_ONE)?;
    let head: [u8; SIGNED_HEAD_LEN] = front.array().map_err(|_| NOT_ONE)?;
    if magic != MAGIC {
        return Err(NOT_ONE);
    }
    let head = place.check(&verify_key, &head).map_err(|_| NOT_ONE)?;
    let rows = bytes.slice(FRONT..);
    let most = rows.len() / ROW_MIN;
    let counted = usize::try_from(head.head.rows).ok().filter(|rows| *rows <= most);
    let needed = counted.ok_or(NOT_ONE)?.saturating_mul(ROW_ROOM).saturating_add(bytes.len());
    room.resize(needed.max(room.bytes()))?;
    let rows = Row::decode_all(rows).map_err(|_| NOT_ONE)?;
    ascending(&rows, None).map_err(|_| NOT_ONE)?;
    proven(&head.head, rows.iter()).map_err(|_| NOT_ONE)?;
    Ok(Signed { verify_key, head, rows, room })
}

/// The file as it is uploaded: the rows are not copied.
fn source(signed: Signed) -> Source {
    let Signed { verify_key, head, rows, room } = signed;
    let front = [&MAGIC[..], &verify_key, &head.to_bytes()].concat();
    let mut end = front.len() as u64;
    let ends = rows.iter().map(|row| {
        end += row.encoded_len() as u64;
        end
    });
    let ends: Vec<u64> = ends.collect();
    let file = File { front, rows, ends, _room: room };
    Source::fixed(Arc::new(file), end)
}

/// A snapshot that is read from the rows themselves.
struct File {
    front: Vec<u8>,
    rows: Vec<Row>,
    /// Where in the file each row ends.
    ends: Vec<u64>,
    _room: Share,
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (mut at, mut buffer) = (offset, buffer);
        let mut take = |piece: &[u8], begins: u64| {
            let skip = usize::try_from(at.saturating_sub(begins)).unwrap_or(usize::MAX);
            let piece = piece.get(skip..).unwrap_or_default();
            let len = piece.len().min(buffer.len());
            let (now, later) = std::mem::take(&mut buffer).split_at_mut(len);
            now.copy_from_slice(piece.get(..len).unwrap_or_default());
            (at, buffer) = (at + len as u64, later);
            buffer.is_empty()
        };
        if take(&self.front, 0) {
            return Ok(());
        }
        let first = self.ends.partition_point(|end| *end <= offset);
        let mut encoded = Vec::new();
        for (row, end) in self.rows.iter().zip(&self.ends).skip(first) {
            encoded.clear();
            row.encode(&mut encoded);
            if take(&encoded, end - encoded.len() as u64) {
                return Ok(());
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::budget::Budget;

    fn file(lens: &[usize]) -> (File, Vec<u8>) {
        let row = |(number, len): (u8, &usize)| Row {
            id: [number; 32],
            seq: 1,
            read: vec![number; *len].into(),
            write: Bytes::new(),
        };
        let rows: Vec<Row> = (1..).zip(lens).map(row).collect();
        let front = b"front".to_vec();
        let whole = [front.clone(), Row::encode_all(&rows).to_vec()].concat();
        let mut end = front.len() as u64;
        let ends = rows.iter().map(|row| {
            end += row.encoded_len() as u64;
            end
        });
        let ends = ends.collect();
        (File { front, rows, ends, _room: Budget::new(1).nothing() }, whole)
    }

    #[test]
    fn any_part_of_it_is_what_stands_there() {
        for lens in [&[][..], &[0], &[3, 0, 7], &[1; 9]] {
            let (file, whole) = file(lens);
            for from in 0..=whole.len() {
                for to in from..=whole.len() {
                    let mut part = vec![0; to - from];
                    file.read_exact_at(&mut part, from as u64).unwrap();
                    assert_eq!(part, whole[from..to], "{from}..{to}");
                }
                let mut beyond = vec![0; whole.len() - from + 1];
                assert!(file.read_exact_at(&mut beyond, from as u64).is_err());
            }
        }
    }
}
