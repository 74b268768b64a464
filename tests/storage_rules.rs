//! A store that stops, whose syncs fail, whose files cannot be read, or whose room is short.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod storage_help;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use storage_help::{open, put, request, secrets, si};
use tahoe::disk::faults::Op;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Faults};
use tahoe::storage::StoreError;

const DIR: &str = "/storage";
const WAIT: Duration = Duration::from_secs(30);

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
