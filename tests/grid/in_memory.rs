//! Uploads and downloads as their callers see them, on a grid in memory.

use futures_util::StreamExt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tahoe::cap::{Cap, FileCap};
use tahoe::grid::source::ReadAt;
use tahoe::grid::upload::{Trouble, Unhappy};
use tahoe::grid::{DownloadError, EncodingParams, Source, UploadError, UploadOptions};
use tahoe_testing::faults::{Mode, hostile};
use tahoe_testing::{SOON, data, grid, grid_of, until_within};

#[actix::test]
async fn files_of_every_size_come_back() {
    let grid = grid(10);
    for len in [0, 1, 55, 56, 57, 1000, 100_000, 1 << 20, (1 << 20) + 1, 3_000_001, 9_437_184] {
        let data = data(len as u64, len);
        let cap = grid.put(&data).await;
        assert_eq!(grid.read(&cap).await.unwrap(), data, "{len} bytes");
    }
}

#[actix::test]
async fn a_literal_needs_no_server() {
    let grid = grid(0);
    let cap = grid.put(b"short").await;
    assert!(matches!(cap, Cap::File(FileCap::Lit(_))));
    assert_eq!(grid.read(&cap).await.unwrap(), b"short"[..]);
}

#[actix::test]
async fn any_range_is_read_without_the_rest() {
    let grid = grid(10);
    let data = data(1, 5_000_000);
    let cap = grid.put(&data).await;
    let file = grid.client.open(&cap).await.unwrap();
    for (start, end) in [
        (0, 0),
        (0, 1),
        (1 << 20, (1 << 20) + 1),
        (999_999, 3_333_333),
        (4_999_999, 5_000_000),
        (5_000_000, 5_000_000),
    ] {
        let bytes = file.read_all(start as u64..end as u64).await.unwrap();
        assert!(bytes == data[start..end], "{start}..{end}");
    }
    let beyond = file.read_all(10..5_000_001).await;
    assert!(matches!(beyond, Err(DownloadError::Range { .. })));
}

#[actix::test]
async fn ten_servers_get_one_share_each() {
    let grid = grid(10);
    let uploaded = grid.upload(&data(2, 1000)).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
    assert_eq!(uploaded.placed.pushed, 10);
    let mut servers: Vec<usize> =
        grid.shares(uploaded.cap.storage_index().unwrap()).into_iter().map(|s| s.0).collect();
    servers.sort_unstable();
    assert_eq!(servers, (0..10).collect::<Vec<_>>());
}

#[actix::test]
async fn the_same_file_again_stores_nothing_and_gives_the_same_cap() {
    let grid = grid(10);
    let data = data(3, 3_000_000);
    let first = grid.upload(&data).await.unwrap();
    let second = grid.upload(&data).await.unwrap();
    assert_eq!(first.cap, second.cap);
    assert_eq!((second.placed.pushed, second.placed.preexisting), (0, 10));
}

#[actix::test]
async fn a_random_key_gives_another_cap_each_time() {
    let grid = grid(10);
    let options = || UploadOptions { random_key: true, ..UploadOptions::default() };
    let mut caps = Vec::new();
    for _ in 0..2 {
        caps.push(grid.client.upload(Source::bytes(data(4, 100)), options()).await.unwrap().cap);
    }
    assert_ne!(caps[0], caps[1]);
    for cap in caps {
        assert_eq!(grid.read(&cap).await.unwrap(), data(4, 100));
    }
}

