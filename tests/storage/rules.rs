//! A store that stops, whose syncs fail, whose files cannot be read, or whose room is short.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tahoe::base::limits::LEASES_READ_MAX;
use tahoe::disk::faults::Op;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Cache, Disk, Fault, Faults, Mode};
use tahoe::storage::paths::bucket_path;
use tahoe::storage::{Store, StoreConfig, StoreError};
use tahoe_testing::store::{
    bucket_takes, config, data, get, open, put, request, secrets, share_takes, si, upload_takes,
};

const DIR: &str = "/storage";
const WAIT: Duration = Duration::from_secs(30);
const EIO: i32 = 5;

/// A disk that stops at its next such call when it is armed, until it is let go.
fn disk_that_waits(at: Op) -> (Disk, Arc<AtomicBool>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let armed = Arc::new(AtomicBool::new(false));
    let (stopped, is_stopped) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let (is_armed, may_go) = (Arc::clone(&armed), Mutex::new(may_go));
    let faults = Faults::hooked(move |op| {
        if op == at && is_armed.swap(false, SeqCst) {
            stopped.send(()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
        }
    });
    let disk = Disk::new(Arc::new(MemoryDisk::new())).with_faults(Arc::new(faults));
    (disk, armed, is_stopped, go)
}

#[test]
fn a_stop_waits_for_what_is_under_way_and_refuses_the_rest() {
    let (disk, armed, is_stopped, go) = disk_that_waits(Op::Sync);
    let store = open(&disk, Path::new(DIR));
    put(&store, si(1), 0, b"share", 1).unwrap();
    let (ended, has_ended) = mpsc::channel();
    std::thread::scope(|scope| {
        armed.store(true, SeqCst);
        let lease = scope.spawn(|| store.add_lease(&si(1), &secrets(2)));
        is_stopped.recv_timeout(WAIT).unwrap();
        scope.spawn(|| {
            store.shut_down();
            ended.send(()).unwrap();
        });
        assert!(has_ended.recv_timeout(Duration::from_millis(100)).is_err(), "it did not wait");
        go.send(()).unwrap();
        assert_eq!(lease.join().unwrap().unwrap(), 1);
        has_ended.recv_timeout(WAIT).unwrap();
    });
    let refused = store.add_lease(&si(1), &secrets(3));
    assert!(matches!(refused, Err(StoreError::Ended)));
    assert!(store.allocate(&request(si(2), &[0], 10, 1)).is_err());
}

#[test]
fn an_upload_is_not_closed_after_a_stop() {
    let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new(DIR));
    let mut upload = store.allocate(&request(si(1), &[0], 5, 1)).unwrap().uploads.remove(0).1;
    upload.write(0, b"share").unwrap();
    store.shut_down();
    assert!(matches!(upload.close(), Err(StoreError::Ended)));
    assert!(store.list(&si(1)).unwrap().is_empty());
}

#[test]
fn a_bucket_whose_first_sync_failed_is_not_believed_later() {
    let memory = MemoryDisk::new();
    let disk = Disk::new(Arc::new(memory.clone()));
    put(&open(&disk, Path::new(DIR)), si(1), 0, &data(1, 300), 1).unwrap();
    // The first call opens the share; the share and three folders are synced after that.
    for at in 1..5 {
        let faults = Arc::new(Faults::none());
        let store = open(&disk.clone().with_faults(faults.clone()), Path::new(DIR));
        faults.plan(at, Fault::Once(EIO));
        assert!(store.add_lease(&si(1), &secrets(2)).is_err());
        assert!(store.add_lease(&si(1), &secrets(2)).is_err(), "sync {at}");
        assert!(store.allocate(&request(si(1), &[0, 1], 300, 2)).is_err());
        assert_eq!(get(&store, si(1), 0), Some(data(1, 300)));
    }
}

#[test]
fn a_failed_sync_loses_what_it_was_for() {
    let memory = MemoryDisk::new();
    let faults = Arc::new(Faults::none());
    let disk = Disk::new(Arc::new(memory.clone())).with_faults(faults.clone());
    let file = disk.open(Path::new("/file"), Mode::New).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    file.write_at(b"old", 0, Cache::Keep).unwrap();
    file.sync().unwrap();
    file.write_at(b"new", 0, Cache::Keep).unwrap();
    faults.plan(0, Fault::Once(EIO));
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(file.read(0, 3).unwrap(), b"new");
    memory.lose_power(1);
    assert_eq!(file.read(0, 3).unwrap(), b"old");
}

