//! Downloads where shares stand unevenly, links are lost and servers are busy.

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
use futures_util::StreamExt;
use std::time::Duration;
use tahoe::base::ShareNum;
use tahoe::grid::EncodingParams;

/// Puts shares of a file that `from` has at these places along the ring of `to`.
fn lay_out(from: &Grid, to: &Grid, si: tahoe::base::StorageIndex, places: &[(usize, u8)]) {
    let ring = to.pool.in_order(&si);
    for &(place, num) in places {
        let name = (si, ShareNum(num));
        let find =
            |server: &common::TestServer| server.disk.lock().unwrap().shares.get(&name).cloned();
        let bytes = from.servers.iter().find_map(find).unwrap();
        let server = to.servers.iter().find(|server| server.id == ring[place].id).unwrap();
        server.disk.lock().unwrap().shares.insert(name, bytes);
    }
}

#[actix::test]
async fn enough_shares_on_too_few_servers_do_not_stop_a_download() {
    let (from, data) = (grid(10), data(1, 300_000));
    let cap = from.put(&data).await;
    let si = cap.storage_index().unwrap();
    for further in [9, 11] {
        let to = grid(12);
        let near = (0..4).map(|num| (2, num));
        let far = (4..6).map(|num| (further, num));
        lay_out(&from, &to, si, &near.chain(far).collect::<Vec<_>>());
        let read = no_hang("a download from one near server", to.read(&cap)).await;
        assert_eq!(read.unwrap(), data, "the rest at {further}");
    }
}

/// Three servers with one share each, all of them needed.
fn brittle() -> Grid {
    grid_of(3, EncodingParams::new(3, 3, 3).unwrap())
}

/// Reads a file from three servers while `trouble` happens after the first piece.
async fn read_through(grid: &Grid, trouble: impl AsyncFnOnce()) {
    let data = data(2, 20_000_000);
    let cap = grid.put(&data).await;
    let file = grid.client.open(&cap).await.unwrap();
    let mut stream = file.read(0..data.len() as u64);
    let mut got = stream.next().await.unwrap().unwrap().to_vec();
    let rest = async {
        while let Some(piece) = stream.next().await {
            got.extend_from_slice(&piece.unwrap());
        }
    };
    no_hang("a read in trouble", async { tokio::join!(rest, trouble()) }).await;
    assert!(got == data);
}

#[actix::test]
async fn a_link_that_is_lost_and_comes_back_does_not_end_a_read() {
    let grid = brittle();
    read_through(&grid, async || {
        grid.kill(1);
        actix::clock::sleep(Duration::from_millis(40)).await;
        grid.reconnect(1);
    })
    .await;
}

#[actix::test]
async fn a_busy_server_is_asked_again() {
    let grid = brittle();
    read_through(&grid, async || {
        grid.set(1, Mode::BusyFor(3));
    })
    .await;
    let again = grid.put(&data(3, 1000)).await;
    grid.set(0, Mode::BusyFor(2));
    assert_eq!(grid.read(&again).await.unwrap(), data(3, 1000));
}
