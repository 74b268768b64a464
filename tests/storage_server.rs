//! A storage server as its peers see it: order, links lost, leases by furl.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tahoe::base::limits::{
    BULK_MAX, LEASE_SECONDS, OPEN_HEAD_MAX, READ_RANGES_MAX, READERS_PER_LINK_MAX, SHARES_MAX,
    UPLOAD_IDLE_TIME, WRITERS_PER_LINK_MAX,
};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Faults, Op};
use tahoe::storage::api::{
    AddLease, Allocate, Allocated, BucketReader, BucketWriter, Cancel, Close, Expires, GetSpace,
    GetVersion, LeaseCancellation, LeaseRenewal, ListShares, OpenAndRead, OpenBucket, Opened, Read,
    Renew, Storage, Write, code,
};
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig, StoreError};
use tahoe::tub::{Bulk, Furl, LoopbackNet, Ref, RemoteError, Swissnum, Tub};
use tahoe::vdrive::{self, VdriveServer};
use tahoe_testing::store::{
    NOW, bucket_takes, config, data, get, open, put, put_whole, secrets, share_takes, si,
};
use tahoe_testing::{tub_on, until};

fn run(test: impl Future<Output = ()>) {
    run_for(Duration::from_secs(60), test);
}

fn run_for(most: Duration, test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(async {
        actix_rt::time::timeout(most, test).await.expect("the test hangs");
    });
}

fn store() -> Arc<Store> {
    open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"))
}

fn serve(store: &Arc<Store>) -> Ref<Storage> {
    StorageServer::start(store.clone(), ServerOptions::default()).0
}

fn ask(si: StorageIndex, shares: &[u8], size: usize) -> Allocate {
    let secrets = secrets(1);
    Allocate {
        si,
        shares: shares.iter().copied().map(ShareNum).collect(),
        size: size as u64,
        renew: secrets.renew,
        cancel: secrets.cancel,
    }
}

fn only(allocated: Allocated) -> Ref<BucketWriter> {
    allocated.writers.into_iter().next().expect("room").1
}

fn write(offset: usize, bytes: &[u8]) -> Write {
    Write { offset: offset as u64, data: Bulk(Bytes::copy_from_slice(bytes)) }
}

/// Holds the first data write up until it is opened.
#[derive(Default)]
struct Gate {
    armed: AtomicBool,
    open: Mutex<bool>,
    turn: Condvar,
}

