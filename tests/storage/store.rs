//! What a storage directory does, seen from outside the actors.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::{
    COLLECT_BUCKETS_MAX, LEASE_JOURNAL_MAX, LEASE_SECONDS, READER_FILES_MAX, SHARE_MAX, WRITE_CHUNK,
};
use tahoe::base::system::Clock;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Fault, Faults, Mode, Op};
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{
    Collected, Collection, Facet, LeaseAge, Share, Store, StoreConfig, StoreError, Upload,
};
use tahoe_testing::store::{
    NOW, bucket_takes, config, data, get, open, put, put_whole, request, secrets, share_takes, si,
    upload_takes,
};

const WAIT: Duration = Duration::from_secs(30);

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("storage");
    (folder, dir)
}

fn in_memory() -> (MemoryDisk, Arc<Store>) {
    let memory = MemoryDisk::new();
    let store = open(&Disk::new(Arc::new(memory.clone())), Path::new("/storage"));
    (memory, store)
}

fn begin(store: &Arc<Store>, n: u8, size: u64) -> Upload {
    store.allocate(&request(si(n), &[0], size, 1)).unwrap().uploads.remove(0).1
}

fn share_path(dir: &Path, si: StorageIndex, num: u8) -> PathBuf {
    dir.join("shares").join(bucket_path(&si)).join(num.to_string())
}

#[test]
fn bytes_may_come_in_any_order_and_size() {
    let (_, store) = in_memory();
    let bytes = data(9, 3 * WRITE_CHUNK + 1234);
    for (n, step) in [1_000_000, WRITE_CHUNK, 100_001, 43_690].into_iter().enumerate() {
        let n = n as u8;
        let mut upload = begin(&store, n, bytes.len() as u64);
        let mut pieces: Vec<(usize, &[u8])> =
            bytes.chunks(step).enumerate().map(|(i, piece)| (i * step, piece)).collect();
        if step % 2 == 0 {
            pieces.reverse();
        }
        for (at, piece) in pieces {
            upload.write(at as u64, piece).unwrap();
        }
        upload.close().unwrap();
        assert!(get(&store, si(n), 0).unwrap() == bytes);
    }
}

#[test]
fn a_share_put_in_one_step_is_the_same_file_as_one_that_was_written() {
    let (_dir, path) = temporary();
    let store = open(&Disk::real(), &path);
    put(&store, si(1), 0, &data(1, 900), 1).unwrap();
    put_whole(&store, si(2), 0, &data(1, 900), 1).unwrap();
    let file = |n| std::fs::read(share_path(&path, si(n), 0)).unwrap();
    assert_eq!(file(1), file(2));
    // Another one gets a lease.
    put_whole(&store, si(2), 0, &data(1, 900), 2).unwrap();
    assert_eq!(get(&store, si(2), 0), Some(data(1, 900)));
    assert!(store.lease_expires(&si(2), &blake2b(&[2; 32])).is_ok());
    assert_eq!(std::fs::read_dir(path.join("shares/incoming")).unwrap().count(), 0);
}

#[test]
fn a_share_that_another_is_writing_is_not_put() {
    let (_, store) = in_memory();
    let upload = begin(&store, 1, 5);
    let ask = request(si(1), &[0], 5, 1);
    assert_eq!(store.put(&ask, b"bytes").unwrap().in_progress, [ShareNum(0)]);
    drop(upload);
    assert_eq!(store.put(&ask, b"bytes").unwrap().already, [ShareNum(0)]);
}

#[test]
fn close_is_refused_until_every_byte_is_there() {
    let (_, store) = in_memory();
    for (writes, whole) in [
        (vec![(0, 10)], true),
        (vec![(0, 9)], false),
        (vec![(1, 9)], false),
        (vec![(0, 4), (5, 5)], false),
        (vec![(5, 5), (0, 5)], true),
        (vec![], false),
    ] {
        let mut upload = begin(&store, 1, 10);
        for (at, len) in writes {
            upload.write(at, &data(0, 10)[at as usize..][..len]).unwrap();
        }
        assert_eq!(upload.close().is_ok(), whole);
        assert_eq!(store.list(&si(1)).unwrap().len(), usize::from(whole));
        let _ = store.cancel(&si(1), &blake2b(&[!1; 32]));
    }
    begin(&store, 2, 0).close().unwrap();
    assert!(get(&store, si(2), 0).unwrap().is_empty());
}

