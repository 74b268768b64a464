//! Promise 16: a whole grid in one process, on virtual links, with random kills, hangs and revivals
//! of storage servers, introducer and vdrive server while files are stored, named and read. Each run
//! grows from a seed; a failure prints it.
//!
//! Whatever happens: an upload that succeeded can be read as long as three of the servers that hold
//! it are well; a link that was acknowledged stays; no read gives a wrong byte; nothing waits for
//! ever; and who comes afterwards with the introducer's furl and the directory's read cap alone finds
//! every server, every name and every file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::dirs::{self, link};
use common::introduced::{self, Introduced};
use common::real::{RealGrid, real_grid};
use common::{Rng, data, no_hang, rounds};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tahoe::cap::Cap;
use tahoe::grid::dirnode::{Child, DirError, Directories, Replace, Target};
use tahoe::grid::{DownloadError, EncodingParams, UploadError};
use tahoe::tub::Faults;

/// Worlds under way at once: most of their time is spent waiting for servers that hang.
const THREADS: usize = 2;
const WORLDS_A_THREAD: usize = 6;

/// What befell a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Well,
    Killed,
    Stopped,
}

/// A stored file and the servers that were said to hold it.
struct Stored {
    cap: Cap,
    plaintext: Vec<u8>,
    holders: Vec<usize>,
    /// Its link was acknowledged.
    linked: bool,
}

