//! One server that answers nothing, or not everything, costs the first operation a small multiple of
//! what the others take, and those of the next minutes nothing.
//!
//! Links have a latency and time is virtual, so every figure here is exact.

use std::num::NonZeroU32;
use std::time::Duration;
use tahoe::base::hash;
use tahoe::base::limits::{FIND_TIME, JITTER_TIME, LATE_TIME, UPLOAD_SETTLE_TIME};
use tahoe::cap::Cap;
use tahoe::grid::upload::Placement;
use tahoe::grid::{
    Client, DownloadError, EncodingParams, Server, ServerPool, Source, Standing, UploadOptions,
};
use tahoe::storage::api::Storage;
use tahoe::tub::{Faults, LoopbackNet, Tub};
use tahoe_testing::faults::{Mode, Switch, faulty};
use tahoe_testing::memory::{MemoryServer, SharedDisk};
use tahoe_testing::real::CLIENT;
use tahoe_testing::{client, data, tub_on};
use tokio::time::Instant;

const ROUND_TRIP: Duration = Duration::from_millis(30);
const SMALL: usize = 5_000;
const LARGE: usize = 4_000_000;

/// Servers with switches behind links, and a client with the waiting times of a real node.
struct FarGrid {
    net: LoopbackNet,
    switches: Vec<Switch>,
    hosts: Vec<Tub>,
    guest: Tub,
    client: Client,
    stored: u64,
}

impl FarGrid {
    async fn of(count: usize) -> Self {
        let net = LoopbackNet::default();
        let guest = tub_on(&net.at(CLIENT));
        let client = client(&ServerPool::new(), EncodingParams::default());
        let (switches, hosts) = (Vec::new(), Vec::new());
        let mut grid = Self { net, switches, hosts, guest, client, stored: 0 };
        for _ in 0..count {
            grid.add(None).await;
        }
        grid
    }

    /// One more server, behind a link of so many bytes a second.
    async fn add(&mut self, rate: Option<u32>) {
        let (disk, switch) = (SharedDisk::default(), Switch::default());
        let name = format!("s{}", self.hosts.len());
        let host = tub_on(&self.net.at(&name));
        host.listen_loopback(&name).unwrap();
        let latency = ROUND_TRIP / 2;
        let rate = rate.and_then(NonZeroU32::new);
        self.net.set_faults(Faults { latency, rate, ..Faults::default() });
        let furl = host.register(faulty(MemoryServer::start(&disk), &switch), None);
        let place = hash::sha256(name.as_bytes());
        let seeds = (place.to_vec(), hash::truncated(place));
        let storage = self.guest.get::<Storage>(&furl).await.unwrap();
        self.client.pool().add(Server::new((furl.tub().into(), name), seeds, storage));
        self.hosts.push(host);
        self.switches.push(switch);
    }

    /// Servers behind links of so many bytes a second.
    async fn with_rates(rates: &[u32]) -> Self {
        let mut grid = Self::of(0).await;
        for rate in rates {
            grid.add(Some(*rate)).await;
        }
        grid
    }

    async fn put(&self, bytes: &[u8]) -> (Cap, Placement, Duration) {
        let began = Instant::now();
        let source = Source::bytes(bytes.to_vec());
        let uploaded = self.client.upload(source, UploadOptions::default()).await.unwrap();
        (uploaded.cap, uploaded.placed, began.elapsed())
    }

    /// Stores a file that nobody has.
    async fn put_new(&mut self, len: usize) -> (Placement, Duration) {
        self.stored += 1;
        let (_, placed, took) = self.put(&data(self.stored, len)).await;
        assert!(placed.happiness >= 7);
        (placed, took)
    }

    async fn read(&self, cap: &Cap) -> (Result<usize, DownloadError>, Duration) {
        let began = Instant::now();
        let read = async {
            let file = self.client.open(cap).await?;
            Ok(file.read_all(0..file.size()).await?.len())
        };
        (read.await, began.elapsed())
    }

    async fn check(&self, cap: &Cap, add_lease: bool) -> (usize, Duration) {
        let began = Instant::now();
        let checked = self.client.check(cap, add_lease).await.unwrap();
        (checked.good(), began.elapsed())
    }
}

impl Drop for FarGrid {
    fn drop(&mut self) {
        self.hosts.iter().chain([&self.guest]).for_each(Tub::shutdown);
    }
}

/// The promise: `second` and all later ones take at most half as long again as `usual`.
fn assert_next_to_nothing(what: &str, second: Duration, usual: Duration) {
    assert!(second <= usual * 3 / 2, "{what}: {second:?} instead of {usual:?}");
}

