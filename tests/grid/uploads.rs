//! Uploads that meet servers which answer late, die, refuse leases, or sources that change.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tahoe::base::limits::EXPECT_TIME;
use tahoe::grid::source::ReadAt;
use tahoe::grid::{EncodingParams, Source, UploadError, UploadOptions, Uploaded};
use tahoe::storage::StoreError;
use tahoe_testing::faults::Mode;
use tahoe_testing::{Grid, data, grid, grid_of, no_hang};

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

#[actix::test]
async fn servers_that_are_being_dialled_are_waited_for() {
    let grid = grid(10);
    let servers = grid.pool.all();
    for server in &servers[3..] {
        grid.pool.remove(server);
        grid.pool.expect(server.id);
    }
    let data = data(3, 100_000);
    let arrival = async {
        for server in &servers[3..] {
            actix::clock::sleep(Duration::from_millis(20)).await;
            grid.pool.add((**server).clone());
        }
    };
    let upload = async { tokio::join!(grid.upload(&data), arrival).0 };
    let uploaded = no_hang("an upload while links come up", upload).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
}

#[actix::test]
async fn servers_that_do_not_come_are_waited_for_only_once() {
    let grid = grid(10);
    let servers = grid.pool.all();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for server in &servers[7..] {
        grid.pool.remove(server);
        grid.pool.expect(server.id);
    }
    grid.pool.gathered(7).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "there are enough");
    grid.pool.gathered(8).await;
    assert_eq!(began.elapsed().as_secs(), EXPECT_TIME.as_secs());
    grid.pool.gathered(8).await;
    assert_eq!(began.elapsed().as_secs(), EXPECT_TIME.as_secs(), "they are given up");
    grid.pool.expect(servers[7].id);
    grid.pool.add((*servers[7]).clone());
    grid.pool.gathered(9).await;
    assert_eq!(began.elapsed().as_secs(), EXPECT_TIME.as_secs(), "nobody else is on the way");
}

/// Other bytes after so many reads.
struct Changing(AtomicUsize);

impl ReadAt for Changing {
    fn read_exact_at(&self, buffer: &mut [u8], _: u64) -> io::Result<()> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        buffer.fill(left.is_err().into());
        Ok(())
    }
}

#[actix::test]
async fn a_second_pass_over_a_changed_file_closes_nothing() {
    let grid = grid(10);
    let source = Source::reader(Arc::new(Changing(AtomicUsize::new(1))), 400_000);
    let options = UploadOptions { random_key: true, ..UploadOptions::default() };
    let error = with_late_servers(&grid, source, options).await.unwrap_err();
    assert!(matches!(error, UploadError::Changed), "{error:?}");
    actix::clock::sleep(Duration::from_millis(50)).await;
    for server in &grid.servers[..6] {
        assert!(server.disk.lock().unwrap().shares.is_empty());
    }
}

/// A disk that fails.
fn broken() -> StoreError {
    StoreError::Disk(Arc::new(io::Error::other("as disks do")))
}

/// Uploads the same file again when four servers refuse leases.
async fn again_without_leases(why: StoreError, read_only: bool) -> Result<Uploaded, UploadError> {
    let grid = grid(10);
    let data = data(3, 1000);
    grid.put(&data).await;
    for server in &grid.servers[..4] {
        let mut disk = server.disk.lock().unwrap();
        disk.lease_refusal = Some(why.clone());
        disk.read_only = read_only;
    }
    grid.upload(&data).await
}

#[actix::test]
async fn shares_without_a_lease_do_not_count() {
    for why in [broken(), StoreError::NoSpace, StoreError::TooManyLeases] {
        let outcome = again_without_leases(why.clone(), false).await;
        assert!(matches!(outcome, Err(UploadError::Unhappy(_))), "{why}: {outcome:?}");
    }
}

#[actix::test]
async fn shares_on_a_read_only_server_count_as_they_are() {
    for why in [StoreError::NoSpace, StoreError::ReadOnly] {
        let uploaded = again_without_leases(why, true).await.unwrap();
        assert_eq!((uploaded.placed.happiness, uploaded.placed.pushed), (10, 0));
    }
    let outcome = again_without_leases(broken(), true).await;
    assert!(matches!(outcome, Err(UploadError::Unhappy(_))), "{outcome:?}");
}

#[actix::test]
async fn servers_say_how_full_they_are_unless_they_are_away() {
    let grid = grid(10);
    grid.put(&data(40, 300_000)).await;
    // What a server said a moment ago it may say again, on that link.
    for index in 2..10 {
        grid.reconnect(index);
    }
    grid.kill(0).hang(1);
    let spaces = grid.client.spaces().await;
    assert_eq!(spaces.len(), 8);
    assert!(spaces.values().all(|space| space.used > Some(100_000)), "{spaces:?}");
}

/// What was brought to all servers so far.
fn brought(grid: &Grid) -> u64 {
    grid.servers.iter().map(|server| server.disk.lock().unwrap().brought).sum()
}

#[actix::test]
async fn an_upload_that_was_cut_off_is_gone_on_with_where_it_was() {
    const SIZE: u64 = 12_000_000;
    let data = data(5, SIZE as usize);
    for quarters in 1..4 {
        let grid = grid(10);
        let all = SIZE * 10 / 3;
        // Some servers come no further for a while, as those of others do that are slower.
        let cut = async {
            while brought(&grid) < all * quarters / 4 {
                actix::clock::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = cut => {}
            _ = grid.upload(&data) => panic!("it was too quick to be cut"),
        }
        // As long as the servers take to see that nobody is there any more.
        actix::clock::sleep(Duration::from_millis(50)).await;
        let first = brought(&grid);
        let uploaded = no_hang("an upload that goes on", grid.upload(&data)).await.unwrap();
        assert_eq!((uploaded.placed.happiness, uploaded.placed.left_out), (10, 0));
        let again = (brought(&grid) - all.min(brought(&grid))) as f64 / all as f64;
        assert!(again < 0.1, "{again} was sent twice, of {first} that were there");
        assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
        let other = grid_of(10, EncodingParams::new(3, 7, 10).unwrap());
        assert_eq!(other.put(&data).await, uploaded.cap);
        for (server, as_whole) in grid.servers.iter().zip(&other.servers) {
            let [one, whole] = [server, as_whole].map(|server| server.disk.lock().unwrap());
            assert_eq!(one.shares.keys().len(), 1);
            assert!(one.shares == whole.shares, "the same shares, the same bytes");
        }
    }
}
