//! A storage server and time: when it collects leases, by which clock it dates them, how long an upload
//! may stand still, and how long things take.

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tahoe::base::ShareNum;
use tahoe::base::hash::blake2b;
use tahoe::base::limits::{COLLECT_AFTER, COLLECT_EVERY, LEASE_SECONDS, UPLOAD_IDLE_TIME};
use tahoe::base::system::Clock;
use tahoe::disk::Disk;
use tahoe::disk::jobs::Jobs;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::api::{GetClock, Storage};
use tahoe::storage::{
    Expiry, LeaseAge, ServerOptions, Session, SessionKey, Sessions, ShareStore, StorageServer,
    Store, StoreConfig, StoreError,
};
use tahoe::tub::Ref;
use tahoe_testing::store::{NOW, config, data, get, open, put, put_whole, request, secrets, si};

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

fn key(secret: &[u8]) -> SessionKey {
    SessionKey { si: si(1), num: ShareNum(0), size: 10, secret: blake2b(secret) }
}

/// A store with one upload of ten bytes under way.
fn begun() -> (Arc<Store>, Session) {
    let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"));
    assert!(store.wait_indexed(Duration::from_secs(60)));
    let ask = request(si(1), &[0], 10, 1);
    let granted = ShareStore::allocate(store.clone(), &ask, None).unwrap();
    let upload = granted.uploads.into_iter().next().unwrap().1;
    (store, Session::start(Jobs::default(), upload, UPLOAD_IDLE_TIME))
}

#[test]
fn whoever_shows_the_secret_of_an_upload_goes_on_with_it_and_nobody_else() {
    run_without_time(async {
        let (store, session) = begun();
        let sessions = Sessions::default();
        sessions.keep(key(b"secret"), session.clone());
        session.write(0, Bytes::from_static(b"01234")).await.unwrap();
        // What brought the first half is gone.
        drop(session);
        assert!(sessions.find(&key(b"another")).is_none());
        let elsewhere = SessionKey { num: ShareNum(1), ..key(b"secret") };
        assert!(sessions.find(&elsewhere).is_none());
        assert!(sessions.find(&SessionKey { size: 11, ..key(b"secret") }).is_none());
        let later = sessions.find(&key(b"secret")).unwrap();
        let (write, close) = (later.write(5, Bytes::from_static(b"56789")), later.close());
        assert!(close.await.is_ok() && write.await.is_ok());
        assert_eq!(get(&store, si(1), 0).unwrap(), b"0123456789");
        assert!(sessions.find(&key(b"secret")).is_none(), "it is over");
        assert!(matches!(later.close().await, Err(StoreError::Ended)));
    });
}

#[test]
fn an_upload_that_no_secret_leads_to_ends_with_its_last_handle() {
    run_without_time(async {
        let (store, session) = begun();
        let other = session.clone();
        drop(session);
        other.write(0, Bytes::from_static(b"01234")).await.unwrap();
        assert!(store.space().allocated > 0);
        drop(other);
        hours_until(|| store.space().allocated == 0).await;
    });
}

#[test]
fn an_upload_that_stands_still_ends_though_a_secret_leads_to_it() {
    run_without_time(async {
        let (store, session) = begun();
        let sessions = Sessions::default();
        sessions.keep(key(b"secret"), session);
        tokio::time::sleep(UPLOAD_IDLE_TIME / 2).await;
        let session = sessions.find(&key(b"secret")).unwrap();
        session.write(0, Bytes::from_static(b"0")).await.unwrap();
        drop(session);
        tokio::time::sleep(UPLOAD_IDLE_TIME * 3 / 4).await;
        assert!(sessions.find(&key(b"secret")).is_some(), "it came forward");
        tokio::time::sleep(UPLOAD_IDLE_TIME / 2).await;
        assert!(sessions.find(&key(b"secret")).is_none());
        hours_until(|| store.space().allocated == 0).await;
    });
}

#[test]
fn what_is_done_is_counted_and_timed_by_its_kind() {
    let store = open(&Disk::new(Arc::new(MemoryDisk::new())), Path::new("/storage"));
    assert!(store.latencies().is_empty());
    put(&store, si(1), 0, &data(1, 900), 1).unwrap();
    put_whole(&store, si(1), 1, &data(2, 900), 1).unwrap();
    assert!(get(&store, si(1), 0).is_some() && get(&store, si(2), 0).is_none());
    store.add_lease(&si(1), &secrets(2)).unwrap();
    store.renew(&si(1), &blake2b(&[2; 32])).unwrap();
    store.cancel(&si(1), &blake2b(&[!2; 32])).unwrap();
    store.cancel(&si(1), &blake2b(&[!3; 32])).unwrap_err();
    let told = store.latencies();
    let counts: Vec<_> = told.iter().map(|one| (one.operation, one.count)).collect();
    let wanted = [
        ("allocate", 2),
        ("write", 3),
        ("close", 2),
        ("read", 1),
        ("get", 2),
        ("add-lease", 1),
        ("renew", 1),
        ("cancel", 2),
    ];
    assert_eq!(counts, wanted);
    for latency in told {
        assert_eq!(latency.samples as u64, latency.count, "{latency:?}");
        assert_eq!(latency.mean.is_some(), latency.samples > 1, "{latency:?}");
        assert!(latency.percentiles.iter().all(|(_, time)| time.is_none()), "{latency:?}");
    }
}
