//! Promise 19: bit rot is found. Flips by seed in share files at rest, a round of the server's own reading
//! after each few.

use super::scrub::{Kept, share_path};
use std::collections::BTreeMap;
use std::ops::Range;
use tahoe::base::file::{FileFacts, Params};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::codec::verify::{Verdict, verify_share};
use tahoe::disk::Mode;
use tahoe_testing::store::{file, put, si};
use tahoe_testing::{Rng, rounds};

/// Of the container, before the share.
const HEADER: u64 = 12;

type Name = (StorageIndex, u8);

#[derive(Default, Debug)]
struct Figures {
    /// Found by the server itself.
    by_server: usize,
    /// Found by who has the cap: what a share's own sums do not cover.
    by_cap: usize,
    /// In what nobody reads.
    harmless: usize,
}

struct World {
    kept: Kept,
    shares: BTreeMap<Name, (FileFacts, u64)>,
}

impl World {
    fn new(rng: &mut Rng) -> Self {
        let (kept, mut shares) = (Kept::new(), BTreeMap::new());
        for n in 1..=30 {
            let size = 1 + rng.below(if n % 10 == 0 { 3_000_000 } else { 30_000 }) as u64;
            let (all, ueb_hash) = file(n, size);
            let facts = FileFacts { params: Params::new(2, 3).unwrap(), size, ueb_hash };
            for (num, share) in (0..).zip(&all) {
                put(&kept.store, si(n), num, share, 1).unwrap();
                shares.insert((si(n), num), (facts, share.len() as u64));
            }
        }
        Self { kept, shares }
    }

    /// Whether who has the cap takes this share.
    fn is_good(&self, name: Name) -> bool {
        let (facts, len) = self.shares[&name];
        let file = self.kept.disk.open(&share_path(name.0, name.1), Mode::Read).unwrap();
        let read = |range: Range<u64>| {
            let bytes = file.read(HEADER + range.start, (range.end - range.start) as usize);
            Ok::<_, ()>(bytes.unwrap().into())
        };
        verify_share(facts, ShareNum(name.1), len, read) == Ok(Verdict::Good)
    }

    /// Whether the server says that it has it.
    fn is_told(&self, name: Name) -> bool {
        self.kept.store.list(&name.0).unwrap().contains(&ShareNum(name.1))
    }

    /// Flips a bit each in some shares, has them found, and puts them right.
    fn rot(&self, rng: &mut Rng, figures: &mut Figures) -> usize {
        let mut flipped = BTreeMap::new();
        for (name, (_, len)) in &self.shares {
            if rng.below(2) == 0 {
                let (at, bit) = (HEADER + rng.below(*len as usize) as u64, rng.below(8) as u8);
                self.kept.flip(*name, at, bit);
                flipped.insert(*name, (at, bit));
            }
        }
        self.kept.scrubbed();
        self.settle();
        for name in self.shares.keys() {
            match (flipped.contains_key(name), self.is_told(*name), self.is_good(*name)) {
                (false, told, _) => assert!(told, "{name:?} is good and is not told of"),
                (true, false, good) => {
                    assert!(!good, "{name:?} is good and is not told of");
                    figures.by_server += 1;
                }
                (true, true, false) => figures.by_cap += 1,
                (true, true, true) => figures.harmless += 1,
            }
        }
        flipped.iter().for_each(|(name, (at, bit))| self.kept.flip(*name, *at, *bit));
        self.kept.scrubbed();
        self.settle();
        assert_eq!(self.kept.store.scrub_state().damaged, 0, "all are as they were");
        flipped.len()
    }

    /// Waits for large shares, which are looked at again beside the round.
    fn settle(&self) {
        while self.kept.store.is_judging() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn bit_rot_is_found() {
    let (count, mut figures) = (rounds(2_000, 40_000) as usize, Figures::default());
    let mut rng = Rng::new(19);
    let world = World::new(&mut rng);
    let mut flips = 0;
    while flips < count {
        flips += world.rot(&mut rng, &mut figures);
    }
    let Figures { by_server, by_cap, harmless } = figures;
    assert!(by_server > flips / 2, "{figures:?}");
    println!(
        "promise 19: {flips} bits flipped in {} shares at rest: {by_server} found by the server that \
         keeps them, {by_cap} by who has the cap, {harmless} in bytes that nobody reads, 0 missed; 0 \
         good shares moved aside or not told of",
        world.shares.len()
    );
}
