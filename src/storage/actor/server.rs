//! The storage server as it is first met.

use super::collector::{Expiry, keep_collecting, keep_scrubbing, keep_time};
use super::lease::LeaseRestorer;
use super::reader::Reader;
use super::writer::Writer;
use super::{Ask, indexed};
use crate::base::file::proven_index;
use crate::base::hash::{Hash, blake2b};
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{INDEXES_MAX, READ_RANGES_MAX, SHARE_MAX, SHARES_MAX, UPLOAD_IDLE_TIME};
use crate::base::pool::{InUse, Pool};
use crate::disk::jobs::Jobs;
use crate::storage::api::{
    AddLease, AdviseCorrupt, Allocate, AllocateProven, Allocated, CancelLease, GetClock, GetSpace,
    GetVersion, ListManyShares, ListShares, OpenAndRead, OpenBucket, OpenShare, Opened, Put,
    PutProven, ServerVersion, SpaceNow, Storage,
};
use crate::storage::container::LeaseSecrets;
use crate::storage::store::{AllocateRequest, Space};
use crate::storage::{
    Allocation, Scrub, Session, SessionKey, Sessions, ShareStore, ShareUpload, StoreError,
    StoredShare, read_into,
};
use crate::tub::{Bulk, Ref, RemoteError, Restorer, start};
use actix::{
    Actor, ActorFutureExt, Context, Handler, ResponseActFuture, ResponseFuture, WrapFuture,
};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Time that an allocation waits for the bytes in use to be counted, after a start.
const COUNT_WAIT: Duration = Duration::from_secs(2);

/// For so long an answer about space may be told again. It is a hint: an allocation looks itself.
const SPACE_KEPT: Duration = Duration::from_secs(1);

/// How a server presents itself.
#[derive(Clone)]
pub struct ServerOptions {
    /// Name and version told to peers.
    pub version: String,
    /// An upload without a write for so long is aborted.
    pub upload_idle: Duration,
    /// When leases that ended are collected; none: never.
    pub expiry: Option<Expiry>,
    /// How often all that is stored is read; none: never.
    pub scrub: Option<Scrub>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let version = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned();
        Self { version, upload_idle: UPLOAD_IDLE_TIME, expiry: None, scrub: None }
    }
}

/// What the actors of one server share.
#[derive(Clone)]
pub(super) struct Shared {
    pub store: Arc<dyn ShareStore>,
    pub jobs: Jobs,
    /// What readers read into, as long as there are any.
    pub buffers: InUse<Pool>,
    pub options: Arc<ServerOptions>,
    /// Uploads that may have to wait for their uploaders.
    pub sessions: Sessions,
}

/// Who uploads, as far as an upload goes on for them.
#[derive(Clone, Copy)]
struct Uploader {
    si: StorageIndex,
    size: u64,
    /// Digest of the renew secret.
    secret: Hash,
}

impl Uploader {
    fn of(ask: &AllocateRequest) -> Self {
        let AllocateRequest { si, size, secrets, .. } = ask;
        Self { si: *si, size: *size, secret: blake2b(secrets.renew.reveal()) }
    }

    const fn key(&self, num: ShareNum) -> SessionKey {
        let Self { si, size, secret } = *self;
        SessionKey { si, num, size, secret }
    }
}

impl Shared {
    fn session(&self, upload: Box<dyn ShareUpload>) -> Session {
        Session::start(self.jobs.clone(), upload, self.options.upload_idle)
    }
}

/// A storage server.
pub struct StorageServer {
    shared: Shared,
    space: Option<(Instant, Space)>,
    /// What goes on while it runs.
    tasks: Vec<JoinHandle<()>>,
}

impl StorageServer {
    /// Starts a server on this arbiter, and what brings its leases back by their furls. Register
    /// the reference with a tub and give the tub the restorer.
    pub fn start(
        store: Arc<dyn ShareStore>,
        options: ServerOptions,
    ) -> (Ref<Storage>, Arc<dyn Restorer>) {
        let shared = Shared {
            store,
            jobs: Jobs::default(),
            buffers: InUse::default(),
            options: Arc::new(options),
            sessions: Sessions::default(),
        };
        let restorer = Arc::new(LeaseRestorer::new(shared.clone()));
        (Storage::of(start(Self { shared, space: None, tasks: Vec::new() })), restorer)
    }
}

