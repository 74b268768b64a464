//! Promise 14: no live lease is ever collected.
//!
//! Random sequences of uploads, leases, clocks that jump either way, collections, stops, crashes and
//! power cuts on a disk that forgets what was not synced. A share on which somebody was told to have a
//! lease is there, with the lease, until 31 days have truly passed, whatever the clock says. What
//! nobody renews is collected all the same, by a clock that goes right.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tahoe::base::ShareNum;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::LEASE_SECONDS;
use tahoe::base::limits::{CLOCK_AWAY_SECONDS, CLOCK_SLACK_SECONDS, COLLECT_FEW};
use tahoe::base::system::Clock;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Fault, Faults};
use tahoe::storage::{
    Collected, Collection, Held, LeaseAge, OWNERS_WORD, Store, StoreConfig, StoreError,
};
use tahoe_testing::store::{NOW, config, data, get, put, put_whole, secrets, si};
use tahoe_testing::{Rng, rounds};

const BUCKETS: usize = 3;
const SHARES: usize = 2;
const HOLDERS: usize = 3;
const STEPS: usize = 24;
const DAY: u64 = 24 * 3600;

/// A lease by bucket, share and holder.
type Leased = (u8, u8, u8);

/// What all sequences together came to.
#[derive(Default)]
struct Figures {
    collections: u64,
    cut_off: u64,
    held: u64,
    jumps: u64,
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
    /// Seconds that truly passed.
    passed: u64,
    store: Option<Arc<Store>>,
    /// Until when a lease was promised to last, in seconds that truly passed.
    promised: BTreeMap<Leased, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: Rng::new(seed),
            memory: MemoryDisk::new(),
            faults: Arc::default(),
            clock: Clock::manual(NOW),
            passed: 0,
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

    fn any(&mut self) -> Leased {
        let mut below = |limit| self.rng.below(limit) as u8;
        (1 + below(BUCKETS), below(SHARES), 1 + below(HOLDERS))
    }

    fn promise(&mut self, held: Leased) {
        self.promised.insert(held, self.passed + LEASE_SECONDS);
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
        let end = self.passed + LEASE_SECONDS;
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

    /// Time passes; the store may have looked at its clocks meanwhile, or not.
    fn pass(&mut self, seconds: u64) {
        self.clock.advance(seconds);
        self.passed += seconds;
        let passed = self.passed;
        self.promised.retain(|_, until| *until > passed);
        if let Some(store) = self.store.as_ref().filter(|_| self.rng.below(4) > 0) {
            store.tick();
        }
    }

    /// Somebody sets the clock, by up to a year and a bit either way.
    fn set_clock(&mut self) {
        let (now, by) = (self.clock.now(), (1 + self.rng.below(400)) as u64 * DAY);
        let ahead = self.rng.below(2) == 0;
        self.clock.set(if ahead { now + by } else { now.saturating_sub(by) });
    }

    /// Days pass, and now and then the clock is set.
    fn move_clocks(&mut self, figures: &mut Figures) {
        let days = 1 + self.rng.below(25) as u64;
        let jumps = self.rng.below(5) == 0;
        if jumps {
            figures.jumps += 1;
            self.set_clock();
        }
        self.pass(days * DAY);
    }

    fn collect(&mut self) -> Collected {
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
                figures.held += u64::from(collected.held.is_some());
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
                self.memory.lose_power(1 + self.rng.draw() / 2);
            }
        } else {
            self.store().shut_down();
            self.store = None;
        }
        // It is off for a while, in which the clock may be set, too.
        if self.rng.below(3) == 0 {
            let days = self.rng.below(40) as u64;
            self.pass(days * DAY);
        }
        if self.rng.below(10) == 0 {
            self.set_clock();
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
                world.move_clocks(&mut figures);
                world.check();
            }
        }));
        assert!(passed.is_ok(), "seed {seed}");
    }
    let Figures { collections, cut_off, held, jumps, crashes, shares_gone, leases_gone } = figures;
    assert!(shares_gone > sequences / 10 && leases_gone > shares_gone && cut_off > 0 && held > 0);
    println!(
        "promise 14: {sequences} sequences, {crashes} crashes, {jumps} jumps of the clock, \
         {collections} collections, {cut_off} of them cut off and {held} held, {shares_gone} shares \
         without leases gone, 0 with one, {} s",
        started.elapsed().as_secs()
    );
}

/// A store with a clock, and shares of a few bytes in buckets of their own.
struct Quiet {
    clock: Clock,
    disk: Disk,
    store: Arc<Store>,
}