/// Uploads of new files beside a server that never answers calls of one kind.
async fn uploads_beside(deaf_to: &'static str, len: usize) {
    let mut grid = FarGrid::of(10).await;
    let usual = grid.put_new(len).await.1;
    grid.switches[4].set(Mode::DeafTo(deaf_to));
    let (placed, first) = grid.put_new(len).await;
    assert!(first > usual && first <= 2 * usual + 2 * JITTER_TIME, "{deaf_to}: {first:?}");
    assert!(placed.left_out <= 1, "{placed:?}");
    for _ in 0..3 {
        let (placed, took) = grid.put_new(len).await;
        assert_next_to_nothing(deaf_to, took, usual);
        assert_eq!((placed.happiness, placed.left_out), (9, 0), "{deaf_to}");
    }
}

#[actix::test]
async fn small_uploads_do_not_wait_for_one_server() {
    tokio::time::pause();
    for deaf_to in ["ListShares", "GetVersion", "Put"] {
        uploads_beside(deaf_to, SMALL).await;
    }
}

#[actix::test]
async fn large_uploads_do_not_wait_for_one_server() {
    tokio::time::pause();
    for deaf_to in ["ListShares", "Allocate", "Write", "Close"] {
        uploads_beside(deaf_to, LARGE).await;
    }
}

#[actix::test]
async fn storing_again_does_not_wait_for_one_lease() {
    tokio::time::pause();
    let grid = FarGrid::of(10).await;
    let bytes = data(1, SMALL);
    grid.put(&bytes).await;
    let usual = grid.put(&bytes).await.2;
    // A share that is there is put again, and so gets the lease.
    grid.switches[7].set(Mode::DeafTo("Put"));
    let (_, placed, first) = grid.put(&bytes).await;
    assert!(first <= 2 * usual + JITTER_TIME, "{first:?}");
    assert_eq!((placed.happiness, placed.left_out), (9, 0), "its share stands elsewhere too");
    for _ in 0..3 {
        assert_next_to_nothing("Put", grid.put(&bytes).await.2, usual);
    }
}

#[actix::test]
async fn a_server_that_is_well_again_is_used_again() {
    tokio::time::pause();
    let mut grid = FarGrid::of(10).await;
    grid.switches[2].set(Mode::Hung);
    grid.put_new(SMALL).await;
    grid.switches[2].set(Mode::Honest);
    // It is asked what it has; what it answers is heard although nobody waits for it.
    grid.put_new(SMALL).await;
    assert_eq!(grid.put_new(SMALL).await.0.happiness, 10);
    // Whether it takes shares again is found out by giving it one.
    grid.switches[2].set(Mode::DeafTo("Put"));
    grid.put_new(SMALL).await;
    grid.switches[2].set(Mode::Honest);
    assert_eq!(grid.put_new(SMALL).await.0.happiness, 9);
    tokio::time::advance(LATE_TIME).await;
    assert_eq!(grid.put_new(SMALL).await.0.happiness, 10);
}

#[actix::test]
async fn servers_that_are_needed_have_all_the_time_of_before() {
    tokio::time::pause();
    let slow = 5 * JITTER_TIME;
    let mut grid = FarGrid::of(10).await;
    for len in [SMALL, LARGE] {
        for index in 0..4 {
            grid.switches[index].set(Mode::Hung);
        }
        let switches = grid.switches.clone();
        let wake = async {
            tokio::time::sleep(slow).await;
            switches[0].set(Mode::Honest);
        };
        let ((placed, took), ()) = tokio::join!(grid.put_new(len), wake);
        assert_eq!(placed.happiness, 7);
        // Those that are not there yet have the usual time when enough are.
        assert!((slow..slow + 2 * UPLOAD_SETTLE_TIME).contains(&took), "{len}: {took:?}");
    }
}

#[actix::test]
async fn links_that_are_a_little_slower_are_waited_for_and_slow_ones_are_not() {
    tokio::time::pause();
    let fast = 400_000;
    for (per_cent, happiness) in [(100, 10), (90, 10), (25, 9), (1, 9)] {
        let mut grid = FarGrid::of(0).await;
        for _ in 0..9 {
            grid.add(Some(fast)).await;
        }
        let usual = {
            let mut nine = FarGrid::of(0).await;
            for _ in 0..9 {
                nine.add(Some(fast)).await;
            }
            nine.put_new(LARGE).await.1
        };
        grid.add(Some(fast * per_cent / 100)).await;
        let (placed, took) = grid.put_new(LARGE).await;
        assert_eq!(placed.happiness, happiness, "{per_cent} per cent");
        let most = usual * 13 / 10 + 2 * JITTER_TIME;
        assert!(took <= most, "{per_cent} per cent: {took:?} instead of {usual:?}");
    }
}

