//! Promise 2: what a download returns is what the cap names, or there is an error.
//!
//! Every bit of one small share is flipped and every truncation of it tried through the whole client
//! (with no share to spare, and with one); thousands of random patterns over several shares go
//! through the verifying decoder that the client is built on, some of them through the client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use std::time::Instant;
use tahoe::base::ShareNum;
use tahoe::base::file::FileFacts;
use tahoe::cap::{Cap, ChkCap};
use tahoe::codec::SegmentNum;
use tahoe::codec::decode::{FileReader, FileTree, OpenShare, Opening, Run, ShareError, Unreadable};
use tahoe::codec::encode::{Encoder, Plan};
use tahoe::grid::DownloadError;
use tahoe_testing::{Grid, Rng, data, grid, no_hang, rounds};

/// A file on a grid, one of whose shares is about to be damaged. Servers beyond `alive` are dead.
struct Victim {
    grid: Grid,
    cap: Cap,
    plaintext: Vec<u8>,
    share: Vec<u8>,
}

impl Victim {
    async fn new(alive: usize) -> Self {
        let grid = grid(10);
        let plaintext = data(2, 56);
        let cap = grid.put(&plaintext).await;
        for index in alive..10 {
            grid.kill(index);
        }
        let mut share = Vec::new();
        grid.servers[0].disk.lock().unwrap().shares.values().for_each(|s| share = s.to_vec());
        Self { grid, cap, plaintext, share }
    }

