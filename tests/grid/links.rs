//! Uploads and downloads through real links to real storage servers.

use futures_util::future::join;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tahoe::base::limits::{
    HANDSHAKE_TIME, OPEN_HEAD_MAX, PONG_TIME, SHARE_RATE_MIN, SHARE_READ_TIME, SHARE_READ_TIME_MAX,
    SHARE_STALL_TIME, UPLOAD_OUTAGE_TIME, WRITE_PIECE, WRITE_STALL_TIME,
};
use tahoe::cap::Cap;
use tahoe::grid::{
    DownloadError, EncodingParams, Server, ServerPool, Source, UploadError, UploadOptions, Uploaded,
};
use tahoe::storage::api::{OpenBucket, Storage};
use tahoe::tub::{Faults, LoopbackNet};
use tahoe_testing::faults::{Mode, Switch, faulty};
use tahoe_testing::memory::{MemoryServer, SharedDisk};
use tahoe_testing::real::{CLIENT, RealGrid, real_grid, real_grid_on};
use tahoe_testing::{client, data, tub_on};
use tokio::time::Instant;

fn params() -> EncodingParams {
    EncodingParams::default()
}

#[actix::test]
async fn files_come_back_through_links_and_disks() {
    let grid = real_grid(10, params()).await;
    for len in [56, 1000, 100_000, 1_500_000, 9_000_001] {
        let data = data(len as u64, len);
        let uploaded = grid.upload(&data).await.unwrap();
        assert_eq!(uploaded.placed.happiness, 10);
        assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data, "{len} bytes");
    }
}

#[actix::test]
async fn an_upload_twice_finds_its_shares() {
    let grid = real_grid(10, params()).await;
    let data = data(1, 200_000);
    let first = grid.upload(&data).await.unwrap();
    let again = grid.upload(&data).await.unwrap();
    assert_eq!(first.cap, again.cap);
    assert_eq!((again.placed.pushed, again.placed.preexisting), (0, 10));
}

#[actix::test]
async fn two_clients_at_once_get_one_set_of_shares() {
    let grid = real_grid(10, params()).await;
    let data = data(2, 3_000_000);
    let other = tahoe_testing::client(&grid.pool, params());
    let source = || tahoe::grid::Source::bytes(data.clone());
    let (first, second) = futures_util::future::join(
        grid.client.upload(source(), Default::default()),
        other.upload(source(), Default::default()),
    )
    .await;
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.cap, second.cap);
    assert_eq!(first.placed.pushed + second.placed.pushed, 10);
    assert_eq!(grid.read(&first.cap).await.unwrap(), data);
}

#[actix::test]
async fn three_of_ten_suffice_whether_the_others_are_dead_or_hung() {
    let grid = real_grid(10, params()).await;
    let data = data(3, 5_000_000);
    let cap = grid.upload(&data).await.unwrap().cap;
    for index in 0..4 {
        grid.kill(index);
    }
    for index in 4..7 {
        grid.hang(index);
    }
    assert_eq!(grid.read(&cap).await.unwrap(), data);
    grid.hang(7);
    let error = grid.read(&cap).await.unwrap_err();
    // Four are away for good, as far as is known, and four may come back.
    assert_eq!(error, DownloadError::NotNow { found: 2, needed: 3, away: 4 });
}

#[actix::test]
async fn an_upload_to_too_few_servers_leaves_nothing_half_written() {
    let grid = real_grid(10, params()).await;
    for index in 0..4 {
        grid.kill(index);
    }
    let data = data(4, 2_000_000);
    let error = grid.upload(&data).await.unwrap_err();
    assert!(matches!(error, UploadError::Unhappy(_)), "{error}");
    for index in 0..4 {
        grid.revive(index).await;
    }
    let uploaded = grid.upload(&data).await.unwrap();
    assert_eq!((uploaded.placed.pushed, uploaded.placed.happiness), (10, 10));
}

/// Bytes a second to each server: ten of these are an uplink of 1.3 Mbit/s.
const SLOW: u32 = 16_000;

/// Ten servers behind slow links, on a clock that jumps from event to event.
async fn slow_grid() -> RealGrid {
    let net = LoopbackNet::default();
    net.set_faults(Faults { rate: NonZeroU32::new(SLOW), ..Faults::default() });
    tokio::time::pause();
    real_grid_on(net, 10, params()).await
}

/// Uploads with the waiting times of a real node.
async fn patient_upload(grid: &RealGrid, data: &[u8]) -> Result<Uploaded, UploadError> {
    let source = Source::bytes(data.to_vec());
    grid.patient().upload(source, UploadOptions::default()).await
}

