//! What a storage server says of a place that is taken, and how the true share gets a place beside
//! what is not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tahoe::base::file::proven_index;
use tahoe::base::hash::{Hash, blake2b};
use tahoe::base::limits::JUDGE_AT_ONCE_MAX;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::{Granted, Store, StoreError};
use tahoe_testing::store::{file, get, open, put, put_whole, request, si};
use tempfile::TempDir;

const WAIT: Duration = Duration::from_secs(60);

fn in_memory() -> Arc<Store> {
    let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"));
    assert!(store.wait_indexed(WAIT));
    store
}

fn flipped(share: &[u8]) -> Vec<u8> {
    let mut share = share.to_vec();
    share[100] ^= 1;
    share
}

fn already(granted: &Granted) -> Vec<u8> {
    granted.already.iter().map(|num| num.0).collect()
}

/// What an allocation of share 0 says is there, of what `stored` left.
fn said_of(stored: &[u8], size: usize) -> Vec<u8> {
    let store = in_memory();
    put(&store, si(1), 0, stored, 1).unwrap();
    let granted = store.allocate(&request(si(1), &[0], size as u64, 2)).unwrap();
    assert!(granted.uploads.is_empty(), "nothing is written over");
    already(&granted)
}

#[test]
fn a_share_counts_as_here_if_it_is_as_long_and_its_own_sums_hold() {
    let (shares, _) = file(1, 500);
    let size = shares[0].len();
    assert_eq!(said_of(&shares[0], size), [0]);
    assert!(said_of(&shares[0], size + 1).is_empty());
    assert!(said_of(&flipped(&shares[0]), size).is_empty());
    assert!(said_of(&shares[1], size).is_empty(), "another number's");
    assert_eq!(said_of(b"not a share at all", 18), [0], "nothing to judge it by");
}

#[test]
fn a_share_that_somebody_reports_is_looked_at_again_before_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&Disk::real(), dir.path());
    let (shares, _) = file(1, 500);
    put(&store, si(1), 0, &shares[0], 1).unwrap();
    let said =
        || already(&store.allocate(&request(si(1), &[0], shares[0].len() as u64, 2)).unwrap());
    assert_eq!(said(), [0]);
    let name = si(1).to_string();
    let path = dir.path().join("shares").join(&name[..2]).join(&name).join("0");
    let mut rotten = std::fs::read(&path).unwrap();
    rotten[112] ^= 1;
    std::fs::write(&path, rotten).unwrap();
    store.advise_corrupt(&si(1), ShareNum(0), "it does not fit").unwrap();
    assert!(said().is_empty());
    store.shut_down();
}

/// A store with shares 0 and 1 of a file and something else, and where share 0 is; reported are all.
struct Rotten {
    store: Arc<Store>,
    dir: TempDir,
    shares: Vec<Vec<u8>>,
    rotten: Vec<u8>,
}

impl Rotten {
    fn new(plaintext: u64) -> Self {
        let (shares, _) = file(1, plaintext);
        let dir = tempfile::tempdir().unwrap();
        let store = open(&Disk::real(), dir.path());
        for (num, share) in (0..).zip(&shares).take(2) {
            put(&store, si(1), num, share, 1).unwrap();
        }
        put(&store, si(1), 9, b"nothing to judge it by", 1).unwrap();
        let mut this = Self { store, dir, shares, rotten: Vec::new() };
        this.rotten = this.stands();
        this.rotten[112] ^= 1;
        std::fs::write(this.path(), &this.rotten).unwrap();
        for num in [0, 1, 9] {
            this.store.advise_corrupt(&si(1), ShareNum(num), "it does not fit").unwrap();
        }
        while this.store.list(&si(1)).unwrap() != [ShareNum(1), ShareNum(9)] {
            std::thread::yield_now();
        }
        this
    }

    fn path(&self) -> PathBuf {
        let name = si(1).to_string();
        self.dir.path().join("shares").join(&name[..2]).join(&name).join("0")
    }

