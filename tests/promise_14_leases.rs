//! Promise 14: no live lease is ever collected.
//!
//! Random sequences of uploads, leases, clocks that jump, collections, stops, crashes and power
//! cuts on a disk that forgets what was not synced. A share on which somebody was told to have a
//! lease is there, with the lease, until the store's clock has passed its end.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod common;
mod storage_help;

use common::{Rng, rounds};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_help::{NOW, config, data, get, put, put_whole, secrets, si};
use tahoe::base::ShareNum;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::LEASE_SECONDS;
use tahoe::base::rim::Clock;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Fault, Faults};
use tahoe::storage::{Collected, Collection, LeaseAge, Store, StoreConfig, StoreError};

const BUCKETS: usize = 3;
const SHARES: usize = 2;
const HOLDERS: usize = 3;
const STEPS: usize = 24;
const DAY: u64 = 24 * 3600;

/// A lease by bucket, share and holder.
type Held = (u8, u8, u8);

/// What all sequences together came to.
#[derive(Default)]
struct Figures {
    collections: u64,
    cut_off: u64,
    crashes: u64,
    shares_gone: u64,
    leases_gone: u64,
}

/// A store, the world that it is in, and what its clients were told.
struct World {
    rng: Rng,
    memory: MemoryDisk,
    faults: Arc<Faults>,
    clock: Clock,
    store: Option<Arc<Store>>,
    /// Until when a lease was promised to last.
    promised: BTreeMap<Held, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: Rng::new(seed),
            memory: MemoryDisk::new(),
            faults: Arc::default(),
            clock: Clock::manual(NOW),
            store: None,
            promised: BTreeMap::new(),
        };
        world.open();
        world
    }

    /// A process that starts on what is on the disk.
    fn open(&mut self) {
        self.faults = Arc::new(Faults::none());
        let disk = Disk::new(Arc::new(self.memory.clone())).with_faults(self.faults.clone());
        let clock = self.clock.clone();
        let config = StoreConfig { clock, ..config(&disk, Path::new("/storage")) };
        let store = Store::open(config).unwrap();
        assert!(store.wait_indexed(Duration::from_secs(60)));
        self.store = Some(store);
    }

    fn store(&self) -> Arc<Store> {
        self.store.clone().unwrap()
    }

    fn any(&mut self) -> Held {
        let mut below = |limit| self.rng.below(limit) as u8;
        (1 + below(BUCKETS), below(SHARES), 1 + below(HOLDERS))
    }

    fn promise(&mut self, held: Held) {
        self.promised.insert(held, self.clock.now() + LEASE_SECONDS);
    }

    fn put(&mut self) -> Result<(), StoreError> {
        let held @ (bucket, num, holder) = self.any();
        let bytes = data(bucket * 10 + num, 100);
        let way = if self.rng.below(2) == 0 { put } else { put_whole };
        way(&self.store(), si(bucket), num, &bytes, holder)?;
        self.promise(held);
        Ok(())
    }

    fn add_lease(&mut self) -> Result<(), StoreError> {
        let (bucket, _, holder) = self.any();
        self.store().add_lease(&si(bucket), &secrets(holder))?;
        for ShareNum(num) in self.store().list(&si(bucket))? {
            self.promise((bucket, num, holder));
        }
        Ok(())
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let (bucket, _, holder) = self.any();
        self.store().renew(&si(bucket), &blake2b(&[holder; 32]))?;
        let end = self.clock.now() + LEASE_SECONDS;
        let renewed = self.promised.iter_mut().filter(|(of, _)| (of.0, of.2) == (bucket, holder));
        renewed.for_each(|(_, until)| *until = end.max(*until));
        Ok(())
    }

    fn cancel(&mut self) -> Result<(), StoreError> {
        let (bucket, _, holder) = self.any();
        // Also an attempt that fails may have gone half of the way.
        self.promised.retain(|of, _| (of.0, of.2) != (bucket, holder));
        self.store().cancel(&si(bucket), &blake2b(&[!holder; 32])).map(drop)
    }

    /// Forward for the most part, now and then back.
    fn move_clock(&mut self) {
        let days = 1 + self.rng.below(25) as u64;
        let back = self.rng.below(5) == 0;
        self.clock.advance(if back { (days * DAY).wrapping_neg() } else { days * DAY });
    }

    fn collect(&mut self) -> Collected {
        // What is over by this clock may go, and is promised to nobody, even if the clock is set
        // back later.
        let now = self.clock.now();
        self.promised.retain(|_, until| *until >= now);
        Collection::new(self.store(), LeaseAge::NATURAL).run()
    }

    /// One thing that happens to a store.
    fn step(&mut self, figures: &mut Figures) {
        let alive = self.faults.calls();
        let dies = self.rng.below(4) == 0;
        if dies {
            let (at, torn) = (self.rng.below(12) as u64, self.rng.below(2) == 0);
            self.faults.plan(at, if torn { Fault::TornCrash } else { Fault::Crash });
        }
        let mut collecting = false;
        // Without such a share or lease, or with a crash, nothing was promised.
        let _ = match self.rng.below(8) {
            0 | 1 => self.put(),
            2 => self.add_lease(),
            3 => self.renew(),
            4 => self.cancel(),
            5 | 6 => {
                collecting = true;
                let collected = self.collect();
                figures.collections += 1;
                figures.shares_gone += collected.shares;
                figures.leases_gone += collected.leases;
                Ok(())
            }
            _ => {
                self.store().shut_down();
                Ok(())
            }
        };
        if dies {
            figures.crashes += 1;
            figures.cut_off += u64::from(collecting && self.faults.calls() > alive);
        }
        self.go_on(dies);
    }

    /// The next process, where the last one died or stopped.
    fn go_on(&mut self, died: bool) {
        if died {
            self.faults.kill();
        }
        if died || self.rng.below(4) == 0 {
            self.faults.kill();
            self.store = None;
            if self.rng.below(2) == 0 {
                self.memory.lose_power(1 + self.rng.next() / 2);
            }
        } else {
            self.store().shut_down();
            self.store = None;
        }
        self.open();
    }

    fn check(&self) {
        let store = self.store();
        for ((bucket, num, holder), until) in &self.promised {
            let (bytes, what) = (get(&store, si(*bucket), *num), (bucket, num, holder, until));
            assert_eq!(bytes, Some(data(bucket * 10 + num, 100)), "{what:?} is gone");
            let lease = store.lease_expires(&si(*bucket), &blake2b(&[*holder; 32]));
            assert!(lease.is_ok(), "the lease {what:?} is gone");
        }
    }
}

#[test]
fn no_share_with_a_lease_is_collected_whatever_happens() {
    let started = Instant::now();
    let (sequences, mut figures) = (rounds(2_000, 100_000), Figures::default());
    for seed in 0..sequences {
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step(&mut figures);
                world.move_clock();
                world.check();
            }
        }));
        assert!(passed.is_ok(), "seed {seed}");
    }
    let Figures { collections, cut_off, crashes, shares_gone, leases_gone } = figures;
    assert!(shares_gone > sequences / 10 && leases_gone > shares_gone && cut_off > 0);
    println!(
        "promise 14: {sequences} sequences, {crashes} crashes, {collections} collections, {cut_off} \
         of them cut off, {shares_gone} shares without leases gone, 0 with one, {} s",
        started.elapsed().as_secs()
    );
}