impl Actor for StorageServer {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        let Shared { store, jobs, options, .. } = &self.shared;
        let store = || Arc::downgrade(store);
        // Tasks of their own: one of the context would keep an actor alive that nobody holds.
        let time = actix_rt::spawn(keep_time(store(), jobs.clone()));
        let collector = options
            .expiry
            .map(|expiry| actix_rt::spawn(keep_collecting(store(), jobs.clone(), expiry)));
        let scrubber = options
            .scrub
            .map(|scrub| actix_rt::spawn(keep_scrubbing(store(), jobs.clone(), scrub)));
        self.tasks = [time].into_iter().chain(collector).chain(scrubber).collect();
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl StorageServer {
    /// What is there and left, as of now or a moment ago, and what to answer of it.
    fn with_space<T: 'static>(
        &self,
        answer: impl FnOnce(&Shared, Space) -> T + 'static,
    ) -> ResponseActFuture<Self, Result<T, RemoteError>> {
        let kept = self.space.filter(|(asked, _)| asked.elapsed() < SPACE_KEPT);
        let shared = self.shared.clone();
        let space = async move {
            match kept {
                Some((_, space)) => Ok(space),
                None => {
                    let space = shared.jobs.run(move || shared.store.space()).await;
                    space.ok_or(RemoteError::Stopped)
                }
            }
        };
        Box::pin(space.into_actor(self).map(move |space, this, _| {
            let space = space?;
            if kept.is_none() {
                this.space = Some((Instant::now(), space));
            }
            Ok(answer(&this.shared, space))
        }))
    }
}

impl Handler<GetVersion> for StorageServer {
    type Result = ResponseActFuture<Self, Result<ServerVersion, RemoteError>>;

    fn handle(&mut self, _: GetVersion, _: &mut Self::Context) -> Self::Result {
        self.with_space(|shared, space| ServerVersion {
            version: shared.options.version.clone(),
            max_share_size: space.largest.min(SHARE_MAX),
            available: Some(space.available),
            read_only: space.read_only,
        })
    }
}

impl Handler<GetSpace> for StorageServer {
    type Result = ResponseActFuture<Self, Result<SpaceNow, RemoteError>>;

    fn handle(&mut self, _: GetSpace, _: &mut Self::Context) -> Self::Result {
        self.with_space(|_, space| SpaceNow { used: space.used, available: Some(space.available) })
    }
}

impl Handler<GetClock> for StorageServer {
    type Result = Result<u64, RemoteError>;

    fn handle(&mut self, _: GetClock, _: &mut Self::Context) -> Self::Result {
        Ok(self.shared.store.date())
    }
}

/// Waits, if room depends on it, until the bytes in use have been counted.
async fn counted(shared: &Shared) {
    if shared.store.is_limited() {
        indexed(&*shared.store, COUNT_WAIT).await;
    }
}

/// What a peer is told, with a writer for each upload that is new, or that it began before.
fn answer(shared: &Shared, uploader: Option<Uploader>, granted: Allocation) -> Allocated {
    let Allocation { already, in_progress, uploads } = granted;
    let mut writers = Vec::new();
    if let Some(uploader) = uploader {
        let again = |num: &ShareNum| Some((*num, shared.sessions.find(&uploader.key(*num))?));
        let again: Vec<_> = in_progress.iter().filter_map(again).collect();
        in_progress.iter().for_each(|num| shared.sessions.make_way(&uploader.key(*num)));
        let new = uploads.into_iter().map(|(num, upload)| (num, shared.session(upload)));
        writers.extend(
            new.chain(again).map(|(num, session)| {
                (num, Writer::of(session, uploader.key(num), &shared.sessions))
            }),
        );
    }
    Allocated { already, in_progress, writers }
}

