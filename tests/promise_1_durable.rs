//! Promise 1: acknowledged means durable.
//!
//! The process dies at every call that changes the disk, before it and in the middle of it; then
//! the power goes too, and of what was not synced any part may be gone. What was acknowledged must
//! be there, whole; what was not must be there whole or not at all.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::LEASE_SECONDS;
use tahoe::base::system::Clock;
use tahoe::disk::memory::MemoryDisk;
use tahoe::disk::{Disk, Fault, Faults};
use tahoe::storage::{Store, StoreConfig, StoreError};
use tahoe_testing::rounds;
use tahoe_testing::store::{NOW, config, data, get, open, put, put_whole, secrets, si};

const DIR: &str = "/storage";
const LATER: u64 = 500;
/// Power cuts with a seed of its own after each crash; 255 make 100,000 in all.
fn power_cuts() -> u64 {
    rounds(12, 255)
}

/// What a process did before it died, and whether it was told that it is done.
type Act = fn(&Arc<Store>) -> Result<(), StoreError>;

struct Scene {
    name: &'static str,
    act: Act,
    /// Given whether the act was acknowledged, checks a store that came after.
    check: fn(&Arc<Store>, acknowledged: bool),
}

const OLD: usize = 300;
const NEW: usize = 700;

/// Ends of the leases 1 (there from the start), 2 and 3 on the old share.
fn ends(store: &Arc<Store>) -> [Option<u64>; 3] {
    [1, 2, 3].map(|n| store.lease_expires(&si(1), &blake2b(&[n; 32])).ok())
}

fn the_old_share_is_whole(store: &Arc<Store>) {
    assert_eq!(get(store, si(1), 0), Some(data(1, OLD)));
}

const SCENES: &[Scene] = &[
    Scene {
        name: "upload of a share of a new file",
        act: |store| put(store, si(2), 3, &data(2, NEW), 1),
        check: |store, acknowledged| {
            let found = get(store, si(2), 3);
            assert!(found.is_some() || !acknowledged, "an acknowledged share is lost");
            assert!(found.is_none_or(|bytes| bytes == data(2, NEW)), "a partial share shows");
            put(store, si(2), 3, &data(2, NEW), 1).unwrap();
            assert_eq!(get(store, si(2), 3), Some(data(2, NEW)));
        },
    },
    Scene {
        name: "upload of a share in one step",
        act: |store| put_whole(store, si(2), 3, &data(2, NEW), 1),
        check: |store, acknowledged| {
            let found = get(store, si(2), 3);
            assert!(found.is_some() || !acknowledged, "an acknowledged share is lost");
            assert!(found.is_none_or(|bytes| bytes == data(2, NEW)), "a partial share shows");
            put_whole(store, si(2), 3, &data(2, NEW), 1).unwrap();
            assert_eq!(get(store, si(2), 3), Some(data(2, NEW)));
        },
    },
    Scene {
        name: "upload of a second share beside the first",
        act: |store| put(store, si(1), 1, &data(2, OLD), 1),
        check: |store, acknowledged| {
            let found = get(store, si(1), 1);
            assert!(found.is_some() || !acknowledged);
            assert!(found.is_none_or(|bytes| bytes == data(2, OLD)));
            let lease = ends(store)[0].unwrap();
            assert!(lease == NOW + LATER + LEASE_SECONDS || !acknowledged);
        },
    },
    Scene {
        name: "lease added",
        act: |store| store.add_lease(&si(1), &secrets(3)).map(drop),
        check: |store, acknowledged| {
            let [first, second, third] = ends(store);
            assert_eq!((first, second), (Some(NOW + LEASE_SECONDS), Some(NOW + LEASE_SECONDS)));
            assert!(third.is_some() || !acknowledged);
        },
    },
    Scene {
        name: "lease renewed",
        act: |store| store.renew(&si(1), &blake2b(&[1; 32])).map(drop),
        check: |store, acknowledged| {
            let [first, second, third] = ends(store);
            assert_eq!((second, third), (Some(NOW + LEASE_SECONDS), None));
            let (old, new) = (NOW + LEASE_SECONDS, NOW + LATER + LEASE_SECONDS);
            assert!(first == Some(new) || first == Some(old) && !acknowledged);
        },
    },
    Scene {
        name: "lease cancelled",
        act: |store| store.cancel(&si(1), &blake2b(&[!1; 32])).map(drop),
        check: |store, acknowledged| {
            let [first, second, _] = ends(store);
            assert_eq!(second, Some(NOW + LEASE_SECONDS));
            assert!(first.is_none() || !acknowledged);
        },
    },
    Scene {
        name: "leases changed one after the other",
        act: |store| {
            store.add_lease(&si(1), &secrets(3))?;
            store.cancel(&si(1), &blake2b(&[!1; 32]))?;
            store.renew(&si(1), &blake2b(&[2; 32]))?;
            store.cancel(&si(1), &blake2b(&[!3; 32]))?;
            store.add_lease(&si(1), &secrets(1)).map(drop)
        },
        check: |store, acknowledged| {
            let [first, second, third] = ends(store);
            assert!(second.is_some(), "a lease that nobody cancelled is lost");
            assert!(first.is_some() && third.is_none() || !acknowledged);
        },
    },
    Scene {
        name: "last leases cancelled, then uploaded again with other lengths",
        act: |store| {
            store.cancel(&si(1), &blake2b(&[!1; 32]))?;
            store.cancel(&si(1), &blake2b(&[!2; 32]))?;
            put(store, si(1), 0, &data(1, OLD), 3)
        },
        check: |store, acknowledged| {
            assert!(get(store, si(1), 0).is_none_or(|bytes| bytes == data(1, OLD)));
            assert!(
                ends(store) == [None, None, Some(NOW + LATER + LEASE_SECONDS)] || !acknowledged
            );
        },
    },
];

