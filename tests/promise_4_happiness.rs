//! Promise 4: an upload succeeds only if, when it ends, at least `happy` distinct servers hold
//! distinct shares, so that any k of those servers give the file back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tahoe::base::ShareNum;
use tahoe::grid::UploadError;
use tahoe::grid::happiness::{Matching, servers_of_happiness};
use tahoe::grid::timeouts::Timeouts;
use tahoe_testing::faults::Mode;
use tahoe_testing::{Rng, data, grid, impatient, no_hang, rounds};

/// The largest matching, by trying everything: each server takes one of its shares or none.
fn brute_force(servers: &[u8], taken: u8) -> usize {
    let Some((shares, rest)) = servers.split_first() else { return 0 };
    let free = shares & !taken;
    let with = (0..8).filter(|bit| free & (1 << bit) != 0);
    let best = with.map(|bit| 1 + brute_force(rest, taken | (1 << bit))).max();
    best.unwrap_or(0).max(brute_force(rest, taken))
}

fn matching(servers: &[u8]) -> usize {
    let held: BTreeMap<usize, BTreeSet<ShareNum>> = servers
        .iter()
        .map(|&shares| (0..8).filter(|bit| shares & (1 << bit) != 0).map(ShareNum).collect())
        .enumerate()
        .collect();
    servers_of_happiness(&held)
}

/// All layouts of up to five servers and five shares, servers in every multiset; the order in which
/// they are listed is shuffled by seed.
fn all_layouts() -> u64 {
    let mut tried = 0;
    let mut rng = Rng::new(4);
    for count in 0..=5_usize {
        let mut servers = vec![0_u8; count];
        loop {
            let mut shuffled = servers.clone();
            rng.shuffle(&mut shuffled);
            assert_eq!(matching(&shuffled), brute_force(&shuffled, 0), "{shuffled:?}");
            tried += 1;
            // The next non-decreasing sequence.
            let Some(at) = servers.iter().rposition(|&shares| shares < 31) else { break };
            let next = servers[at] + 1;
            servers[at..].fill(next);
        }
    }
    tried
}

/// What is stored, by server.
fn stored(grid: &tahoe_testing::Grid) -> BTreeMap<usize, BTreeSet<ShareNum>> {
    let mut held: BTreeMap<usize, BTreeSet<ShareNum>> = BTreeMap::new();
    for (index, server) in grid.servers.iter().enumerate() {
        let disk = server.disk.lock().unwrap();
        held.insert(index, disk.shares.keys().map(|(_, num)| *num).collect());
    }
    held
}

/// One upload during which servers die and hang; says whether it succeeded.
async fn one_upload(seed: u64) -> bool {
    let mut rng = Rng::new(seed);
    let mut grid = grid(10);
    // An honest server is not to be taken for a hung one because the machine is slow.
    let time = Duration::from_secs(5);
    let timeouts =
        Timeouts { query: time, allocate: time, stall: time, close: time, ..impatient() };
    grid.client = grid.client.with_timeouts(timeouts);
    let faulty = rng.below(7);
    for index in 0..faulty {
        let after = rng.below(14) as u32;
        let hangs = rng.below(8) == 0;
        grid.set(index, if hangs { Mode::HangAfter(after) } else { Mode::DieAfter(after) });
    }
    let size = [100, 50_000, 4_000_000][rng.below(3)];
    let plaintext = data(seed, size);
    let outcome = no_hang(&format!("seed {seed}"), grid.upload(&plaintext)).await;
    let held = stored(&grid);
    let uploaded = match outcome {
        Ok(uploaded) => uploaded,
        Err(UploadError::Unhappy(error)) => {
            assert!(faulty > 3, "seven honest servers were not enough, seed {seed}: {error}");
            return false;
        }
        Err(error) => panic!("seed {seed}: {error}"),
    };
    let happiness = servers_of_happiness(&held);
    assert!(happiness >= 7, "happiness {happiness} with seed {seed}");
    assert!(uploaded.placed.happiness <= happiness, "more was claimed with seed {seed}");
    // Any three of the matched servers, all others dead.
    let mut pairs = Matching::default();
    for &server in held.keys() {
        pairs.add(server, |s| held.get(&s).into_iter().flatten());
    }
    let mut matched: Vec<usize> = pairs.pairs().map(|(server, _)| server).collect();
    rng.shuffle(&mut matched);
    for index in 0..10 {
        let alive = matched.iter().take(3).any(|&server| server == index);
        grid.set(index, if alive { Mode::Honest } else { Mode::Dead });
    }
    let bytes = no_hang(&format!("reading, seed {seed}"), grid.read(&uploaded.cap)).await;
    assert_eq!(bytes.unwrap(), plaintext, "seed {seed}");
    true
}

#[actix::test]
async fn success_means_happiness() {
    let start = Instant::now();
    let layouts = all_layouts();
    let (uploads, at_once) = (rounds(200, 20_000), 20);
    let mut succeeded = 0;
    for first in (0..uploads).step_by(at_once) {
        let batch = (first..(first + at_once as u64).min(uploads)).map(one_upload);
        let outcomes = futures_util::future::join_all(batch).await;
        succeeded += outcomes.into_iter().filter(|succeeded| *succeeded).count();
    }
    assert!(succeeded > 0);
    println!(
        "promise 4: {layouts} layouts agree with brute force, {uploads} uploads with failing \
         servers, {succeeded} succeeded, 0 of them falsely, {:.0} s",
        start.elapsed().as_secs_f64()
    );
}
