//! `logs/node.log`, with the last few older ones beside it.
//!
//! Only this program's own modules may write: libraries log request lines, and a request line
//! holds a cap. The level comes from `TAHOE_LOG` (`error` … `trace`, default `info`).

use super::basedir::append;
use crate::base::lock::locked;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter::filter_fn};

/// A log is put aside when it is this long …
const LOG_BYTES_MAX: u64 = 10 << 20;
/// … and so many are kept besides the current one.
const OLD_LOGS: usize = 5;
const NAME: &str = "node.log";

/// Sends this process's log lines to `folder`, once: later calls change nothing.
pub fn start(folder: &Path) -> io::Result<()> {
    let writer = Rotating::open(folder)?;
    let level = std::env::var("TAHOE_LOG").ok().and_then(|text| LevelFilter::from_str(&text).ok());
    let ours = filter_fn(|meta| meta.target() == "tahoe" || meta.target().starts_with("tahoe::"));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(writer)
        .with_filter(level.unwrap_or(LevelFilter::INFO))
        .with_filter(ours);
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(())
}

/// The current log file and how long it is.
struct Rotating {
    folder: PathBuf,
    current: Mutex<(File, u64)>,
}

impl Rotating {
    fn open(folder: &Path) -> io::Result<Self> {
        let file = append(&folder.join(NAME))?;
        let len = file.metadata()?.len();
        Ok(Self { folder: folder.to_owned(), current: Mutex::new((file, len)) })
    }

    /// node.log.4 → node.log.5, …, node.log → node.log.1, and a new node.log.
    fn rotate(&self) -> io::Result<File> {
        for age in (1..=OLD_LOGS).rev() {
            let from = if age == 1 { NAME.to_owned() } else { format!("{NAME}.{}", age - 1) };
            match fs::rename(self.folder.join(from), self.folder.join(format!("{NAME}.{age}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        append(&self.folder.join(NAME))
    }
}

impl<'a> MakeWriter<'a> for Rotating {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// Writes one line; a log that cannot be written must not stop a node.
struct Line<'a>(&'a Rotating);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut current = locked(&self.0.current);
        if current.1 > 0 && current.1 + bytes.len() as u64 > LOG_BYTES_MAX {
            *current = (self.0.rotate()?, 0);
        }
        current.0.write_all(bytes)?;
        current.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_logs_are_put_aside_and_the_oldest_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let log = Rotating::open(dir.path()).unwrap();
        let line = vec![b'x'; LOG_BYTES_MAX as usize / 2 + 1];
        for _ in 0..OLD_LOGS + 4 {
            log.make_writer().write_all(&line).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), OLD_LOGS + 1);
        assert!(fs::metadata(dir.path().join(NAME)).unwrap().len() <= LOG_BYTES_MAX);
    }
}