#[actix::test]
async fn an_upload_over_slow_links_takes_the_time_that_it_needs() {
    let grid = slow_grid().await;
    let data = data(5, 6_000_000);
    let begun = Instant::now();
    let uploaded = patient_upload(&grid, &data).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
    // Longer than any patience, for one write as for all of them.
    let one_write = Duration::from_secs(WRITE_PIECE as u64 / u64::from(SLOW));
    assert!(one_write > SHARE_STALL_TIME && begun.elapsed() > 2 * WRITE_STALL_TIME);
    grid.net.set_faults(Faults::default());
    for index in 0..10 {
        grid.kill(index);
        grid.revive(index).await;
    }
    assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
}

#[actix::test]
async fn an_upload_over_links_that_stand_still_ends_in_time() {
    let grid = slow_grid().await;
    let data = data(6, 6_000_000);
    let (begun, moving) = (Instant::now(), Duration::from_secs(60));
    let stop = async {
        tokio::time::sleep(moving).await;
        (0..4).for_each(|index| grid.hang(index));
    };
    let (outcome, ()) = tokio::join!(patient_upload(&grid, &data), stop);
    assert!(matches!(outcome, Err(UploadError::Unhappy(_))), "{outcome:?}");
    // They are silent while others are heard, so their links are dead.
    assert!(begun.elapsed() >= moving + PONG_TIME, "{:?}", begun.elapsed());
    assert!(begun.elapsed() <= moving + SHARE_STALL_TIME, "{:?}", begun.elapsed());
}

/// The same servers behind links of so many bytes a second.
async fn relink(grid: &RealGrid, rate: u32) {
    grid.net.set_faults(Faults { rate: NonZeroU32::new(rate), ..Faults::default() });
    for index in 0..grid.servers.len() {
        grid.kill(index);
        grid.revive(index).await;
    }
}

#[actix::test]
async fn servers_that_take_a_byte_now_and_then_are_given_up() {
    let grid = real_grid(10, params()).await;
    tokio::time::pause();
    relink(&grid, SHARE_RATE_MIN as u32 / 2).await;
    let begun = Instant::now();
    // Longer than what the links take at once and what is encoded ahead, so no close waits yet.
    let outcome = patient_upload(&grid, &data(10, 12_000_000)).await;
    assert!(matches!(outcome, Err(UploadError::Unhappy(_))), "{outcome:?}");
    assert!(begun.elapsed() <= 3 * SHARE_STALL_TIME, "{:?}", begun.elapsed());
}

/// Reads with the waiting times of a real node; also how long it took.
async fn patient_read(grid: &RealGrid, cap: &Cap) -> (Result<Vec<u8>, DownloadError>, Duration) {
    let begun = Instant::now();
    let read = async {
        let file = grid.patient().open(cap).await?;
        Ok(file.read_all(0..file.size()).await?.to_vec())
    };
    (read.await, begun.elapsed())
}

#[actix::test]
async fn a_download_over_slow_links_takes_the_time_that_it_needs() {
    let grid = real_grid(10, params()).await;
    let data = data(7, 4_000_000);
    let cap = grid.upload(&data).await.unwrap().cap;
    tokio::time::pause();
    relink(&grid, SLOW).await;
    let (read, took) = patient_read(&grid, &cap).await;
    assert!(read.unwrap() == data);
    // A third of it from each of three servers, in answers some of which took longer than a stall.
    assert!(took > 2 * SHARE_READ_TIME, "{took:?}");
}

#[actix::test]
async fn a_download_over_links_that_stand_still_ends_in_time() {
    let grid = real_grid(10, params()).await;
    let cap = grid.upload(&data(8, 4_000_000)).await.unwrap().cap;
    tokio::time::pause();
    relink(&grid, SLOW).await;
    let moving = Duration::from_secs(20);
    let stop = async {
        tokio::time::sleep(moving).await;
        (0..8).for_each(|index| grid.hang(index));
    };
    let ((read, took), ()) = tokio::join!(patient_read(&grid, &cap), stop);
    let error = read.unwrap_err();
    assert!(matches!(error, DownloadError::NotNow { found: 2, needed: 3, .. }), "{error:?}");
    assert!(took > moving && took <= moving + 3 * SHARE_READ_TIME, "{took:?}");
}

#[actix::test]
async fn servers_that_dribble_are_given_up_and_slow_ones_are_not() {
    let grid = real_grid(10, params()).await;
    let data = data(9, 200_000);
    let cap = grid.upload(&data).await.unwrap().cap;
    tokio::time::pause();
    relink(&grid, SHARE_RATE_MIN as u32 * 2).await;
    let (read, took) = patient_read(&grid, &cap).await;
    assert!(read.unwrap() == data && took > 2 * SHARE_READ_TIME, "{took:?}");
    relink(&grid, SHARE_RATE_MIN as u32 / 2).await;
    let (read, took) = patient_read(&grid, &cap).await;
    assert!(matches!(read, Err(DownloadError::NotNow { .. })), "{read:?}");
    // Ten servers, three at a time. What is asked waits for the handshakes of further streams.
    assert!(took <= 4 * SHARE_READ_TIME + HANDSHAKE_TIME, "{took:?}");
}

