//! Promise 17: repair never lies and never harms. Grids, losses and damage by seed.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use tahoe::base::file::{FileFacts, proven_index};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::cap::Cap;
use tahoe::codec::verify::{Verdict, verify_share};
use tahoe::grid::{EncodingParams, Repaired};
use tahoe_testing::faults::Mode;
use tahoe_testing::{Grid, Rng, data, grid_of, no_hang, rounds};

/// Where a share stands: server, index, number.
type Place = (usize, StorageIndex, ShareNum);

struct World {
    rng: Rng,
    grid: Grid,
    cap: Cap,
    facts: FileFacts,
    bytes: Vec<u8>,
    /// The shares as they were made.
    made: BTreeMap<ShareNum, Bytes>,
}

#[derive(Default, Debug)]
struct Figures {
    repaired: u64,
    partly: u64,
    impossible: u64,
    healthy: u64,
    harmed: u64,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let (k, spare, servers) = (1 + rng.below(5), rng.below(8), 2 + rng.below(12));
        // An upload wants distinct servers for what it needs.
        let k = k.min(servers);
        let (needed, total) = (k as u64, (k + spare) as u64);
        let grid = grid_of(servers, EncodingParams::new(needed, needed, total).unwrap());
        let most = if rng.below(8) == 0 { 600_000 } else { 20_000 };
        let bytes = data(seed, 56 + rng.below(most));
        let cap = grid.put(&bytes).await;
        let facts = cap.file().unwrap().facts().unwrap().unwrap();
        let mut world = Self { rng, grid, cap, facts, bytes, made: BTreeMap::new() };
        world.made = world.all().into_iter().map(|((_, _, num), bytes)| (num, bytes)).collect();
        world
    }

    fn si(&self) -> StorageIndex {
        self.cap.storage_index().unwrap()
    }

    /// Everything that stands anywhere for the file.
    fn all(&self) -> BTreeMap<Place, Bytes> {
        let indexes = [self.si(), proven_index(&self.si(), &self.facts.ueb_hash)];
        let mut all = BTreeMap::new();
        for (index, server) in self.grid.servers.iter().enumerate() {
            let disk = server.disk.lock().unwrap();
            let here = disk.shares.iter().filter(|((si, _), _)| indexes.contains(si));
            all.extend(here.map(|((si, num), bytes)| ((index, *si, *num), bytes.clone())));
        }
        all
    }

    fn is_good(&self, num: ShareNum, share: &Bytes) -> bool {
        let read = |range: Range<u64>| {
            let end = (range.end as usize).min(share.len());
            Ok::<_, ()>(share.slice((range.start as usize).min(end)..end))
        };
        verify_share(self.facts, num, share.len() as u64, read) == Ok(Verdict::Good)
    }

    /// Loses, flips, cuts and swaps shares, and spoils servers.
    fn harm(&mut self) -> u64 {
        let (places, mut harmed) = (self.all(), 0);
        let heavy = 2 + self.rng.below(8);
        for ((server, si, num), share) in &places {
            let mut changed = share.to_vec();
            let at = self.rng.below(share.len());
            let other = places.values().nth(self.rng.below(places.len()));
            match self.rng.below(heavy + 4) {
                0 => changed.clear(),
                1 => changed[at] ^= 1 << self.rng.below(8),
                2 => changed.truncate(at),
                3 => changed = other.map_or_else(Vec::new, |other| other.to_vec()),
                _ => continue,
            }
            harmed += 1;
            let mut disk = self.grid.servers[*server].disk.lock().unwrap();
            match changed.is_empty() {
                true => drop(disk.shares.remove(&(*si, *num))),
                false => drop(disk.shares.insert((*si, *num), changed.into())),
            }
        }
        let full = self.rng.below(4) == 0;
        for index in 0..self.grid.servers.len() {
            let calls = self.rng.below(12) as u32;
            match self.rng.below(16) {
                0 => self.spoil(index, Mode::Dead),
                1 => self.spoil(index, Mode::WrongBytes),
                2 => self.spoil(index, Mode::ReadErrors),
                3 => self.spoil(index, Mode::DieAfter(calls)),
                6 => self.spoil(index, Mode::DeafTo("OpenBucket")),
                7 => self.spoil(index, Mode::BusyFor(calls)),
                _ if full => self.grid.servers[index].disk.lock().unwrap().room = Some(0),
                4 => self.grid.servers[index].disk.lock().unwrap().read_only = true,
                5 => self.grid.servers[index].disk.lock().unwrap().room = Some(300),
                _ => {}
            }
        }
        harmed
    }

    fn spoil(&self, index: usize, mode: Mode) {
        self.grid.set(index, mode);
    }

    /// What is there after a repair, held against what was there before and what was said.
    fn judge(&self, before: &BTreeMap<Place, Bytes>, done: &Repaired) {
        let after = self.all();
        for ((server, si, num), share) in before {
            let now = after.get(&(*server, *si, *num));
            let kept = now == Some(share) || !self.is_good(*num, share);
            assert!(kept, "a good share {num} of server {server} is lost");
        }
        for ((server, si, num), share) in &after {
            let old = before.get(&(*server, *si, *num)) == Some(share);
            assert!(old || self.made.get(num) == Some(share), "share {num} has wrong bytes");
        }
        for (num, servers) in &done.after.shares {
            for id in servers {
                let index = self.grid.servers.iter().position(|server| server.id == *id).unwrap();
                let mut here = after.iter().filter(|((at, _, of), _)| (at, of) == (&index, num));
                let good = here.any(|(_, share)| self.is_good(*num, share));
                assert!(good, "share {num} is said to be good on server {index}, and is not");
            }
        }
    }
}

async fn one(seed: u64, figures: &mut Figures) {
    let mut world = World::new(seed).await;
    figures.harmed += world.harm();
    let (before, verify) = (world.all(), world.rng.below(2) == 0);
    let cap = world.cap.verify_cap().unwrap();
    let repair = world.grid.client.check_and_repair(&cap, verify, false);
    let done = no_hang(&format!("seed {seed}"), repair).await.unwrap();
    // What was only counted is not called good.
    if done.after.verified {
        world.judge(&before, &done);
    }
    let count = match &done.outcome {
        None => &mut figures.healthy,
        Some(Ok(())) => &mut figures.repaired,
        Some(Err(_)) if done.after.is_recoverable() => &mut figures.partly,
        Some(Err(_)) => &mut figures.impossible,
    };
    *count += 1;
    if matches!(done.outcome, Some(Ok(()))) {
        (0..world.grid.servers.len()).for_each(|index| {
            world.grid.revive(index);
        });
        let read = no_hang(&format!("seed {seed}: reading"), world.grid.read(&world.cap)).await;
        assert!(read.is_ok_and(|bytes| bytes == world.bytes), "seed {seed}");
    }
}

#[actix::test]
async fn repair_never_lies_and_never_harms() {
    let (count, mut figures) = (rounds(300, 20_000), Figures::default());
    for seed in 0..count {
        println!("seed {seed}");
        one(seed, &mut figures).await;
    }
    let Figures { repaired, partly, impossible, healthy, harmed } = figures;
    assert!(repaired > count / 5 && partly > count / 60 && impossible > count / 20, "{figures:?}");
    println!(
        "promise 17: {count} grids, {harmed} shares lost or damaged: {repaired} files made whole, \
         {partly} in part, {impossible} too far gone, {healthy} well: 0 good shares lost, 0 wrong \
         bytes, 0 false successes"
    );
}