impl Quiet {
    fn new() -> Self {
        let (clock, disk) = (Clock::manual(NOW), Disk::new(Arc::new(MemoryDisk::new())));
        Self { store: Self::opened(&disk, &clock), disk, clock }
    }

    fn opened(disk: &Disk, clock: &Clock) -> Arc<Store> {
        let config = StoreConfig { clock: clock.clone(), ..config(disk, Path::new("/storage")) };
        let store = Store::open(config).unwrap();
        assert!(store.wait_indexed(Duration::from_secs(60)));
        store
    }

    /// The clock shows something else when the node comes back.
    fn restart(&mut self, wall: u64) {
        self.store.shut_down();
        self.clock.set(wall);
        self.store = Self::opened(&self.disk, &self.clock);
    }

    fn put(&self, buckets: std::ops::Range<u8>) {
        buckets.for_each(|n| put(&self.store, si(n), 0, &data(n, 100), 1).unwrap());
    }

    fn renew(&self, buckets: std::ops::Range<u8>) {
        for n in buckets {
            assert_eq!(self.store.add_lease(&si(n), &secrets(1)).unwrap(), 1);
        }
    }

    fn here(&self, buckets: std::ops::Range<u8>) -> usize {
        buckets.filter(|n| get(&self.store, si(*n), 0).is_some()).count()
    }

    /// So many days, with two collections in each.
    fn days(&self, days: u64) -> Vec<Collected> {
        let half_day = |_| {
            self.clock.advance(DAY / 2);
            self.store.tick();
            Collection::new(self.store.clone(), LeaseAge::NATURAL).run()
        };
        (0..2 * days).map(half_day).collect()
    }

    /// The owner makes the file that stands for a word.
    fn owner_says_so(&self) {
        let path = Path::new("/storage").join(OWNERS_WORD);
        self.disk.open(&path, tahoe::disk::Mode::ChangeOrNew).unwrap();
    }
}

fn gone(runs: &[Collected]) -> u64 {
    runs.iter().map(|run| run.shares).sum()
}

#[test]
fn a_clock_that_is_wrong_for_weeks_deletes_nothing_that_is_leased() {
    for ahead in [20 * DAY, 400 * DAY, 14 * 365 * DAY] {
        for by_restart in [false, true] {
            let mut quiet = Quiet::new();
            quiet.put(1..7);
            quiet.days(5);
            let wrong = quiet.clock.now() + ahead;
            match by_restart {
                true => quiet.restart(wrong),
                false => quiet.clock.set(wrong),
            }
            // It goes so right that it is believed; the leases still have some days.
            let runs = quiet.days(LEASE_SECONDS / DAY - 6);
            assert!(runs.last().unwrap().held.is_none(), "it is believed in the end");
            assert_eq!((gone(&runs), quiet.here(1..7)), (0, 6), "{ahead} s ahead, {by_restart}");
            assert_eq!(gone(&quiet.days(4)), 6, "what is over goes");
        }
    }
}

#[test]
fn leases_given_by_a_clock_that_is_behind_last_as_long_as_they_should() {
    let mut quiet = Quiet::new();
    let truth = quiet.clock.now();
    quiet.restart(946_684_800);
    quiet.put(1..4);
    quiet.days(10);
    // By now it believes to be in the year 2000, and dates leases so.
    quiet.put(4..7);
    quiet.clock.set(truth + 10 * DAY);
    let runs = quiet.days(20);
    assert_eq!((gone(&runs), quiet.here(1..7)), (0, 6));
    assert_eq!(gone(&quiet.days(8)), 3, "31 days have passed since the first");
    assert_eq!((quiet.here(1..4), quiet.here(4..7)), (0, 3));
    assert_eq!(gone(&quiet.days(8)), 3);
}

#[test]
fn a_lease_asked_for_again_under_a_better_clock_lasts_from_then_on() {
    let quiet = Quiet::new();
    let truth = quiet.clock.now();
    // Given in 2040, as it seemed; nothing is to be written when it is renewed in time.
    quiet.clock.set(truth + 14 * 365 * DAY);
    quiet.put(1..4);
    quiet.clock.set(truth);
    quiet.days(25);
    store_renewed(&quiet, 1..4);
    // And then it is 2041.
    quiet.clock.set(truth + 15 * 365 * DAY);
    assert_eq!(gone(&quiet.days(30)), 0);
    assert_eq!(gone(&quiet.days(4)), 3);
}