#[actix::test]
async fn downloads_do_not_wait_for_one_server() {
    tokio::time::pause();
    for len in [SMALL, LARGE] {
        let grid = FarGrid::of(10).await;
        let (cap, ..) = grid.put(&data(3, len)).await;
        grid.read(&cap).await.0.unwrap();
        let usual = grid.read(&cap).await.1;
        for index in 0..10 {
            let what = format!("server {index} of {len} bytes");
            grid.switches[index].set(Mode::DeafTo("Open"));
            let (read, first) = grid.read(&cap).await;
            assert_eq!(read, Ok(len));
            assert!(first <= usual + JITTER_TIME, "{what}: {first:?}");
            assert_next_to_nothing(&what, grid.read(&cap).await.1, usual);
            grid.switches[index].set(Mode::Honest);
            tokio::time::advance(LATE_TIME).await;
        }
    }
}

#[actix::test]
async fn checks_do_not_wait_for_one_server() {
    tokio::time::pause();
    let grid = FarGrid::of(10).await;
    let (cap, ..) = grid.put(&data(4, SMALL)).await;
    for (deaf_to, add_lease, found) in [("ListManyShares", false, 9), ("AddLease", true, 10)] {
        let usual = grid.check(&cap, add_lease).await.1;
        grid.switches[5].set(Mode::DeafTo(deaf_to));
        let (good, first) = grid.check(&cap, add_lease).await;
        assert_eq!(good, found);
        assert!(first <= 2 * usual + UPLOAD_SETTLE_TIME, "{deaf_to}: {first:?}");
        for _ in 0..20 {
            assert_next_to_nothing(deaf_to, grid.check(&cap, add_lease).await.1, usual);
        }
        grid.switches[5].set(Mode::Honest);
        grid.check(&cap, add_lease).await;
        assert_eq!(grid.check(&cap, add_lease).await.0, 10, "it is heard again");
    }
}

#[actix::test]
async fn space_is_not_waited_for_twice() {
    tokio::time::pause();
    let grid = FarGrid::of(10).await;
    grid.switches[3].set(Mode::DeafTo("GetSpace"));
    assert_eq!(grid.client.spaces().await.len(), 9);
    let began = Instant::now();
    assert_eq!(grid.client.spaces().await.len(), 9);
    assert_next_to_nothing("GetSpace", began.elapsed(), 2 * ROUND_TRIP);
}

#[actix::test]
async fn what_nobody_answered_is_not_gone() {
    tokio::time::pause();
    let grid = FarGrid::of(10).await;
    let (cap, ..) = grid.put(&data(5, SMALL)).await;
    for switch in &grid.switches[..8] {
        switch.set(Mode::Hung);
    }
    let (read, took) = grid.read(&cap).await;
    assert_eq!(read, Err(DownloadError::NotNow { found: 2, needed: 3, away: 8 }));
    // Also to those that were late before: who is needed has all the time.
    assert!((FIND_TIME..2 * FIND_TIME).contains(&took), "{took:?}");
    let (read, again) = grid.read(&cap).await;
    assert!(matches!(read, Err(DownloadError::NotNow { .. })));
    assert!((FIND_TIME..2 * FIND_TIME).contains(&again), "{again:?}");
    for switch in &grid.switches[..8] {
        switch.set(Mode::Dead);
    }
    assert_eq!(
        grid.read(&cap).await.0,
        Err(DownloadError::NotEnoughShares { found: 2, needed: 3 })
    );
}

#[actix::test]
async fn what_is_remembered_outlives_a_link() {
    tokio::time::pause();
    let grid = FarGrid::of(1).await;
    let pool = grid.client.pool();
    let server = pool.all()[0].clone();
    server.standing.note_lie();
    pool.remove(&server);
    let anew = pool.add(Server { standing: Standing::default(), ..(*server).clone() });
    assert!(anew.standing.has_lied());
}

#[actix::test]
async fn servers_of_different_lines_bring_what_each_can() {
    tokio::time::pause();
    const FAST: u32 = 1_000_000;
    // A block of it takes six seconds.
    const SLOW: u32 = 60_000;
    let rates: Vec<u32> = (0..10).map(|index| if index % 2 == 0 { FAST } else { SLOW }).collect();
    let grid = FarGrid::with_rates(&rates).await;
    let bytes = data(1, 20_000_000);
    let (cap, ..) = grid.put(&bytes).await;
    let began = Instant::now();
    let file = grid.client.open_at(&cap, 0..bytes.len() as u64).await.unwrap();
    assert!(file.read_all(0..file.size()).await.unwrap() == bytes);
    let (took, quick) = (began.elapsed(), Duration::from_secs(20 / 5));
    assert!(took < quick * 2, "{took:?}, where the quick ones alone need {quick:?}");
}
