//! Promise 13: a flood slows strangers, not friends.
//!
//! While 500 idle sockets, 100 slow bodies, 1,000 half handshakes and 1,000 calls in flight from
//! one peer bear down on a storage node and on the gateway, an honest user's reads take at most
//! twice as long at the 99th percentile, and no process grows without bound. Ten times as many of each
//! before a release; a process that may open too few files says how many sockets it held.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

mod common;
mod nodes;

use common::rounds;
use nodes::{Process, RunningGrid, bytes, http, storage_furls};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tahoe::storage::api::{GetVersion, Storage};
use tahoe::tub::{Furl, Hint, Identity, Ref, Tub, TubOptions};

const IDLE_SOCKETS: usize = 500;
const SLOW_BODIES: usize = 100;
const HALF_HANDSHAKES: usize = 1_000;
const CALLS: usize = 1_000;
/// Times all of these for a release.
const RELEASE: u64 = 10;
const READS: usize = 200;
/// Scheduling on a busy test machine; twice a few milliseconds would measure the machine.
const NOISE: Duration = Duration::from_millis(40);
/// What a flooded process may grow by.
const GROWTH_MAX: u64 = 48 << 20;

fn address(furl: &Furl) -> SocketAddr {
    let Hint::Tcp { host, port } = &furl.hints()[0] else { panic!("a TCP hint") };
    format!("{host}:{port}").parse().unwrap()
}

/// The 99th percentile of reading a small file.
fn p99(url: &str, cap: &str, content: &[u8]) -> Duration {
    let agent = http();
    let mut times: Vec<Duration> = (0..READS)
        .map(|_| {
            let started = Instant::now();
            let answer = agent.get(format!("{url}/uri/{cap}")).call().unwrap();
            assert!(answer.into_body().read_to_vec().unwrap() == content);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[READS * 99 / 100 - 1]
}

fn sockets(count: usize, to: SocketAddr, first: &[u8]) -> Vec<TcpStream> {
    (0..count)
        .filter_map(|_| {
            let mut socket = TcpStream::connect_timeout(&to, Duration::from_secs(1)).ok()?;
            socket.write_all(first).ok()?;
            Some(socket)
        })
        .collect()
}

#[actix_rt::test]
async fn an_honest_reader_keeps_reading_through_a_flood() {
    let started = Instant::now();
    let times = rounds(1, RELEASE) as usize;
    let grid = RunningGrid::of(3, "1 2 3");
    let url = grid.gateway.url.clone();
    let content = bytes(100_000, 1);
    let cap = http().put(format!("{url}/uri")).send(&content[..]).unwrap();
    let cap = cap.into_body().read_to_string().unwrap();
    let read = |url: String, cap: String, content: Vec<u8>| {
        actix_rt::task::spawn_blocking(move || p99(&url, &cap, &content))
    };
    let calm = read(url.clone(), cap.clone(), content.clone()).await.unwrap();
    let processes = || [&grid.gateway].into_iter().chain(&grid.servers);
    let before: Vec<u64> = processes().map(Process::memory).collect();

    let furl = storage_furls(&grid.gateway.dir).remove(0);
    let server = address(&furl);
    let gateway: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let mut held = sockets(times * IDLE_SOCKETS / 2, gateway, b"");
    held.extend(sockets(times * IDLE_SOCKETS / 2, server, b""));
    let slow = b"PUT /uri HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\nslow";
    held.extend(sockets(times * SLOW_BODIES, gateway, slow));
    // The preamble and half of a first message.
    held.extend(sockets(times * HALF_HANDSHAKES, server, b"PBN1\x01\x01\0\0half a message"));
    let (peer, calls) = (Tub::new(Identity::random(), TubOptions::default()), times * CALLS);
    let flooder = actix_rt::spawn(async move {
        let found: Result<Ref<Storage>, _> = peer.get(&furl).await;
        let Ok(storage) = found else { return };
        loop {
            let calls: Vec<_> = (0..calls).map(|_| storage.call(GetVersion {})).collect();
            if futures_util::future::join_all(calls).await.iter().all(Result::is_err) {
                return;
            }
        }
    });
    let flooded = read(url, cap, content).await.unwrap();
    flooder.abort();
    let growth: Vec<u64> = processes()
        .map(Process::memory)
        .zip(before)
        .map(|(now, then)| now.saturating_sub(then))
        .collect();
    let worst = growth.iter().max().unwrap();
    println!(
        "promise 13: {} sockets held, {calls} calls in flight, p99 {:.1} ms calm and {:.1} ms \
         flooded, {} KiB grown at most, {:.1} s",
        held.len(),
        calm.as_secs_f32() * 1000.0,
        flooded.as_secs_f32() * 1000.0,
        worst >> 10,
        started.elapsed().as_secs_f32()
    );
    assert!(flooded <= calm * 2 + NOISE, "{calm:?} calm, {flooded:?} flooded");
    assert!(*worst <= GROWTH_MAX, "{growth:?}");
}