#[test]
fn writes_past_the_end_are_refused_and_so_is_the_upload() {
    let (_, store) = in_memory();
    for (at, len) in [(0, 11), (10, 1), (11, 0), (u64::MAX, 1), (u64::MAX, 0)] {
        let mut upload = begin(&store, 1, 10);
        let refused = upload.write(at, &vec![0; len]);
        assert!(matches!(refused, Err(StoreError::OutOfRange)), "{at} {len}");
        assert!(upload.write(0, &[0; 10]).is_err());
        assert!(upload.close().is_err());
    }
    let mut upload = begin(&store, 1, 10);
    upload.write(10, &[]).unwrap();
    upload.write(0, &[7; 10]).unwrap();
    upload.close().unwrap();
}

#[test]
fn bytes_written_twice_must_be_the_same() {
    let (_, store) = in_memory();
    let bytes = data(5, 2 * WRITE_CHUNK);
    let mut upload = begin(&store, 1, bytes.len() as u64);
    upload.write(0, &bytes[..1000]).unwrap();
    upload.write(500, &bytes[500..200_000]).unwrap();
    upload.write(0, &bytes).unwrap();
    upload.write(7, &bytes[7..300_000]).unwrap();
    upload.close().unwrap();
    assert!(get(&store, si(1), 0).unwrap() == bytes);

    let mut upload = begin(&store, 2, bytes.len() as u64);
    upload.write(0, &bytes).unwrap();
    let mut other = bytes.clone();
    other[WRITE_CHUNK + 77] ^= 1;
    assert!(matches!(upload.write(0, &other), Err(StoreError::Conflict)));
    assert!(upload.close().is_err());
    assert!(store.list(&si(2)).unwrap().is_empty());
}

#[test]
fn a_share_being_written_is_in_progress_for_others_until_it_ends() {
    let (_, store) = in_memory();
    let first = begin(&store, 1, 10);
    let second = store.allocate(&request(si(1), &[0, 1], 10, 2)).unwrap();
    assert_eq!(second.in_progress, [ShareNum(0)]);
    assert_eq!(second.uploads.len(), 1);
    drop(first);
    let third = store.allocate(&request(si(1), &[0, 1], 10, 3)).unwrap();
    assert_eq!(third.in_progress, [ShareNum(1)]);
    assert_eq!(third.uploads[0].0, ShareNum(0));
}

#[test]
fn room_is_granted_share_by_share_and_given_back() {
    let (memory, store) = in_memory();
    let (forty, twenty) = (upload_takes(1, 40), upload_takes(1, 20));
    memory.set_free(2 * forty + twenty);
    let first = store.allocate(&request(si(1), &[0, 1, 2], 40, 1)).unwrap();
    let granted: Vec<ShareNum> = first.uploads.iter().map(|(num, _)| *num).collect();
    assert_eq!(granted, [ShareNum(0), ShareNum(1)]);
    assert_eq!((store.space().available, store.space().largest), (twenty, 20));
    assert_eq!(store.allocate(&request(si(2), &[0], 21, 1)).unwrap().uploads.len(), 0);
    assert_eq!(store.allocate(&request(si(2), &[0], 20, 1)).unwrap().uploads.len(), 1);
    drop(first);
    assert_eq!(store.space().available, 2 * forty + twenty);
    assert_eq!(store.allocate(&request(si(2), &[0], SHARE_MAX + 1, 1)).unwrap().uploads.len(), 0);
}

