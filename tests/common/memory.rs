//! A storage server that keeps its shares in memory: the interface without disk, for tests that are
//! about the client.

use actix::{Actor, Context, Handler};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tahoe::base::file::proven_index;
use tahoe::base::hash::Hash;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::codec::verify::{Alone, verify_alone};
use tahoe::storage::api::{
    Abort, AddLease, AdviseCorrupt, Allocate, AllocateProven, Allocated, BucketReader,
    BucketWriter, Close, GetClock, GetSpace, GetVersion, ListShares, OpenAndRead, OpenBucket,
    OpenShare, Opened, Put, PutProven, Read, ServerVersion, SpaceNow, Storage, Write, code, cut,
};
use tahoe::tub::{Bulk, Ref, RemoteError, start};

type Name = (StorageIndex, ShareNum);

/// What is stored, shared with the test.
#[derive(Default)]
pub struct Disk {
    pub shares: BTreeMap<Name, Bytes>,
    /// Shares being written, and which writer may.
    writing: BTreeMap<Name, u64>,
    next_writer: u64,
    /// What clients reported.
    pub advisories: Vec<(StorageIndex, ShareNum, String)>,
    pub read_only: bool,
    /// No lease is taken, for the reason with this code.
    pub lease_refusal: Option<u16>,
    /// How often a client asked for the shares of a file.
    pub opened: usize,
    /// Bytes that still fit.
    pub room: Option<u64>,
    /// Leases added, by storage index.
    pub leases: BTreeMap<StorageIndex, BTreeSet<[u8; 32]>>,
}

/// Clones are the same disk.
pub type SharedDisk = Arc<Mutex<Disk>>;

pub struct MemoryServer(SharedDisk);

impl MemoryServer {
    pub fn start(disk: &SharedDisk) -> Ref<Storage> {
        Storage::of(start(Self(Arc::clone(disk))))
    }

    fn open(&self, si: StorageIndex) -> Vec<(ShareNum, Bytes)> {
        let mut disk = self.0.lock().unwrap();
        disk.opened += 1;
        disk.of(si)
    }
}

impl Disk {
    fn takes(&self) -> Result<(), RemoteError> {
        if self.read_only {
            return Err(RemoteError::app(code::READ_ONLY, "read-only"));
        }
        self.lease_refusal.map_or(Ok(()), |code| Err(RemoteError::app(code, "no lease")))
    }

    fn of(&self, si: StorageIndex) -> Vec<(ShareNum, Bytes)> {
        let here = self.shares.range((si, ShareNum(0))..=(si, ShareNum(255)));
        here.map(|((_, num), bytes)| (*num, bytes.clone())).collect()
    }
}

impl Actor for MemoryServer {
    type Context = Context<Self>;
}

impl Handler<GetVersion> for MemoryServer {
    type Result = Result<ServerVersion, RemoteError>;
    fn handle(&mut self, _: GetVersion, _: &mut Self::Context) -> Self::Result {
        let disk = self.0.lock().unwrap();
        Ok(ServerVersion {
            version: "memory".to_owned(),
            max_share_size: disk.room.unwrap_or(u64::MAX),
            available: disk.room,
            read_only: disk.read_only,
        })
    }
}

impl Handler<GetClock> for MemoryServer {
    type Result = Result<u64, RemoteError>;
    fn handle(&mut self, _: GetClock, _: &mut Self::Context) -> Self::Result {
        Ok(0)
    }
}

impl Handler<GetSpace> for MemoryServer {
    type Result = Result<SpaceNow, RemoteError>;
    fn handle(&mut self, _: GetSpace, _: &mut Self::Context) -> Self::Result {
        let disk = self.0.lock().unwrap();
        let used = disk.shares.values().map(|share| share.len() as u64).sum();
        Ok(SpaceNow { used: Some(used), available: disk.room })
    }
}

impl MemoryServer {
    /// Makes room for shares at `si`; with a UEB's hash only for shares of that file.
    fn allocate(&self, ask: Allocate, proven: Option<Hash>) -> Result<Allocated, RemoteError> {
        let mut disk = self.0.lock().unwrap();
        disk.takes()?;
        let here = disk
            .of(ask.si)
            .into_iter()
            .filter(|(num, bytes)| bytes.len() as u64 == ask.size && is_whole(*num, bytes, proven));
        let already: Vec<ShareNum> = here.map(|(num, _)| num).collect();
        let mut answer = Allocated { already, in_progress: Vec::new(), writers: Vec::new() };
        for share in ask.shares {
            let name = (ask.si, share);
            let stands = disk.shares.contains_key(&name) && proven.is_none();
            if disk.writing.contains_key(&name) && proven.is_none() {
                answer.in_progress.push(share);
            } else if !answer.already.contains(&share)
                && !stands
                && disk.room.is_none_or(|room| room >= ask.size)
            {
                disk.room = disk.room.map(|room| room - ask.size);
                disk.next_writer += 1;
                let id = disk.next_writer;
                disk.writing.insert(name, id);
                let bytes = BytesMut::zeroed(ask.size as usize);
                let disk = Arc::clone(&self.0);
                let writer = Writer { disk, name, id, bytes, written: 0, proven };
                answer.writers.push((share, BucketWriter::of(start(writer))));
            }
        }
        disk.leases.entry(ask.si).or_default().insert(*ask.renew.reveal());
        Ok(answer)
    }