struct World {
    seed: u64,
    rng: Rng,
    grid: RealGrid,
    introducer: Introduced,
    vdrive: dirs::Server,
    directories: Directories,
    /// Where every file gets a name.
    root: Cap,
    vdrive_is_well: bool,
    conditions: Vec<Condition>,
    stored: Vec<Stored>,
    uploads: u64,
    reads: u64,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let grid = real_grid(10, EncodingParams::default()).await;
        if rng.below(4) == 0 {
            let latency = std::time::Duration::from_micros(rng.below(2_000) as u64);
            grid.net.set_faults(Faults { latency, ..Faults::default() });
        }
        let introducer = Introduced::of(&grid);
        let vdrive = dirs::Server::on(&grid.net);
        let directories = vdrive.directories(grid.client.clone(), grid.tub.clone());
        let root = directories.create(Vec::new()).await.unwrap();
        Self {
            seed,
            rng,
            grid,
            introducer,
            vdrive,
            directories,
            root,
            vdrive_is_well: true,
            conditions: vec![Condition::Well; 10],
            stored: Vec::new(),
            uploads: 0,
            reads: 0,
        }
    }

    async fn step(&mut self) {
        match self.rng.below(10) {
            0..=2 => self.upload().await,
            3..=5 => self.read().await,
            6..=7 => self.strike(),
            _ => self.revive().await,
        }
    }

    fn strike(&mut self) {
        match self.rng.below(12) {
            0 => return self.grid.net.kill(introduced::NAME),
            1 => return self.grid.net.stop(introduced::NAME),
            2 => return self.grid.net.revive(introduced::NAME),
            3 => {
                self.vdrive_is_well = !self.vdrive_is_well;
                return match self.vdrive_is_well {
                    true => self.grid.net.revive(dirs::NAME),
                    false => self.grid.net.kill(dirs::NAME),
                };
            }
            _ => {}
        }
        let index = self.rng.below(10);
        let condition =
            [Condition::Killed, Condition::Killed, Condition::Stopped][self.rng.below(3)];
        match condition {
            Condition::Stopped => self.grid.hang(index),
            _ => self.grid.kill(index),
        }
        self.conditions[index] = condition;
    }

    async fn revive(&mut self) {
        let index = self.rng.below(10);
        if self.conditions[index] != Condition::Well {
            let what = format!("reconnecting, seed {}", self.seed);
            no_hang(&what, self.grid.revive(index)).await;
            self.conditions[index] = Condition::Well;
        }
    }

    fn well(&self) -> BTreeSet<usize> {
        (0..10).filter(|&index| self.conditions[index] == Condition::Well).collect()
    }

    async fn upload(&mut self) {
        let seed = self.seed;
        let size = [60, 3_000, 70_000, 1_300_000][self.rng.below(4)];
        let plaintext = data(self.rng.next(), size);
        // In one upload of three somebody falls while it runs.
        let victim = (self.rng.below(3) == 0).then(|| self.rng.below(10));
        let delay = std::time::Duration::from_micros(self.rng.below(20_000) as u64);
        let strike = async {
            if let Some(index) = victim {
                actix::clock::sleep(delay).await;
                self.grid.kill(index);
            }
        };
        let upload = async {
            let upload = self.grid.upload(&plaintext);
            no_hang(&format!("uploading, seed {seed}"), upload).await
        };
        let (outcome, ()) = futures_util::future::join(upload, strike).await;
        if let Some(index) = victim {
            self.conditions[index] = Condition::Killed;
        }
        self.uploads += 1;
        match outcome {
            Ok(uploaded) => {
                let names = uploaded.placed.servers.iter().map(|server| server.nickname.as_str());
                let index = |name: &str| name.trim_start_matches('s').parse().unwrap();
                let holders: Vec<usize> = names.map(index).collect();
                assert!(holders.len() >= 7, "seed {seed}: {holders:?}");
                let cap = uploaded.cap;
                self.stored.push(Stored { cap, plaintext, holders, linked: false });
                self.name_the_last().await;
            }
            Err(UploadError::Unhappy(_) | UploadError::NoServers) => {
                assert!(self.well().len() < 7, "seed {seed}: seven servers were well");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }

    /// Gives the file that was stored last a name. It fails only if the directory's server is dead;
    /// whether the link is there then is open.
    async fn name_the_last(&mut self) {
        let Some(number) = self.stored.len().checked_sub(1) else { return };
        let file = &mut self.stored[number];
        let new = vec![link(&name_of(number), Target::Known(file.cap.clone()))];
        let naming = self.directories.set(&self.root, new, Replace::No);
        match no_hang(&format!("naming, seed {}", self.seed), naming).await {
            Ok(_) => file.linked = true,
            Err(DirError::Unreachable { .. }) if !self.vdrive_is_well => {}
            Err(error) => panic!("seed {}: {error}", self.seed),
        }
    }

    async fn read(&mut self) {
        if self.stored.is_empty() {
            return;
        }
        let (seed, well) = (self.seed, self.well());
        let index = self.rng.below(self.stored.len());
        let file = &self.stored[index];
        let reachable = file.holders.iter().filter(|index| well.contains(index)).count();
        let outcome = no_hang(&format!("reading, seed {seed}"), self.grid.read(&file.cap)).await;
        self.reads += 1;
        match outcome {
            Ok(bytes) => assert!(bytes == file.plaintext, "wrong bytes, seed {seed}"),
            Err(DownloadError::NotEnoughShares { .. } | DownloadError::NoShares) => {
                assert!(reachable < 3, "seed {seed}: {reachable} servers were well");
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }

    /// When everybody is well again, everything that was stored is there.
    async fn end(&mut self) {
        for index in 0..10 {
            if self.conditions[index] != Condition::Well {
                self.grid.revive(index).await;
            }
            self.conditions[index] = Condition::Well;
        }
        for file in &self.stored {
            let what = format!("the end, seed {}", self.seed);
            let bytes = no_hang(&what, self.grid.read(&file.cap)).await;
            assert!(bytes.unwrap() == file.plaintext, "seed {}", self.seed);
        }
        self.grid.net.revive(introduced::NAME);
        let arrives = self.introducer.newcomer(&self.grid.net, 10);
        let newcomer = no_hang(&format!("joining, seed {}", self.seed), arrives).await;
        self.grid.net.revive(dirs::NAME);
        let what = format!("a newcomer, seed {}", self.seed);
        let directories =
            self.vdrive.directories(newcomer.client.clone(), common::real::tub(&self.grid.net));
        let listing = no_hang(&what, directories.list(&self.root.read_cap())).await.unwrap();
        for (number, stored) in self.stored.iter().enumerate() {
            let entry = listing.entries.iter().find(|entry| entry.name == name_of(number));
            assert!(entry.is_some() || !stored.linked, "seed {}: a link is gone", self.seed);
            let cap = match entry.map(|entry| &entry.child) {
                Some(Child { target: Target::Known(cap), .. }) => cap,
                _ => &stored.cap,
            };
            let file = no_hang(&what, newcomer.client.open(cap)).await.unwrap();
            let bytes = no_hang(&what, file.read_all(0..file.size())).await.unwrap();
            assert!(bytes == stored.plaintext, "seed {}", self.seed);
        }
    }
}

fn name_of(number: usize) -> String {
    format!("file {number}")
}

async fn run(seed: u64) -> (u64, u64) {
    let mut world = World::new(seed).await;
    for _ in 0..12 {
        world.step().await;
    }
    world.end().await;
    (world.uploads, world.reads)
}

/// Runs one seed after the other until `end`; answers uploads and reads.
async fn run_while(next: &AtomicU64, end: u64) -> (u64, u64) {
    let mut sum = (0, 0);
    loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= end {
            return sum;
        }
        let (uploads, reads) = run(seed).await;
        sum = (sum.0 + uploads, sum.1 + reads);
    }
}

#[test]
fn a_grid_keeps_its_word_through_random_failures() {
    let start = Instant::now();
    let seeds = rounds(300, 100_000);
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let next = Arc::new(AtomicU64::new(only.unwrap_or(0)));
    let end = only.map_or(seeds, |seed: u64| seed + 1);
    let workers: Vec<_> = (0..THREADS)
        .map(|_| {
            let next = Arc::clone(&next);
            std::thread::spawn(move || {
                actix::System::new().block_on(async {
                    let worlds = (0..WORLDS_A_THREAD).map(|_| run_while(&next, end));
                    futures_util::future::join_all(worlds).await
                })
            })
        })
        .collect();
    let done: Vec<(u64, u64)> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
    println!(
        "promise 16: {seeds} seeds, {} uploads and {} reads on failing grids, 0 wrong, 0 lost, 0 \
         hangs, {:.0} s",
        done.iter().map(|d| d.0).sum::<u64>(),
        done.iter().map(|d| d.1).sum::<u64>(),
        start.elapsed().as_secs_f64()
    );
}