#[test]
fn sizelimit_counts_what_is_stored() {
    let memory = MemoryDisk::new();
    let disk = Disk::new(Arc::new(memory));
    let limited =
        |limit| StoreConfig { size_limit: Some(limit), ..config(&disk, Path::new("/storage")) };
    let one = share_takes(1, 600, 1) + bucket_takes(1);
    let limit = one + upload_takes(1, 316);
    let store = Store::open(limited(limit)).unwrap();
    assert!(store.wait_indexed(WAIT));
    put(&store, si(1), 0, &data(1, 600), 1).unwrap();
    assert_eq!(store.space().used, Some(one));
    assert!(matches!(put(&store, si(2), 0, &data(1, 317), 1), Err(StoreError::NoSpace)));
    put(&store, si(2), 0, &data(1, 316), 1).unwrap();
    // The folders above an upload are gone with it.
    assert_eq!(store.space().available, 2);
    drop(store);
    let lease = 72 + 512;
    for (room, fits) in [(lease - 1, false), (lease, true), (lease + 1, true)] {
        let store = Store::open(limited(limit - 2 + room)).unwrap();
        assert!(store.wait_indexed(WAIT));
        assert_eq!(store.space().used, Some(limit - 2), "counted again");
        let added = store.add_lease(&si(2), &secrets(2));
        assert_eq!(added.is_ok(), fits, "a lease counts");
        assert_eq!(store.space().used, Some(limit - 2 + if fits { lease } else { 0 }));
        assert_eq!(store.add_lease(&si(2), &secrets(1)).unwrap(), 1, "what is held is renewed");
        let _ = store.cancel(&si(2), &blake2b(&[!2; 32]));
        assert_eq!(store.space().used, Some(limit - 2));
    }
    let store = Store::open(limited(limit)).unwrap();
    assert!(store.wait_indexed(WAIT));
    store.cancel(&si(1), &blake2b(&[!1; 32])).unwrap();
    assert_eq!(store.space().used, Some(limit - 2 - one));
}

#[test]
fn a_read_only_store_keeps_what_it_has_and_takes_nothing() {
    let (memory, store) = in_memory();
    put(&store, si(1), 0, b"share", 1).unwrap();
    let disk = Disk::new(Arc::new(memory));
    let config = StoreConfig { read_only: true, ..config(&disk, Path::new("/storage")) };
    let store = Store::open(config).unwrap();
    assert!(store.space().read_only && store.space().available == 0);
    let granted = store.allocate(&request(si(1), &[0, 1], 5, 2)).unwrap();
    assert_eq!(granted.already, [ShareNum(0)]);
    assert!(granted.uploads.is_empty());
    assert!(store.lease_expires(&si(1), &blake2b(&[2; 32])).is_ok(), "leases are still given");
    assert_eq!(store.allocate(&request(si(2), &[0], 0, 2)).unwrap().uploads.len(), 0);
}

#[test]
fn a_lease_covers_every_share_of_its_file_and_is_found_by_its_secrets() {
    let (_, store) = in_memory();
    for num in [0, 7] {
        put(&store, si(1), num, b"share", 1).unwrap();
    }
    assert_eq!(store.add_lease(&si(1), &secrets(2)).unwrap(), 2);
    assert_eq!(store.add_lease(&si(9), &secrets(2)).unwrap(), 0);
    assert!(store.wait_indexed(WAIT));
    let renew = blake2b(&[2; 32]);
    assert_eq!(store.find_lease(&renew), Some((Facet::Renew, si(1))));
    assert_eq!(store.find_lease(&blake2b(&[!2; 32])), Some((Facet::Cancel, si(1))));
    assert_eq!(store.find_lease(&[2; 32]), None, "the digest is wanted, not the secret");
    assert_eq!(store.cancel(&si(1), &blake2b(&[!2; 32])).unwrap(), 2);
    assert_eq!(store.find_lease(&renew), None);
    assert!(matches!(store.renew(&si(1), &renew), Err(StoreError::NoSuchShare)));
    assert_eq!(store.list(&si(1)).unwrap().len(), 2);
}

/// A store that is indexed, its clock and the faults of its disk.
fn aging() -> (Arc<Store>, Clock, Arc<Faults>) {
    let (clock, faults) = (Clock::manual(NOW), Arc::new(Faults::none()));
    let disk = Disk::new(Arc::new(MemoryDisk::new())).with_faults(faults.clone());
    let config = StoreConfig { clock: clock.clone(), ..config(&disk, Path::new("/storage")) };
    let store = Store::open(config).unwrap();
    assert!(store.wait_indexed(WAIT));
    (store, clock, faults)
}