    fn put(&self, put: Put, proven: Option<Hash>) -> Result<Allocated, RemoteError> {
        let mut disk = self.0.lock().unwrap();
        disk.takes()?;
        let (name, size) = ((put.si, put.share), put.data.0.len() as u64);
        if proven.is_some() && !is_whole(put.share, &put.data.0, proven) {
            return Err(RemoteError::app(code::UNPROVEN, "not a share of that file"));
        }
        let mut answer = Allocated { already: vec![], in_progress: vec![], writers: vec![] };
        if disk.writing.contains_key(&name) && proven.is_none() {
            answer.in_progress.push(put.share);
            return Ok(answer);
        }
        let stands = disk.shares.get(&name).is_some_and(|there| *there != put.data.0);
        if (!stands || proven.is_some()) && disk.room.is_none_or(|room| room >= size) {
            if disk.shares.insert(name, put.data.0).is_none() {
                disk.room = disk.room.map(|room| room - size);
            }
            disk.leases.entry(put.si).or_default().insert(*put.renew.reveal());
            answer.already.push(put.share);
        }
        Ok(answer)
    }
}

/// Whether a share's own sums hold, as far as anybody can tell without a cap; and, if `proven`, for
/// the file with that UEB.
fn is_whole(num: ShareNum, bytes: &Bytes, proven: Option<Hash>) -> bool {
    let read = |range: std::ops::Range<u64>| {
        Ok::<_, ()>(bytes.slice(range.start as usize..range.end as usize))
    };
    match (verify_alone(num, bytes.len() as u64, read).unwrap(), proven) {
        (Alone::Sound(hash), Some(proven)) => hash == proven,
        (verdict, None) => verdict != Alone::Broken,
        _ => false,
    }
}

impl Handler<Allocate> for MemoryServer {
    type Result = Result<Allocated, RemoteError>;
    fn handle(&mut self, ask: Allocate, _: &mut Self::Context) -> Self::Result {
        self.allocate(ask, None)
    }
}

impl Handler<AllocateProven> for MemoryServer {
    type Result = Result<Allocated, RemoteError>;
    fn handle(&mut self, ask: AllocateProven, _: &mut Self::Context) -> Self::Result {
        let AllocateProven { si, shares, size, ueb_hash, renew, cancel } = ask;
        let si = proven_index(&si, &ueb_hash);
        self.allocate(Allocate { si, shares, size, renew, cancel }, Some(ueb_hash))
    }
}

impl Handler<Put> for MemoryServer {
    type Result = Result<Allocated, RemoteError>;
    fn handle(&mut self, put: Put, _: &mut Self::Context) -> Self::Result {
        self.put(put, None)
    }
}

impl Handler<PutProven> for MemoryServer {
    type Result = Result<Allocated, RemoteError>;
    fn handle(&mut self, put: PutProven, _: &mut Self::Context) -> Self::Result {
        let PutProven { si, share, ueb_hash, renew, cancel, data } = put;
        let si = proven_index(&si, &ueb_hash);
        self.put(Put { si, share, renew, cancel, data }, Some(ueb_hash))
    }
}

impl Handler<OpenBucket> for MemoryServer {
    type Result = Result<Opened, RemoteError>;
    fn handle(&mut self, ask: OpenBucket, _: &mut Self::Context) -> Self::Result {
        let here = self.open(ask.si);
        let lengths = here.iter().map(|(_, bytes)| bytes.len() as u64);
        let heads = Opened::head_lengths(lengths, ask.head).into_iter();
        Ok(opened(here, heads.map(|head| vec![(0, head as u32)])))
    }
}

impl Handler<OpenAndRead> for MemoryServer {
    type Result = Result<Opened, RemoteError>;
    fn handle(&mut self, ask: OpenAndRead, _: &mut Self::Context) -> Self::Result {
        let here = self.open(ask.si);
        let lengths = here.iter().map(|(_, bytes)| bytes.len() as u64);
        let room = Opened::range_lengths(lengths, &ask.ranges).into_iter();
        Ok(opened(here, room.map(|len| if len == 0 { Vec::new() } else { ask.ranges.clone() })))
    }
}