impl Gate {
    fn pass(&self, op: Op) {
        if op == Op::Write && self.armed.swap(false, SeqCst) {
            let open = self.open.lock().unwrap();
            drop(self.turn.wait_while(open, |open| !*open).unwrap());
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.turn.notify_all();
    }
}

#[test]
fn write_write_close_keep_their_order_when_the_first_is_slow() {
    run(async {
        let gate = Arc::new(Gate::default());
        let hook = gate.clone();
        let faults = Arc::new(Faults::hooked(move |op| hook.pass(op)));
        let disk = Disk::new(Arc::new(MemoryDisk::new())).with_faults(faults);
        let store = open(&disk, Path::new("/storage"));
        let bytes = data(3, 700_000);
        let writer = only(serve(&store).call(ask(si(1), &[0], bytes.len())).await.unwrap());
        gate.armed.store(true, SeqCst);
        let first = writer.call(write(0, &bytes[..300_000]));
        let second = writer.call(write(300_000, &bytes[300_000..]));
        let mut close = std::pin::pin!(writer.call(Close {}));
        let early = actix_rt::time::timeout(Duration::from_millis(100), &mut close).await;
        assert!(early.is_err(), "close must wait for the writes");
        assert!(store.list(&si(1)).unwrap().is_empty());
        gate.open();
        assert_eq!((first.await, second.await, close.await), (Ok(()), Ok(()), Ok(())));
        assert!(get(&store, si(1), 0).unwrap() == bytes);
    });
}

#[test]
fn a_failed_write_fails_the_close_that_follows() {
    run(async {
        let store = store();
        let server = serve(&store);
        let writer = only(server.call(ask(si(1), &[0], 10)).await.unwrap());
        let good = writer.call(write(0, &[1; 10]));
        let bad = writer.call(write(5, &[2; 5]));
        let close = writer.call(Close {});
        assert_eq!(good.await, Ok(()));
        assert_eq!(bad.await.unwrap_err().code(), Some(code::CONFLICT));
        assert_eq!(close.await.unwrap_err().code(), Some(code::CONFLICT));
        assert_eq!(writer.call(Close {}).await.unwrap_err().code(), Some(code::ENDED));
        let writer = only(server.call(ask(si(1), &[0], 10)).await.unwrap());
        writer.call(write(0, &[1; 9])).await.unwrap();
        let close = writer.call(Close {}).await;
        assert_eq!(close.unwrap_err().code(), Some(code::INCOMPLETE));
        assert!(server.call(ListShares { si: si(1) }).await.unwrap().is_empty());
    });
}

#[test]
fn a_dropped_writer_gives_its_place_back() {
    run(async {
        let store = store();
        let server = serve(&store);
        let free = store.space().available;
        let first = server.call(ask(si(1), &[0, 1], 10)).await.unwrap();
        let second = server.call(ask(si(1), &[0, 1], 10)).await.unwrap();
        assert_eq!(second.in_progress, [ShareNum(0), ShareNum(1)]);
        drop(first);
        until(|| store.space().available == free).await;
        assert_eq!(server.call(ask(si(1), &[0, 1], 10)).await.unwrap().writers.len(), 2);
    });
}

#[test]
fn an_idle_upload_is_aborted() {
    run(async {
        let store = store();
        let free = store.space().available;
        let options =
            ServerOptions { upload_idle: Duration::from_millis(80), ..ServerOptions::default() };
        let (server, _) = StorageServer::start(store.clone(), options);
        let writer = only(server.call(ask(si(1), &[0], 10)).await.unwrap());
        writer.call(write(0, &[1; 5])).await.unwrap();
        until(|| store.space().available == free).await;
        let late = writer.call(write(5, &[1; 5])).await;
        assert_eq!(late.unwrap_err().code(), Some(code::ENDED));
    });
}

/// A server with room for a million bytes, on a clock that jumps from event to event.
fn small_server() -> (Arc<Store>, Ref<Storage>) {
    tokio::time::pause();
    let disk = Disk::new(Arc::new(MemoryDisk::new()));
    let config = config(&disk, Path::new("/storage"));
    let store = Store::open(StoreConfig { size_limit: Some(1_000_000), ..config }).unwrap();
    // A thread counts what is there, in time that does not stand still; until then nothing has room.
    for _ in 0..10_000 {
        if store.indexed() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(store.indexed(), "an empty store is counted at once");
    let server = serve(&store);
    (store, server)
}

/// Writes `size` bytes so slowly that it takes twenty minutes.
async fn write_slowly(writer: &Ref<BucketWriter>, size: usize) {
    for piece in 0..20 {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let _ = writer.call(write(piece * size / 20, &vec![7; size / 20])).await;
    }
}

#[test]
fn an_upload_that_stands_still_makes_room_for_others_and_one_that_moves_does_not() {
    run_for(2 * UPLOAD_IDLE_TIME, async {
        let (store, server) = small_server();
        let moving = only(server.call(ask(si(1), &[0], 400_000)).await.unwrap());
        let still = only(server.call(ask(si(2), &[0], 400_000)).await.unwrap());
        let refused = server.call(ask(si(3), &[0], 400_000)).await.unwrap();
        assert!(refused.writers.is_empty());
        write_slowly(&moving, 400_000).await;
        let late = still.call(write(0, b"x")).await;
        assert_eq!(late.unwrap_err().code(), Some(code::ENDED));
        only(server.call(ask(si(3), &[0], 400_000)).await.unwrap());
        moving.call(Close {}).await.unwrap();
        assert!(get(&store, si(1), 0).is_some());
    });
}

#[test]
fn a_byte_now_and_then_or_the_same_ones_again_are_no_progress() {
    run_for(2 * UPLOAD_IDLE_TIME, async {
        let (_store, server) = small_server();
        let moving = only(server.call(ask(si(1), &[0], 600_000)).await.unwrap());
        let dribbling = only(server.call(ask(si(2), &[0], 200_000)).await.unwrap());
        let repeating = only(server.call(ask(si(3), &[0], 20_000)).await.unwrap());
        let repeat = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let _ = repeating.call(write(0, &[7; 20_000])).await;
            }
        };
        tokio::join!(write_slowly(&moving, 600_000), write_slowly(&dribbling, 20), repeat);
        moving.call(Close {}).await.unwrap();
        for writer in [dribbling, repeating] {
            assert_eq!(writer.call(Close {}).await.unwrap_err().code(), Some(code::ENDED));
        }
    });
}