/// A disk with one share that has two leases, stopped cleanly or not.
fn stage(clean: bool) -> MemoryDisk {
    let memory = MemoryDisk::new();
    let store = open(&Disk::new(Arc::new(memory.clone())), Path::new(DIR));
    put(&store, si(1), 0, &data(1, OLD), 1).unwrap();
    store.add_lease(&si(1), &secrets(2)).unwrap();
    if clean {
        store.shut_down();
    }
    memory
}

fn later(disk: &Disk) -> StoreConfig {
    StoreConfig { clock: Clock::manual(NOW + LATER), ..config(disk, Path::new(DIR)) }
}

/// Runs a scene with a crash at call `at`; false once it ends before that.
fn crash_at(scene: &Scene, at: u64, fault: Fault, power_cut: Option<u64>) -> bool {
    let memory = stage(at.is_multiple_of(2));
    let disk = Disk::new(Arc::new(memory.clone()));
    let faults = Arc::new(Faults::at(at, fault));
    let faulty = disk.with_faults(faults.clone());
    let acknowledged = Store::open(later(&faulty)).and_then(|store| (scene.act)(&store)).is_ok();
    let crashed = faults.calls() > at;
    faults.kill();
    if let Some(seed) = power_cut {
        memory.lose_power(seed);
    }
    let store = Store::open(later(&disk)).unwrap();
    if !scene.name.starts_with("last") {
        the_old_share_is_whole(&store);
    }
    (scene.check)(&store, acknowledged);
    crashed
}

#[test]
fn a_crash_at_any_call_loses_nothing_acknowledged() {
    let started = Instant::now();
    let mut crashes = 0;
    for scene in SCENES {
        for fault in [Fault::Crash, Fault::TornCrash] {
            for power_cut in (0..power_cuts()).map(Some).chain([None]) {
                let mut at = 0;
                while crash_at(scene, at, fault, power_cut.map(|seed| seed * 1000 + at)) {
                    at += 1;
                }
                assert!(at > 3, "{}", scene.name);
                crashes += at;
            }
        }
    }
    let seconds = started.elapsed().as_secs();
    println!("promise 1: {crashes} crashes, 0 acknowledged lost, 0 partial shares, {seconds} s");
}

#[test]
fn a_share_found_after_a_crash_is_made_durable_before_it_is_called_stored() {
    for act in [(|store| put(store, si(2), 3, &data(2, NEW), 1)) as Act, |store| {
        store.add_lease(&si(2), &secrets(1)).map(drop)
    }] {
        for seed in 0..200 {
            let (memory, at) = (stage(false), seed % 40);
            let disk = Disk::new(Arc::new(memory.clone()));
            let faults = Arc::new(Faults::at(at, Fault::Crash));
            let store = Store::open(later(&disk.with_faults(faults.clone())));
            let _ = store.and_then(|store| put(&store, si(2), 3, &data(2, NEW), 1));
            faults.kill();
            let faults = Arc::new(Faults::none());
            let store = Store::open(later(&disk.with_faults(faults.clone()))).unwrap();
            let here = get(&store, si(2), 3).is_some();
            act(&store).unwrap();
            let promised = here || get(&store, si(2), 3).is_some();
            faults.kill();
            memory.lose_power(seed);
            let found = get(&Store::open(later(&disk)).unwrap(), si(2), 3);
            assert_eq!(found.is_some(), promised, "seed {seed}");
        }
    }
}

#[test]
fn a_crash_at_any_call_on_a_real_disk_leaves_whole_shares_only() {
    let mut at = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("storage");
        let faults = Arc::new(Faults::at(at, Fault::TornCrash));
        let faulty = Disk::real().with_faults(faults.clone());
        let stored = Store::open(config(&faulty, &dir))
            .and_then(|store| put(&store, si(2), 3, &data(2, NEW), 1));
        let crashed = faults.calls() > at;
        faults.kill();
        let store = open(&Disk::real(), &dir);
        let found = get(&store, si(2), 3);
        assert!(found.is_some() || stored.is_err());
        assert!(found.is_none_or(|bytes| bytes == data(2, NEW)));
        if !crashed {
            break;
        }
        at += 1;
    }
    assert!(at > 10);
}

mod killed {
    //! A real server process, killed at random points of real uploads.

