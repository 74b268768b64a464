//! Servers that misbehave: a layer over any storage server that changes what clients see of it.

use actix::{Actor, Context, Handler, ResponseFuture};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tahoe::base::{ShareNum, StorageIndex, hash};
use tahoe::storage::api::{
    Abort, AddLease, AdviseCorrupt, Allocate, AllocateProven, Allocated, BucketReader,
    BucketWriter, CancelLease, Close, GetClock, GetSpace, GetVersion, ListManyShares, ListShares,
    OpenAndRead, OpenBucket, OpenShare, Opened, Put, PutProven, Read, ServerVersion, SpaceNow,
    Storage, Write, Written,
};
use tahoe::tub::{Bulk, Call, Interface, Ref, RemoteError, start};
use tokio::sync::watch;

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Honest,
    /// Every call fails at once, as on a lost link.
    Dead,
    /// Nothing is ever answered, until the mode changes.
    Hung,
    /// Calls of messages whose name begins so are never answered, until the mode changes; others are.
    DeafTo(&'static str),
    /// That many further calls are answered; then it is dead.
    DieAfter(u32),
    /// That many further calls are answered; then it is hung.
    HangAfter(u32),
    /// That many further calls are answered `Busy`.
    BusyFor(u32),
    /// Knows no calls but those of the first version.
    Older,
    // What follows are lies in answers to readers.
    WrongBytes,
    ShortReads,
    WrongShareNumber,
    HugeLength,
    HangingReads,
    ReadErrors,
    /// Gives the shares of another file.
    SwappedShares(StorageIndex),
    TruncatedHeader,
    LiesAboutList,
    ClosesLink,
    /// Gives the blocks of this file and everything after them of another one.
    OldUeb(StorageIndex),
    Garbage,
}

/// The twelve lies; `other` is a file of the same size.
pub fn hostile(other: StorageIndex) -> [Mode; 12] {
    [
        Mode::WrongBytes,
        Mode::ShortReads,
        Mode::WrongShareNumber,
        Mode::HugeLength,
        Mode::HangingReads,
        Mode::ReadErrors,
        Mode::SwappedShares(other),
        Mode::TruncatedHeader,
        Mode::LiesAboutList,
        Mode::ClosesLink,
        Mode::OldUeb(other),
        Mode::Garbage,
    ]
}

/// Sets a server's mode, also in the middle of a call.
#[derive(Clone)]
pub struct Switch(Arc<watch::Sender<Mode>>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Mode::Honest)))
    }
}

impl Switch {
    pub fn set(&self, mode: Mode) {
        self.0.send_replace(mode);
    }

    pub fn get(&self) -> Mode {
        *self.0.borrow()
    }

    /// Counts one call; the mode that it meets.
    fn step(&self) -> Mode {
        let mut met = Mode::Honest;
        self.0.send_modify(|mode| {
            *mode = match *mode {
                Mode::DieAfter(0) => Mode::Dead,
                Mode::DieAfter(left) => Mode::DieAfter(left - 1),
                Mode::HangAfter(0) => Mode::Hung,
                Mode::HangAfter(left) => Mode::HangAfter(left - 1),
                Mode::BusyFor(0) => Mode::Honest,
                Mode::BusyFor(left) => Mode::BusyFor(left - 1),
                other => other,
            };
            met = *mode;
        });
        met
    }

    fn is_deaf_to<M>(&self) -> bool {
        let name = std::any::type_name::<M>().rsplit("::").next().unwrap_or_default();
        matches!(self.get(), Mode::DeafTo(to) if name.starts_with(to))
    }

    /// Waits until the server is deaf to nothing.
    async fn hears(&self) {
        let mut mode = self.0.subscribe();
        let _ = mode.wait_for(|mode| !matches!(mode, Mode::DeafTo(_))).await;
    }

    /// Lets a call through, or fails it, or keeps it until the mode changes.
    async fn gate(&self) -> Result<(), RemoteError> {
        match self.step() {
            Mode::Dead => return Err(RemoteError::Disconnected),
            Mode::BusyFor(_) => return Err(RemoteError::Busy),
            Mode::Hung => {}
            _ => return Ok(()),
        }
        let mut mode = self.0.subscribe();
        let _ = mode.wait_for(|mode| *mode != Mode::Hung).await;
        match self.get() {
            Mode::Dead => Err(RemoteError::Disconnected),
            _ => Ok(()),
        }
    }
}

/// Passes calls on to `inner`, as far as the switch allows.
struct Faulty<I> {
    inner: Ref<I>,
    switch: Switch,
    /// Makes calls wait for each other, as a queue would.
    order: Arc<tokio::sync::Mutex<()>>,
}

impl<I: Interface> Faulty<I> {
    fn new(inner: Ref<I>, switch: &Switch) -> Self {
        Self { inner, switch: switch.clone(), order: Arc::default() }
    }