    fn stands(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    fn aside(&self) -> PathBuf {
        self.dir.path().join("quarantine").join(format!("{}-0", si(1)))
    }
}

#[test]
fn what_is_reported_and_broken_by_its_own_sums_stays_until_it_has_a_sound_successor() {
    for plaintext in [500, 3 * JUDGE_AT_ONCE_MAX] {
        let here = Rotten::new(plaintext);
        let Rotten { store, shares, rotten, .. } = &here;
        let stays = || !here.aside().exists() && here.stands() == *rotten;
        assert!(stays(), "most of it is good");
        assert_eq!(store.open_bucket(&si(1)).unwrap().len(), 3, "it is still read");
        let mut other = shares[0].clone();
        other[101] ^= 1;
        for worse in [&other, &shares[1], &b"no share".to_vec()] {
            assert!(put(store, si(1), 0, worse, 2).is_err());
            assert!(put_whole(store, si(1), 0, worse, 2).is_err());
            assert!(stays());
        }
        drop(store.allocate(&request(si(1), &[0], shares[0].len() as u64, 2)).unwrap());
        assert!(stays(), "an upload that was given up");
        match plaintext {
            500 => put_whole(store, si(1), 0, &shares[0], 2).unwrap(),
            _ => put(store, si(1), 0, &shares[0], 2).unwrap(),
        }
        assert_eq!(std::fs::read(here.aside()).unwrap(), *rotten, "{plaintext} bytes");
        assert_eq!(store.list(&si(1)).unwrap(), [0, 1, 9].map(ShareNum));
        assert!(here.stands()[12..][..shares[0].len()] == shares[0]);
        for lease in [1, 2] {
            assert!(store.lease_expires(&si(1), &blake2b(&[lease; 32])).is_ok(), "both leases");
        }
        store.shut_down();
    }
}

#[test]
fn what_is_sound_stays_whoever_reports_it() {
    let Rotten { store, shares, .. } = &Rotten::new(500);
    for num in [1, 9] {
        store.advise_corrupt(&si(1), ShareNum(num), "so they say").unwrap();
    }
    let size = shares[1].len() as u64;
    assert_eq!(already(&store.allocate(&request(si(1), &[1], size, 2)).unwrap()), [1]);
    assert!(
        put(store, si(1), 9, b"another that cannot be", 2).is_err()
            || get(store, si(1), 9).unwrap() == b"nothing to judge it by"
    );
    store.shut_down();
}

#[test]
fn what_does_not_count_gets_no_lease() {
    let store = in_memory();
    let (shares, _) = file(1, 500);
    put(&store, si(1), 0, &flipped(&shares[0]), 1).unwrap();
    drop(store.allocate(&request(si(1), &[0], shares[0].len() as u64, 2)).unwrap());
    assert!(store.lease_expires(&si(1), &blake2b(&[2; 32])).is_err());
    assert!(store.lease_expires(&si(1), &blake2b(&[1; 32])).is_ok());
}

#[test]
fn a_put_of_other_bytes_is_refused_and_changes_nothing() {
    let store = in_memory();
    put_whole(&store, si(1), 0, b"these bytes", 1).unwrap();
    assert!(put_whole(&store, si(1), 0, b"other bytes", 2).is_err());
    assert!(put_whole(&store, si(1), 0, b"these bytes and more", 2).is_err());
    assert!(store.lease_expires(&si(1), &blake2b(&[2; 32])).is_err());
    put_whole(&store, si(1), 0, b"these bytes", 2).unwrap();
    assert!(store.lease_expires(&si(1), &blake2b(&[2; 32])).is_ok());
    assert_eq!(get(&store, si(1), 0).unwrap(), b"these bytes");
}

/// Stores a share as one of the file with this UEB; `Ok` means that the store said it is kept.
fn prove(
    store: &Arc<Store>,
    (num, share): (u8, &[u8]),
    hash: Hash,
    lease: u8,
) -> Result<(), StoreError> {
    let place = proven_index(&si(1), &hash);
    let granted =
        store.allocate_proven(&request(place, &[num], share.len() as u64, lease), hash)?;
    if already(&granted).contains(&num) {
        return Ok(());
    }
    let (_, mut upload) = granted.uploads.into_iter().next().ok_or(StoreError::NoSpace)?;
    upload.write(0, share)?;
    upload.close()
}

fn prove_whole(
    store: &Arc<Store>,
    (num, share): (u8, &[u8]),
    hash: Hash,
    lease: u8,
) -> Result<(), StoreError> {
    let place = proven_index(&si(1), &hash);
    let ask = request(place, &[num], share.len() as u64, lease);
    let stored = store.put_proven(&ask, hash, share)?;
    already(&stored).contains(&num).then_some(()).ok_or(StoreError::NoSpace)
}

type Prove = fn(&Arc<Store>, (u8, &[u8]), Hash, u8) -> Result<(), StoreError>;

const WAYS: [Prove; 2] = [prove, prove_whole];

#[test]
fn a_proven_share_stands_beside_junk_and_takes_the_place_of_squatters_with_their_leases() {
    let (shares, hash) = file(1, 500);
    let place = proven_index(&si(1), &hash);
    for way in WAYS {
        for squatter in [b"squatter".to_vec(), flipped(&shares[0]), shares[1].clone()] {
            let store = in_memory();
            put(&store, si(1), 0, b"junk", 1).unwrap();
            put(&store, place, 0, &squatter, 3).unwrap();
            way(&store, (0, &shares[0]), hash, 2).unwrap();
            assert_eq!(get(&store, si(1), 0).unwrap(), b"junk");
            assert!(get(&store, place, 0).unwrap() == shares[0]);
            for lease in [2, 3] {
                assert!(store.lease_expires(&place, &blake2b(&[lease; 32])).is_ok(), "{lease}");
            }
            way(&store, (0, &shares[0]), hash, 4).unwrap();
            assert!(store.lease_expires(&place, &blake2b(&[4; 32])).is_ok());
            let unhindered = in_memory();
            put(&unhindered, si(1), 0, b"junk", 1).unwrap();
            for lease in [2, 3, 4] {
                way(&unhindered, (0, &shares[0]), hash, lease).unwrap();
            }
            assert_eq!(store.space().used.unwrap(), unhindered.space().used.unwrap());
        }
    }
}

#[test]
fn what_is_not_a_share_of_the_promised_file_is_not_taken() {
    let ((shares, hash), (others, _)) = (file(1, 500), file(2, 500));
    let bad = [flipped(&shares[0]), others[0].clone(), shares[1].clone(), b"junk".to_vec()];
    for way in WAYS {
        for share in &bad {
            let store = in_memory();
            let refused = way(&store, (0, share), hash, 1);
            assert!(matches!(refused, Err(StoreError::Unproven)), "{refused:?}");
            assert_eq!(store.list(&proven_index(&si(1), &hash)).unwrap(), []);
        }
    }
}

#[test]
fn nobody_keeps_a_proven_share_out_by_writing_and_not_ending() {
    let (shares, hash) = file(1, 500);
    let place = proven_index(&si(1), &hash);
    for way in WAYS {
        let store = in_memory();
        let (size, room) = (shares[0].len() as u64, store.space().available);
        let squatter = store.allocate(&request(place, &[0], size, 3)).unwrap();
        let beside = store.allocate_proven(&request(place, &[0], size, 3), hash).unwrap();
        assert_eq!((squatter.uploads.len(), beside.uploads.len()), (1, 1));
        way(&store, (0, &shares[0]), hash, 2).unwrap();
        assert!(get(&store, place, 0).unwrap() == shares[0]);
        for (_, mut upload) in squatter.uploads.into_iter().chain(beside.uploads) {
            upload.write(0, &vec![7; shares[0].len()]).unwrap();
            assert!(upload.close().is_err());
        }
        assert!(get(&store, place, 0).unwrap() == shares[0]);
        assert_eq!(store.space().available, room, "what was promised is given back");
    }
}

/// Asks until the store has made up its mind about share 0.
fn settled(store: &Arc<Store>, si: StorageIndex, size: u64) -> (Granted, usize) {
    let (begun, mut asked) = (Instant::now(), 0);
    loop {
        let granted = store.allocate(&request(si, &[0], size, 2)).unwrap();
        asked += 1;
        if granted.in_progress.is_empty() {
            return (granted, asked);
        }
        assert!(already(&granted).is_empty());
        assert!(begun.elapsed() < WAIT, "it is never judged");
        std::thread::yield_now();
    }
}

#[test]
fn a_long_share_is_in_progress_while_it_is_judged() {
    for (beyond, flip) in [(0, false), (1, false), (1, true)] {
        let store = in_memory();
        let frame = file(1, 1_000_000).0[0].len() as u64 - 500_000;
        // Each further segment adds to the trees.
        let len = 2 * (JUDGE_AT_ONCE_MAX - frame - 1_000 + beyond * 4_096);
        let share = file(1, len).0.remove(0);
        assert_eq!(share.len() as u64 > JUDGE_AT_ONCE_MAX, beyond > 0, "{}", share.len());
        let stored = if flip { flipped(&share) } else { share };
        put(&store, si(1), 0, &stored, 1).unwrap();
        let (granted, asked) = settled(&store, si(1), stored.len() as u64);
        assert_eq!(asked > 1, beyond > 0);
        assert_eq!(already(&granted).is_empty(), flip);
        assert_eq!(settled(&store, si(1), stored.len() as u64).1, 1, "it is remembered");
    }
}
