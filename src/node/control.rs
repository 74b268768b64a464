//! What the owner's own tools ask a running node, through `control.furl`.
//!
//! The furl is in a 0600 file: who can read it may make the node read and write files of its
//! owner, so nobody else gets it.

use super::neighbours::Neighbours;
use crate::base::system::fill_random;
use crate::cap::Cap;
use crate::disk::jobs::blocking;
use crate::gateway::destination::Destination;
use crate::grid::{Client, Source, UploadOptions};
use crate::tub::RemoteError;
use crate::{remote_interface, wire_plain};
use actix::{Actor, Context, Handler, ResponseFuture};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the transfers of a speed test took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeedReport {
    pub upload_us: u64,
    pub download_us: u64,
}

/// Memory of the node's process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    pub resident: u64,
    /// The most it ever was.
    pub peak: u64,
}

wire_plain!(SpeedReport, MemoryReport);

remote_interface! {
    /// The owner's handle on a running node.
    pub interface Control = "grid.control.v1" {
        /// Waits until so many storage servers are connected, at most so long; answers how many.
        0 => WaitForServers { count: u32, seconds: u32 } -> u32,
        /// Stores a file of this machine, by its absolute path; answers its cap.
        1 => Upload { path: String, convergent: bool } -> String,
        /// Fetches a file to an absolute path, replacing a file there once all of it came.
        2 => Download { cap: String, path: String } -> u64,
        /// Stores and fetches `count` files of `size` random bytes, one after the other.
        3 => SpeedTest { count: u32, size: u64 } -> SpeedReport,
        /// How much memory the node uses.
        4 => MemoryUse {} -> MemoryReport,
    }
}

/// Codes of `RemoteError::App` from a node's control object; the text says the rest.
pub mod code {
    /// The grid could not store or give back the file.
    pub const GRID: u16 = 1;
    /// The local file could not be read or written.
    pub const FILE: u16 = 2;
    /// The cap is no cap.
    pub const CAP: u16 = 3;
}

/// The most that one speed test moves each way.
const SPEED_TEST_BYTES_MAX: u64 = 16 << 30;
/// A speed test keeps one file in memory.
const SPEED_TEST_FILE_MAX: u64 = 1 << 30;

/// The actor behind `control.furl`.
pub struct ControlActor {
    pub grid: Client,
    pub neighbours: Neighbours,
}

impl ControlActor {
    /// The grid client, with its servers being reached.
    fn awake(&self) -> Client {
        self.neighbours.wake();
        self.grid.clone()
    }
}

impl Actor for ControlActor {
    type Context = Context<Self>;
}

type Answer<T> = ResponseFuture<Result<T, RemoteError>>;

impl Handler<WaitForServers> for ControlActor {
    type Result = Answer<u32>;

    fn handle(&mut self, asked: WaitForServers, _: &mut Self::Context) -> Self::Result {
        let (neighbours, pool) = (self.neighbours.clone(), self.grid.pool().clone());
        Box::pin(async move {
            let wait = Duration::from_secs(asked.seconds.into());
            let wanted = usize::try_from(asked.count).unwrap_or(usize::MAX);
            let _ = tokio::time::timeout(wait, neighbours.connected(wanted)).await;
            Ok(u32::try_from(pool.len()).unwrap_or(u32::MAX))
        })
    }
}

impl Handler<Upload> for ControlActor {
    type Result = Answer<String>;

    fn handle(&mut self, asked: Upload, _: &mut Self::Context) -> Self::Result {
        let grid = self.awake();
        Box::pin(async move {
            let path = absolute(&asked.path)?;
            let opened = blocking(move || Source::file(std::fs::File::open(path)?)).await;
            let source = opened.map_err(|error| file_error(&error))?;
            let options =
                UploadOptions { random_key: !asked.convergent, ..UploadOptions::default() };
            upload(&grid, source, options).await
        })
    }
}

impl Handler<Download> for ControlActor {
    type Result = Answer<u64>;