    fn pass<M: Call<I>>(&self, message: M) -> ResponseFuture<Result<M::Reply, RemoteError>> {
        let (inner, switch) = (self.inner.clone(), self.switch.clone());
        let order = Arc::clone(&self.order);
        Box::pin(async move {
            let mut turn = Some(order.lock().await);
            switch.gate().await?;
            if switch.is_deaf_to::<M>() {
                // A writer does one thing after the other; the server goes on with other calls.
                turn = turn.filter(|_| I::NAME != Storage::NAME);
                switch.hears().await;
            }
            let call = inner.call(message);
            drop(turn);
            call.await
        })
    }
}

/// The server behind a switch.
pub fn faulty(inner: Ref<Storage>, switch: &Switch) -> Ref<Storage> {
    Storage::of(start(Faulty::new(inner, switch)))
}

impl<I: Interface + Unpin> Actor for Faulty<I> {
    type Context = Context<Self>;
}

macro_rules! pass {
    ($interface:ty: $($message:ty => $reply:ty),*) => {$(
        impl Handler<$message> for Faulty<$interface> {
            type Result = ResponseFuture<Result<$reply, RemoteError>>;
            fn handle(&mut self, message: $message, _: &mut Self::Context) -> Self::Result {
                self.pass(message)
            }
        }
    )*};
}

pass!(Storage: GetVersion => ServerVersion, GetClock => u64, GetSpace => SpaceNow, AddLease => u32, CancelLease => u32, AdviseCorrupt => (), Put => Allocated, PutProven => Allocated);
pass!(BucketWriter: Write => (), Close => (), Abort => (), Written => u64);

impl Faulty<Storage> {
    /// An allocation whose writers misbehave as the server does.
    fn allocated(&self, answer: Allocating) -> Allocating {
        let switch = self.switch.clone();
        Box::pin(async move {
            let mut allocated = answer.await?;
            for (_, writer) in &mut allocated.writers {
                *writer = BucketWriter::of(start(Faulty::new(writer.clone(), &switch)));
            }
            Ok(allocated)
        })
    }
}

type Allocating = ResponseFuture<Result<Allocated, RemoteError>>;

impl Handler<Allocate> for Faulty<Storage> {
    type Result = Allocating;
    fn handle(&mut self, message: Allocate, _: &mut Self::Context) -> Self::Result {
        self.allocated(self.pass(message))
    }
}

impl Handler<AllocateProven> for Faulty<Storage> {
    type Result = Allocating;
    fn handle(&mut self, message: AllocateProven, _: &mut Self::Context) -> Self::Result {
        self.allocated(self.pass(message))
    }
}

impl Handler<ListShares> for Faulty<Storage> {
    type Result = ResponseFuture<Result<Vec<ShareNum>, RemoteError>>;
    fn handle(&mut self, message: ListShares, _: &mut Self::Context) -> Self::Result {
        let (answer, mode) = (self.pass(message), self.switch.get());
        Box::pin(async move {
            let honest = answer.await?;
            Ok(if mode == Mode::LiesAboutList { (0..10).map(ShareNum).collect() } else { honest })
        })
    }
}

impl Handler<ListManyShares> for Faulty<Storage> {
    type Result = ResponseFuture<Result<Vec<Vec<ShareNum>>, RemoteError>>;
    fn handle(&mut self, message: ListManyShares, _: &mut Self::Context) -> Self::Result {
        let mode = self.switch.get();
        if mode == Mode::Older {
            return Box::pin(std::future::ready(Err(RemoteError::NoSuchMethod)));
        }
        let answer = self.pass(message);
        Box::pin(async move {
            let mut honest = answer.await?;
            if mode == Mode::LiesAboutList {
                honest.fill((0..10).map(ShareNum).collect());
            }
            Ok(honest)
        })
    }
}

impl Handler<OpenBucket> for Faulty<Storage> {
    type Result = ResponseFuture<Result<Opened, RemoteError>>;
    fn handle(&mut self, ask: OpenBucket, _: &mut Self::Context) -> Self::Result {
        let head = ask.head;
        let own = self.pass(ask);
        self.open(own, move |shares| {
            Opened::head_lengths(shares.iter().map(|share| share.length), head)
        })
    }
}

impl Handler<OpenAndRead> for Faulty<Storage> {
    type Result = ResponseFuture<Result<Opened, RemoteError>>;
    fn handle(&mut self, ask: OpenAndRead, _: &mut Self::Context) -> Self::Result {
        if self.switch.get() == Mode::Older {
            return Box::pin(std::future::ready(Err(RemoteError::NoSuchMethod)));
        }
        let ranges = ask.ranges.clone();
        let own = self.pass(ask);
        self.open(own, move |shares| {
            Opened::range_lengths(shares.iter().map(|share| share.length), &ranges)
        })
    }
}

type Opening = ResponseFuture<Result<Opened, RemoteError>>;

