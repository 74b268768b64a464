//! Promise 22: liars do not make success. Up to N − k servers lie in every answer, and whoever may
//! store has put what they like on the honest ones: an upload that says success gave the honest
//! servers enough to give the file back, and nothing of others is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tahoe::base::file::{FileKey, proven_index};
use tahoe::base::hash::{Hash, sha256, truncated};
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::cap::{Cap, FileCap};
use tahoe::codec::Params;
use tahoe::codec::encode::{Encoder, Plan};
use tahoe::codec::verify::{Alone, verify_alone};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Mode};
use tahoe::grid::{
    Client, EncodingParams, Server, ServerId, ServerPool, Source, Standing, UploadError,
    UploadOptions,
};
use tahoe::storage::Store;
use tahoe::storage::api::{Allocate, BucketWriter, Put, Storage};
use tahoe::tub::{Bulk, Ref};
use tahoe_testing::liars::{Liar, honest_on, kept};
use tahoe_testing::{Rng, client, data, grid_of, rounds};

const SERVERS: usize = 10;
const NEEDED: usize = 3;
const HAPPY: usize = 7;

fn params() -> EncodingParams {
    EncodingParams::new(NEEDED as u64, HAPPY as u64, SERVERS as u64).unwrap()
}

/// A file as it should be stored.
struct File {
    plaintext: Vec<u8>,
    si: StorageIndex,
    ueb_hash: Hash,
    shares: Vec<Bytes>,
}

impl File {
    /// What an upload of these bytes makes, as somebody can know who has stored them elsewhere.
    async fn of(plaintext: Vec<u8>) -> Self {
        let few = EncodingParams::new(NEEDED as u64, NEEDED as u64, SERVERS as u64).unwrap();
        let grid = grid_of(NEEDED, few);
        let Cap::File(FileCap::Chk(cap)) = grid.put(&plaintext).await else {
            panic!("no read cap")
        };
        let (si, ueb_hash) = (cap.storage_index(), cap.facts().unwrap().ueb_hash);
        let mut shares = vec![Bytes::new(); SERVERS];
        for server in &grid.servers {
            for ((_, num), share) in &server.disk.lock().unwrap().shares {
                shares[usize::from(num.0)] = share.clone();
            }
        }
        Self { plaintext, si, ueb_hash, shares }
    }

    fn beside(&self) -> StorageIndex {
        proven_index(&self.si, &self.ueb_hash)
    }
}

/// Sound shares of another file of the same size.
fn decoy(size: usize) -> Vec<Bytes> {
    let plan = Plan::new(Params::new(NEEDED as u64, SERVERS as u64).unwrap(), size as u64).unwrap();
    let mut encoder = Encoder::new(plan, FileKey::new([9; 16]));
    let mut shares = vec![Vec::new(); SERVERS];
    while let Some(plaintext) = encoder.buffer() {
        for (share, run) in shares.iter_mut().zip(encoder.encode(plaintext).unwrap().shares) {
            run.iter().for_each(|piece| share.extend_from_slice(piece));
        }
    }
    let finished = encoder.finish().unwrap();
    for (num, share) in (0..).map(ShareNum).zip(&mut shares) {
        share.extend_from_slice(&finished.trailer(num).unwrap().concat());
    }
    shares.into_iter().map(Bytes::from).collect()
}

struct HonestServer {
    storage: Ref<Storage>,
    store: Arc<Store>,
    disk: Disk,
    /// What somebody put there: it stays.
    planted: Vec<(StorageIndex, ShareNum, Bytes)>,
    /// Uploads of somebody that never end.
    squatting: Vec<Ref<BucketWriter>>,
}

/// Some liars, the others honest.
struct Grid {
    /// In the order of their tubs.
    servers: Vec<Server>,
    honest: Vec<HonestServer>,
}

impl Grid {
    fn new(seed: u64, liars: usize, others: &[Bytes]) -> Self {
        let mut places: Vec<usize> = (0..SERVERS).collect();
        Rng::new(seed).shuffle(&mut places);
        let (mut servers, mut honest_ones) = (Vec::new(), Vec::new());
        for (index, place) in places.into_iter().enumerate() {
            let storage = if index < liars {
                Liar::start(seed * 16 + index as u64, others)
            } else {
                let disk = Disk::new(Arc::new(MemoryDisk::new()));
                let (storage, store) = honest_on(disk.clone());
                let (planted, squatting) = (Vec::new(), Vec::new());
                let storage_too = storage.clone();
                honest_ones.push(HonestServer { storage, store, disk, planted, squatting });
                storage_too
            };
            servers.push(server(place, storage));
        }
        Self { servers, honest: honest_ones }
    }

    /// A client that has met no server before; only honest ones, if that is wanted.
    fn client(&self, with_liars: bool) -> Client {
        let pool = ServerPool::new();
        let liars = SERVERS - self.honest.len();
        for server in self.servers.iter().skip(if with_liars { 0 } else { liars }) {
            pool.add(Server { standing: Standing::default(), ..server.clone() });
        }
        client(&pool, params()).with_timeouts(tahoe::grid::timeouts::Timeouts::default())
    }
}