    fn handle(&mut self, asked: Download, _: &mut Self::Context) -> Self::Result {
        let grid = self.awake();
        Box::pin(async move {
            let path = absolute(&asked.path)?;
            let opened = blocking(move || Destination::find(&path)?.open()).await;
            let mut file = opened.map_err(|error| file_error(&error))?;
            let mut written = 0;
            let mut content = std::pin::pin!(content(&grid, &asked.cap).await?);
            while let Some(piece) = content.next().await {
                let piece = piece?;
                written += piece.len() as u64;
                let wrote = blocking(move || file.write_all(&piece).map(|()| file)).await;
                file = wrote.map_err(|error| file_error(&error))?;
            }
            let kept = blocking(move || file.keep()).await;
            kept.map(|()| written).map_err(|error| file_error(&error))
        })
    }
}

impl Handler<SpeedTest> for ControlActor {
    type Result = Answer<SpeedReport>;

    fn handle(&mut self, asked: SpeedTest, _: &mut Self::Context) -> Self::Result {
        let grid = self.awake();
        Box::pin(async move {
            let total = asked.size.checked_mul(asked.count.into());
            if asked.size > SPEED_TEST_FILE_MAX || total.is_none_or(|t| t > SPEED_TEST_BYTES_MAX) {
                return Err(RemoteError::BadArguments);
            }
            let mut caps = Vec::new();
            let mut upload_time = Duration::ZERO;
            for _ in 0..asked.count {
                let mut bytes = vec![0; usize::try_from(asked.size).unwrap_or(0)];
                fill_random(&mut bytes);
                let started = Instant::now();
                caps.push(upload(&grid, Source::bytes(bytes), UploadOptions::default()).await?);
                upload_time += started.elapsed();
            }
            let started = Instant::now();
            for cap in caps {
                let mut content = std::pin::pin!(content(&grid, &cap).await?);
                while let Some(piece) = content.next().await {
                    piece?;
                }
            }
            Ok(SpeedReport { upload_us: us(upload_time), download_us: us(started.elapsed()) })
        })
    }
}

impl Handler<MemoryUse> for ControlActor {
    type Result = Result<MemoryReport, RemoteError>;

    fn handle(&mut self, _: MemoryUse, _: &mut Self::Context) -> Self::Result {
        let status =
            std::fs::read_to_string("/proc/self/status").map_err(|error| file_error(&error))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
            kib.map_or(0, |kib: u64| kib * 1024)
        };
        Ok(MemoryReport { resident: field("VmRSS:"), peak: field("VmHWM:") })
    }
}

async fn upload(
    grid: &Client,
    source: Source,
    options: UploadOptions,
) -> Result<String, RemoteError> {
    let uploaded = grid.upload(source, options).await;
    uploaded
        .map(|uploaded| uploaded.cap.reveal())
        .map_err(|error| RemoteError::app(code::GRID, error.to_string()))
}

/// The plaintext that `cap` names, piece by piece.
async fn content(
    grid: &Client,
    cap: &str,
) -> Result<impl futures_util::Stream<Item = Result<bytes::Bytes, RemoteError>>, RemoteError> {
    let cap = Cap::parse(cap).map_err(|error| RemoteError::app(code::CAP, error.to_string()))?;
    let failed =
        |error: crate::grid::DownloadError| RemoteError::app(code::GRID, error.to_string());
    let reader = grid.open(&cap).await.map_err(failed)?;
    let size = reader.size();
    Ok(reader.read(0..size).map(move |piece| piece.map_err(failed)))
}

/// Relative to what, a caller could not know.
fn absolute(path: &str) -> Result<PathBuf, RemoteError> {
    let path = PathBuf::from(path);
    if path.is_absolute() { Ok(path) } else { Err(RemoteError::BadArguments) }
}

fn file_error(error: &io::Error) -> RemoteError {
    RemoteError::app(code::FILE, error.to_string())
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
