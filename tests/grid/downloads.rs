//! Downloads where shares stand unevenly, links are lost and servers are busy.

use futures_util::StreamExt;
use std::time::Duration;
use tahoe::base::ShareNum;
use tahoe::cap::Cap;
use tahoe::grid::{DownloadError, EncodingParams};
use tahoe_testing::faults::Mode;
use tahoe_testing::{Grid, data, grid, grid_of, impatient, no_hang};

/// Puts shares of a file that `from` has at these places along the ring of `to`.
fn lay_out(from: &Grid, to: &Grid, si: tahoe::base::StorageIndex, places: &[(usize, u8)]) {
    let ring = to.pool.in_order(&si);
    for &(place, num) in places {
        let name = (si, ShareNum(num));
        let find = |server: &tahoe_testing::TestServer| {
            server.disk.lock().unwrap().shares.get(&name).cloned()
        };
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

#[actix::test]
async fn a_cap_whose_numbers_were_copied_wrongly_is_told_from_shares_that_are_away() {
    let grid = grid(10);
    let stored = data(3, 300_000);
    let cap = grid.put(&stored).await;
    let text = cap.reveal();
    let stem = text.strip_suffix(":3:10:300000").unwrap();
    let with = |numbers: &str| Cap::parse(&format!("{stem}:{numbers}")).unwrap();
    for numbers in ["3:10:300001", "3:10:3000000", "3:10:30000", "2:10:300000"] {
        let read = no_hang(numbers, grid.read(&with(numbers))).await.map(|bytes| bytes.len());
        assert_eq!(read, Err(DownloadError::Contradiction), "{numbers}");
    }
    // How many shares there are in all matters to nobody who has enough of them.
    assert!(grid.read(&with("3:9:300000")).await.unwrap() == stored);
    let accused: usize = (0..10).map(|index| grid.advisories(index)).sum();
    assert_eq!(accused, 0, "no server is at fault");
    for index in 0..8 {
        grid.kill(index);
    }
    let away = grid.read(&cap).await.unwrap_err();
    assert!(matches!(away, DownloadError::NotEnoughShares { .. }), "{away}");
}

/// Servers that were asked for a file's shares while it was read, and how long that took. The clock
/// stands still while anybody works.
async fn asked(grid: &Grid, cap: &Cap) -> (usize, Duration) {
    let opened =
        || -> usize { grid.servers.iter().map(|server| server.disk.lock().unwrap().opened).sum() };
    let (before, began) = (opened(), tokio::time::Instant::now());
    grid.read(cap).await.unwrap();
    let took = began.elapsed();
    // What was asked in vain is given up with the file.
    tokio::time::sleep(Duration::from_millis(1)).await;
    (opened() - before, took)
}

#[actix::test]
async fn servers_that_answer_soon_are_asked_for_no_share_too_many() {
    tokio::time::pause();
    let grid = grid(10);
    let cap = grid.put(&data(4, 10_000)).await;
    assert_eq!(
        asked(&grid, &cap).await,
        (3, Duration::ZERO),
        "the upload told how soon they answer"
    );
    let strange = tahoe_testing::grid(10);
    for (known, server) in grid.servers.iter().zip(&strange.servers) {
        server.disk.lock().unwrap().shares.clone_from(&known.disk.lock().unwrap().shares);
    }
    assert_eq!(asked(&strange, &cap).await.0, 4, "while nothing is known of them");
}

#[actix::test]
async fn a_server_that_begins_to_hang_is_waited_for_once() {
    tokio::time::pause();
    let grid = grid(10);
    let cap = grid.put(&data(5, 10_000)).await;
    for _ in 0..2 {
        asked(&grid, &cap).await;
    }
    let first = grid.pool.in_order(&cap.storage_index().unwrap())[0].id;
    grid.hang(grid.servers.iter().position(|server| server.id == first).unwrap());
    let spare = impatient().spare;
    let (_, took) = asked(&grid, &cap).await;
    assert!(took >= spare && took < 2 * spare, "{took:?}");
    let (_, took) = asked(&grid, &cap).await;
    assert_eq!(took, Duration::ZERO, "a spare one is asked at once");
}

#[actix::test]
async fn older_servers_are_asked_as_they_know_it() {
    let grid = grid(10);
    let data = data(6, 3_000_000);
    let cap = grid.put(&data).await;
    for index in 0..10 {
        grid.set(index, Mode::Older);
    }
    for _ in 0..2 {
        assert!(grid.read(&cap).await.unwrap() == data);
    }
}