/// What `grant` gives, with a writer for each upload; a whole share needs none.
async fn granted(
    shared: &Shared,
    uploader: Option<Uploader>,
    grant: impl FnOnce(Arc<dyn ShareStore>) -> Result<Allocation, StoreError> + Send + 'static,
) -> Result<Allocated, RemoteError> {
    counted(shared).await;
    let store = shared.store.clone();
    let granted = shared.jobs.ask(move || grant(store)).await?;
    Ok(answer(shared, uploader, granted))
}

impl Handler<Allocate> for StorageServer {
    type Result = ResponseFuture<Result<Allocated, RemoteError>>;

    fn handle(&mut self, ask: Allocate, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let Allocate { si, shares, size, renew, cancel } = ask;
            if shares.len() > SHARES_MAX {
                return Err(RemoteError::BadArguments);
            }
            let ask = AllocateRequest { si, shares, size, secrets: LeaseSecrets { renew, cancel } };
            let uploader = Some(Uploader::of(&ask));
            granted(&shared, uploader, move |store| store.allocate(&ask, None)).await
        })
    }
}

impl Handler<AllocateProven> for StorageServer {
    type Result = ResponseFuture<Result<Allocated, RemoteError>>;

    fn handle(&mut self, ask: AllocateProven, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let AllocateProven { si, shares, size, ueb_hash, renew, cancel } = ask;
            if shares.len() > SHARES_MAX {
                return Err(RemoteError::BadArguments);
            }
            let si = proven_index(&si, &ueb_hash);
            let ask = AllocateRequest { si, shares, size, secrets: LeaseSecrets { renew, cancel } };
            let uploader = Some(Uploader::of(&ask));
            granted(&shared, uploader, move |store| store.allocate(&ask, Some(ueb_hash))).await
        })
    }
}

/// A request for the one share that `data` is.
fn for_whole(
    si: StorageIndex,
    share: ShareNum,
    data: &Bytes,
    secrets: LeaseSecrets,
) -> AllocateRequest {
    AllocateRequest { si, shares: vec![share], size: data.len() as u64, secrets }
}

impl Handler<Put> for StorageServer {
    type Result = ResponseFuture<Result<Allocated, RemoteError>>;

    fn handle(&mut self, put: Put, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let Put { si, share, renew, cancel, data: Bulk(data) } = put;
            let ask = for_whole(si, share, &data, LeaseSecrets { renew, cancel });
            granted(&shared, None, move |store| store.put(&ask, None, &data)).await
        })
    }
}

impl Handler<PutProven> for StorageServer {
    type Result = ResponseFuture<Result<Allocated, RemoteError>>;

    fn handle(&mut self, put: PutProven, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let PutProven { si, share, ueb_hash, renew, cancel, data: Bulk(data) } = put;
            let ask = for_whole(
                proven_index(&si, &ueb_hash),
                share,
                &data,
                LeaseSecrets { renew, cancel },
            );
            granted(&shared, None, move |store| store.put(&ask, Some(ueb_hash), &data)).await
        })
    }
}

/// Reads the first bytes of every share.
fn read_heads(shares: &[Box<dyn StoredShare>], head: u32) -> Result<Vec<u8>, StoreError> {
    let lengths = Opened::head_lengths(shares.iter().map(|share| share.data_len()), head);
    let mut heads = Vec::with_capacity(lengths.iter().sum());
    for (share, length) in shares.iter().zip(lengths).filter(|(_, length)| *length > 0) {
        heads.extend(read_into(&**share, &[(0, length as u32)], |len| vec![0; len])?);
    }
    Ok(heads)
}

