//! Promise 11: memory stays bounded at any size. A gateway of its own process on a grid of ten servers
//! takes a large file in and gives it out, then three at once, in turns; another reader asks for one and
//! then stops reading; and a file that has lost shares is read on all servers and repaired.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod nodes;
mod streams;

use nodes::{Process, RunningGrid, http};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use streams::{Pattern, get_equal, put};
use tahoe_testing::rounds;

const MIB: u64 = 1 << 20;
/// One transfer, and each further one at the same time.
const FIRST: u64 = 64 * MIB;
const FURTHER: u64 = 24 * MIB;
const AT_ONCE: u64 = 3;
const MOST: u64 = FIRST + (AT_ONCE - 1) * FURTHER;
/// Each of the files that are moved at once.
const PART: u64 = 100 * MIB;

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

/// Runs transfers beside each other; each is told its number.
fn at_once(transfer: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let transfer = &transfer;
            scope.spawn(move || transfer(number));
        }
    });
}

fn size() -> u64 {
    let gib = std::env::var("TAHOE_PROMISE_11_GIB").ok().and_then(|gib| gib.parse().ok());
    gib.unwrap_or_else(|| rounds(1, 16)) << 30
}

#[test]
fn a_large_file_passes_through_a_small_gateway() {
    let started = Instant::now();
    let grid = RunningGrid::of(10, "3 7 10\n");
    let url = grid.gateway.url.clone();
    let (size, mut cap) = (size(), String::new());
    let up = peak_while(&grid.gateway, || cap = put(&url, Pattern::new(size)));
    let down = peak_while(&grid.gateway, || assert!(get_equal(&url, &cap, Pattern::new(size))));
    assert!(up <= FIRST && down <= FIRST, "up {} MiB, down {} MiB", up / MIB, down / MIB);

    // Other lengths, so that they are other files. Twice, as what one direction leaves behind may not
    // add to what the other needs.
    let (mut ups, mut downs, mut part) = (0, 0, String::new());
    for turn in 0..2 {
        let length = |number: u64| PART + 10 * turn + number;
        let caps: [OnceLock<String>; AT_ONCE as usize] = Default::default();
        let now = peak_while(&grid.gateway, || {
            at_once(|number| {
                let _ = caps[number as usize].set(put(&url, Pattern::new(length(number))));
            });
        });
        ups = now.max(ups);
        let now = peak_while(&grid.gateway, || {
            at_once(|number| {
                let cap = caps[number as usize].get().unwrap();
                assert!(get_equal(&url, cap, Pattern::new(length(number))));
            });
        });
        downs = now.max(downs);
        part.clone_from(caps[0].get().unwrap());
    }
    assert!(ups <= MOST && downs <= MOST, "at once: up {} MiB, down {}", ups / MIB, downs / MIB);

    let before = grid.gateway.memory();
    let stalled = stalled_reader(&grid, &cap).saturating_sub(before);
    assert!(stalled <= FURTHER, "a stalled reader: {} MiB more", stalled / MIB);
    let mended = peak_while(&grid.gateway, || mend(&grid, &part));
    assert!(mended <= MOST, "a repair: {} MiB", mended / MIB);
    println!(
        "promise 11: {} MiB: up {} MiB resident, down {}, {AT_ONCE} at once up {}, down {}, stalled reader {} more, repair {}, {:.0?}",
        size / MIB,
        up / MIB,
        down / MIB,
        ups / MIB,
        downs / MIB,
        stalled / MIB,
        mended / MIB,
        started.elapsed()
    );
}

/// Empties three servers; a file is verified and repaired.
fn mend(grid: &RunningGrid, cap: &str) {
    for server in &grid.servers[..3] {
        for folder in fs::read_dir(server.dir.join("storage/shares")).unwrap() {
            let folder = folder.unwrap();
            if folder.file_name() != "incoming" {
                fs::remove_dir_all(folder.path()).unwrap();
            }
        }
    }
    let asked =
        format!("{}/uri/{cap}?t=check&verify=true&repair=true&output=JSON", grid.gateway.url);
    let mut answer = http().post(&asked).send("").unwrap();
    let said = answer.body_mut().read_to_string().unwrap();
    assert!(said.contains("\"repair-successful\": true"), "{said}");
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