#[test]
fn an_upload_that_is_in_nobodys_way_may_pause() {
    run_for(2 * UPLOAD_IDLE_TIME, async {
        let (store, server) = small_server();
        let writer = only(server.call(ask(si(1), &[0], 100_000)).await.unwrap());
        writer.call(write(0, &[7; 50_000])).await.unwrap();
        tokio::time::sleep(UPLOAD_IDLE_TIME / 2).await;
        writer.call(write(50_000, &[7; 50_000])).await.unwrap();
        writer.call(Close {}).await.unwrap();
        assert!(get(&store, si(1), 0).is_some());
    });
}

#[test]
fn a_bucket_opens_with_the_heads_of_its_shares() {
    run(async {
        let store = store();
        let long = OPEN_HEAD_MAX as usize + 5;
        put(&store, si(1), 2, &data(2, 100), 1).unwrap();
        put(&store, si(1), 5, &data(5, long), 1).unwrap();
        let server = serve(&store);
        for (head, heads) in [(0, [0, 0]), (60, [60, 60]), (u32::MAX, [100, long - 5])] {
            let opened = server.call(OpenBucket { si: si(1), head }).await.unwrap();
            let found: Vec<_> = opened.shares.iter().map(|s| (s.num.0, s.length)).collect();
            assert_eq!(found, [(2, 100), (5, long as u64)]);
            let want = [&data(2, 100)[..heads[0]], &data(5, long)[..heads[1]]].concat();
            assert!(opened.heads.0 == want);
        }
        let opened = server.call(OpenBucket { si: si(1), head: 0 }).await.unwrap();
        let reader = &opened.shares[0].reader;
        let ranges = vec![(90, 20), (0, 3), (100, 5), (u64::MAX, 1), (4, 0)];
        let read = reader.call(Read { ranges }).await.unwrap();
        assert!(read.0 == [&data(2, 100)[90..], &data(2, 100)[..3]].concat());
        let most = reader.call(Read { ranges: vec![(0, 1); READ_RANGES_MAX] }).await.unwrap();
        assert_eq!(most.0.len(), READ_RANGES_MAX);
        let more = reader.call(Read { ranges: vec![(0, 1); READ_RANGES_MAX + 1] }).await;
        assert_eq!(more, Err(RemoteError::BadArguments));
        let wide = opened.shares[1].reader.call(Read { ranges: vec![(0, 20_000); 200] }).await;
        assert_eq!(wide.unwrap_err().code(), Some(code::OUT_OF_RANGE));
        let none = server.call(OpenBucket { si: si(9), head: 9 }).await.unwrap();
        assert!(none.shares.is_empty());
    });
}

#[test]
fn shares_can_be_opened_and_read_in_one_step() {
    run(async {
        let store = store();
        put(&store, si(1), 2, &data(2, 100), 1).unwrap();
        put(&store, si(1), 5, &data(5, 300), 1).unwrap();
        let server = serve(&store);
        let ask =
            |ranges: &[(u64, u32)]| server.call(OpenAndRead { si: si(1), ranges: ranges.to_vec() });
        let ranges = [(0, 3), (90, 20), (250, u32::MAX), (u64::MAX, 1), (4, 0)];
        let opened = ask(&ranges).await.unwrap();
        let found: Vec<_> = opened.shares.iter().map(|s| (s.num.0, s.length)).collect();
        assert_eq!(found, [(2, 100), (5, 300)]);
        let (two, five) = (data(2, 100), data(5, 300));
        let want = [&two[..3], &two[90..], &five[..3], &five[90..110], &five[250..]];
        assert!(opened.heads.0 == want.concat());
        assert_eq!(Opened::range_lengths([100, 300].into_iter(), &ranges), [13, 73]);
        let read = opened.shares[1].reader.call(Read { ranges: vec![(299, 2)] }).await.unwrap();
        assert!(read.0 == five[299..]);
        assert!(ask(&[]).await.unwrap().heads.0.is_empty());
        assert!(ask(&[(0, 0); READ_RANGES_MAX]).await.is_ok());
        assert_eq!(
            ask(&[(0, 0); READ_RANGES_MAX + 1]).await.err(),
            Some(RemoteError::BadArguments)
        );
    });
}

#[test]
fn shares_that_no_answer_has_room_for_are_opened_without_their_bytes() {
    run(async {
        let store = store();
        for num in 0..3 {
            put(&store, si(1), num, &data(num, 1_000_000), 1).unwrap();
        }
        let server = serve(&store);
        for (length, want) in [(BULK_MAX / 2, 2), (BULK_MAX / 2 + 1, 1), (BULK_MAX + 1, 0)] {
            // The same bytes again and again, as many as that.
            let step = 500_000;
            let rest = (0, (length % step) as u32);
            let ranges = [vec![(0, step as u32); length / step], vec![rest]].concat();
            let opened = server.call(OpenAndRead { si: si(1), ranges }).await.unwrap();
            assert_eq!(opened.shares.len(), 3);
            assert_eq!(opened.heads.0.len(), want * length);
        }
    });
}