    use bytes::Bytes;
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};
    use tahoe::base::secret::{CancelSecret, RenewSecret};
    use tahoe::base::system::random;
    use tahoe::base::{ShareNum, StorageIndex};
    use tahoe::disk::Disk;
    use tahoe::storage::api::{Allocate, Close, ListShares, Storage, Write};
    use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
    use tahoe::tub::{Bulk, Furl, Hint, Identity, Ref, RemoteError, Tub, TubOptions};
    use tahoe_testing::rounds;
    use tahoe_testing::store::{config, data, get};

    const DIR_VARIABLE: &str = "TAHOE_TEST_STORAGE_DIR";
    const CLIENTS: u64 = 3;

    /// Not a test of its own: the server that the test below starts from this same binary.
    #[test]
    fn server_process() {
        let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
        actix_rt::System::new().block_on(async {
            let store = Store::open(StoreConfig::new(dir)).unwrap();
            let tub = Tub::new(Identity::random(), TubOptions::default());
            let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            tub.set_hints(vec![Hint::tcp("127.0.0.1", address.port())]);
            let (storage, _) = StorageServer::start(store, ServerOptions::default());
            println!("\nFURL {}", tub.register(storage, None).reveal());
            std::future::pending::<()>().await;
        });
    }

    struct Server(Child, Furl);

    fn start(dir: &Path) -> Server {
        let name = "killed::server_process";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(DIR_VARIABLE, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let furl = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("FURL ").map(|furl| Furl::parse(furl).unwrap()));
        Server(child, furl.expect("the server says its furl"))
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Number and length of each share that was acknowledged, by SI; and of each that was tried.
    #[derive(Default)]
    struct Log {
        tried: HashMap<StorageIndex, (u8, usize)>,
        acknowledged: Vec<StorageIndex>,
    }

    async fn upload(
        storage: &Ref<Storage>,
        si: StorageIndex,
        (num, len): (u8, usize),
    ) -> Result<(), RemoteError> {
        let bytes = data(num, len);
        let ask = Allocate {
            si,
            shares: vec![ShareNum(num)],
            size: len as u64,
            renew: RenewSecret::new([1; 32]),
            cancel: CancelSecret::new([2; 32]),
        };
        let allocated = storage.call(ask).await?;
        let (_, writer) = allocated.writers.into_iter().next().ok_or(RemoteError::Busy)?;
        let mut answers = Vec::new();
        for (piece, at) in bytes.chunks(100_000).zip((0..).step_by(100_000)) {
            let data = Bulk(Bytes::copy_from_slice(piece));
            answers.push(writer.call(Write { offset: at, data }));
        }
        let close = writer.call(Close {});
        for answer in answers {
            answer.await?;
        }
        close.await
    }

    async fn keep_uploading(storage: Ref<Storage>, log: Arc<Mutex<Log>>) {
        loop {
            let si = StorageIndex(random());
            let [num, size] = random::<2>();
            let len = if size < 20 { 600_000 } else { usize::from(size) * 40 + 1 };
            log.lock().unwrap().tried.insert(si, (num, len));
            if upload(&storage, si, (num, len)).await.is_err() {
                return;
            }
            log.lock().unwrap().acknowledged.push(si);
        }
    }

    /// Uploads until the server is killed, after a random time.
    async fn one_life(dir: &Path, log: &Arc<Mutex<Log>>) {
        let mut server = start(dir);
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let storage = tub.get::<Storage>(&server.1).await.unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| actix_rt::spawn(keep_uploading(storage.clone(), log.clone())))
            .collect();
        let [milliseconds] = random::<1>();
        actix_rt::time::sleep(Duration::from_millis(u64::from(milliseconds) / 2)).await;
        server.0.kill().unwrap();
        for client in clients {
            client.await.unwrap();
        }
        assert!(storage.call(ListShares { si: StorageIndex([0; 16]) }).await.is_err());
        tub.shutdown();
    }

    fn inspect(dir: &Path, log: &Log) -> usize {
        let store = Store::open(config(&Disk::real(), dir)).unwrap();
        for (si, (num, len)) in &log.tried {
            let found = get(&store, *si, *num);
            assert!(found.is_none_or(|bytes| bytes == data(*num, *len)), "a partial share shows");
        }
        for si in &log.acknowledged {
            assert_eq!(store.list(si).unwrap().len(), 1, "an acknowledged share is lost");
        }
        store.shut_down();
        log.acknowledged.len()
    }

    #[test]
    fn a_server_killed_at_random_points_keeps_what_it_acknowledged() {
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("storage");
        let (kills, mut acknowledged) = (rounds(40, 200), 0);
        for _ in 0..kills {
            let log = Arc::new(Mutex::new(Log::default()));
            actix_rt::System::new().block_on(one_life(&dir, &log));
            acknowledged += inspect(&dir, &log.lock().unwrap());
        }
        assert!(acknowledged > 0);
        let seconds = started.elapsed().as_secs();
        println!(
            "promise 1: {kills} kills, {acknowledged} acknowledged, 0 lost, 0 partial, {seconds} s"
        );
    }
}