fn store_renewed(quiet: &Quiet, buckets: std::ops::Range<u8>) {
    for n in buckets {
        let before = quiet.store.lease_expires(&si(n), &blake2b(&[1; 32])).unwrap();
        let after = if n % 2 == 0 {
            quiet.store.add_lease(&si(n), &secrets(1)).unwrap();
            quiet.store.lease_expires(&si(n), &blake2b(&[1; 32])).unwrap()
        } else {
            quiet.store.renew(&si(n), &blake2b(&[1; 32])).unwrap()
        };
        assert_eq!(after, before, "it lasts so long already");
    }
}

#[test]
fn what_nobody_renews_is_collected_year_after_year_and_the_rest_stays() {
    let mut quiet = Quiet::new();
    quiet.put(200..215);
    for year in 0..4 {
        quiet.put(1..7);
        for month in 0..12 {
            quiet.renew(200..215);
            let runs = quiet.days(30);
            assert_eq!(gone(&runs), if month == 1 { 6 } else { 0 }, "{year}, {month}");
            assert_eq!(quiet.here(200..215), 15);
            let now = quiet.clock.now();
            // Off for some hours; and the node's own clock is a little off.
            quiet.restart(now + CLOCK_SLACK_SECONDS / 2);
        }
    }
}

#[test]
fn a_jump_is_told_and_holds_until_a_day_has_gone_right_or_the_owner_says_so() {
    for (by, back, told) in [
        (CLOCK_SLACK_SECONDS, false, false),
        (CLOCK_SLACK_SECONDS + 1, false, true),
        (CLOCK_SLACK_SECONDS, true, false),
        (CLOCK_SLACK_SECONDS + 1, true, true),
    ] {
        let quiet = Quiet::new();
        quiet.days(3);
        let now = quiet.clock.now();
        quiet.clock.set(if back { now - by } else { now + by });
        quiet.store.tick();
        assert_eq!(quiet.store.clock_jump().is_some(), told, "{by}, {back}");
        let held = Collection::new(quiet.store.clone(), LeaseAge::NATURAL).run().held;
        assert_eq!(held, told.then_some(Held::Clock), "{by}, {back}");
        quiet.owner_says_so();
        let held = Collection::new(quiet.store.clone(), LeaseAge::NATURAL).run().held;
        assert_eq!((held, quiet.store.clock_jump()), (None, None));
    }
    let mut quiet = Quiet::new();
    quiet.days(3);
    quiet.restart(quiet.clock.now() + CLOCK_AWAY_SECONDS + 1);
    assert!(quiet.store.clock_jump().is_some());
    quiet.days(1);
    assert_eq!(quiet.store.clock_jump(), None, "it has proven itself");
}

#[test]
fn a_directory_whose_clock_is_forgotten_learns_the_time_from_its_leases() {
    let mut quiet = Quiet::new();
    quiet.put(1..4);
    quiet.days(3);
    quiet.store.shut_down();
    quiet.disk.unlink(Path::new("/storage/clock")).unwrap();
    quiet.restart(946_684_800);
    let jump = quiet.store.clock_jump().expect("leases name a later time");
    assert_eq!((jump.expected, jump.found), (NOW, 946_684_800));
    quiet.put(4..5);
    let ends = quiet.store.lease_expires(&si(4), &blake2b(&[1; 32])).unwrap();
    assert!(ends >= NOW + LEASE_SECONDS, "dated by the latest time that is known of");
}

#[test]
fn most_of_a_store_goes_only_by_the_owners_word_which_holds_once() {
    let few = COLLECT_FEW as u8;
    for (ending, staying, goes) in [
        (few, 0, true),
        (few + 1, few, false),
        (few + 1, few + 1, true),
        (2 * few, 1, false),
        (2, 1, true),
    ] {
        let quiet = Quiet::new();
        quiet.put(1..1 + ending);
        quiet.put(100..100 + staying);
        quiet.days(20);
        quiet.renew(100..100 + staying);
        let runs = quiet.days(15);
        let all = u64::from(ending) + u64::from(staying);
        let held = Held::Most { over: u64::from(ending), all };
        assert_eq!(gone(&runs), if goes { u64::from(ending) } else { 0 }, "{ending} of {all}");
        assert_eq!(runs.iter().any(|run| run.held == Some(held)), !goes, "{ending} of {all}");
        if !goes {
            quiet.owner_says_so();
            assert_eq!(gone(&quiet.days(1)), u64::from(ending));
            assert_eq!(quiet.here(100..100 + staying), usize::from(staying));
            let path = Path::new("/storage").join(OWNERS_WORD);
            assert!(quiet.disk.open(&path, tahoe::disk::Mode::Read).is_err(), "it is used up");
        }
    }
}