#[actix::test]
async fn a_server_that_answers_everything_but_one_read_is_given_up_at_last() {
    tokio::time::pause();
    let net = LoopbackNet::default();
    let (disk, switch) = (SharedDisk::default(), Switch::default());
    let (host, guest) = (tub_on(&net.at("host")), tub_on(&net.at(CLIENT)));
    host.listen_loopback("host").unwrap();
    let furl = host.register(faulty(MemoryServer::start(&disk), &switch), None);
    let storage = guest.get::<Storage>(&furl).await.unwrap();
    // What it answers well is on the same link.
    let honest = host.register(MemoryServer::start(&disk), None);
    let honest = guest.get::<Storage>(&honest).await.unwrap();
    let (id, nickname) = (furl.tub().into(), "host".to_owned());
    let pool = ServerPool::new();
    pool.add(Server::new((id, nickname), (vec![1; 32], [1; 20]), storage));
    let client = client(&pool, EncodingParams::new(1, 1, 1).unwrap());
    let source = Source::bytes(data(10, 100_000));
    let cap = client.upload(source, UploadOptions::default()).await.unwrap().cap;
    switch.set(Mode::HangingReads);
    let (si, head) = (cap.storage_index().unwrap(), OPEN_HEAD_MAX);
    let busy = async {
        loop {
            honest.call(OpenBucket { si, head }).await.unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    let begun = Instant::now();
    let outcome = tokio::select! {
        outcome = client.open(&cap) => outcome.map(|_| ()),
        () = busy => unreachable!("it goes on for ever"),
    };
    assert_eq!(outcome.unwrap_err(), DownloadError::NotNow { found: 0, needed: 1, away: 1 });
    let most = SHARE_READ_TIME + SHARE_READ_TIME_MAX;
    assert!((most..most + SHARE_READ_TIME).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

/// All links to servers are lost at once.
fn lose_servers(grid: &RealGrid) {
    for index in 0..grid.servers.len() {
        grid.kill(index);
    }
    for server in grid.pool.all() {
        grid.pool.remove(&server);
    }
}

/// The same of all links.
fn break_line(grid: &RealGrid) {
    grid.pool.introducer_is(false);
    lose_servers(grid);
}

async fn mend_line(grid: &RealGrid) {
    for index in 0..grid.servers.len() {
        grid.revive(index).await;
    }
    grid.pool.introducer_is(true);
}

#[actix::test]
async fn an_upload_goes_on_where_it_was_when_the_line_is_back() {
    let grid = real_grid(10, params()).await;
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    grid.net.observe(move |arrival| {
        if arrival.from == CLIENT {
            count.fetch_add(arrival.bytes.len() as u64, Relaxed);
        }
    });
    tokio::time::pause();
    relink(&grid, 200_000).await;
    grid.pool.introducer_is(true);
    // Ten shares of 2 MB.
    let data = data(12, 6_000_000);
    let breaks = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            break_line(&grid);
            tokio::time::sleep(Duration::from_secs(25)).await;
            mend_line(&grid).await;
        }
    };
    let (uploaded, ()) = join(patient_upload(&grid, &data), breaks).await;
    let uploaded = uploaded.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
    let shares = 20_000_000;
    assert!(sent.load(Relaxed) < shares + shares / 4, "{sent:?}: most is sent once");
    assert!(grid.read(&uploaded.cap).await.unwrap() == data);
}

/// An upload over slow links in whose middle something breaks for good: it fails, after how long.
async fn broken_upload(breaks: fn(&RealGrid)) -> Duration {
    let grid = real_grid(10, params()).await;
    tokio::time::pause();
    relink(&grid, 200_000).await;
    grid.pool.introducer_is(true);
    let data = data(13, 6_000_000);
    let broken = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        breaks(&grid);
        Instant::now()
    };
    let (outcome, since) = join(patient_upload(&grid, &data), broken).await;
    assert!(
        matches!(outcome, Err(UploadError::Unhappy(_) | UploadError::NoServers)),
        "{outcome:?}"
    );
    since.elapsed()
}

#[actix::test]
async fn an_upload_ends_when_the_line_stays_away() {
    let took = broken_upload(break_line).await;
    assert!(took >= UPLOAD_OUTAGE_TIME && took < UPLOAD_OUTAGE_TIME * 2, "{took:?}");
}

#[actix::test]
async fn an_upload_does_not_wait_for_servers_that_stopped() {
    let took = broken_upload(lose_servers).await;
    assert!(took < UPLOAD_OUTAGE_TIME, "{took:?}");
}
