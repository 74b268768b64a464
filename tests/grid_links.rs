//! Uploads and downloads through real links to real storage servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::data;
use common::real::{RealGrid, real_grid, real_grid_on};
use std::num::NonZeroU32;
use std::time::Duration;
use tahoe::base::limits::{SHARE_STALL_TIME, WRITE_PIECE, WRITE_STALL_TIME};
use tahoe::grid::{DownloadError, EncodingParams, Source, UploadError, UploadOptions, Uploaded};
use tahoe::tub::{Faults, LoopbackNet};
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
    let other = common::client(&grid.pool, params());
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
    assert_eq!(error, DownloadError::NotEnoughShares { found: 2, needed: 3 });
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
    assert!(begun.elapsed() >= moving + SHARE_STALL_TIME);
    // What is under way when they stop still leaves this host; then the patience begins.
    assert!(begun.elapsed() <= moving + 2 * SHARE_STALL_TIME, "{:?}", begun.elapsed());
}