#[actix::test]
async fn eight_clients_with_the_same_bytes_get_the_same_cap() {
    let grid = grid(10);
    let data = data(5, 2_500_000);
    let uploads = (0..8).map(|_| grid.upload(&data));
    let caps: Vec<Cap> = futures_util::future::join_all(uploads)
        .await
        .into_iter()
        .map(|uploaded| uploaded.unwrap().cap)
        .collect();
    assert!(caps.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(grid.shares(caps[0].storage_index().unwrap()).len(), 10);
}

#[actix::test]
async fn eight_gateways_with_the_same_bytes_get_the_same_cap() {
    let grid = grid(10);
    let data = data(6, 2_500_000);
    let params = grid.client.params();
    let clients: Vec<_> = (0..8).map(|_| tahoe_testing::client(&grid.pool, params)).collect();
    let uploads = clients
        .iter()
        .map(|client| client.upload(Source::bytes(data.clone()), UploadOptions::default()));
    let caps: Vec<Cap> = futures_util::future::join_all(uploads)
        .await
        .into_iter()
        .map(|uploaded| uploaded.unwrap().cap)
        .collect();
    assert!(caps.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(grid.shares(caps[0].storage_index().unwrap()).len(), 10);
    assert_eq!(grid.read(&caps[0]).await.unwrap(), data);
}

#[actix::test]
async fn too_few_servers_is_an_error_that_says_what_to_do() {
    let grid = grid(10);
    for index in 0..6 {
        grid.kill(index);
    }
    let error = grid.upload(&data(7, 1000)).await.unwrap_err();
    let UploadError::Unhappy(Unhappy { placed, happy, troubles, .. }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!((*placed, *happy), (4, 7));
    assert_eq!(troubles.iter().filter(|t| matches!(t, Trouble::Failed(_))).count(), 6);
    assert!(
        error
            .to_string()
            .starts_with("shares could be placed on only 4 servers, 7 wanted such that"),
        "{error}"
    );
}

#[actix::test]
async fn without_servers_the_error_says_so() {
    let grid = grid(0);
    assert!(matches!(grid.upload(&data(7, 1000)).await, Err(UploadError::NoServers)));
}

#[actix::test]
async fn a_hung_server_is_left_out() {
    let grid = grid(10);
    grid.hang(3);
    let data = data(8, 3_000_000);
    let uploaded = grid.upload(&data).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 9);
    assert_eq!(uploaded.placed.pushed, 10);
    assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
}

#[actix::test]
async fn servers_that_fail_in_mid_upload_cost_their_shares_only() {
    for mode in [Mode::DieAfter(5), Mode::HangAfter(5)] {
        let grid = grid(10);
        let data = data(9, 12_000_000);
        for index in [0, 4, 8] {
            grid.set(index, mode);
        }
        let uploaded = grid.upload(&data).await.unwrap();
        assert_eq!(uploaded.placed.happiness, 7, "{mode:?}");
        assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
    }
}

#[actix::test]
async fn an_upload_that_loses_too_many_servers_fails_and_stores_nothing() {
    let grid = grid(10);
    for index in 0..4 {
        grid.set(index, Mode::DieAfter(5));
    }
    let error = grid.upload(&data(10, 12_000_000)).await.unwrap_err();
    assert!(matches!(error, UploadError::Unhappy(_)), "{error:?}");
    actix::clock::sleep(Duration::from_millis(50)).await;
    for server in &grid.servers {
        assert!(server.disk.lock().unwrap().shares.is_empty());
    }
}

#[actix::test]
async fn full_and_read_only_servers_are_passed_over() {
    let grid = grid_of(12, EncodingParams::new(3, 7, 10).unwrap());
    grid.servers[0].disk.lock().unwrap().read_only = true;
    grid.servers[5].disk.lock().unwrap().room = Some(100);
    let uploaded = grid.upload(&data(11, 100_000)).await.unwrap();
    assert_eq!(uploaded.placed.happiness, 10);
    assert!(uploaded.placed.servers.iter().all(|s| s.nickname != "s0" && s.nickname != "s5"));
}

/// Gives other bytes when it is read for the second time.
struct Changing {
    reads: AtomicUsize,
    changes_after: usize,
}

impl ReadAt for Changing {
    fn read_exact_at(&self, buffer: &mut [u8], _: u64) -> io::Result<()> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        buffer.fill(if read >= self.changes_after { 1 } else { 0 });
        Ok(())
    }
}

#[actix::test]
async fn a_file_that_changes_between_the_passes_is_not_stored() {
    let grid = grid(10);
    let source = Changing { reads: AtomicUsize::new(0), changes_after: 10 };
    let source = Source::reader(Arc::new(source), 9 << 20);
    let error = grid.client.upload(source, UploadOptions::default()).await.unwrap_err();
    assert!(matches!(error, UploadError::Changed), "{error:?}");
    actix::clock::sleep(Duration::from_millis(50)).await;
    for server in &grid.servers {
        assert!(server.disk.lock().unwrap().shares.is_empty());
    }
}

#[actix::test]
async fn a_key_hashed_on_arrival_gives_the_same_cap() {
    let grid = grid(10);
    for len in [1 << 20, (1 << 20) + 5, 3_000_000] {
        let data = data(12, len);
        let mut hasher = grid.client.body_hasher().unwrap();
        data.chunks(70_000).for_each(|chunk| hasher.update(chunk));
        let options = UploadOptions { digest: Some(hasher.finish()), ..UploadOptions::default() };
        let early = grid.client.upload(Source::bytes(data.clone()), options).await.unwrap();
        assert_eq!(early.cap, grid.put(&data).await);
    }
}

#[actix::test]
async fn progress_reaches_the_end() {
    let grid = grid(10);
    let seen = tahoe_testing::shared(Vec::new());
    let log = Arc::clone(&seen);
    let options = UploadOptions {
        progress: Some(Arc::new(move |progress| log.lock().unwrap().push(*progress))),
        ..UploadOptions::default()
    };
    grid.client.upload(Source::bytes(data(13, 9_000_000)), options).await.unwrap();
    let seen = seen.lock().unwrap();
    let last = seen.last().unwrap();
    assert_eq!((last.done, last.total, last.servers), (9_000_000, 9_000_000, 10));
    assert!(seen.len() > 5);
}

#[actix::test]
async fn absent_shares_and_too_few_are_different_errors() {
    let grid = grid(10);
    let cap = grid.put(&data(14, 1000)).await;
    for index in 0..8 {
        grid.kill(index);
    }
    let error = grid.read(&cap).await.unwrap_err();
    assert_eq!(error, DownloadError::NotEnoughShares { found: 2, needed: 3 });
    let nowhere = tahoe_testing::grid(10);
    assert_eq!(nowhere.read(&cap).await.unwrap_err(), DownloadError::NoShares);
    assert_eq!(tahoe_testing::grid(0).read(&cap).await.unwrap_err(), DownloadError::NoServers);
}

#[actix::test]
async fn shares_of_a_later_version_are_incompatible() {
    let grid = grid(10);
    let cap = grid.put(&data(15, 1000)).await;
    for index in 0..10 {
        grid.corrupt(index, cap.storage_index().unwrap(), |share| share[3] = 9);
    }
    assert_eq!(grid.read(&cap).await.unwrap_err(), DownloadError::Incompatible { version: 9 });
}

#[actix::test]
async fn corrupt_shares_are_replaced() {
    let grid = grid(10);
    for seed in 0..5 {
        let data = data(seed, 4_000_000);
        let cap = grid.put(&data).await;
        for index in 0..7 {
            grid.corrupt(index, cap.storage_index().unwrap(), |share| share[800_000] ^= 1);
        }
        assert_eq!(grid.read(&cap).await.unwrap(), data);
    }
}

#[actix::test]
async fn servers_are_told_of_corrupt_shares() {
    let grid = grid(10);
    let cap = grid.put(&data(16, 4_000_000)).await;
    for index in 0..8 {
        grid.corrupt(index, cap.storage_index().unwrap(), |share| share[100] ^= 1);
    }
    let error = grid.read(&cap).await.unwrap_err();
    assert_eq!(error, DownloadError::NotEnoughShares { found: 2, needed: 3 });
    // No report is waited for.
    let reports = || (0..10).map(|index| grid.advisories(index)).collect::<Vec<_>>();
    until_within(SOON, || reports().iter().sum::<usize>() == 8).await;
    assert_eq!(reports(), [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
}

#[actix::test]
async fn servers_that_die_or_hang_in_mid_read_are_replaced() {
    for mode in [Mode::Dead, Mode::Hung] {
        let grid = grid(10);
        let data = data(17, 20_000_000);
        let cap = grid.put(&data).await;
        let file = grid.client.open(&cap).await.unwrap();
        let mut stream = file.read(0..20_000_000);
        let mut got = stream.next().await.unwrap().unwrap().to_vec();
        for index in 0..7 {
            grid.set(index, mode);
        }
        while let Some(piece) = stream.next().await {
            got.extend_from_slice(&piece.unwrap());
        }
        assert!(got == data, "{mode:?}");
    }
}

#[actix::test]
async fn a_reader_that_pauses_is_not_read_ahead_for() {
    let grid = grid(10);
    let cap = grid.put(&data(18, 40_000_000)).await;
    let file = grid.client.open(&cap).await.unwrap();
    let mut stream = file.read(0..40_000_000);
    stream.next().await.unwrap().unwrap();
    actix::clock::sleep(Duration::from_millis(300)).await;
    for index in 0..10 {
        grid.kill(index);
    }
    let mut bytes = 0;
    while let Some(Ok(piece)) = stream.next().await {
        bytes += piece.len();
    }
    assert!(bytes < 16_000_000, "{bytes} bytes were read ahead");
}

#[actix::test]
async fn every_lie_of_seven_servers_costs_time_only() {
    let other = grid(10).put(&data(20, 300_000)).await.storage_index().unwrap();
    // Those that are known to be near are asked for more at once.
    for (mode, known) in hostile(other).into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        let grid = grid(10);
        grid.put(&data(20, 300_000)).await;
        let data = data(19, 300_000);
        let cap = grid.put(&data).await;
        if known {
            assert_eq!(grid.read(&cap).await.unwrap(), data);
        }
        for index in 0..7 {
            grid.set(index, mode);
        }
        assert_eq!(grid.read(&cap).await.unwrap(), data, "{mode:?}");
    }
}

#[actix::test]
async fn few_servers_get_several_shares_each_and_give_the_file_back() {
    for (servers, k, happy) in [(1, 1, 1), (2, 2, 2), (3, 3, 3), (5, 3, 4)] {
        let grid = grid_of(servers, EncodingParams::new(k, happy, 10).unwrap());
        let data = data(21, 1_500_000);
        let uploaded = grid.upload(&data).await.unwrap();
        assert_eq!(uploaded.placed.happiness, servers);
        assert_eq!(uploaded.placed.pushed, 10);
        assert_eq!(grid.read(&uploaded.cap).await.unwrap(), data);
    }
}

#[actix::test]
async fn a_cap_with_an_absurd_size_is_an_error_and_costs_no_memory() {
    let grid = grid(10);
    let cap = grid.put(&data(22, 1000)).await.reveal();
    let (head, _) = cap.rsplit_once(':').unwrap();
    for size in ["0", "1", "999", "1001", "18446744073709551615", "1099511627776"] {
        let cap = Cap::parse(&format!("{head}:{size}")).unwrap();
        assert!(grid.read(&cap).await.is_err(), "{size}");
    }
}