const DAY: u64 = 24 * 3600;

fn run(store: &Arc<Store>) -> Collected {
    Collection::new(store.clone(), LeaseAge::NATURAL).run()
}

/// A collection that finds what is over, and what the next one does, a day later.
fn collect(store: &Arc<Store>, clock: &Clock) -> Collected {
    run(store);
    clock.advance(DAY);
    run(store)
}

#[test]
fn only_leases_that_ended_are_collected_and_only_when_found_so_twice() {
    let (store, clock, _) = aging();
    put(&store, si(1), 0, b"one", 1).unwrap();
    put(&store, si(2), 0, b"two", 1).unwrap();
    clock.advance(10 * DAY);
    store.add_lease(&si(2), &secrets(2)).unwrap();
    clock.advance(LEASE_SECONDS - 10 * DAY);
    assert_eq!(collect(&store, &clock).leases, 0);
    assert!(get(&store, si(1), 0).is_some(), "a lease lasts to its last second, and a day");
    clock.advance(DAY - 1);
    assert_eq!(run(&store).leases, 0, "the second look comes a day later");
    clock.advance(1);
    let collected = run(&store);
    assert_eq!((collected.leases, collected.shares, collected.failed), (2, 1, 0));
    assert_eq!(collected.bytes, share_takes(1, 3, 1) + 72 + 512);
    assert_eq!(store.collected(), Some(collected));
    assert_eq!((get(&store, si(1), 0), get(&store, si(2), 0)), (None, Some(b"two".to_vec())));
    assert_eq!(store.find_lease(&blake2b(&[1; 32])), None);
    clock.advance(10 * DAY);
    collect(&store, &clock);
    assert_eq!(get(&store, si(2), 0), None);
    assert_eq!(store.space().used, Some(0));
}

#[test]
fn a_renewed_lease_keeps_its_share_and_so_does_an_age_longer_than_natural() {
    let (store, clock, _) = aging();
    put(&store, si(1), 0, b"renewed", 1).unwrap();
    put(&store, si(2), 0, b"patient", 1).unwrap();
    clock.advance(10 * DAY);
    store.renew(&si(1), &blake2b(&[1; 32])).unwrap();
    clock.advance(LEASE_SECONDS - 9 * DAY);
    let longer = || Collection::new(store.clone(), "40days".parse().unwrap()).run();
    longer();
    clock.advance(DAY);
    let longer = longer();
    assert_eq!((longer.leases, longer.shares), (0, 0));
    assert!(get(&store, si(2), 0).is_some());
    clock.advance(DAY);
    assert_eq!(collect(&store, &clock).shares, 1);
    assert!(get(&store, si(1), 0).is_some() && get(&store, si(2), 0).is_none());
}

#[test]
fn a_collection_goes_on_past_a_bucket_that_fails_and_returns_to_it() {
    let (store, clock, faults) = aging();
    (1..=5).for_each(|n| put(&store, si(n), 0, b"old", 1).unwrap());
    clock.advance(LEASE_SECONDS + DAY);
    run(&store);
    // The first call opens a share, the second unlinks it, the third syncs its folder.
    for (at, left) in [(0, 1), (1, 1), (2, 0)] {
        clock.advance(DAY);
        faults.plan(at, Fault::Once(5));
        let collected = run(&store);
        assert_eq!(collected.failed, 1, "at {at}");
        let here = (1..=5).filter(|n| get(&store, si(*n), 0).is_some()).count();
        assert_eq!(here, left, "at {at}");
    }
    faults.heal();
    clock.advance(DAY);
    assert_eq!(run(&store).failed, 0);
    assert_eq!(store.space().used, Some(0));
}

