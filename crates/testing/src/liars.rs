//! Servers that lie in every answer, each time as the seed has it, and honest ones to lie about: real
//! storage servers on disks in memory.

use super::Rng;
use actix::{Actor, Context, Handler, ResponseFuture};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::api::{
    Abort, AddLease, AdviseCorrupt, Allocate, AllocateProven, Allocated, BucketReader,
    BucketWriter, CancelLease, Close, GetClock, GetSpace, GetVersion, ListManyShares, ListShares,
    OpenAndRead, OpenBucket, OpenShare, Opened, Put, PutProven, Read, ServerVersion, SpaceNow,
    Storage, Write, Written, code,
};
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::{Bulk, Call, Ref, RemoteError, start};

/// An honest server, and its store to look into.
pub fn honest() -> (Ref<Storage>, Arc<Store>) {
    honest_on(Disk::new(Arc::new(MemoryDisk::new())))
}

/// The same on a disk that the test knows.
pub fn honest_on(disk: Disk) -> (Ref<Storage>, Arc<Store>) {
    let config = StoreConfig {
        disk,
        clock: Clock::manual(1_700_000_000),
        index_on_disk: false,
        ..StoreConfig::new(Path::new("/storage"))
    };
    let store = Store::open(config).unwrap();
    assert!(store.wait_indexed(Duration::from_secs(60)));
    let (storage, _) = StorageServer::start(store.clone(), ServerOptions::default());
    (storage, store)
}

/// What a liar lies about: shares of another file, as long as the wanted ones.
pub struct Liar {
    rng: Rng,
    others: Vec<Bytes>,
    /// An honest server of its own, whose answers it gives when that suits it.
    truth: Ref<Storage>,
}

type Answer<T> = ResponseFuture<Result<T, RemoteError>>;

impl Liar {
    pub fn start(seed: u64, others: &[Bytes]) -> Ref<Storage> {
        let (truth, _) = honest();
        Storage::of(start(Self { rng: Rng::new(seed), others: others.to_vec(), truth }))
    }

    /// The lie, or an error, or silence, or, of all things, the truth.
    fn answer<M: Call<Storage>>(&mut self, asked: M, lie: M::Reply) -> Answer<M::Reply>
    where
        M::Reply: Send + 'static,
    {
        match self.rng.below(12) {
            0 => Box::pin(std::future::pending()),
            1 => Box::pin(std::future::ready(Err(RemoteError::app(code::DISK, "oh")))),
            2 => Box::pin(std::future::ready(Err(RemoteError::app(code::NO_SPACE, "oh")))),
            3 => Box::pin(std::future::ready(Err(RemoteError::Disconnected))),
            4 | 5 => Box::pin(self.truth.call(asked)),
            _ => Box::pin(std::future::ready(Ok(lie))),
        }
    }

    fn some_numbers(&mut self) -> Vec<ShareNum> {
        match self.rng.below(3) {
            0 => Vec::new(),
            1 => (0..10).map(ShareNum).collect(),
            _ => (0..10).filter(|_| self.rng.below(2) == 0).map(ShareNum).collect(),
        }
    }

    fn allocated(&mut self, asked: &[ShareNum]) -> Allocated {
        let writer = |num: &ShareNum| (*num, BucketWriter::of(start(Forgetful)));
        let mut lie = Allocated { already: vec![], in_progress: vec![], writers: vec![] };
        match self.rng.below(6) {
            0 => {}
            1 => lie.in_progress = asked.to_vec(),
            2 | 3 => lie.already = (0..10).map(ShareNum).collect(),
            _ => lie.writers = asked.iter().map(writer).collect(),
        }
        lie
    }

    /// Shares that are none, or another file's, under all numbers.
    fn opened(&mut self, lengths: impl Fn(&[u64]) -> Vec<usize>) -> Opened {
        let shares: Vec<Bytes> = match self.rng.below(3) {
            0 => Vec::new(),
            1 => self.others.clone(),
            _ => {
                let fill = self.rng.draw() as u8;
                self.others.iter().map(|share| vec![fill; share.len()].into()).collect()
            }
        };
        let all: Vec<u64> = shares.iter().map(|share| share.len() as u64).collect();
        // What comes at once is the beginning, whatever was asked for.
        let begin = |(share, len): (&Bytes, usize)| -> Vec<u8> {
            share.iter().copied().cycle().take(len).collect()
        };
        let heads = shares.iter().zip(lengths(&all)).flat_map(begin);
        let heads = Bulk(heads.collect::<Vec<u8>>().into());
        let open = |(num, bytes): (u8, Bytes)| OpenShare {
            num: ShareNum(num),
            length: bytes.len() as u64,
            reader: BucketReader::of(start(Reader(bytes))),
        };
        Opened { shares: (0..).zip(shares).map(open).collect(), heads }
    }
}

impl Actor for Liar {
    type Context = Context<Self>;
}

impl Handler<GetVersion> for Liar {
    type Result = Answer<ServerVersion>;
    fn handle(&mut self, ask: GetVersion, _: &mut Self::Context) -> Self::Result {
        let lie = ServerVersion {
            version: "liar".to_owned(),
            max_share_size: u64::MAX,
            available: None,
            read_only: self.rng.below(8) == 0,
        };
        self.answer(ask, lie)
    }
}