/// Shares with the ranges that go out of each.
fn opened(here: Vec<(ShareNum, Bytes)>, ranges: impl Iterator<Item = Vec<(u64, u32)>>) -> Opened {
    let mut bulk = BytesMut::new();
    let mut shares = Vec::new();
    for ((num, bytes), ranges) in here.into_iter().zip(ranges) {
        let length = bytes.len() as u64;
        for range in ranges {
            let end = range.0 + cut(range, length);
            bulk.extend_from_slice(bytes.get(range.0 as usize..end as usize).unwrap_or_default());
        }
        shares.push(OpenShare { num, length, reader: BucketReader::of(start(Reader(bytes))) });
    }
    Opened { shares, heads: Bulk(bulk.freeze()) }
}

impl Handler<ListShares> for MemoryServer {
    type Result = Result<Vec<ShareNum>, RemoteError>;
    fn handle(&mut self, ask: ListShares, _: &mut Self::Context) -> Self::Result {
        Ok(self.0.lock().unwrap().of(ask.si).into_iter().map(|(num, _)| num).collect())
    }
}

impl Handler<AddLease> for MemoryServer {
    type Result = Result<u32, RemoteError>;
    fn handle(&mut self, ask: AddLease, _: &mut Self::Context) -> Self::Result {
        let mut disk = self.0.lock().unwrap();
        if let Some(code) = disk.lease_refusal {
            return Err(RemoteError::app(code, "no lease"));
        }
        disk.leases.entry(ask.si).or_default().insert(*ask.renew.reveal());
        Ok(disk.of(ask.si).len() as u32)
    }
}

impl Handler<AdviseCorrupt> for MemoryServer {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, report: AdviseCorrupt, _: &mut Self::Context) -> Self::Result {
        self.0.lock().unwrap().advisories.push((report.si, report.share, report.reason));
        Ok(())
    }
}

struct Writer {
    disk: SharedDisk,
    name: Name,
    id: u64,
    bytes: BytesMut,
    written: usize,
    proven: Option<Hash>,
}

impl Writer {
    /// Ends this upload; says whether it was still on.
    fn end(&self) -> bool {
        let mut disk = self.disk.lock().unwrap();
        let mine = disk.writing.get(&self.name) == Some(&self.id);
        if mine {
            disk.writing.remove(&self.name);
        }
        mine || self.proven.is_some()
    }
}

impl Actor for Writer {
    type Context = Context<Self>;
    fn stopped(&mut self, _: &mut Self::Context) {
        self.end();
    }
}

impl Handler<Write> for Writer {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, write: Write, _: &mut Self::Context) -> Self::Result {
        let (start, data) = (write.offset as usize, write.data.0);
        let end = start + data.len();
        let place = self.bytes.get_mut(start..end);
        place.ok_or(RemoteError::app(code::OUT_OF_RANGE, "outside"))?.copy_from_slice(&data);
        self.written += data.len();
        Ok(())
    }
}

impl Handler<Close> for Writer {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        if self.written < self.bytes.len() {
            return Err(RemoteError::app(code::INCOMPLETE, "incomplete"));
        }
        if !self.end() {
            return Err(RemoteError::app(code::ENDED, "ended"));
        }
        let bytes = std::mem::take(&mut self.bytes).freeze();
        if self.proven.is_some() && !is_whole(self.name.1, &bytes, self.proven) {
            return Err(RemoteError::app(code::UNPROVEN, "not a share of that file"));
        }
        self.disk.lock().unwrap().shares.insert(self.name, bytes);
        Ok(())
    }
}

impl Handler<Abort> for Writer {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Abort, _: &mut Self::Context) -> Self::Result {
        self.end();
        Ok(())
    }
}

/// A share that is read.
pub struct Reader(pub Bytes);

impl Actor for Reader {
    type Context = Context<Self>;
}

impl Handler<Read> for Reader {
    type Result = Result<Bulk, RemoteError>;
    fn handle(&mut self, read: Read, _: &mut Self::Context) -> Self::Result {
        let within =
            |offset: u64| usize::try_from(offset).map_or(self.0.len(), |o| o.min(self.0.len()));
        let part = |(offset, length): (u64, u32)| {
            self.0.slice(within(offset)..within(offset.saturating_add(length.into())))
        };
        let mut parts: Vec<Bytes> = read.ranges.into_iter().map(part).collect();
        Ok(Bulk(if parts.len() == 1 { parts.remove(0) } else { parts.concat().into() }))
    }
}