#[test]
fn a_collection_holds_the_disk_for_a_few_buckets_at_a_time() {
    let (store, clock, _) = aging();
    let count = COLLECT_BUCKETS_MAX as u8 + 1;
    (1..=count).for_each(|n| put(&store, si(n), 0, b"old", 1).unwrap());
    clock.advance(10 * DAY);
    // As many stay, or the owner would be asked.
    (101..=100 + count).for_each(|n| put(&store, si(n), 0, b"new", 1).unwrap());
    clock.advance(LEASE_SECONDS - 9 * DAY);
    let mut collection = Collection::new(store.clone(), LeaseAge::NATURAL);
    // It begins, looks twice, and has nothing to compare that with.
    assert!(collection.step() && collection.step() && !collection.step());
    assert_eq!(store.collected().map(|run| run.shares), Some(0));
    clock.advance(DAY);
    let mut collection = Collection::new(store.clone(), LeaseAge::NATURAL);
    assert!(collection.step() && collection.step() && collection.step() && collection.step());
    assert_eq!(get(&store, si(count - 1), 0), None);
    assert!(get(&store, si(count), 0).is_some());
    assert!(!collection.step() && !collection.step());
    assert_eq!(store.collected().map(|run| run.shares), Some(u64::from(count)));
    assert!((101..=100 + count).all(|n| get(&store, si(n), 0).is_some()));
}

#[test]
fn damaged_share_files_are_kept_in_quarantine_and_their_place_is_free_again() {
    let (_folder, dir) = temporary();
    let store = open(&Disk::real(), &dir);
    put(&store, si(1), 0, b"whole", 1).unwrap();
    for (num, bytes) in [(1, &b"short"[..]), (2, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9][..])] {
        for _ in 0..2 {
            std::fs::write(share_path(&dir, si(1), num), bytes).unwrap();
            assert_eq!(store.list(&si(1)).unwrap(), [ShareNum(0)]);
        }
        let kept = dir.join("quarantine").join(format!("{}-{num}", si(1)));
        assert_eq!(std::fs::read(&kept).unwrap(), bytes);
        assert_eq!(std::fs::read(kept.with_extension("1")).unwrap(), bytes);
        put(&store, si(1), num, b"again", 1).unwrap();
        let _ = std::fs::remove_file(share_path(&dir, si(1), num));
    }
    std::fs::write(share_path(&dir, si(1), 3), [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9]).unwrap();
    assert_eq!(store.list(&si(1)).unwrap(), [ShareNum(0)]);
    assert!(share_path(&dir, si(1), 3).exists(), "an unknown version is not damage");
}

#[test]
fn a_directory_of_the_original_is_taken_over_as_it_is() {
    let (_folder, dir) = temporary();
    let bucket = dir.join("shares").join(bucket_path(&si(1)));
    std::fs::create_dir_all(&bucket).unwrap();
    let mut share = vec![0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1];
    share.extend(b"share");
    share.extend([0; 4]);
    share.extend([1; 32]);
    share.extend([!1; 32]);
    share.extend((NOW as u32).to_be_bytes());
    std::fs::write(bucket.join("4"), &share).unwrap();
    std::fs::write(bucket.join("4.tmp"), b"ignored").unwrap();
    std::fs::write(dir.join("bucket_counter.state.json"), b"{}").unwrap();
    let unfinished = dir.join("shares/incoming/aa/aaaaaaaaaaaaaaaaaaaaaaaaaa");
    std::fs::create_dir_all(&unfinished).unwrap();
    std::fs::write(unfinished.join("0"), b"half").unwrap();

    let store = Store::open(StoreConfig { clock: Clock::manual(NOW), ..StoreConfig::new(&dir) });
    let store = store.unwrap();
    assert!(!dir.join("shares/incoming/aa").exists());
    assert_eq!(get(&store, si(1), 4).unwrap(), b"share");
    assert!(store.wait_indexed(WAIT));
    assert_eq!(store.find_lease(&blake2b(&[1; 32])), Some((Facet::Renew, si(1))));
    assert_eq!(store.renew(&si(1), &blake2b(&[1; 32])).unwrap(), NOW + LEASE_SECONDS);
    let after = std::fs::read(bucket.join("4")).unwrap();
    assert_eq!(after[..share.len() - 4], share[..share.len() - 4]);
    assert!(dir.join("bucket_counter.state.json").exists());
    assert!(bucket.join("4.tmp").exists());
}

