//! Downloads where shares stand unevenly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{Grid, data, grid, no_hang};
use tahoe::base::ShareNum;

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
