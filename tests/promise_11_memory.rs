//! Promise 11: memory stays bounded at any size. A gateway of its own process takes a large file in
//! and gives it out; another reader asks for it and then stops reading.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod nodes;
mod streams;

use nodes::{Process, RunningGrid};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use streams::{Pattern, get_equal, put};

const MIB: u64 = 1 << 20;
/// One transfer, and each further one at the same time.
const FIRST: u64 = 64 * MIB;
const FURTHER: u64 = 24 * MIB;

/// The most resident memory of `process` while `work` runs.
fn peak_while(process: &Process, work: impl FnOnce() + Send) -> u64 {
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peak.fetch_max(process.memory(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
    });
    peak.into_inner()
}

fn size() -> u64 {
    let gib = std::env::var("TAHOE_PROMISE_11_GIB").ok().and_then(|gib| gib.parse().ok());
    gib.unwrap_or(1) << 30
}

#[test]
fn a_large_file_passes_through_a_small_gateway() {
    let started = Instant::now();
    let grid = RunningGrid::of(5, "3 4 5\n");
    let url = grid.gateway.url.clone();
    let (size, mut cap) = (size(), String::new());
    let up = peak_while(&grid.gateway, || cap = put(&url, Pattern::new(size)));
    let down = peak_while(&grid.gateway, || assert!(get_equal(&url, &cap, Pattern::new(size))));
    assert!(up <= FIRST && down <= FIRST, "up {} MiB, down {} MiB", up / MIB, down / MIB);

    let part = 100 * MIB;
    let small = put(&url, Pattern::new(part));
    let three = peak_while(&grid.gateway, || {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert!(get_equal(&url, &small, Pattern::new(part))));
            }
        });
    });
    assert!(three <= FIRST + 2 * FURTHER, "three at once: {} MiB", three / MIB);

    let before = grid.gateway.memory();
    let stalled = stalled_reader(&grid, &cap).saturating_sub(before);
    assert!(stalled <= FURTHER, "a stalled reader: {} MiB more", stalled / MIB);
    println!(
        "promise 11: {} MiB: up {} MiB resident, down {}, three at once {}, stalled reader {} more, {:.0?}",
        size / MIB,
        up / MIB,
        down / MIB,
        three / MIB,
        stalled / MIB,
        started.elapsed()
    );
}

/// Asks for the file, reads a little and then nothing for two seconds.
fn stalled_reader(grid: &RunningGrid, cap: &str) -> u64 {
    let address = grid.gateway.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /uri/{cap} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut head = [0; 4096];
    stream.read_exact(&mut head).unwrap();
    peak_while(&grid.gateway, || thread::sleep(Duration::from_secs(2)))
}