#[test]
fn a_directory_is_for_one_process_and_one_store_at_a_time() {
    let (_folder, dir) = temporary();
    let store = open(&Disk::real(), &dir);
    assert!(matches!(Store::open(config(&Disk::real(), &dir)), Err(StoreError::InUse)));
    store.shut_down();
    drop(store);
    open(&Disk::real(), &dir);
}

#[test]
fn reports_of_corruption_are_filed_for_shares_that_are_here() {
    let (_folder, dir) = temporary();
    let store = open(&Disk::real(), &dir);
    put(&store, si(1), 3, b"share", 1).unwrap();
    store.advise_corrupt(&si(1), ShareNum(3), "block 7 is wrong").unwrap();
    store.advise_corrupt(&si(1), ShareNum(4), "absent").unwrap();
    let folder = dir.join("corruption-advisories");
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    let want = format!("2023-11-14T221320--{}-3", si(1));
    assert_eq!(names, [folder.join(want)]);
    let text = format!(
        "report: Share Corruption\ntype: immutable\nstorage_index: {}\nshare_number: 3\n\n\
         block 7 is wrong\n\n",
        si(1)
    );
    assert_eq!(std::fs::read_to_string(&names[0]).unwrap(), text);
}

#[test]
fn the_index_is_trusted_after_a_clean_stop_only() {
    let (_folder, dir) = temporary();
    let on_disk = || StoreConfig { index_on_disk: true, ..config(&Disk::real(), &dir) };
    let store = Store::open(on_disk()).unwrap();
    let block = Disk::real().block(&dir).unwrap();
    let one = share_takes(block, 100, 1) + bucket_takes(block);
    put(&store, si(1), 0, &data(1, 100), 1).unwrap();
    assert!(store.wait_indexed(WAIT));
    store.shut_down();
    drop(store);
    assert!(dir.join("index.clean").exists());

    // A share that appears while no server runs shows whether the files were counted again.
    std::fs::create_dir_all(share_path(&dir, si(2), 0).parent().unwrap()).unwrap();
    std::fs::copy(share_path(&dir, si(1), 0), share_path(&dir, si(2), 0)).unwrap();
    let store = Store::open(on_disk()).unwrap();
    assert!(!dir.join("index.clean").exists());
    assert_eq!(store.space().used, Some(one), "taken from the index");
    assert_eq!(store.find_lease(&blake2b(&[1; 32])), Some((Facet::Renew, si(1))));
    drop(store);

    let store = Store::open(on_disk()).unwrap();
    assert!(store.wait_indexed(WAIT));
    assert_eq!(store.space().used, Some(2 * one), "counted again");
    store.shut_down();
    drop(store);

    for damage in [&b"garbage"[..], b"", &[0xFF; 5000]] {
        for file in ["db", "conf"] {
            std::fs::write(dir.join("index").join(file), damage).unwrap();
            let store = Store::open(on_disk()).unwrap();
            assert!(store.wait_indexed(WAIT));
            assert_eq!(store.space().used, Some(2 * one), "a damaged index is built anew");
            store.shut_down();
            assert!(dir.join("index.clean").exists());
        }
    }
}

#[test]
fn a_small_share_costs_few_calls() {
    let memory = MemoryDisk::new();
    let faults = Arc::new(Faults::none());
    let disk = Disk::new(Arc::new(memory)).with_faults(faults.clone());
    let store = open(&disk, Path::new("/storage"));
    put_whole(&store, si(1), 0, &data(1, 1500), 1).unwrap();
    let before = faults.log().len();
    put_whole(&store, si(2), 0, &data(1, 1500), 1).unwrap();
    let calls = faults.log().split_off(before);
    // Beside two looks at what is there: the file, its place below a prefix that is new, and the
    // three folders that have new names. The log has changes only.
    let wanted = [
        Op::OpenToWrite,
        Op::Write,
        Op::Sync,
        Op::Rename,
        Op::Mkdir,
        Op::Mkdir,
        Op::Rename,
        Op::SyncDir,
        Op::SyncDir,
        Op::SyncDir,
    ];
    assert_eq!(calls, wanted);
}

