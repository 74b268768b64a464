//! Promise 3: any k shares suffice, in any order; a lying or hung server costs time only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use std::time::{Duration, Instant};
use tahoe::base::ShareNum;
use tahoe::codec::SegmentNum;
use tahoe::codec::decode::{FileReader, Opening, VerifiedRun};
use tahoe::grid::EncodingParams;
use tahoe_testing::faults::{Mode, hostile};
use tahoe_testing::real::real_grid;
use tahoe_testing::{data, grid, no_hang, rounds};

/// All choices of three of ten.
fn triples() -> Vec<[usize; 3]> {
    let mut all = Vec::new();
    for a in 0..10 {
        for b in a + 1..10 {
            all.extend((b + 1..10).map(|c| [a, b, c]));
        }
    }
    all
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Every choice of three servers gives the file back, and their shares decode in every order.
async fn every_choice_in_every_order() -> usize {
    let grid = grid(10);
    let plaintext = data(3, 100_001);
    let cap = grid.put(&plaintext).await;
    let tahoe::cap::Cap::File(tahoe::cap::FileCap::Chk(chk)) = &cap else { panic!("no read cap") };
    let facts = chk.facts().unwrap();
    let mut decoded = 0;
    for choice in triples() {
        for index in 0..10 {
            grid.set(index, if choice.contains(&index) { Mode::Honest } else { Mode::Dead });
        }
        assert_eq!(grid.read(&cap).await.unwrap(), plaintext, "servers {choice:?}");
        let mut runs: Vec<VerifiedRun> = Vec::new();
        let mut tree = None;
        for index in choice {
            let shares = grid.servers[index].disk.lock().unwrap().shares.clone();
            let ((_, num), share) = shares.into_iter().next().unwrap();
            let (run, found) = verified(facts, num, &share);
            runs.push(run);
            tree = Some(found);
        }
        for order in ORDERS {
            let ordered: Vec<VerifiedRun> = order.iter().map(|&i| runs[i].clone()).collect();
            let mut reader =
                FileReader::new(&facts, tree.clone().unwrap(), Some(chk.key().clone()));
            assert_eq!(reader.decode(&ordered).unwrap(), plaintext, "{choice:?} as {order:?}");
            decoded += 1;
        }
    }
    decoded
}

fn verified(
    facts: tahoe::base::file::FileFacts,
    num: ShareNum,
    share: &Bytes,
) -> (VerifiedRun, tahoe::codec::decode::FileTree) {
    let mut opening = Opening::new(facts, num, share.len() as u64, true).unwrap();
    opening.take(0, share.clone()).unwrap();
    let (open, tree) = opening.finish().unwrap();
    let segments = open.geometry().segments();
    let range = open.range(SegmentNum(0), segments);
    let blocks = share.slice(range.start as usize..range.end as usize);
    (open.verify(SegmentNum(0), segments, blocks).unwrap(), tree.unwrap())
}

/// Twelve lies by one to seven servers.
async fn lies(seed: u64) -> usize {
    let (wanted, decoy) = (data(seed * 2, 150_000), data(seed * 2 + 1, 150_000));
    let mut told = 0;
    let other = grid(10).put(&decoy).await.storage_index().unwrap();
    for mode in hostile(other) {
        let grid = grid(10);
        grid.put(&decoy).await;
        let cap = grid.put(&wanted).await;
        for liars in 1..=7 {
            grid.set(liars - 1, mode);
            for index in 0..liars {
                // A lie that ends the link starts anew.
                grid.set(index, mode);
            }
            let what = format!("{liars} servers {mode:?}");
            let bytes = no_hang(&what, grid.read(&cap)).await;
            assert_eq!(bytes.unwrap_or_else(|error| panic!("{what}: {error}")), wanted, "{what}");
            told += 1;
        }
    }
    told
}

/// The file is read while seven of ten servers are killed or stopped, before the read and in the
/// middle of it; with the waiting times of a real node.
async fn seven_gone(kill: bool, in_mid_read: bool) -> Duration {
    let grid = real_grid(10, EncodingParams::default()).await;
    let plaintext = data(7, 12_000_000);
    let cap = grid.upload(&plaintext).await.unwrap().cap;
    let client = grid.patient();
    let strike = || {
        for index in 0..7 {
            if kill { grid.kill(index) } else { grid.hang(index) }
        }
    };
    let mut start = Instant::now();
    if !in_mid_read {
        strike();
    }
    let file = client.open(&cap).await.unwrap();
    let size = plaintext.len() as u64;
    let mut got = file.read_all(0..1).await.unwrap().to_vec();
    if in_mid_read {
        start = Instant::now();
        strike();
    }
    got.extend_from_slice(&file.read_all(1..size).await.unwrap());
    assert!(got == plaintext);
    start.elapsed()
}

#[actix::test]
async fn three_of_ten_suffice_in_any_order() {
    let start = Instant::now();
    let decoded = every_choice_in_every_order().await;
    let mut told = 0;
    for seed in 0..rounds(1, 200) {
        told += lies(seed).await;
    }
    let (killed, stopped) = (worst(true).await, worst(false).await);
    assert!(killed < Duration::from_secs(2), "seven killed: {killed:?}");
    assert!(stopped < Duration::from_secs(5), "seven stopped: {stopped:?}");
    println!(
        "promise 3: {decoded} choices and orders exact, {told} lies cost time only, seven of ten \
         killed: {killed:.1?}, stopped: {stopped:.1?}, {:.0} s",
        start.elapsed().as_secs_f64()
    );
}

async fn worst(kill: bool) -> Duration {
    let before = no_hang("seven gone before", seven_gone(kill, false)).await;
    before.max(no_hang("seven gone in mid-read", seven_gone(kill, true)).await)
}
