//! How many times each operation waits for an answer from afar.
//!
//! Links have a latency and time is virtual: it stands still while anybody computes and jumps while
//! everybody waits, so what an operation takes, divided by a round trip, counts its round trips.

use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tahoe::cap::Cap;
use tahoe::files::address::percent_encode;
use tahoe::grid::dirnode::{Directories, Replace, Target};
use tahoe::grid::{Client, EncodingParams, Source, UploadOptions};
use tahoe::tub::{Faults, LoopbackNet};
use tahoe_testing::dirs::{Server, link, lit};
use tahoe_testing::real::{CLIENT, RealGrid, real_grid_on};
use tahoe_testing::web::Web;
use tahoe_testing::{client, data, tub_on};

const ROUND_TRIP: Duration = Duration::from_millis(30);

/// A network whose every link has half a round trip of latency each way.
fn far_away() -> LoopbackNet {
    tokio::time::pause();
    let net = LoopbackNet::default();
    net.set_faults(Faults { latency: ROUND_TRIP / 2, ..Faults::default() });
    net
}

async fn far_grid() -> RealGrid {
    real_grid_on(far_away(), 10, EncodingParams::default()).await
}

/// What `work` came to, and the round trips that it took.
async fn counted<T>(work: impl Future<Output = T>) -> (T, u32) {
    let began = tokio::time::Instant::now();
    let done = work.await;
    let trips = began.elapsed().as_secs_f64() / ROUND_TRIP.as_secs_f64();
    (done, trips.round() as u32)
}

async fn put(client: &Client, bytes: &[u8]) -> (Cap, u32) {
    let source = Source::bytes(bytes.to_vec());
    let (uploaded, trips) = counted(client.upload(source, UploadOptions::default())).await;
    (uploaded.unwrap().cap, trips)
}

async fn first_piece(client: &Client, cap: &Cap, from: u64) -> u32 {
    let first = async {
        let file = client.open_at(cap, from..from).await.unwrap();
        file.read(from..file.size()).next().await.unwrap().unwrap()
    };
    counted(first).await.1
}

#[actix::test]
async fn a_small_file_takes_two_to_store_and_one_to_read() {
    let grid = far_grid().await;
    let client = grid.patient();
    for len in [1_000, 10_000] {
        let bytes = data(len as u64, len);
        let (cap, trips) = put(&client, &bytes).await;
        assert_eq!(trips, 2, "to store {len} bytes");
        let read = async {
            let file = client.open(&cap).await.unwrap();
            file.read_all(0..file.size()).await.unwrap()
        };
        let (back, trips) = counted(read).await;
        assert!(back == bytes);
        assert_eq!(trips, 1, "to read {len} bytes");
    }
}

#[actix::test]
async fn storing_again_takes_two() {
    let grid = far_grid().await;
    let client = grid.patient();
    let bytes = data(7, 10_000);
    put(&client, &bytes).await;
    // What is there is asked for, and gets the lease.
    assert_eq!(put(&client, &bytes).await.1, 2);
}

#[actix::test]
async fn a_larger_file_takes_three_to_store_and_three_to_the_first_byte() {
    let grid = far_grid().await;
    let client = grid.patient();
    let (cap, trips) = put(&client, &data(1, 1_500_000)).await;
    // Survey, allocation, and everything else without waiting for answers between.
    assert!(trips <= 4, "{trips} to store");
    // Header, trees, blocks; wherever in the file.
    for from in [0, 1_200_000] {
        let trips = first_piece(&client, &cap, from).await;
        assert!(trips <= 3, "{trips} to the byte at {from}");
    }
}

#[actix::test]
async fn a_larger_file_takes_one_to_the_first_byte_where_all_are_known_to_be_near() {
    let net = far_away();
    let near = ROUND_TRIP / 3;
    net.set_faults(Faults { latency: near / 2, ..Faults::default() });
    let grid = real_grid_on(net, 10, EncodingParams::default()).await;
    let client = grid.patient();
    let bytes = data(8, 3_500_000);
    let (cap, _) = put(&client, &bytes).await;
    // As a node does whenever a link comes up.
    for server in client.pool().all() {
        server.version().await.unwrap();
    }
    for from in [0, 1_500_000, 3_499_999] {
        let began = tokio::time::Instant::now();
        first_piece(&client, &cap, from).await;
        let trips = began.elapsed().as_secs_f64() / near.as_secs_f64();
        assert_eq!(trips.round(), 1.0, "to the byte at {from}");
    }
}

#[actix::test]
async fn an_open_file_takes_one_for_each_place_that_is_read() {
    let grid = far_grid().await;
    let client = grid.patient();
    let bytes = data(2, 3_000_000);
    let (cap, _) = put(&client, &bytes).await;
    let file = client.open(&cap).await.unwrap();
    for at in [2_500_000, 10, 1_500_000] {
        let (byte, trips) = counted(file.read_all(at..at + 1)).await;
        assert_eq!(byte.unwrap(), bytes[at as usize..=at as usize]);
        assert_eq!(trips, 1, "for the byte at {at}");
    }
}

