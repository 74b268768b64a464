//! Promise 18: a kept file survives its servers. Years of a grid whose servers fail for good or for a time,
//! by seed, with a keeper and without.

use super::kept_files::Kept;
use tahoe::cap::Cap;
use tahoe::grid::EncodingParams;
use tahoe_testing::{Rng, data, grid_of, rounds};

const SERVERS: usize = 12;
const FILES: u64 = 200;
const WEEKS: u64 = 520;
/// A server fails in one of so many weeks: half of them do within a year.
const HALF_LIFE: usize = 75;

/// What becomes of servers.
struct Fate {
    rng: Rng,
    /// Weeks until each is there again.
    away: [usize; SERVERS],
    failed: usize,
    replaced: usize,
}

impl Fate {
    /// A week later.
    fn week(&mut self, kept: &Kept) {
        for index in 0..SERVERS {
            if self.away[index] > 0 {
                self.away[index] -= 1;
                if self.away[index] == 0 {
                    kept.grid.revive(index);
                }
            } else if self.rng.below(HALF_LIFE) == 0 {
                self.failed += 1;
                self.away[index] = 1 + self.rng.below(8);
                kept.grid.kill(index);
                // Half of them come back with what they had; a new one takes the place of others.
                if self.rng.below(2) == 0 {
                    self.replaced += 1;
                    kept.grid.servers[index].disk.lock().unwrap().shares.clear();
                }
            }
        }
    }
}

struct Years {
    lost: usize,
    failed: usize,
    replaced: usize,
    repaired: u64,
}

/// How many of the files are lost after ten years.
async fn years(seed: u64, with_keeper: bool) -> Years {
    let kept = Kept::on(grid_of(SERVERS, EncodingParams::new(3, 7, 10).unwrap())).await;
    let mut caps = Vec::new();
    for n in 0..FILES {
        caps.push(kept.grid.put(&data(n, 100 + n as usize)).await);
    }
    let lines: String = caps.iter().map(|cap| cap.verify_cap().unwrap().reveal() + "\n").collect();
    kept.list(&lines);
    let rng = Rng::new(seed);
    let mut fate = Fate { rng, away: [0; SERVERS], failed: 0, replaced: 0 };
    let mut repaired = 0;
    for _ in 0..WEEKS {
        fate.week(&kept);
        if with_keeper {
            repaired += kept.after(7).await.figures.repaired;
        }
    }
    for index in 0..SERVERS {
        kept.grid.revive(index);
    }
    let mut lost = 0;
    for (n, cap) in (0..).zip(&caps) {
        lost += usize::from(!is_there(&kept, cap, n).await);
    }
    Years { lost, failed: fate.failed, replaced: fate.replaced, repaired }
}

async fn is_there(kept: &Kept, cap: &Cap, n: u64) -> bool {
    let read = kept.grid.read(cap).await;
    read.is_ok_and(|bytes| bytes == data(n, 100 + n as usize))
}

#[actix::test]
async fn a_kept_file_survives_its_servers() {
    tokio::time::pause();
    let (grids, mut kept_lost, mut lost, mut repaired) = (rounds(1, 20), 0, 0, 0);
    let (mut failed, mut replaced) = (0, 0);
    for seed in 1..=grids {
        let with = years(seed, true).await;
        let without = years(seed, false).await;
        (kept_lost, lost) = (kept_lost + with.lost, lost + without.lost);
        repaired += with.repaired;
        (failed, replaced) = (failed + with.failed, replaced + with.replaced);
    }
    assert_eq!(kept_lost, 0, "with a keeper");
    assert!(lost > 0, "without one some are lost, or this proves nothing");
    let files = grids * FILES;
    println!(
        "promise 18: {files} files for ten years on {SERVERS} servers, which failed {failed} times, \
         {replaced} for good: {repaired} repairs, 0 files lost; without a keeper {lost} of {files}"
    );
}
