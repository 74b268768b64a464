//! `tahoe status`

use super::CliError;
use super::http::Gateway;
use super::output::{Output, count, shown};
use crate::node::config;
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
        // Other gateways may have no such page.
        let node =
            connection.get("/?t=json")?.success("").and_then(|node| node.json::<Value>()).ok();
        if let Some(node) = node.as_ref().filter(|node| node.get("announcement_summary").is_some())
        {
            return introducer(node, &connection.url("/"));
        }
        let status: Value = connection.get("/status?t=json")?.success("")?.json()?;
        let statistics: Value = connection.get("/statistics?t=json")?.success("")?.json()?;
        let mut out = Output::new();
        if let Some(node) = node {
            health(&node, &statistics, &mut out)?;
        }
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

/// A node without a gateway: what it tells of the grid.
fn introducer(node: &Value, address: &str) -> Result<(), CliError> {
    let mut out = Output::new();
    out.line(format_args!("Page at {address}"))?;
    for (title, name) in
        [("Announced", "announcement_summary"), ("Subscriptions", "subscription_summary")]
    {
        let counts = node.get(name).and_then(Value::as_object).into_iter().flatten();
        let counts: Vec<_> =
            counts.map(|(service, count)| format!("{count} of {}", shown(service))).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        out.line(format_args!("{title}: {counts}"))?;
    }
    out.finish()
}

fn is_transfer(operation: &Value) -> bool {
    matches!(text(operation, "type").as_str(), "upload" | "download")
}

/// What is asked first: whether there is a grid, and whether it takes files.
fn health(node: &Value, statistics: &Value, out: &mut Output) -> Result<(), CliError> {
    let servers: Vec<&Value> =
        node.get("servers").and_then(Value::as_array).into_iter().flatten().collect();
    let states = servers.iter().map(|server| text(server, "connection_status"));
    let connected = states.filter(|state| state.starts_with("Connected")).count();
    let known = count(servers.len() as u64, "storage server", "storage servers");
    out.line(format_args!("Connected to {connected} of {known}"))?;
    let introducer = node.pointer("/introducers/statuses/0").and_then(Value::as_str);
    let introducer = introducer.map_or_else(|| "No introducer: in no grid yet.".to_owned(), shown);
    out.line(introducer)?;
    let grid = |name: &str| statistics.pointer(&format!("/stats/grid.{name}"))?.as_u64();
    let wanted = (grid("shares_needed"), grid("servers_of_happiness"), grid("shares_total"));
    let (Some(needed), Some(happy), Some(total)) = wanted else { return Ok(()) };
    let takers: Vec<_> = servers.into_iter().filter(|server| takes_shares(server)).collect();
    if (takers.len() as u64) < happy {
        return out.line(cannot_store(takers.len(), happy));
    }
    out.line(format_args!(
        "New files can be stored: {total} shares on {happy} servers or more, any {needed} give a file back"
    ))?;
    let room = |server: &&Value| server.get("available_space").and_then(Value::as_u64);
    let free = takers.iter().filter_map(room).fold(0, u64::saturating_add);
    let net = u64::try_from(u128::from(free) * u128::from(needed) / u128::from(total.max(1)));
    out.line(format_args!(
        "Room on the servers: {}, for {} of files",
        DecimalBytes(free),
        DecimalBytes(net.unwrap_or(u64::MAX))
    ))
}

/// Whether a server is connected and takes something new. One that does not say how much may.
fn takes_shares(server: &Value) -> bool {
    let state = text(server, "connection_status");
    let full = server.get("available_space").and_then(Value::as_u64) == Some(0);
    state.starts_with("Connected") && !state.contains("gets no new shares") && !full
}

fn cannot_store(takers: usize, happy: u64) -> String {
    let fitting = u16::try_from(takers).ok().and_then(config::fitting_parameters);
    let such_as = fitting.map_or_else(String::new, |fitting| {
        format!(", such as `{}`,", config::parameters_text(fitting))
    });
    format!(
        "New files can NOT be stored: {happy} servers that take something are wanted, there {}. Start more, or \
         write smaller numbers{such_as} into the file encoding_parameters of the introducer, or of this node.",
        if takers == 1 { "is 1".to_owned() } else { format!("are {takers}") }
    )
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