/// A storage directory on the real disk with a share of each bucket 1 to 3.
fn stocked() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("storage");
    let store = open(&Disk::real(), &dir);
    for n in 1..4 {
        put(&store, si(n), 0, &data(n, 300), 1).unwrap();
    }
    (folder, dir)
}

fn share_path(dir: &Path, n: u8, num: u8) -> PathBuf {
    dir.join("shares").join(bucket_path(&si(n))).join(num.to_string())
}

fn limited(dir: &Path, limit: u64) -> Arc<Store> {
    let config = config(&Disk::real(), dir);
    Store::open(StoreConfig { size_limit: Some(limit), ..config }).unwrap()
}

#[test]
fn shares_that_cannot_be_counted_make_a_limited_store_full() {
    let (_folder, dir) = stocked();
    std::os::unix::fs::symlink("/nowhere/at/all", share_path(&dir, 2, 1)).unwrap();
    let store = limited(&dir, 1 << 20);
    assert!(!store.wait_indexed(Duration::from_millis(300)));
    assert_eq!(store.space().used, None);
    assert!(store.allocate(&request(si(9), &[0], 10, 1)).unwrap().uploads.is_empty());
    assert_eq!(get(&store, si(1), 0), Some(data(1, 300)));
    drop(store);
    std::fs::remove_file(share_path(&dir, 2, 1)).unwrap();
    // What is no folder has no shares.
    std::fs::write(dir.join("shares/README"), b"words").unwrap();
    assert!(limited(&dir, 1 << 20).wait_indexed(WAIT));
}

#[test]
fn a_share_with_more_leases_than_are_read_is_served_and_counted() {
    let (_folder, dir) = stocked();
    for (num, leases) in [(1, LEASES_READ_MAX), (2, LEASES_READ_MAX + 1)] {
        let mut head = Vec::new();
        [2, 5, leases].iter().for_each(|word: &u32| head.extend(word.to_be_bytes()));
        head.extend(b"share");
        let path = share_path(&dir, 3 + num, num);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, head).unwrap();
        let len = 12 + 5 + 72 * u64::from(leases);
        std::fs::File::options().write(true).open(&path).unwrap().set_len(len).unwrap();
    }
    let store = limited(&dir, 1 << 30);
    assert!(store.wait_indexed(WAIT));
    let block = Disk::real().block(&dir).unwrap();
    let most = u64::from(LEASES_READ_MAX);
    let files: u64 = [most, most + 1].map(|leases| share_takes(block, 5, leases)).iter().sum();
    let all = 3 * share_takes(block, 300, 1) + files + 5 * bucket_takes(block);
    assert_eq!(store.space().used, Some(all));
    assert_eq!(get(&store, si(5), 2).unwrap(), b"share");
    assert!(matches!(store.add_lease(&si(5), &secrets(1)), Err(StoreError::TooManyLeases)));
}

#[test]
fn an_upload_that_ends_meanwhile_does_not_make_room() {
    let (disk, armed, is_stopped, go) = disk_that_waits(Op::Stat);
    let config = config(&disk, Path::new(DIR));
    let limit = upload_takes(1, 700) + 300;
    let store = Store::open(StoreConfig { size_limit: Some(limit), ..config }).unwrap();
    assert!(store.wait_indexed(WAIT));
    let mut first = store.allocate(&request(si(1), &[0], 400, 1)).unwrap().uploads.remove(0).1;
    first.write(0, &data(1, 400)).unwrap();
    std::thread::scope(|scope| {
        armed.store(true, SeqCst);
        let second = scope.spawn(|| store.allocate(&request(si(2), &[0], 700, 1)));
        is_stopped.recv_timeout(WAIT).unwrap();
        let close = scope.spawn(|| first.close());
        // It may end now, or only when the room is taken.
        std::thread::sleep(Duration::from_millis(100));
        go.send(()).unwrap();
        assert!(
            second.join().unwrap().unwrap().uploads.is_empty(),
            "more was granted than allowed"
        );
        close.join().unwrap().unwrap();
    });
}