#[actix::test]
async fn a_directory_takes_one_to_look_into_and_two_to_change() {
    let net = far_away();
    let server = Server::on(&net);
    let grid = tahoe_testing::grid(1);
    let files = client(&grid.pool, EncodingParams::new(1, 1, 1).unwrap());
    let dirs = server.directories(files, tub_on(&net));
    let dir = dirs.create(Vec::new()).await.unwrap();
    let set = |name: &str| dirs.set(&dir, vec![link(name, lit(name))], Replace::Yes);
    set("first").await.unwrap();
    let (_, trips) = counted(dirs.get(&dir, "first")).await;
    assert!(trips <= 1, "{trips} to look one up");
    let (_, trips) = counted(dirs.list(&dir)).await;
    assert!(trips <= 1, "{trips} to list");
    let (changed, trips) = counted(set("second")).await;
    changed.unwrap();
    assert!(trips <= 2, "{trips} to add one");
}

#[actix::test]
async fn through_http_a_change_takes_two_and_each_step_on_its_way_one() {
    let net = far_away();
    let server = Server::on(&net);
    let grid = tahoe_testing::grid(1);
    let files = client(&grid.pool, EncodingParams::new(1, 1, 1).unwrap());
    let dirs = server.directories(files.clone(), tub_on(&net));
    let [root, other, sub] = [new(&dirs).await, new(&dirs).await, new(&dirs).await];
    let links = vec![link("there", lit("x")), link("sub", Target::Known(sub))];
    dirs.set(&root, links, Replace::No).await.unwrap();
    dirs.set(&other, vec![link("x", lit("x"))], Replace::No).await.unwrap();
    let web = Web::before(dirs).await;
    let (root, other) = (percent_encode(&root.reveal()), percent_encode(&other.reveal()));
    // Bodies this short are in their caps, so that no storage server is asked.
    let (mut took, mut wanted) = (Vec::new(), Vec::new());
    for (what, trips, method, path) in [
        ("put a file", 2, "PUT", "/new".to_owned()),
        ("replace it", 2, "PUT", "/new".to_owned()),
        ("put one in a directory below", 3, "PUT", "/sub/new".to_owned()),
        ("put one below two that are missing", 3, "PUT", "/a/b/new".to_owned()),
        ("make a directory", 3, "POST", "/d?t=mkdir".to_owned()),
        ("make one below two that are missing", 3, "POST", "/e/f/g?t=mkdir".to_owned()),
        ("make one in what is addressed", 3, "POST", "?t=mkdir&name=h".to_owned()),
        ("link a cap", 2, "POST", "?t=uri&name=lit&uri=URI:LIT:me".to_owned()),
        ("rename", 2, "POST", "?t=rename&from_name=new&to_name=newer".to_owned()),
        ("move", 3, "POST", format!("?t=relink&from_name=newer&to_dir={other}&to_name=moved")),
        ("delete", 2, "DELETE", "/there".to_owned()),
        ("delete in a directory below", 3, "DELETE", "/sub/new".to_owned()),
    ] {
        let path = format!("/uri/{root}{path}");
        let asked = async {
            match method {
                "PUT" => web.put(&path, b"hello".to_vec()).await,
                "POST" => web.post(&path).await,
                _ => web.delete(&path).await,
            }
        };
        wanted.push((what, trips));
        let ((status, _), trips) = counted(asked).await;
        assert!(status.is_success(), "{what}: {status}");
        took.push((what, trips));
    }
    assert_eq!(took, wanted);
}

async fn new(dirs: &Directories) -> Cap {
    dirs.create(Vec::new()).await.unwrap()
}

/// Bytes that came to the client, by host.
type Arrived = Arc<Mutex<BTreeMap<String, u64>>>;

fn arrivals(net: &LoopbackNet) -> Arrived {
    let arrived = Arrived::default();
    let counts = arrived.clone();
    net.observe(move |arrival| {
        if arrival.to == CLIENT {
            let bytes = arrival.bytes.len() as u64;
            *counts.lock().unwrap().entry(arrival.from.to_owned()).or_default() += bytes;
        }
    });
    arrived
}

#[actix::test]
async fn a_large_file_comes_from_all_servers_and_only_once() {
    const LINE: u32 = 1_000_000;
    let net = far_away();
    let rate = NonZeroU32::new(LINE);
    net.set_faults(Faults { latency: ROUND_TRIP / 2, rate, ..Faults::default() });
    let arrived = arrivals(&net);
    let grid = real_grid_on(net, 10, EncodingParams::default()).await;
    let client = grid.patient();
    let bytes = data(9, 10_000_000);
    let (cap, _) = put(&client, &bytes).await;
    arrived.lock().unwrap().clear();
    let began = tokio::time::Instant::now();
    let file = client.open(&cap).await.unwrap();
    assert!(file.read_all(0..file.size()).await.unwrap() == bytes);
    let took = began.elapsed();
    let arrived = arrived.lock().unwrap();
    let of_all: u64 = arrived.values().sum();
    assert!(of_all <= bytes.len() as u64 * 105 / 100, "{arrived:?}");
    let from = arrived.values().filter(|bytes| **bytes > 300_000).count();
    assert!(from >= 9, "{arrived:?}");
    // Three lines would take more than three seconds.
    assert!(took < Duration::from_secs(2), "{took:?}");
}