fn server(place: usize, storage: Ref<Storage>) -> Server {
    let id = ServerId(sha256(format!("server {place}").as_bytes()));
    Server::new((id, format!("s{place}")), (id.0.to_vec(), truncated(id.0)), storage)
}

/// What somebody else may have put in the place of a share.
fn junk(rng: &mut Rng, num: usize, file: &File, decoy: &[Bytes]) -> Bytes {
    let truth = &file.shares[num];
    match rng.below(7) {
        0 => data(rng.draw(), truth.len()).into(),
        1 => data(rng.draw(), rng.below(2 * truth.len()) + 1).into(),
        2 => decoy[num].clone(),
        3 => file.shares[(num + 1) % SERVERS].clone(),
        4 => truth.slice(..truth.len() - 1),
        5 => truth.clone(),
        _ => {
            let mut flipped = truth.to_vec();
            let at = rng.below(flipped.len());
            flipped[at] ^= 1 << rng.below(8);
            flipped.into()
        }
    }
}

fn secrets() -> (RenewSecret, CancelSecret) {
    (RenewSecret::new([66; 32]), CancelSecret::new([67; 32]))
}

impl HonestServer {
    async fn plant(&mut self, si: StorageIndex, num: u8, data: Bytes) {
        let ((renew, cancel), share) = (secrets(), ShareNum(num));
        let put = Put { si, share, renew, cancel, data: Bulk(data.clone()) };
        if self.storage.call(put).await.unwrap().already.contains(&share) {
            self.planted.push((si, share, data));
        }
    }

    async fn squat(&mut self, si: StorageIndex, size: u64) {
        let (renew, cancel) = secrets();
        let shares = (0..SERVERS as u8).map(ShareNum).collect();
        let granted = self.storage.call(Allocate { si, shares, size, renew, cancel }).await;
        self.squatting.extend(granted.unwrap().writers.into_iter().map(|(_, writer)| writer));
    }

    /// Whatever whoever may store likes to do here before the upload.
    async fn molest(&mut self, rng: &mut Rng, file: &File, decoy: &[Bytes]) {
        let bystander = StorageIndex([200; 16]);
        for num in 0..2 {
            self.plant(bystander, num, decoy[usize::from(num)].clone()).await;
        }
        for si in [file.si, file.beside()] {
            let (how, often) = (rng.below(5), rng.below(4));
            for num in 0..SERVERS as u8 {
                if how == 1 || how == 2 && rng.below(4) <= often {
                    self.plant(si, num, junk(rng, num.into(), file, decoy)).await;
                }
            }
            if how == 3 || how == 2 && rng.below(2) == 0 {
                self.squat(si, file.shares[0].len() as u64).await;
            }
        }
    }

    /// Whether a share was moved aside as it was, for what its own sums say of it.
    fn is_aside(&self, (si, num, data): &(StorageIndex, ShareNum, Bytes)) -> bool {
        let folder = Path::new("/storage/quarantine");
        let read =
            |range: Range<u64>| Ok::<_, ()>(data.slice(range.start as usize..range.end as usize));
        let broken = verify_alone(*num, data.len() as u64, read) == Ok(Alone::Broken);
        let aside = self.disk.list(folder).unwrap().into_iter().any(|entry| {
            let file = self.disk.open(&folder.join(&entry.name), Mode::Read).unwrap();
            let of_share = entry.name.starts_with(&format!("{si}-{num}"));
            // Behind the container's header.
            of_share && file.read(12, data.len()).unwrap() == data[..]
        });
        broken && aside
    }

    /// Panics if something of others is gone. Among proven shares only what does not belong there may
    /// have given way, and only to what does; what a reader has reported may have been moved aside.
    fn lost_nothing(&self, file: &File, what: &str) -> usize {
        for planted @ (si, num, data) in &self.planted {
            let shares = kept(&self.store, *si);
            let now = shares.into_iter().find(|(here, _)| here == num).map(|(_, bytes)| bytes);
            let truth = &file.shares[usize::from(num.0)];
            let proven = *si == file.beside() && now.as_deref() == Some(&truth[..]);
            let kept = now.as_deref() == Some(&data[..]) || self.is_aside(planted);
            assert!(proven || kept, "{what}: share {num} of {si}");
        }
        self.planted.len()
    }

    /// The numbers of the file's true shares that are here.
    fn true_shares(&self, file: &File) -> Vec<ShareNum> {
        let all = [file.si, file.beside()].into_iter().flat_map(|si| kept(&self.store, si));
        let is_true = |(num, bytes): &(ShareNum, Vec<u8>)| {
            file.shares.get(usize::from(num.0)).is_some_and(|truth| truth == bytes)
        };
        all.filter(is_true).map(|(num, _)| num).collect()
    }
}

