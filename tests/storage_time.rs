//! A storage server and time: when it collects leases, and by which clock it dates them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod storage_help;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storage_help::{NOW, config, get, open, put, si};
use tahoe::base::limits::{COLLECT_AFTER, COLLECT_EVERY, LEASE_SECONDS};
use tahoe::base::rim::Clock;
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::api::{GetClock, Storage};
use tahoe::storage::{Expiry, LeaseAge, ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::Ref;

fn serve(store: &Arc<Store>) -> Ref<Storage> {
    StorageServer::start(store.clone(), ServerOptions::default()).0
}

/// A test with timers that are over at once.
fn run_without_time(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(async {
        tokio::time::pause();
        test.await;
    });
}

async fn hours_until(mut done: impl FnMut() -> bool) {
    for _ in 0..100 {
        if done() {
            return;
        }
        actix_rt::time::sleep(Duration::from_secs(3600)).await;
    }
    panic!("it never happens");
}

#[test]
fn leases_that_ended_are_collected_twice_a_day_when_they_were_found_so_a_day_before() {
    run_without_time(async {
        let clock = Clock::manual(NOW);
        let disk = Disk::new(Arc::new(MemoryDisk::new()));
        let config = StoreConfig { clock: clock.clone(), ..config(&disk, Path::new("/storage")) };
        let store = Store::open(config).unwrap();
        assert!(store.wait_indexed(Duration::from_secs(60)));
        put(&store, si(1), 0, b"old", 1).unwrap();
        clock.advance(LEASE_SECONDS + 24 * 3600);
        let expiry = Some(Expiry::of(LeaseAge::NATURAL));
        let options = ServerOptions { expiry, ..ServerOptions::default() };
        let (server, _) = StorageServer::start(store.clone(), options);
        let started = tokio::time::Instant::now();
        let hours_until = async |shares: u64| {
            hours_until(|| {
                clock.advance(3600);
                store.collected().is_some_and(|run| run.shares == shares)
            })
            .await;
        };
        hours_until(0).await;
        assert!(started.elapsed() >= COLLECT_AFTER);
        assert!(get(&store, si(1), 0).is_some());
        hours_until(1).await;
        assert!(started.elapsed() >= COLLECT_AFTER + 2 * COLLECT_EVERY);
        assert!(get(&store, si(1), 0).is_none());
        drop(server);
    });
}

#[test]
fn leases_are_collected_only_if_that_is_asked_for() {
    run_without_time(async {
        let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"));
        let server = serve(&store);
        actix_rt::time::sleep(10 * (COLLECT_AFTER + COLLECT_EVERY)).await;
        assert_eq!(store.collected(), None);
        drop(server);
    });
}

#[test]
fn a_server_says_by_which_time_it_dates_leases() {
    run_without_time(async {
        let clock = Clock::manual(NOW);
        let disk = Disk::new(Arc::new(MemoryDisk::new()));
        let config = StoreConfig { clock: clock.clone(), ..config(&disk, Path::new("/storage")) };
        let server = serve(&Store::open(config).unwrap());
        assert_eq!(server.call(GetClock {}).await.unwrap(), NOW);
        clock.advance(1000);
        assert_eq!(server.call(GetClock {}).await.unwrap(), NOW + 1000);
        clock.set(NOW - 50 * 24 * 3600);
        assert_eq!(server.call(GetClock {}).await.unwrap(), NOW + 1000, "leases are not cut short");
    });
}