    /// Reads with `share` in the place of the good one; says whether the file came back.
    async fn read_with(&self, share: Vec<u8>, what: &str) -> bool {
        let share = Bytes::from(share);
        for bytes in self.grid.servers[0].disk.lock().unwrap().shares.values_mut() {
            *bytes = share.clone();
        }
        match no_hang(what, self.grid.read(&self.cap)).await {
            Ok(bytes) => {
                assert_eq!(bytes, self.plaintext, "wrong bytes: {what}");
                true
            }
            Err(DownloadError::NotEnoughShares { .. } | DownloadError::Incompatible { .. }) => {
                false
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// Flips every bit and cuts at every length; answers how many changes there were and how often the
/// file came back.
async fn damage_one_share(alive: usize) -> (usize, usize) {
    let victim = Victim::new(alive).await;
    let mut read = 0;
    for at in 0..victim.share.len() {
        for bit in 0..8 {
            let mut share = victim.share.clone();
            share[at] ^= 1 << bit;
            let what = format!("{alive} servers, bit {bit} of byte {at}");
            read += usize::from(victim.read_with(share, &what).await);
        }
    }
    for len in 0..victim.share.len() {
        let what = format!("{alive} servers, cut to {len} bytes");
        read += usize::from(victim.read_with(victim.share[..len].to_vec(), &what).await);
    }
    (victim.share.len() * 9, read)
}

/// A small file of several segments, encoded without a grid.
struct Encoded {
    plaintext: Vec<u8>,
    cap: ChkCap,
    shares: Vec<Vec<u8>>,
}

fn encode(seed: u64) -> Encoded {
    let plaintext = data(seed, 2_000);
    let params = tahoe::base::file::Params::new(3, 10).unwrap();
    let plan = Plan::custom(params, 2_000, 600, tahoe::codec::layout::Version::V1).unwrap();
    let key = tahoe::base::file::FileKey::new([seed as u8; 16]);
    let mut encoder = Encoder::new(plan, key.clone());
    let mut shares = vec![Vec::new(); 10];
    let mut done = 0;
    while let Some(mut buffer) = encoder.buffer() {
        let len = buffer.len();
        buffer.copy_from_slice(&plaintext[done..done + len]);
        done += len;
        let batch = encoder.encode(buffer).unwrap();
        shares.iter_mut().zip(&batch.shares).for_each(|(share, run)| share.extend(run.concat()));
    }
    let finished = encoder.finish().unwrap();
    for (num, share) in shares.iter_mut().enumerate() {
        share.extend_from_slice(&finished.trailer(ShareNum(num as u8)).unwrap().concat());
    }
    let facts = FileFacts { params, size: 2_000, ueb_hash: finished.ueb_hash() };
    Encoded { plaintext, cap: ChkCap::new(key, facts), shares }
}

fn open(facts: FileFacts, num: u8, share: &[u8]) -> Result<(OpenShare, FileTree), ShareError> {
    let mut opening = Opening::new(facts, ShareNum(num), share.len() as u64, true)?;
    while let Some(range) = opening.wants()? {
        let bytes = &share[range.start as usize..range.end as usize];
        opening.take(range.start, Bytes::copy_from_slice(bytes))?;
    }
    let (open, tree) = opening.finish()?;
    Ok((open, tree.ok_or(ShareError::Short)?))
}

/// What a verifier does with whole shares: any k whose every block is good give the file.
fn decode(file: &Encoded, shares: &[(u8, Vec<u8>)]) -> Option<Bytes> {
    let facts = file.cap.facts().unwrap();
    let mut runs = Vec::new();
    let mut tree = None;
    for (num, share) in shares {
        let Ok((open, found)) = open(facts, *num, share) else { continue };
        let segments = open.geometry().segments();
        let range = open.range(SegmentNum(0), segments);
        let Some(bytes) = share.get(range.start as usize..range.end as usize) else { continue };
        let run = open.verify(SegmentNum(0), segments, Bytes::copy_from_slice(bytes));
        if let Ok(run) = run
            && runs.iter().all(|r: &tahoe::codec::decode::VerifiedRun| r.share() != run.share())
        {
            tree = Some(found);
            runs.push(run);
        }
    }
    let runs = runs.get(..3)?;
    let mut reader = FileReader::new(&facts, tree?, Some(file.cap.key().clone()));
    reader.decode(runs).ok()
}

/// What a client does: segment by segment, from any k shares, those that prove bad replaced.
fn read(file: &Encoded, shares: &[(u8, Vec<u8>)]) -> Option<Bytes> {
    let facts = file.cap.facts().unwrap();
    let mut tree = None;
    let mut usable: Vec<(OpenShare, &[u8])> = Vec::new();
    for (num, share) in shares {
        let Ok((open, found)) = open(facts, *num, share) else { continue };
        if usable.iter().all(|(other, _)| other.share() != open.share()) {
            tree = Some(found);
            usable.push((open, share));
        }
    }
    let mut reader = FileReader::new(&facts, tree?, Some(file.cap.key().clone()));
    let mut plaintext = Vec::new();
    for segment in (0..reader.geometry().segments()).map(SegmentNum) {
        loop {
            let run = |(open, share): &(OpenShare, &[u8])| {
                let range = open.range(segment, 1);
                let bytes = share.get(range.start as usize..range.end as usize).unwrap_or(&[]);
                let bytes = Bytes::copy_from_slice(bytes);
                Run { share: open.clone(), first: segment, count: 1, bytes }
            };
            match reader.read(usable.get(..3)?.iter().map(run).collect()) {
                Ok(bytes) => break plaintext.extend_from_slice(&bytes),
                Err(Unreadable::Shares(bad)) => {
                    assert!(!bad.is_empty());
                    usable.retain(|(open, _)| bad.iter().all(|(num, _)| *num != open.share()));
                }
                Err(Unreadable::File(error)) => panic!("{error}"),
            }
        }
    }
    Some(plaintext.into())
}

/// Damages some shares in some way; answers what is left and how many are as they were.
fn spoil(rng: &mut Rng, file: &Encoded, other: &Encoded) -> (Vec<(u8, Vec<u8>)>, usize) {
    let mut sound = 0;
    let mut shares = Vec::new();
    let damaged = rng.below(11);
    for (num, share) in file.shares.iter().enumerate() {
        let (mut share, mut num) = (share.clone(), num as u8);
        if rng.below(10) >= damaged {
            sound += 1;
            shares.push((num, share));
            continue;
        }
        let (len, at) = (share.len(), rng.below(share.len()));
        match rng.below(8) {
            0 => share[at] ^= 1 << rng.below(8),
            1 => share.truncate(at),
            2 => (0..rng.below(40)).for_each(|_| share[rng.below(len)] = rng.draw() as u8),
            3 => share[at..].fill(0),
            4 => share = other.shares[usize::from(num)].clone(),
            5 => num = (num + 1 + rng.below(9) as u8) % 10,
            6 => share = data(rng.draw(), len),
            _ => {
                let tail = other.shares[usize::from(num)][at..].to_vec();
                share.truncate(at);
                share.extend(tail);
            }
        }
        shares.push((num, share));
    }
    rng.shuffle(&mut shares);
    (shares, sound)
}

fn random_patterns(count: u64) {
    let (file, other) = (encode(1), encode(2));
    for seed in 0..count {
        let mut rng = Rng::new(seed);
        let (shares, sound) = spoil(&mut rng, &file, &other);
        for way in [decode, read] {
            match way(&file, &shares) {
                Some(bytes) => assert_eq!(bytes, file.plaintext, "wrong bytes with seed {seed}"),
                None => assert!(sound < 3, "{sound} sound shares gave nothing with seed {seed}"),
            }
        }
    }
}

/// The same patterns, as the whole client sees them.
async fn random_patterns_on_a_grid(count: u64) {
    let (file, other) = (encode(1), encode(2));
    let grid = grid(10);
    let cap = Cap::from(file.cap.clone());
    let si = file.cap.storage_index();
    for seed in 0..count {
        let mut rng = Rng::new(seed ^ 0xfeed);
        let (shares, sound) = spoil(&mut rng, &file, &other);
        for server in &grid.servers {
            server.disk.lock().unwrap().shares.clear();
        }
        for (server, (num, share)) in grid.servers.iter().zip(shares) {
            server.disk.lock().unwrap().shares.insert((si, ShareNum(num)), share.into());
        }
        match no_hang(&format!("seed {seed}"), grid.read(&cap)).await {
            Ok(bytes) => assert_eq!(bytes, file.plaintext, "wrong bytes with seed {seed}"),
            Err(error) => assert!(sound < 3, "{sound} sound shares with seed {seed}: {error}"),
        }
    }
}

#[actix::test]
async fn no_damage_makes_a_wrong_byte() {
    let start = Instant::now();
    let (changes, read) = damage_one_share(3).await;
    let (changes_with_spare, read_with_spare) = damage_one_share(4).await;
    assert_eq!(changes_with_spare, read_with_spare, "one bad share of four cost the file");
    // The header's sizes and the unused plaintext tree are nobody's concern; all else is.
    assert!(read > 0 && read < changes / 3, "{read} of {changes} changes went unnoticed");
    let patterns = rounds(20_000, 1_000_000);
    random_patterns(patterns);
    let on_grid = rounds(500, 20_000);
    random_patterns_on_a_grid(on_grid).await;
    println!(
        "promise 2: {} flips and cuts of one share, {patterns} + {on_grid} patterns over several, \
         0 wrong bytes, 0 hangs, {:.0} s",
        changes + changes_with_spare,
        start.elapsed().as_secs_f64()
    );
}