impl Faulty<Storage> {
    /// What comes of an honest answer, of which each share has so many bytes.
    fn open(
        &self,
        own: Opening,
        lengths: impl FnOnce(&[OpenShare]) -> Vec<usize> + 'static,
    ) -> Opening {
        let switch = self.switch.clone();
        let other = match switch.get() {
            Mode::SwappedShares(other) | Mode::OldUeb(other) => Some(other),
            _ => None,
        };
        let other = other.map(|si| self.pass(OpenBucket { si, head: 0 }));
        Box::pin(async move {
            let opened = own.await?;
            let other = match other {
                Some(other) => other.await?.shares.into_iter().map(|share| share.reader).collect(),
                None => Vec::new(),
            };
            let lengths = lengths(&opened.shares);
            Ok(tampered(opened, other, lengths, &switch))
        })
    }
}

/// An answer as the server would have it.
fn tampered(
    opened: Opened,
    other: Vec<Ref<BucketReader>>,
    lengths: Vec<usize>,
    switch: &Switch,
) -> Opened {
    let mut heads = opened.heads.0.clone();
    let (mut shares, mut new_heads) = (Vec::new(), BytesMut::new());
    for (index, (mut share, head_len)) in opened.shares.into_iter().zip(lengths).enumerate() {
        let own_head = heads.split_to(head_len);
        let mut head = own_head.clone();
        match switch.get() {
            Mode::WrongShareNumber => share.num = ShareNum((share.num.0 + 1) % 10),
            Mode::HugeLength => share.length = u64::MAX / 2,
            Mode::TruncatedHeader => {
                share.length = 10;
                head.truncate(10);
            }
            Mode::WrongBytes | Mode::Garbage => head = spoiled(&head, 0, switch.get()),
            // Without a head every byte comes through the reader.
            Mode::Honest | Mode::Older | Mode::LiesAboutList => {}
            _ => head.clear(),
        }
        // A short head would shift those after it; one share a server keeps the lie simple.
        new_heads.extend_from_slice(&head);
        let reader = Lying {
            honest: Faulty::new(share.reader.clone(), switch),
            other: other.get(index).cloned(),
            length: share.length,
        };
        share.reader = BucketReader::of(start(reader));
        shares.push(share);
    }
    if switch.get() == Mode::LiesAboutList {
        return lists_everything(shares, new_heads.freeze());
    }
    Opened { shares, heads: Bulk(new_heads.freeze()) }
}

/// Pretends that one share is all ten.
fn lists_everything(shares: Vec<OpenShare>, heads: Bytes) -> Opened {
    let Some(share) = shares.into_iter().next() else {
        return Opened { shares: Vec::new(), heads: Bulk(heads) };
    };
    let pretend =
        |num| OpenShare { num: ShareNum(num), length: share.length, reader: share.reader.clone() };
    Opened { shares: (0..10).map(pretend).collect(), heads: Bulk(heads.repeat(10).into()) }
}

/// A reader that answers as the mode says.
struct Lying {
    honest: Faulty<BucketReader>,
    other: Option<Ref<BucketReader>>,
    length: u64,
}

impl Actor for Lying {
    type Context = Context<Self>;
}

impl Handler<Read> for Lying {
    type Result = ResponseFuture<Result<Bulk, RemoteError>>;
    fn handle(&mut self, read: Read, _: &mut Self::Context) -> Self::Result {
        let switch = self.honest.switch.clone();
        let offset = read.ranges.first().map_or(0, |range| range.0);
        match (switch.get(), &self.other) {
            (Mode::HangingReads, _) => Box::pin(std::future::pending()),
            (Mode::ReadErrors, _) => {
                Box::pin(std::future::ready(Err(RemoteError::app(5, "the disk failed"))))
            }
            (Mode::ClosesLink, _) => {
                switch.set(Mode::Dead);
                Box::pin(std::future::ready(Err(RemoteError::Disconnected)))
            }
            (Mode::SwappedShares(_), Some(other)) => Box::pin(other.call(read)),
            (Mode::OldUeb(_), Some(other)) if offset >= self.length / 2 => {
                Box::pin(other.call(read))
            }
            _ => {
                let answer = self.honest.pass(read);
                Box::pin(async move {
                    let bytes = answer.await?.0;
                    Ok(Bulk(spoiled(&bytes, offset, switch.get())))
                })
            }
        }
    }
}

fn spoiled(bytes: &Bytes, offset: u64, mode: Mode) -> Bytes {
    match mode {
        Mode::WrongBytes => {
            let mut wrong = BytesMut::from(&bytes[..]);
            let middle = wrong.len() / 2;
            if let Some(byte) = wrong.get_mut(middle) {
                *byte ^= 1;
            }
            wrong.freeze()
        }
        Mode::ShortReads => bytes.slice(..bytes.len() / 2),
        Mode::Garbage => {
            let block = |i: usize| hash::sha256(format!("{offset}:{i}").as_bytes());
            (0..bytes.len().div_ceil(32)).flat_map(block).take(bytes.len()).collect()
        }
        _ => bytes.clone(),
    }
}
