//! What tests stand on, compiled once: here a grid in one process, and in modules real servers, liars,
//! an introducer, a gateway without sockets.
//!
//! A grid in one process: `grid(10)`, then `kill`, `hang`, `put`, `read`.
//!
//! Servers keep their shares in memory and sit behind a switch that makes them fail in any way a
//! test asks for. Everything runs on the caller's thread and computes beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod dirs;
pub mod faults;
pub mod folder;
pub mod hostile_writer;
pub mod introduced;
pub mod keeper;
pub mod liars;
pub mod memory;
pub mod real;
pub mod store;
pub mod vdrive;
pub mod web;

use bytes::Bytes;
use faults::{Mode, Switch, faulty};
use memory::{MemoryServer, SharedDisk};
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::secret::LeaseMasterSecret;
pub use tahoe::base::seeded::{Rng, bytes as data};
use tahoe::base::{ShareNum, StorageIndex, hash};
use tahoe::cap::Cap;
use tahoe::codec::convergence::ConvergenceSecret;
use tahoe::grid::timeouts::Timeouts;
use tahoe::grid::{
    Client, ClientSecrets, DownloadError, EncodingParams, ParamsInForce, Server, ServerId,
    ServerPool, Source, UploadError, UploadOptions, Uploaded,
};
use tahoe::tub::{Identity, LoopbackNet, Tub, TubOptions};

/// A tub that nobody knows, on a network inside the process.
pub fn tub_on(net: &LoopbackNet) -> Tub {
    let network = Arc::new(net.clone());
    Tub::new(Identity::random(), TubOptions { network, ..TubOptions::default() })
}

/// One server of a test grid.
pub struct TestServer {
    pub id: ServerId,
    pub disk: SharedDisk,
    pub switch: Switch,
}

/// Some servers and a client that knows them.
pub struct Grid {
    pub servers: Vec<TestServer>,
    pub pool: ServerPool,
    pub client: Client,
}

/// A grid of `count` servers, 3-of-10 with happiness 7 or as many servers as there are, and a client
/// that loses patience soon.
pub fn grid(count: usize) -> Grid {
    grid_of(count, EncodingParams::new(3, 7.min(count.max(3)) as u64, 10).unwrap())
}

pub fn grid_of(count: usize, params: EncodingParams) -> Grid {
    let pool = ServerPool::new();
    let servers = (0..count).map(|index| add_server(&pool, index)).collect();
    let client = client(&pool, params).with_timeouts(impatient());
    Grid { servers, pool, client }
}

pub fn client(pool: &ServerPool, params: EncodingParams) -> Client {
    let secrets = ClientSecrets {
        convergence: ConvergenceSecret::new(b"test convergence secret".to_vec()),
        lease: LeaseMasterSecret::new([7; 32]),
    };
    Client::new(pool.clone(), secrets, ParamsInForce::new(Some(params)))
}

fn add_server(pool: &ServerPool, index: usize) -> TestServer {
    let id = ServerId(hash::sha256(format!("server {index}").as_bytes()));
    let (disk, switch) = (SharedDisk::default(), Switch::default());
    let seeds = (id.0.to_vec(), hash::truncated(id.0));
    let storage = faulty(MemoryServer::start(&disk), &switch);
    pool.add(Server::new((id, format!("s{index}")), seeds, storage));
    TestServer { id, disk, switch }
}

/// Waiting times that let a test with hung servers end soon.
pub fn impatient() -> Timeouts {
    let ms = Duration::from_millis;
    Timeouts {
        query: ms(2000),
        settle: ms(300),
        jitter: ms(200),
        allocate: ms(2000),
        stall: ms(2000),
        close: ms(2000),
        others: ms(3000),
        find: ms(2000),
        spare: ms(20),
        find_more: ms(20),
        hedge: ms(150),
        read: ms(4000),
        again: ms(30),
    }
}

impl Grid {
    pub fn set(&self, index: usize, mode: Mode) -> &Self {
        self.servers[index].switch.set(mode);
        self
    }

    /// Calls to it fail, as to a dead process.
    pub fn kill(&self, index: usize) -> &Self {
        self.set(index, Mode::Dead)
    }

    /// Calls to it are never answered.
    pub fn hang(&self, index: usize) -> &Self {
        self.set(index, Mode::Hung)
    }

    pub fn revive(&self, index: usize) -> &Self {
        self.set(index, Mode::Honest)
    }

    /// A new link to the server, as after it was lost.
    pub fn reconnect(&self, index: usize) -> &Self {
        let TestServer { id, disk, switch } = &self.servers[index];
        switch.set(Mode::Honest);
        let old = self.pool.all().into_iter().find(|server| server.id == *id).unwrap();
        let storage = faulty(MemoryServer::start(disk), switch);
        self.pool.add(Server { storage, ..(*old).clone() });
        self
    }

    pub async fn upload(&self, data: &[u8]) -> Result<Uploaded, UploadError> {
        let source = Source::bytes(Bytes::copy_from_slice(data));
        self.client.upload(source, UploadOptions::default()).await
    }

    /// Uploads what must succeed.
    pub async fn put(&self, data: &[u8]) -> Cap {
        self.upload(data).await.unwrap().cap
    }

    /// The whole file.
    pub async fn read(&self, cap: &Cap) -> Result<Bytes, DownloadError> {
        let file = self.client.open(cap).await?;
        file.read_all(0..file.size()).await
    }

    /// Every share that is stored: (server, share number).
    pub fn shares(&self, si: StorageIndex) -> Vec<(usize, ShareNum)> {
        let servers = self.servers.iter().enumerate();
        let shares = servers.flat_map(|(index, server)| {
            let disk = server.disk.lock().unwrap();
            let here = disk.shares.keys().filter(|(of, _)| *of == si);
            here.map(|(_, num)| (index, *num)).collect::<Vec<_>>()
        });
        shares.collect()
    }

    /// Changes the bytes of every share of `si` on one server.
    pub fn corrupt(&self, index: usize, si: StorageIndex, change: impl Fn(&mut Vec<u8>)) {
        let mut disk = self.servers[index].disk.lock().unwrap();
        for ((of, _), bytes) in &mut disk.shares {
            if *of == si {
                let mut changed = bytes.to_vec();
                change(&mut changed);
                *bytes = changed.into();
            }
        }
    }

    pub fn advisories(&self, index: usize) -> usize {
        self.servers[index].disk.lock().unwrap().advisories.len()
    }
}

/// A value that several parts of a test share.
pub fn shared<T>(value: T) -> Arc<std::sync::Mutex<T>> {
    Arc::new(std::sync::Mutex::new(value))
}

/// How many rounds a promise is tried: the figure of every change, or that of a release
/// (`PROMISES=release`).
pub fn rounds(change: u64, release: u64) -> u64 {
    if std::env::var("PROMISES").is_ok_and(|value| value == "release") { release } else { change }
}

/// Fails instead of waiting for ever.
pub async fn no_hang<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), work).await {
        Ok(done) => done,
        Err(_) => panic!("hung: {what}"),
    }
}

/// What comes promptly, if it does.
pub const SOON: Duration = Duration::from_secs(5);

/// Waits for what no future tells of, in small steps of the runtime's time.
pub async fn until(done: impl FnMut() -> bool) {
    until_within(Duration::from_secs(60), done).await;
}

/// The same for no longer than that.
pub async fn until_within(most: Duration, mut done: impl FnMut() -> bool) {
    let step = Duration::from_millis(1);
    for _ in 0..most.as_millis() {
        if done() {
            return;
        }
        tokio::time::sleep(step).await;
    }
    panic!("it did not come to pass within {most:?}");
}
