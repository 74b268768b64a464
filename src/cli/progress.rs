//! How far long work is: a bar on a terminal, a line now and then elsewhere, nothing with `-q`.

use super::output::is_quiet;
use crate::base::lock::locked;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal; shorter work says nothing.
const PAUSE: Duration = Duration::from_secs(5);
/// Once the gateway has everything, and what then moves.
const STORING: &str = "{spinner} {msg} {decimal_bytes} sent, being stored on the servers {elapsed}";
/// The same once the gateway says how far it is.
const STORED: &str = "{decimal_bytes}/{decimal_total_bytes} stored {wide_bar} {elapsed}";
const TICK: Duration = Duration::from_millis(200);

/// What has been moved.
#[derive(Default)]
struct Sent {
    bytes: AtomicU64,
    /// A gateway has everything.
    all: AtomicBool,
}

/// What is to be moved, and how much of it has been.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    bytes: u64,
    files: u64,
    sent: Arc<Sent>,
    files_done: AtomicU64,
    began: Instant,
    said: Mutex<Instant>,
}

impl Progress {
    /// One stream, its size if known.
    pub fn stream(size: Option<u64>) -> Self {
        Self::new(size, 1)
    }

    /// Many files.
    pub fn files(bytes: u64, files: usize) -> Self {
        Self::new(Some(bytes), files as u64)
    }

    /// Things that are counted while they are found.
    pub fn finding() -> Self {
        Self::new(None, 0)
    }

    fn new(size: Option<u64>, files: u64) -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = if is_quiet() || !terminal { ProgressBar::hidden() } else { bar(size, files) };
        let began = Instant::now();
        Self {
            bar,
            plain: !terminal && !is_quiet(),
            bytes: size.unwrap_or(0),
            files,
            sent: Arc::default(),
            files_done: AtomicU64::new(0),
            began,
            said: Mutex::new(began),
        }
    }

    /// A reader whose bytes count.
    pub fn watch<R: Read>(&self, reader: R) -> Watched<'_, R> {
        Watched { reader, progress: self }
    }

    /// One file is through.
    pub fn file_done(&self) {
        let done = self.files_done.fetch_add(1, Relaxed) + 1;
        if self.files > 1 {
            self.bar.set_message(format!("{done}/{} files", self.files));
        }
        self.say_now_and_then();
    }

    /// Bytes that need not be moved after all.
    pub fn skip(&self, bytes: u64) {
        self.add(bytes);
        self.file_done();
    }

    /// So much was found until now.
    pub fn found(&self, files: u64, folders: u64) {
        let text = || format!("{files} files in {folders} folders found so far");
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
            self.bar.tick();
        }
        self.now_and_then(|_| text());
    }

    /// So much was checked until now.
    pub fn checked(&self, objects: u64) {
        let text = || format!("{objects} objects checked so far");
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
            self.bar.tick();
        }
        self.now_and_then(|_| text());
    }

    /// Work that says nothing of how far it is.
    pub fn working(&self, what: impl Display) {
        if !self.bar.is_hidden() {
            self.bar.set_message(what.to_string());
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// Does something that may write to the terminal.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Tells the user something without writing across the bar.
    pub fn remark(&self, text: impl Display) {
        self.bar.suspend(|| super::output::remark(text));
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn add(&self, bytes: u64) {
        self.sent.bytes.fetch_add(bytes, Relaxed);
        self.bar.inc(bytes);
        self.say_now_and_then();
    }

    /// A reader whose bytes count on their way to a gateway. That has them long before they are stored:
    /// from their end on it is told that the servers are still at work.
    pub fn send<R: Read>(&self, reader: R) -> Sending<'_, R> {
        Sending(self.watch(reader))
    }

    /// The same bar for whoever asks the gateway how far it is; none if there is no bar.
    pub fn waiting(&self) -> Option<Waiting> {
        let (bar, sent) = (self.bar.clone(), Arc::clone(&self.sent));
        (!bar.is_hidden()).then_some(Waiting { bar, sent })
    }

    /// All bytes have left; only the gateway can say how much there is to wait for.
    fn all_sent(&self) {
        if !self.sent.all.swap(true, Relaxed) {
            if let Ok(style) = ProgressStyle::with_template(STORING) {
                self.bar.set_style(style);
                self.bar.enable_steady_tick(TICK);
            }
            self.say_now_and_then();
        }
    }

    fn say_now_and_then(&self) {
        self.now_and_then(|elapsed| self.line(elapsed));
    }

    fn now_and_then(&self, line: impl FnOnce(Duration) -> String) {
        if !self.plain {
            return;
        }
        let now = Instant::now();
        let mut said = locked(&self.said);
        if now.duration_since(*said) >= PAUSE {
            *said = now;
            super::output::remark(line(now.duration_since(self.began)));
        }
    }

    /// Such as `48.00 kB sent, being stored on the servers`, or `12 of 2000 files, 48.00 kB of 8.19 MB, 9.60 kB/s, 14 minutes left`.
    fn line(&self, elapsed: Duration) -> String {
        let (bytes, files) = (self.sent.bytes.load(Relaxed), self.files_done.load(Relaxed));
        let mut line = String::new();
        if self.files > 1 {
            line.push_str(&format!("{files} of {} files, ", self.files));
        }
        if self.sent.all.load(Relaxed) {
            line.push_str(&format!("{} sent, being stored on the servers", DecimalBytes(bytes)));
            return line;
        }
        line.push_str(&DecimalBytes(bytes).to_string());
        if self.bytes > 0 {
            line.push_str(&format!(" of {}", DecimalBytes(self.bytes)));
        }
        let rate = bytes / elapsed.as_secs().max(1);
        line.push_str(&format!(", {}/s", DecimalBytes(rate)));
        if let Some(seconds) = self.bytes.saturating_sub(bytes).checked_div(rate)
            && self.bytes > bytes
        {
            line.push_str(&format!(", {} left", HumanDuration(Duration::from_secs(seconds))));
        }
        line
    }
}

/// A bar while a gateway stores what it has got.
pub struct Waiting {
    bar: ProgressBar,
    sent: Arc<Sent>,
}

impl Waiting {
    /// How many bytes the gateway has got, once it has all.
    pub fn all_sent(&self) -> Option<u64> {
        self.sent.all.load(Relaxed).then(|| self.sent.bytes.load(Relaxed))
    }

    /// The servers have so many bytes.
    pub fn stored(&self, bytes: u64, all: u64) {
        if let Ok(style) = ProgressStyle::with_template(STORED) {
            self.bar.set_style(style);
            self.bar.set_length(all);
            self.bar.set_position(bytes);
        }
    }
}

/// What is said next, such as why it failed, has the line for itself.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(size: Option<u64>, files: u64) -> ProgressBar {
    let template = match (size, files) {
        (None, 0) => "{spinner} {msg}",
        (None, _) => "{spinner} {decimal_bytes} {decimal_bytes_per_sec}",
        (Some(_), 1) => {
            "{decimal_bytes}/{decimal_total_bytes} {wide_bar} {decimal_bytes_per_sec} {eta}"
        }
        (Some(_), _) => {
            "{msg} {decimal_bytes}/{decimal_total_bytes} {wide_bar} {decimal_bytes_per_sec} {eta}"
        }
    };
    let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// See [`Progress::watch`].
pub struct Watched<'a, R> {
    reader: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(buffer)?;
        self.progress.add(len as u64);
        Ok(len)
    }
}

