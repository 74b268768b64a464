//! `tahoe stats [PATH]`

use super::error::Failures;
use super::http::{Connection, Gateway};
use super::location::PLACES;
use super::output::{Output, shown};
use super::{CliError, ls};
use crate::base::base32;
use crate::base::system::random;
use indicatif::DecimalBytes;
use serde_json::Value;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  tahoe stats private:
  tahoe stats --raw CAP";

/// Between two questions whether the walk is finished: from, up to.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

const KEYS: &[&str] = &[
    "count-immutable-files",
    "count-mutable-files",
    "count-literal-files",
    "count-files",
    "count-directories",
    "count-unknown",
    "size-immutable-files",
    "size-mutable-files",
    "size-literal-files",
    "size-directories",
    "largest-directory",
    "largest-directory-children",
    "largest-immutable-file",
];

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to begin at.
    #[arg(value_name = "PATH", default_value = "private:")]
    place: String,
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let handle = base32::encode(&random::<16>());
        let begin = place.ask(&format!("t=start-deep-stats&ophandle={handle}"));
        let answer = session.connection.post(&begin, "")?;
        if !(300..400).contains(&answer.status()) {
            answer.success(&place.shown())?;
        }
        let status = format!("/operations/{handle}?t=status&output=JSON");
        let stats = wait(&session.connection, &status)?;
        if self.raw {
            return ls::copy_out(format!("{stats:#}\n").as_bytes());
        }
        print(&stats)?;
        missing(&stats)
    }
}

/// What could not be counted is told, and makes the figures too small.
fn missing(stats: &Value) -> Result<(), CliError> {
    let errors = stats.get("errors").and_then(Value::as_array);
    let mut failures = Failures::default();
    for error in errors.into_iter().flatten() {
        let path = error.get(0).and_then(Value::as_array).into_iter().flatten();
        let path: Vec<_> = path.filter_map(Value::as_str).collect();
        let why = error.get(1).and_then(Value::as_str).unwrap_or_default();
        let path = if path.is_empty() { ".".to_owned() } else { path.join("/") };
        failures.note(Err(CliError::new(
            format!("{}: {}", shown(&path), shown(why)),
            "It is not in the figures.",
        )));
    }
    failures.end()
}

/// Asks until the walk is finished; then the gateway may forget it.
fn wait(connection: &Connection, status: &str) -> Result<Value, CliError> {
    let mut pause = PAUSE_MIN;
    loop {
        let answer = connection.get(&format!("{status}&release-after-complete=true"))?;
        let stats: Value = answer.success("The walk")?.json()?;
        if stats.get("finished") == Some(&Value::Bool(true)) {
            return Ok(stats);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn print(stats: &Value) -> Result<(), CliError> {
    let width = KEYS.iter().map(|key| key.len()).max().unwrap_or(0);
    let mut out = Output::new();
    out.line("Counts and sizes:")?;
    for key in KEYS {
        let Some(value) = stats.get(key).and_then(Value::as_u64) else { continue };
        let is_size = key.starts_with("size-")
            || matches!(*key, "largest-directory" | "largest-immutable-file");
        let nice = if is_size && value >= 1_000 {
            format!("  ({})", DecimalBytes(value))
        } else {
            String::new()
        };
        out.line(format_args!("{key:>width$}: {value}{nice}"))?;
    }
    let bins = stats.get("size-files-histogram").and_then(Value::as_array);
    let bins: Vec<_> = bins.into_iter().flatten().filter_map(bin).collect();
    if !bins.is_empty() {
        out.line("Files by size in bytes:")?;
        let width = bins.iter().map(|(_, max, _)| max.to_string().len()).max().unwrap_or(0);
        for (min, max, count) in bins {
            out.line(format_args!("{min:>width$}-{max:<width$} : {count}"))?;
        }
    }
    out.finish()
}

/// `[min, max, count]`.
fn bin(value: &Value) -> Option<(u64, u64, u64)> {
    let numbers: Vec<_> = value.as_array()?.iter().filter_map(Value::as_u64).collect();
    let [min, max, count] = numbers.as_slice() else { return None };
    Some((*min, *max, *count))
}
