//! `sizelimit` bounds what a storage directory takes of the disk, whatever is stored; and nobody is
//! kept from a lease by those that others have.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::{LEASE_SECONDS, LEASES_MAX};
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{LeaseSecrets, Store, StoreConfig};
use tahoe_testing::store::{config, data, get, open, put, put_whole, secrets, si};
use tahoe_testing::{Rng, rounds};

/// What the file system gave away for a file, or for a folder and all below it.
fn taken(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else { return 0 };
    let below = fs::read_dir(path)
        .map_or(0, |entries| entries.map(|entry| taken(&entry.unwrap().path())).sum());
    512 * found.blocks() + below
}

/// A bucket out of a few hundred.
fn any_bucket(rng: &mut Rng) -> StorageIndex {
    let n = rng.below(300) as u64;
    let [first, rest @ ..] = blake2b(&n.to_be_bytes());
    let mut si = [first; 16];
    si[1..].copy_from_slice(&rest[..15]);
    StorageIndex(si)
}

struct World {
    rng: Rng,
    dir: PathBuf,
    limit: u64,
    store: Option<Arc<Store>>,
    refused: u32,
}

impl World {
    fn store(&self) -> &Arc<Store> {
        self.store.as_ref().unwrap()
    }

    fn open(&mut self) {
        self.store = None;
        let config = StoreConfig {
            size_limit: Some(self.limit),
            index_on_disk: true,
            ..config(&Disk::real(), &self.dir)
        };
        let store = Store::open(config).unwrap();
        assert!(store.wait_indexed(Duration::from_secs(60)));
        self.store = Some(store);
    }

    /// One thing that a client, the owner or the disk does.
    fn step(&mut self) {
        let (si, num) = (any_bucket(&mut self.rng), self.rng.below(3) as u8);
        let holder = 1 + self.rng.below(9) as u8;
        let sizes = [1, 1, 1, 500, 4_012, 4_013, 9_000];
        let size = sizes[self.rng.below(sizes.len())];
        match self.rng.below(16) {
            0..9 => {
                let way = if self.rng.below(2) == 0 { put } else { put_whole };
                let stored = way(self.store(), si, num, &data(num, size), holder);
                self.refused += u32::from(stored.is_err());
            }
            9..13 => {
                let added = self.store().add_lease(&si, &secrets(holder));
                self.refused += u32::from(added.is_err());
            }
            13 => drop(self.store().cancel(&si, &blake2b(&[!holder; 32]))),
            14 => {
                let path = self.dir.join("shares").join(bucket_path(&si)).join(num.to_string());
                if path.exists() {
                    fs::write(path, b"short").unwrap();
                    self.store().list(&si).unwrap();
                }
            }
            _ => {
                if self.rng.below(2) == 0 {
                    self.store().shut_down();
                }
                self.open();
            }
        }
    }

    /// The first blocks of the folders that do not grow with what is stored.
    fn folders(&self) -> u64 {
        let shares = self.dir.join("shares");
        let prefixes = fs::read_dir(&shares).unwrap().count() as u64;
        (prefixes + 1) * Disk::real().block(&shares).unwrap()
    }

    fn check(&self) {
        let kept = ["shares", "quarantine", "corruption-advisories", "leases.over"];
        let taken: u64 = kept.iter().map(|name| taken(&self.dir.join(name))).sum();
        let (used, folders) = (self.store().space().used.unwrap(), self.folders());
        assert!(used <= self.limit, "{used} bytes counted");
        assert!(
            taken <= used + folders,
            "{taken} bytes taken, {used} counted, {folders} of folders"
        );
    }
}

#[test]
fn what_is_counted_is_what_the_disk_gave_and_stays_below_the_limit() {
    let (mut most, mut refused) = (0, 0);
    for seed in 0..rounds(2, 40) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("storage");
        let (rng, limit) = (Rng::new(seed), 900_000);
        let mut world = World { rng, dir, limit, store: None, refused: 0 };
        world.open();
        for step in 0..260 {
            world.step();
            if step % 20 == 19 {
                world.check();
            }
        }
        most = most.max(taken(&world.dir));
        refused += world.refused;
        assert!(world.refused > 0, "seed {seed} never came to the limit");
        let all = taken(&world.dir);
        // Said beside the figure: folders, journal, the index while it is small.
        assert!(all <= limit + world.folders() + (4 << 20), "seed {seed}: {all} bytes");
    }
    println!("sizelimit 900,000: at most {most} bytes of disk, {refused} times refused");
}

fn numbered(n: usize) -> LeaseSecrets {
    let (mut renew, mut cancel) = ([0xAB; 32], [0xCD; 32]);
    renew[..8].copy_from_slice(&n.to_be_bytes());
    cancel[..8].copy_from_slice(&n.to_be_bytes());
    LeaseSecrets { renew: RenewSecret::new(renew), cancel: CancelSecret::new(cancel) }
}

#[test]
fn who_knows_a_storage_index_keeps_nobody_from_a_lease() {
    let (disk, clock) =
        (Disk::new(Arc::new(MemoryDisk::new())), Clock::manual(tahoe_testing::store::NOW));
    let config = StoreConfig { clock: clock.clone(), ..config(&disk, Path::new("/storage")) };
    let store = Store::open(config).unwrap();
    put(&store, si(1), 0, &data(1, 100), 1).unwrap();
    for n in 0..LEASES_MAX + 20 {
        assert_eq!(store.add_lease(&si(1), &numbered(n)).unwrap(), 1);
    }
    clock.advance(1000);
    let (end, mine) = (tahoe_testing::store::NOW + 1000 + LEASE_SECONDS, blake2b(&[1; 32]));
    assert_eq!(store.renew(&si(1), &mine).unwrap(), end, "the first owner's lease is his");
    // A second owner comes with the same file, by either way, and is told that it is kept.
    put_whole(&store, si(1), 0, &data(1, 100), 2).unwrap();
    put(&store, si(1), 0, &data(1, 100), 3).unwrap();
    assert_eq!(store.add_lease(&si(1), &secrets(4)).unwrap(), 1);
    // The first gives it up, and the strangers theirs: as far as they have their own.
    store.cancel(&si(1), &blake2b(&[!1; 32])).unwrap();
    let of = |n: usize| blake2b(numbered(n).cancel.reveal());
    let gone = (0..LEASES_MAX + 20).filter(|n| store.cancel(&si(1), &of(*n)).is_ok()).count();
    assert_eq!(gone, LEASES_MAX - 1);
    assert_eq!(get(&store, si(1), 0), Some(data(1, 100)), "those that share a lease keep it");
    assert_eq!(store.list(&si(1)).unwrap(), [ShareNum(0)]);
    let again = open(&disk, Path::new("/storage"));
    assert_eq!(get(&again, si(1), 0), Some(data(1, 100)));
}