/// Reads the ranges of every share.
fn read_ranges(
    shares: &[Box<dyn StoredShare>],
    ranges: &[(u64, u32)],
    pool: &Pool,
) -> Result<Bytes, StoreError> {
    let lengths = Opened::range_lengths(shares.iter().map(|share| share.data_len()), ranges);
    let mut bytes = pool.take(lengths.iter().sum());
    let mut rest = bytes.as_mut_slice();
    for (share, length) in shares.iter().zip(lengths).filter(|(_, length)| *length > 0) {
        let Some((place, later)) = rest.split_at_mut_checked(length) else { break };
        share.fill(ranges, place)?;
        rest = later;
    }
    Ok(pool.freeze(bytes))
}

/// Opens every share of `si`, with what `read` reads of them.
async fn opened(
    shared: &Shared,
    si: StorageIndex,
    read: impl FnOnce(&[Box<dyn StoredShare>], &Pool) -> Result<Bytes, StoreError> + Send + 'static,
) -> Result<Opened, RemoteError> {
    let (store, pool) = (shared.store.clone(), shared.buffers.get());
    let of_readers = Arc::clone(&pool);
    let open = shared.jobs.ask(move || {
        let shares = store.open_bucket(&si)?;
        let bytes = read(&shares, &pool)?;
        Ok((shares, bytes))
    });
    let (shares, bytes) = open.await?;
    let shares = shares.into_iter().map(|share| OpenShare {
        num: share.num(),
        length: share.data_len(),
        reader: Reader::of(shared.jobs.clone(), Arc::clone(&of_readers), share),
    });
    Ok(Opened { shares: shares.collect(), heads: Bulk(bytes) })
}

impl Handler<OpenBucket> for StorageServer {
    type Result = ResponseFuture<Result<Opened, RemoteError>>;

    fn handle(&mut self, ask: OpenBucket, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            opened(&shared, ask.si, move |shares, _| Ok(read_heads(shares, ask.head)?.into())).await
        })
    }
}

impl Handler<OpenAndRead> for StorageServer {
    type Result = ResponseFuture<Result<Opened, RemoteError>>;

    fn handle(&mut self, ask: OpenAndRead, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let OpenAndRead { si, ranges } = ask;
            if ranges.len() > READ_RANGES_MAX {
                return Err(RemoteError::BadArguments);
            }
            opened(&shared, si, move |shares, pool| read_ranges(shares, &ranges, pool)).await
        })
    }
}

impl Handler<ListShares> for StorageServer {
    type Result = ResponseFuture<Result<Vec<ShareNum>, RemoteError>>;

    fn handle(&mut self, ask: ListShares, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move { shared.jobs.ask(move || shared.store.list(&ask.si)).await })
    }
}

impl Handler<ListManyShares> for StorageServer {
    type Result = ResponseFuture<Result<Vec<Vec<ShareNum>>, RemoteError>>;

    fn handle(&mut self, ask: ListManyShares, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let ListManyShares { indexes } = ask;
            if indexes.len() > INDEXES_MAX {
                return Err(RemoteError::BadArguments);
            }
            let list = move || indexes.iter().map(|si| shared.store.list(si)).collect();
            shared.jobs.clone().ask(list).await
        })
    }
}

impl Handler<CancelLease> for StorageServer {
    type Result = ResponseFuture<Result<u32, RemoteError>>;

    fn handle(&mut self, ask: CancelLease, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let digest = blake2b(ask.cancel.reveal());
            shared.jobs.ask(move || shared.store.cancel(&ask.si, &digest)).await
        })
    }
}

impl Handler<AddLease> for StorageServer {
    type Result = ResponseFuture<Result<u32, RemoteError>>;

    fn handle(&mut self, ask: AddLease, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        let secrets = LeaseSecrets { renew: ask.renew, cancel: ask.cancel };
        Box::pin(
            async move { shared.jobs.ask(move || shared.store.add_lease(&ask.si, &secrets)).await },
        )
    }
}

impl Handler<AdviseCorrupt> for StorageServer {
    type Result = ResponseFuture<Result<(), RemoteError>>;

    fn handle(&mut self, ask: AdviseCorrupt, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move {
            let store = shared.store.clone();
            let file = move || store.advise_corrupt(&ask.si, ask.share, &ask.reason);
            shared.jobs.ask(file).await
        })
    }
}