/// See [`Progress::send`].
pub struct Sending<'a, R>(Watched<'a, R>);

impl<R: Read> Read for Sending<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buffer)?;
        let progress = self.0.progress;
        let end = len == 0 && !buffer.is_empty() && progress.files == 1;
        // Whoever knows the length does not ask for the end.
        let whole = progress.bytes > 0 && progress.sent.bytes.load(Relaxed) >= progress.bytes;
        if end || whole {
            progress.all_sent();
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_files_bytes_rate_and_time_left() {
        let progress = Progress::files(10_000_000, 2_000);
        io::copy(&mut progress.watch(&vec![0; 1_000_000][..]), &mut io::sink()).unwrap();
        progress.file_done();
        assert_eq!(
            progress.line(Duration::from_secs(10)),
            "1 of 2000 files, 1.00 MB of 10.00 MB, 100.00 kB/s, 2 minutes left"
        );
        let stream = Progress::stream(None);
        assert_eq!(stream.line(Duration::ZERO), "0 B, 0 B/s");
    }

    #[test]
    fn what_is_sent_is_not_yet_stored() {
        let one = Progress::stream(Some(1_000));
        let mut reader = one.send(&[0; 1_000][..]);
        reader.read_exact(&mut [0; 999]).unwrap();
        assert!(!one.line(Duration::ZERO).contains("stored"));
        reader.read_exact(&mut [0; 1]).unwrap();
        assert_eq!(one.line(Duration::ZERO), "1.00 kB sent, being stored on the servers");
        let unknown = Progress::stream(None);
        io::copy(&mut unknown.send(&[0; 10][..]), &mut io::sink()).unwrap();
        assert_eq!(unknown.line(Duration::ZERO), "10 B sent, being stored on the servers");
        let two = Progress::files(20, 2);
        io::copy(&mut two.send(&[0; 10][..]), &mut io::sink()).unwrap();
        assert!(!two.line(Duration::ZERO).contains("stored"));
        io::copy(&mut two.send(&[0; 10][..]), &mut io::sink()).unwrap();
        assert!(two.line(Duration::ZERO).starts_with("0 of 2 files, 20 B sent"));
    }
}
