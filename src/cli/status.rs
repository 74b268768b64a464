//! `tahoe status`

use super::CliError;
use super::http::Gateway;
use super::output::{Output, count, shown};
use indicatif::{DecimalBytes, HumanDuration};
use serde_json::Value;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Arguments {
    /// Show operations other than uploads and downloads, too.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let connection = self.gateway.connect()?;
        let status: Value = connection.get("/status?t=json")?.success("")?.json()?;
        let statistics: Value = connection.get("/statistics?t=json")?.success("")?.json()?;
        let mut out = Output::new();
        totals(&statistics, &mut out)?;
        let list = |name: &str| -> Vec<&Value> {
            let all = status.get(name).and_then(Value::as_array).into_iter().flatten();
            all.filter(|one| self.verbose || is_transfer(one)).collect()
        };
        table("Active operations", &list("active"), &mut out, progress)?;
        table("Recent operations", &list("recent"), &mut out, size)?;
        out.finish()
    }
}

fn is_transfer(operation: &Value) -> bool {
    matches!(text(operation, "type").as_str(), "upload" | "download")
}

fn totals(statistics: &Value, out: &mut Output) -> Result<(), CliError> {
    let counter = |name: &str| {
        let value = statistics.get("counters").and_then(|counters| counters.get(name));
        value.and_then(Value::as_u64).unwrap_or(0)
    };
    let uptime = statistics.get("stats").and_then(|stats| stats.get("node.uptime"));
    let uptime = uptime.and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0).unwrap_or(0.0);
    out.line(format_args!("Running for {}", HumanDuration(Duration::from_secs(uptime as u64))))?;
    for (verb, service) in [("uploaded", "uploader"), ("downloaded", "downloader")] {
        let bytes = DecimalBytes(counter(&format!("{service}.bytes_{verb}")));
        let files = count(counter(&format!("{service}.files_{verb}")), "file", "files");
        out.line(format_args!("{verb:>10} {bytes} in {files}"))?;
    }
    Ok(())
}

fn table(
    title: &str,
    operations: &[&Value],
    out: &mut Output,
    figure: fn(&Value) -> String,
) -> Result<(), CliError> {
    if operations.is_empty() {
        return out.line(format_args!("{title}: none"));
    }
    out.line(format_args!("{title}:"))?;
    for one in operations {
        let kind = text(one, "type");
        let (index, status) = (text(one, "storage-index-string"), text(one, "status"));
        out.line(format_args!("{kind:>10} {index:<26} {:>10} {status}", figure(one)))?;
    }
    Ok(())
}

fn text(operation: &Value, name: &str) -> String {
    shown(operation.get(name).and_then(Value::as_str).unwrap_or("-"))
}

/// How far an operation is, in percent.
fn progress(operation: &Value) -> String {
    let part = |name: &str| operation.get(name).and_then(Value::as_f64);
    let upload = ["progress-hash", "progress-ciphertext", "progress-encode-push"];
    let upload: Vec<_> = upload.into_iter().filter_map(part).collect();
    let done = match upload.as_slice() {
        [] => part("progress"),
        parts => Some(parts.iter().sum::<f64>() / parts.len() as f64),
    };
    done.map_or_else(|| "-".to_owned(), |done| format!("{:.0}%", done * 100.0))
}

fn size(operation: &Value) -> String {
    let size = operation.get("total-size").and_then(Value::as_u64);
    size.map_or_else(|| "-".to_owned(), |size| DecimalBytes(size).to_string())
}