#[test]
fn no_more_shares_may_be_asked_for_than_there_are() {
    run(async {
        let server = serve(&store());
        let mut most = ask(si(1), &[], 1);
        most.shares = vec![ShareNum(3); SHARES_MAX];
        assert_eq!(server.call(most).await.unwrap().writers.len(), 1);
        let mut more = ask(si(1), &[], 1);
        more.shares = vec![ShareNum(3); SHARES_MAX + 1];
        assert_eq!(server.call(more).await.err(), Some(RemoteError::BadArguments));
        assert!(server.call(GetVersion {}).await.unwrap().max_share_size > 0);
    });
}

#[test]
fn a_server_says_how_full_it_is() {
    run(async {
        let store = store();
        put(&store, si(1), 0, &data(1, 5_000), 1).unwrap();
        until(|| store.space().used.is_some()).await;
        let space = serve(&store).call(GetSpace {}).await.unwrap();
        assert_eq!(space.used, Some(share_takes(1, 5_000, 1) + bucket_takes(1)));
        assert!(space.available > Some(0));
    });
}

struct Net {
    net: LoopbackNet,
    server: Tub,
    client: Tub,
    service: Furl,
    storage: Ref<Storage>,
}

async fn net(store: &Arc<Store>) -> Net {
    let net = LoopbackNet::default();
    let (server, client) = (tub_on(&net), tub_on(&net));
    server.listen_loopback("server").unwrap();
    let (storage, restorer) = StorageServer::start(store.clone(), ServerOptions::default());
    server.add_restorer(restorer);
    // A node may hold directories as well.
    let directories = vdrive::StoreConfig {
        disk: Disk::new(Arc::new(MemoryDisk::new())),
        index_on_disk: false,
        ..vdrive::StoreConfig::new("/vdrive")
    };
    let directories = vdrive::Store::open(directories).unwrap();
    server.add_restorer(VdriveServer::start(directories, "test").1);
    let furl = server.register(storage, None);
    let storage = client.get::<Storage>(&furl).await.unwrap();
    Net { net, server, client, service: furl, storage }
}

impl Net {
    /// A reference to the same server that another tub holds.
    async fn another_peer(&self) -> Ref<Storage> {
        tub_on(&self.net).get::<Storage>(&self.service).await.unwrap()
    }

    fn furl(&self, secret: &[u8; 32]) -> Furl {
        Furl::new(self.server.id(), self.server.hints(), Swissnum::new(*secret))
    }
}

#[test]
fn a_lease_is_renewed_and_cancelled_by_the_furls_of_its_secrets() {
    run(async {
        let store = store();
        let net = net(&store).await;
        let writer = only(net.storage.call(ask(si(1), &[0], 5)).await.unwrap());
        writer.call(write(0, b"share")).await.unwrap();
        writer.call(Close {}).await.unwrap();
        let other = secrets(2);
        let add = AddLease { si: si(1), renew: other.renew, cancel: other.cancel };
        assert_eq!(net.storage.call(add).await.unwrap(), 1);

        let renewal = net.client.get::<LeaseRenewal>(&net.furl(&[2; 32])).await.unwrap();
        assert_eq!(renewal.call(Expires {}).await.unwrap(), NOW + LEASE_SECONDS);
        assert_eq!(renewal.call(Renew {}).await.unwrap(), NOW + LEASE_SECONDS);
        let wrong = net.client.get::<LeaseCancellation>(&net.furl(&[2; 32])).await;
        let refused = match wrong {
            Ok(lease) => lease.call(Cancel {}).await.err(),
            Err(error) => Some(error),
        };
        assert!(refused.is_some(), "renewing gives no cancelling");
        let cancel = net.client.get::<LeaseCancellation>(&net.furl(&[!2; 32])).await.unwrap();
        assert_eq!(cancel.call(Cancel {}).await.unwrap(), 1);
        assert_eq!(renewal.call(Renew {}).await.unwrap_err().code(), Some(code::NO_SUCH_SHARE));
        assert_eq!(store.list(&si(1)).unwrap(), [ShareNum(0)]);
        let unknown = net.client.get::<LeaseRenewal>(&net.furl(&[9; 32])).await;
        assert!(match unknown {
            Ok(lease) => lease.call(Renew {}).await == Err(RemoteError::NoSuchObject),
            Err(error) => error == RemoteError::NoSuchObject,
        });
    });
}

