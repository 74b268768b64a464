//! Words that the storage tests are written in.

use std::path::Path;
use std::sync::Arc;
use tahoe::base::file::FileKey;
use tahoe::base::hash::Hash;
use tahoe::base::secret::{CancelSecret, RenewSecret};
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::codec::Params;
use tahoe::codec::encode::{Encoder, Plan};
use tahoe::disk::Disk;
use tahoe::storage::{AllocateRequest, LeaseSecrets, Store, StoreConfig, StoreError};

pub const NOW: u64 = 1_700_000_000;

pub fn si(n: u8) -> StorageIndex {
    StorageIndex([n; 16])
}

pub fn secrets(n: u8) -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([n; 32]), cancel: CancelSecret::new([!n; 32]) }
}

/// Bytes that differ by share and place.
pub fn data(n: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add(n) ^ (at >> 8) as u8).collect()
}

pub fn config(disk: &Disk, dir: &Path) -> StoreConfig {
    StoreConfig {
        disk: disk.clone(),
        clock: Clock::manual(NOW),
        index_on_disk: false,
        ..StoreConfig::new(dir)
    }
}

pub fn open(disk: &Disk, dir: &Path) -> Arc<Store> {
    Store::open(config(disk, dir)).unwrap()
}

pub fn request(si: StorageIndex, shares: &[u8], size: u64, lease: u8) -> AllocateRequest {
    let shares = shares.iter().copied().map(ShareNum).collect();
    AllocateRequest { si, shares, size, secrets: secrets(lease) }
}

/// What a share file takes of a disk with blocks of so many bytes, with the rows of its leases.
pub fn share_takes(block: u64, size: u64, leases: u64) -> u64 {
    (12 + size + 72 * leases).div_ceil(block) * block + 512 * leases
}

/// What the bucket around it takes.
pub fn bucket_takes(block: u64) -> u64 {
    block + 512
}

/// What is kept for an upload while it is under way.
pub fn upload_takes(block: u64, size: u64) -> u64 {
    share_takes(block, size, 1) + bucket_takes(block) + 2 * block
}

/// Stores one share; `Ok` means that the store said it is kept.
pub fn put(
    store: &Arc<Store>,
    si: StorageIndex,
    num: u8,
    bytes: &[u8],
    lease: u8,
) -> Result<(), StoreError> {
    let granted = store.allocate(&request(si, &[num], bytes.len() as u64, lease))?;
    if granted.already.contains(&ShareNum(num)) {
        return Ok(());
    }
    let (_, mut upload) = granted.uploads.into_iter().next().ok_or(StoreError::NoSpace)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    upload.write(0, first)?;
    upload.write(first.len() as u64, second)?;
    upload.close()
}

/// The same in one step.
pub fn put_whole(
    store: &Arc<Store>,
    si: StorageIndex,
    num: u8,
    bytes: &[u8],
    lease: u8,
) -> Result<(), StoreError> {
    let stored = store.put(&request(si, &[num], bytes.len() as u64, lease), bytes)?;
    stored.already.contains(&ShareNum(num)).then_some(()).ok_or(StoreError::NoSpace)
}

/// All bytes of a share, if it is there.
pub fn get(store: &Arc<Store>, si: StorageIndex, num: u8) -> Option<Vec<u8>> {
    let shares = store.open_bucket(&si).unwrap();
    let share = shares.iter().find(|share| share.num() == ShareNum(num))?;
    Some(share.read(&[(0, u32::MAX)]).unwrap())
}

/// The shares of a file of so many bytes that are all `fill`, and the hash of its UEB.
pub fn file(fill: u8, len: u64) -> (Vec<Vec<u8>>, Hash) {
    let plan = Plan::new(Params::new(2, 3).unwrap(), len).unwrap();
    let mut encoder = Encoder::new(plan, FileKey::new([fill; 16]));
    let mut shares = vec![Vec::new(); 3];
    while let Some(mut plaintext) = encoder.buffer() {
        plaintext.fill(fill);
        for (share, run) in shares.iter_mut().zip(encoder.encode(plaintext).unwrap().shares) {
            run.iter().for_each(|piece| share.extend_from_slice(piece));
        }
    }
    let finished = encoder.finish().unwrap();
    for (num, share) in (0..).map(ShareNum).zip(&mut shares) {
        share.extend_from_slice(&finished.trailer(num).unwrap().concat());
    }
    (shares, finished.ueb_hash())
}