impl Handler<GetClock> for Liar {
    type Result = Answer<u64>;
    fn handle(&mut self, ask: GetClock, _: &mut Self::Context) -> Self::Result {
        let lie = self.rng.draw();
        self.answer(ask, lie)
    }
}

impl Handler<GetSpace> for Liar {
    type Result = Answer<SpaceNow>;
    fn handle(&mut self, ask: GetSpace, _: &mut Self::Context) -> Self::Result {
        self.answer(ask, SpaceNow { used: None, available: None })
    }
}

impl Handler<ListShares> for Liar {
    type Result = Answer<Vec<ShareNum>>;
    fn handle(&mut self, ask: ListShares, _: &mut Self::Context) -> Self::Result {
        let lie = self.some_numbers();
        self.answer(ask, lie)
    }
}

impl Handler<ListManyShares> for Liar {
    type Result = Answer<Vec<Vec<ShareNum>>>;
    fn handle(&mut self, ask: ListManyShares, _: &mut Self::Context) -> Self::Result {
        // Now and then for others than were asked for.
        let count = ask.indexes.len() + usize::from(self.rng.below(4) == 0);
        let lie = (0..count).map(|_| self.some_numbers()).collect();
        self.answer(ask, lie)
    }
}

impl Handler<CancelLease> for Liar {
    type Result = Answer<u32>;
    fn handle(&mut self, ask: CancelLease, _: &mut Self::Context) -> Self::Result {
        self.answer(ask, 1)
    }
}

impl Handler<Allocate> for Liar {
    type Result = Answer<Allocated>;
    fn handle(&mut self, ask: Allocate, _: &mut Self::Context) -> Self::Result {
        let lie = self.allocated(&ask.shares);
        self.answer(ask, lie)
    }
}

impl Handler<AllocateProven> for Liar {
    type Result = Answer<Allocated>;
    fn handle(&mut self, ask: AllocateProven, _: &mut Self::Context) -> Self::Result {
        let lie = self.allocated(&ask.shares);
        self.answer(ask, lie)
    }
}

impl Handler<Put> for Liar {
    type Result = Answer<Allocated>;
    fn handle(&mut self, ask: Put, _: &mut Self::Context) -> Self::Result {
        let lie = self.allocated(&[ask.share]);
        self.answer(ask, lie)
    }
}

impl Handler<PutProven> for Liar {
    type Result = Answer<Allocated>;
    fn handle(&mut self, ask: PutProven, _: &mut Self::Context) -> Self::Result {
        let lie = self.allocated(&[ask.share]);
        self.answer(ask, lie)
    }
}

impl Handler<AddLease> for Liar {
    type Result = Answer<u32>;
    fn handle(&mut self, ask: AddLease, _: &mut Self::Context) -> Self::Result {
        self.answer(ask, 10)
    }
}

impl Handler<AdviseCorrupt> for Liar {
    type Result = Answer<()>;
    fn handle(&mut self, ask: AdviseCorrupt, _: &mut Self::Context) -> Self::Result {
        self.answer(ask, ())
    }
}

impl Handler<OpenBucket> for Liar {
    type Result = Answer<Opened>;
    fn handle(&mut self, ask: OpenBucket, _: &mut Self::Context) -> Self::Result {
        let head = ask.head;
        let lie = self.opened(|all| Opened::head_lengths(all.iter().copied(), head));
        self.answer(ask, lie)
    }
}

impl Handler<OpenAndRead> for Liar {
    type Result = Answer<Opened>;
    fn handle(&mut self, ask: OpenAndRead, _: &mut Self::Context) -> Self::Result {
        let ranges = ask.ranges.clone();
        let lie = self.opened(|all| Opened::range_lengths(all.iter().copied(), &ranges));
        self.answer(ask, lie)
    }
}

/// Acknowledges everything and keeps nothing.
struct Forgetful;

impl Actor for Forgetful {
    type Context = Context<Self>;
}

impl Handler<Write> for Forgetful {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Write, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

impl Handler<Close> for Forgetful {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

impl Handler<Written> for Forgetful {
    type Result = ResponseFuture<Result<u64, RemoteError>>;
    fn handle(&mut self, _: Written, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::ready(Ok(u64::MAX)))
    }
}

impl Handler<Abort> for Forgetful {
    type Result = Result<(), RemoteError>;
    fn handle(&mut self, _: Abort, _: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

/// All shares under a storage index, as a store has them.
pub fn kept(store: &Arc<Store>, si: StorageIndex) -> Vec<(ShareNum, Vec<u8>)> {
    let shares = store.open_bucket(&si).unwrap();
    shares.iter().map(|share| (share.num(), share.read(&[(0, u32::MAX)]).unwrap())).collect()
}

/// A share that is read.
struct Reader(Bytes);

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
        Ok(Bulk(read.ranges.into_iter().map(part).collect::<Vec<_>>().concat().into()))
    }
}