#[test]
fn a_lost_link_aborts_what_it_was_writing() {
    run(async {
        let store = store();
        let free = store.space().available;
        let net = net(&store).await;
        let writer = only(net.storage.call(ask(si(1), &[0], 10)).await.unwrap());
        writer.call(write(0, &[1; 5])).await.unwrap();
        assert!(store.space().available < free);
        net.net.kill("server");
        until(|| store.space().available == free).await;
        assert!(store.list(&si(1)).unwrap().is_empty());
    });
}

#[test]
fn errors_tell_peers_no_path() {
    let errors = [
        StoreError::from(std::io::Error::other("/home/someone/storage/shares")),
        StoreError::from(std::io::Error::from_raw_os_error(28)),
        StoreError::InUse,
    ];
    for error in errors {
        assert!(!error.to_string().contains('/'), "{error}");
    }
}

/// Opens a bucket; how many readers came.
async fn open_all(storage: &Ref<Storage>, n: u8) -> Result<Vec<Ref<BucketReader>>, RemoteError> {
    let opened = storage.call(OpenBucket { si: si(n), head: 0 }).await?;
    Ok(opened.shares.into_iter().map(|share| share.reader).collect())
}

#[test]
fn a_peer_that_holds_all_it_may_is_busy_and_others_are_not() {
    const SHARES: u8 = 200;
    run(async {
        let store = store();
        (0..SHARES).for_each(|num| put_whole(&store, si(1), num, b"share", 1).unwrap());
        (0..20).for_each(|num| put_whole(&store, si(2), num, b"share", 1).unwrap());
        let greedy = net(&store).await;
        let mut held = Vec::new();
        let refused = loop {
            match open_all(&greedy.storage, 1).await {
                Ok(readers) => held.push(readers),
                Err(error) => break error,
            }
        };
        assert_eq!((refused, held.len()), (RemoteError::Busy, READERS_PER_LINK_MAX / 200));
        // What was refused in part holds nothing: there is room for what fits.
        assert_eq!(open_all(&greedy.storage, 2).await.unwrap().len(), 20);
        let honest = greedy.another_peer().await;
        let readers = open_all(&honest, 1).await.unwrap();
        let read = readers[7].call(Read { ranges: vec![(0, 5)] }).await.unwrap();
        assert_eq!(read, Bulk(Bytes::from_static(b"share")));
        held.pop();
        // Releases travel behind nothing, but they travel.
        while open_all(&greedy.storage, 1).await.is_err() {
            actix_rt::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn readers_between_reads_hold_no_memory() {
    const READERS: usize = 256;
    fn resident_mib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    }
    run(async {
        let store = store();
        put_whole(&store, si(1), 0, &data(1, 1 << 20), 1).unwrap();
        let storage = serve(&store);
        let mut readers = Vec::new();
        while readers.len() < READERS {
            readers.extend(open_all(&storage, 1).await.unwrap());
        }
        let before = resident_mib();
        for reader in &readers {
            let read = reader.call(Read { ranges: vec![(0, 1 << 20)] }).await.unwrap();
            assert_eq!(read.0.len(), 1 << 20);
        }
        let grown = resident_mib().saturating_sub(before);
        assert!(grown < READERS / 4, "{READERS} readers of a MiB each hold {grown} MiB");
    });
}

#[test]
fn a_peer_that_writes_all_it_may_is_busy_and_others_are_not() {
    run(async {
        let store = store();
        let greedy = net(&store).await;
        let mut held = Vec::new();
        for n in 0..(WRITERS_PER_LINK_MAX / SHARES_MAX) as u8 {
            let mut all = ask(si(n), &[], 1);
            all.shares = (0..=255).map(ShareNum).collect();
            held.push(greedy.storage.call(all).await.unwrap().writers);
        }
        let one_more = greedy.storage.call(ask(si(99), &[0], 1)).await;
        assert_eq!(one_more.err(), Some(RemoteError::Busy));
        // Not the same share: what was refused is given back in its own time, and is in progress until then.
        let writer = only(greedy.another_peer().await.call(ask(si(98), &[0], 1)).await.unwrap());
        writer.call(write(0, b"x")).await.unwrap();
        writer.call(Close {}).await.unwrap();
    });
}