#[test]
fn the_lease_journal_stays_small_and_is_empty_after_a_stop() {
    let (_folder, dir) = temporary();
    let clock = Clock::manual(NOW);
    let store = Store::open(StoreConfig { clock: clock.clone(), ..config(&Disk::real(), &dir) });
    let store = store.unwrap();
    put(&store, si(1), 0, b"share", 1).unwrap();
    let journal = dir.join("lease.journal");
    let mut longest = 0;
    for n in 0..100 {
        let mut both = secrets(n);
        both.renew = tahoe::base::secret::RenewSecret::new([200 + n % 50; 32]);
        store.add_lease(&si(1), &both).unwrap();
        clock.advance(1);
        longest = longest.max(std::fs::metadata(&journal).unwrap().len());
    }
    assert!(longest > 0 && longest < 2 * LEASE_JOURNAL_MAX);
    store.shut_down();
    assert_eq!(std::fs::metadata(&journal).unwrap().len(), 0);
}

#[test]
fn a_damaged_journal_is_kept_for_inspection_and_its_good_records_count() {
    let memory = MemoryDisk::new();
    let disk = Disk::new(Arc::new(memory.clone()));
    let store = open(&disk, Path::new("/storage"));
    put(&store, si(1), 0, b"share", 1).unwrap();
    for n in 2..5 {
        store.add_lease(&si(1), &secrets(n)).unwrap();
    }
    let journal = disk.open(Path::new("/storage/lease.journal"), Mode::Change).unwrap();
    let len = journal.size().unwrap() as usize;
    journal.write_at(b"?", 30, Cache::Keep).unwrap();
    let bytes = journal.read(0, len).unwrap();
    let store = open(&disk, Path::new("/storage"));
    let kept = disk.open(Path::new("/storage/quarantine/lease.journal"), Mode::Read).unwrap();
    assert_eq!(kept.read(0, len).unwrap(), bytes);
    for n in 1..5 {
        assert!(store.lease_expires(&si(1), &blake2b(&[n; 32])).is_ok());
    }
    store.add_lease(&si(1), &secrets(9)).unwrap();
}

#[test]
fn any_number_of_shares_can_be_open_on_a_bounded_number_of_files() {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let faults = Faults::hooked(move |op| {
        count.fetch_add(usize::from(op == Op::Open), SeqCst);
    });
    let disk = Disk::new(Arc::new(MemoryDisk::new())).with_faults(Arc::new(faults));
    let store = open(&disk, Path::new("/storage"));
    (0..2).for_each(|num| put_whole(&store, si(1), num, &data(num, 50), 1).unwrap());
    let buckets: Vec<_> =
        (0..=READER_FILES_MAX / 2).map(|_| store.open_bucket(&si(1)).unwrap()).collect();
    let (first, last) = (&buckets[0], &buckets[READER_FILES_MAX / 2]);
    let opens_of = |share: &Share| {
        let before = opened.load(SeqCst);
        assert_eq!(share.read(&[(0, 50)]).unwrap(), data(share.num().0, 50));
        opened.load(SeqCst) - before
    };
    assert_eq!((opens_of(&last[1]), opens_of(&first[0])), (0, 1), "the oldest was closed");
    assert_eq!(opens_of(&first[0]), 0, "and is open again");
    store.cancel(&si(1), &blake2b(&[!1; 32])).unwrap();
    assert_eq!(opens_of(&last[1]), 0, "an open file stays");
    assert!(matches!(first[1].read(&[(0, 50)]), Err(StoreError::NoSuchShare)));
}

#[test]
fn a_share_that_nobody_holds_leaves_its_place_among_the_open_files() {
    let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"));
    put_whole(&store, si(1), 0, b"kept", 1).unwrap();
    put_whole(&store, si(2), 0, b"other", 1).unwrap();
    let kept = store.open_bucket(&si(1)).unwrap();
    (0..=READER_FILES_MAX).for_each(|_| drop(store.open_bucket(&si(2)).unwrap()));
    store.cancel(&si(1), &blake2b(&[!1; 32])).unwrap();
    assert_eq!(kept[0].read(&[(0, 4)]).unwrap(), b"kept", "its file was never closed");
}