/// Fails instead of waiting for ever: no silence is worth an hour.
async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(3600), work).await {
        Ok(done) => done,
        Err(_) => panic!("hung: {what}"),
    }
}

async fn upload(client: &Client, file: &File) -> Result<Cap, UploadError> {
    let source = Source::bytes(file.plaintext.clone());
    client.upload(source, UploadOptions::default()).await.map(|uploaded| uploaded.cap)
}

async fn read(client: &Client, cap: &Cap) -> Bytes {
    let file = client.open(cap).await.unwrap();
    file.read_all(0..file.size()).await.unwrap()
}

/// One grid; whether the upload succeeded, and how many shares of others were looked after.
async fn one_grid(seed: u64) -> (bool, usize) {
    let mut rng = Rng::new(seed);
    let size = match rng.below(4) {
        0 => 200_000 + rng.below(100_000),
        _ => 100 + rng.below(60_000),
    };
    let liars = 1 + rng.below(SERVERS - NEEDED);
    let (file, decoy) = (File::of(data(seed, size)).await, decoy(size));
    let mut grid = Grid::new(seed, liars, &decoy);
    for server in &mut grid.honest {
        server.molest(&mut rng, &file, &decoy).await;
    }
    let what = format!("seed {seed}, {size} bytes, {liars} liars");
    let outcome = bounded(&what, upload(&grid.client(true), &file)).await;
    let others = grid.honest.iter().map(|server| server.lost_nothing(&file, &what)).sum();
    let cap = match outcome {
        Ok(cap) => cap,
        Err(UploadError::Unhappy(error)) => {
            assert!(liars > SERVERS - HAPPY, "the honest did not suffice, {what}: {error}");
            return (false, others);
        }
        Err(error) => panic!("{what}: {error}"),
    };
    let mut shares: Vec<_> =
        grid.honest.iter().flat_map(|server| server.true_shares(&file)).collect();
    shares.sort();
    shares.dedup();
    assert!(shares.len() >= NEEDED, "a false success, {what}: {shares:?}");
    for with_liars in [false, true] {
        let bytes = bounded(&what, read(&grid.client(with_liars), &cap)).await;
        assert!(bytes == file.plaintext, "wrong bytes, {what}");
    }
    (true, others)
}

#[actix::test]
async fn liars_do_not_make_success() {
    let start = Instant::now();
    // Time is virtual: silence costs nothing, and nobody is late because this machine is slow.
    tokio::time::pause();
    let (grids, mut succeeded, mut others) = (rounds(1_000, 50_000), 0, 0);
    for seed in 0..grids {
        let (success, looked_after) = one_grid(seed).await;
        succeeded += u64::from(success);
        others += looked_after;
    }
    assert!(succeeded > grids / 4 && succeeded < grids, "{succeeded} succeeded");
    println!(
        "promise 22: {grids} grids with one to seven of ten servers lying in every answer, \
         {succeeded} uploads succeeded, 0 of them falsely, 0 of {others} shares of others lost, \
         {:.0} s",
        start.elapsed().as_secs_f64()
    );
}

/// Everybody's servers hold junk as all ten shares of a file before it is stored.
async fn stored_beside_junk(size: usize, junk: impl Fn(usize, &File) -> Bytes) {
    let file = File::of(data(5, size)).await;
    let mut grid = Grid::new(5, 1, &decoy(size));
    for server in &mut grid.honest {
        for num in 0..SERVERS as u8 {
            server.plant(file.si, num, junk(num.into(), &file)).await;
        }
    }
    let cap = upload(&grid.client(true), &file).await.unwrap();
    for _ in 0..2 {
        assert!(read(&grid.client(true), &cap).await == file.plaintext);
        assert!(read(&grid.client(false), &cap).await == file.plaintext);
        let before: Vec<_> =
            grid.honest.iter().map(|server| server.true_shares(&file).len()).collect();
        assert!(before.iter().all(|shares| *shares >= 1), "{before:?}");
        let again = upload(&grid.client(true), &file).await.unwrap();
        assert_eq!(again.reveal(), cap.reveal());
        let checked = grid.client(false).check(&cap, true).await.unwrap();
        assert!(checked.is_healthy());
        for server in &grid.honest {
            assert_eq!(server.lost_nothing(&file, "beside junk"), SERVERS);
        }
    }
}

#[actix::test]
async fn a_file_is_stored_beside_junk_and_found_there() {
    tokio::time::pause();
    for size in [1_000, 300_000] {
        let others = decoy(size);
        bounded(
            "arbitrary bytes",
            stored_beside_junk(size, |_, file| vec![7; file.shares[0].len()].into()),
        )
        .await;
        bounded("another's shares", stored_beside_junk(size, |num, _| others[num].clone())).await;
        bounded(
            "damaged shares",
            stored_beside_junk(size, |num, file| {
                let mut flipped = file.shares[num].to_vec();
                flipped[200] ^= 1;
                flipped.into()
            }),
        )
        .await;
    }
}
