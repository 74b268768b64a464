//! Uploads that meet servers which answer late or die.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::faults::Mode;
use common::{Grid, data, grid, grid_of, no_hang};
use std::time::Duration;
use tahoe::grid::{EncodingParams, Source, UploadError, UploadOptions, Uploaded};

/// Uploads while servers 0 to 2 are silent and 3 to 5 die before their share is there; the silent
/// ones speak when the others are dead.
async fn with_late_servers(
    grid: &Grid,
    source: Source,
    options: UploadOptions,
) -> Result<Uploaded, UploadError> {
    for index in 0..3 {
        grid.hang(index).set(3 + index, Mode::DieAfter(3));
    }
    let upload = grid.client.upload(source, options);
    let revival = async {
        while (3..6).any(|index| grid.servers[index].switch.get() != Mode::Dead) {
            actix::clock::sleep(Duration::from_millis(5)).await;
        }
        for index in 0..3 {
            grid.revive(index);
        }
    };
    no_hang("an upload with late servers", async { tokio::join!(upload, revival).0 }).await
}

#[actix::test]
async fn a_server_that_answers_late_replaces_one_that_died() {
    let grid = grid(10);
    let data = data(1, 400_000);
    let source = Source::bytes(data.clone());
    let uploaded = with_late_servers(&grid, source, UploadOptions::default()).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 7);
    assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
}

#[actix::test]
async fn spare_servers_replace_those_that_died() {
    let params = EncodingParams::new(3, 7, 10).unwrap();
    let data = data(2, 12_000_000);
    let first = grid_of(20, params);
    let si = first.put(&data).await.storage_index().unwrap();
    let grid = grid_of(20, params);
    for (index, _) in first.shares(si).into_iter().take(4) {
        grid.set(index, Mode::DieAfter(5));
    }
    let uploaded = no_hang("an upload with spare servers", grid.upload(&data)).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
    assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
}
