//! How fast uploads and downloads are through the Rust API, over TCP to ten server processes.
//!
//! Not a test of correctness and too dependent on the machine to fail: run it by hand, with
//! `cargo test --release --test grid_speed -- --ignored --nocapture upload_and_download`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use futures_util::StreamExt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tahoe::grid::{Client, EncodingParams, ReadAt, Server, ServerPool, Source, UploadOptions};
use tahoe::storage::api::Storage;
use tahoe::storage::{ServerOptions, StorageServer, Store, StoreConfig};
use tahoe::tub::{Furl, Identity, Tub, TubOptions};
use tahoe_testing::data;

/// The server half: prints its furl, then serves until its input ends.
#[test]
#[ignore = "started by the other test"]
fn server_process() {
    let Ok(dir) = std::env::var("GRID_SPEED_DIR") else { return };
    let done = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    actix::System::new().block_on(async {
        let store = Store::open(StoreConfig::new(&dir)).unwrap();
        let (storage, restorer) = StorageServer::start(store.clone(), ServerOptions::default());
        let tub = Tub::new(Identity::random(), TubOptions::default());
        let address = tub.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        tub.add_restorer(restorer);
        tub.set_hints(vec![tahoe::tub::Hint::tcp("127.0.0.1", address.port())]);
        println!("FURL {}", tub.register(storage, None).reveal());
        while !done.is_finished() {
            actix::clock::sleep(Duration::from_millis(50)).await;
        }
    });
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_server(dir: &std::path::Path) -> (Process, Furl) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "server_process", "--nocapture"])
        .env("GRID_SPEED_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let furl = lines.map_while(Result::ok).find_map(|line| {
        let start = line.find("pb+xk1://")?;
        Furl::parse(&line[start..]).ok()
    });
    (Process(child), furl.unwrap())
}

/// Seconds of processor time, peak resident memory in MiB and page faults of this process.
fn usage() -> (f64, u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    (
        ticks / 100.0,
        peak.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024,
        fields[7].parse().unwrap(),
    )
}

/// Ten server processes and a client of theirs.
struct Servers {
    client: Client,
    _tub: Tub,
    _processes: Vec<Process>,
    _base: tempfile::TempDir,
}

async fn servers() -> Servers {
    let base = tempfile::tempdir().unwrap();
    let pool = ServerPool::new();
    let tub = Tub::new(Identity::random(), TubOptions::default());
    let mut processes = Vec::new();
    for index in 0..10 {
        let dir = base.path().join(format!("s{index}"));
        std::fs::create_dir(&dir).unwrap();
        let (process, furl) = start_server(&dir);
        processes.push(process);
        let storage = tub.get::<Storage>(&furl).await.unwrap();
        let id = furl.tub();
        let seeds = (id.0.to_vec(), [0; 20]);
        pool.add(Server::new((id.into(), format!("s{index}")), seeds, storage));
    }
    let client = tahoe_testing::client(&pool, EncodingParams::default());
    Servers { client, _tub: tub, _processes: processes, _base: base }
}

/// A large file that takes no memory.
struct Pattern;

impl ReadAt for Pattern {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        for (at, byte) in (offset..).zip(buffer) {
            *byte = (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
        Ok(())
    }
}

#[actix::test]
#[ignore = "a measurement, not a test"]
async fn memory() {
    let servers = servers().await;
    println!("at rest {} MiB", usage().1);
    let mut caps = Vec::new();
    for at_once in [1, 2, 4] {
        let uploads = (0..at_once).map(|i| {
            let source = Source::reader(Arc::new(Pattern), (200 << 20) + at_once * 100 + i);
            servers.client.upload(source, UploadOptions::default())
        });
        for uploaded in futures_util::future::join_all(uploads).await {
            caps.push(uploaded.unwrap().cap);
        }
        println!("{at_once} uploads of 200 MiB at once: peak {} MiB", usage().1);
    }
    for at_once in [1, 2, 4] {
        let downloads = caps.iter().take(at_once).map(|cap| async {
            let file = servers.client.open(cap).await.unwrap();
            let mut stream = file.read(0..file.size());
            while let Some(piece) = stream.next().await {
                piece.unwrap();
            }
        });
        futures_util::future::join_all(downloads).await;
        println!("{at_once} downloads of 200 MiB at once: peak {} MiB", usage().1);
    }
}

#[actix::test]
#[ignore = "a measurement, not a test"]
async fn upload_and_download() {
    let servers = servers().await;
    let client = &servers.client;
    for len in [1000, 100_000_000] {
        let rounds = if len > 1_000_000 { 5 } else { 50 };
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let bytes = bytes::Bytes::from(data(round, len));
            let before = usage();
            let start = Instant::now();
            let source = Source::bytes(bytes.clone());
            let uploaded = client.upload(source, UploadOptions::default()).await.unwrap();
            up.push(start.elapsed().as_secs_f64());
            let middle = usage();
            let start = Instant::now();
            let file = client.open(&uploaded.cap).await.unwrap();
            let mut stream = file.read(0..file.size());
            let mut got = 0;
            while let Some(piece) = stream.next().await {
                got += piece.unwrap().len();
            }
            down.push(start.elapsed().as_secs_f64());
            assert_eq!(got, len);
            if len > 1_000_000 {
                let after = usage();
                println!(
                    "up {:.3} s (cpu {:.2}, faults {}), down {:.3} s (cpu {:.2}, faults {}), peak {} MiB",
                    up.last().unwrap(),
                    middle.0 - before.0,
                    middle.2 - before.2,
                    down.last().unwrap(),
                    after.0 - middle.0,
                    after.2 - middle.2,
                    after.1
                );
            }
        }
        up.sort_by(f64::total_cmp);
        down.sort_by(f64::total_cmp);
        let rate = |times: &[f64]| len as f64 / 1e6 / times[times.len() / 2];
        println!(
            "{len} bytes: up median {:.2} ms ({:.0} MB/s), down median {:.2} ms ({:.0} MB/s)",
            up[up.len() / 2] * 1e3,
            rate(&up),
            down[down.len() / 2] * 1e3,
            rate(&down)
        );
    }
}
