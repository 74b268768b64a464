//! Pages about the node's work: transfers, counters, its storage (`docs/spec/webapi-delta.md` §4.6).

use super::answer::{Failure, plain, quoted, text, typed};
use super::asked::Asked;
use super::events;
use super::json;
use super::node_status::{CollectedStatus, HeldStatus, ScrubStatus, ScrubbedStatus, StorageStatus};
use super::pages::activity::{self, described};
use super::pages::simple::whole;
use super::pages::words::date;
use super::state::Gateway;
use crate::files::history::{History, Kind, Record};
use crate::http::markup::escape;
use crate::keeper::{self, record::Figures};
use crate::storage::Latency;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `/status`
pub fn transfers(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let history = asked.files.history();
    if asked.arguments.t() == "events" {
        return activity::events(history);
    }
    if asked.arguments.t() == "json" {
        let (active, recent) = (history.active(), history.recent());
        // What is in its cap was transferred to nowhere.
        let somewhere = |record: &&Arc<Record>| {
            record.storage_index().is_some() || record.status() != "Finished"
        };
        let list = |records: &[Arc<Record>]| -> Vec<Value> {
            records.iter().filter(somewhere).map(|record| described(record)).collect()
        };
        let body = json!({"active": list(&active), "recent": list(&recent)});
        let mut response = typed(plain(StatusCode::OK), "application/json");
        return Ok(response.body(json::indented(&body) + "\n"));
    }
    activity::show(history)
}

fn remembered(history: &History, name: &str) -> Result<Arc<Record>, Failure> {
    let records = history.active().into_iter().chain(history.recent());
    if !name.contains('-') {
        return Err(Failure::bad_request(format!("no '-' in {}", quoted(name))));
    }
    let record = records.into_iter().find(|record| record.name() == name);
    record.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, "This transfer is not remembered any more.")
    })
}

/// `/status/down-N/event_json`
pub fn events(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [name] = words else { return Err(Failure::not_found()) };
    let record = remembered(asked.files.history(), name)?;
    if record.kind != Kind::Download {
        return Err(Failure::not_found());
    }
    Ok(json::answer(&events::told(&record)))
}

/// `/status/TYPE-N`
pub fn transfer(asked: &Asked<'_>, words: &[String]) -> Result<HttpResponse, Failure> {
    let [name] = words else { return Err(Failure::not_found()) };
    let record = remembered(asked.files.history(), name)?;
    let all = "<p class=\"links\"><a href=\"/status\">All transfers</a></p>\n";
    Ok(whole("Transfer", &(activity::one(&record)? + all)))
}

/// The type of what collectors of figures take.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/statistics`
pub fn statistics(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let (counters, stats) = figures(asked.gateway);
    Ok(match asked.arguments.t() {
        "json" => json::answer(&json!({"counters": counters, "stats": stats})),
        "openmetrics" => {
            typed(plain(StatusCode::OK), OPEN_METRICS).body(open_metrics(&counters, &stats))
        }
        _ => {
            let all = counters.iter().chain(&stats);
            let rows: String = all
                .map(|(name, value)| {
                    format!("<tr><td>{}</td><td>{value}</td></tr>\n", escape(name))
                })
                .collect();
            whole("Statistics", &format!("<table>{rows}</table>\n"))
        }
    })
}

fn figures(gateway: &Gateway) -> (Map<String, Value>, Map<String, Value>) {
    let (mut counters, mut stats) = (Map::new(), Map::new());
    for (kind, who, did) in
        [(Kind::Upload, "uploader", "uploaded"), (Kind::Download, "downloader", "downloaded")]
    {
        let count = gateway.files.history().counters(kind);
        counters.insert(format!("{who}.files_{did}"), json!(count.files));
        counters.insert(format!("{who}.bytes_{did}"), json!(count.bytes));
    }
    stats.insert("node.uptime".to_owned(), json!(gateway.files.history().uptime() as f64));
    let wanted = gateway.files.grid().params();
    stats.insert("grid.shares_needed".to_owned(), json!(wanted.k()));
    stats.insert("grid.servers_of_happiness".to_owned(), json!(wanted.happy()));
    stats.insert("grid.shares_total".to_owned(), json!(wanted.n()));
    let seen = gateway.files.directories().seen();
    stats.insert("directories.versions_known".to_owned(), json!(seen.known));
    stats.insert("directories.versions_forgotten".to_owned(), json!(seen.forgotten));
    if let Some(keeper) = &gateway.keeper {
        stats.extend(keeper_figures(&keeper.status()));
    }
    if let Some(storage) = gateway.storage.as_ref().map(|storage| storage()) {
        add_storage(&storage, (&mut counters, &mut stats));
    }
    (counters, stats)
}

fn add_storage(
    storage: &StorageStatus,
    (counters, stats): (&mut Map<String, Value>, &mut Map<String, Value>),
) {
    let figures = storage_figures(storage);
    stats.extend(figures.map(|(name, value)| (format!("storage_server.{name}"), value)));
    for latency in &storage.latencies {
        counters.insert(format!("storage_server.{}", latency.operation), json!(latency.count));
        stats.extend(latency_figures(latency));
    }
}

/// The figures of what a node has stored for others, for a collector.
pub fn storage_metrics(storage: Option<&StorageStatus>) -> String {
    let (mut counters, mut stats) = (Map::new(), Map::new());
    if let Some(storage) = storage {
        add_storage(storage, (&mut counters, &mut stats));
    }
    open_metrics(&counters, &stats)
}

/// What the last round over all that is kept came to.
fn keeper_figures(status: &keeper::Status) -> impl Iterator<Item = (String, Value)> {
    let figures = status.last.as_ref().map(|last| {
        let Figures { files, directories, copied, whole, repaired, partly, .. } = last.figures;
        let Figures { waiting, lost, unread, corrupt, spare_servers, .. } = last.figures;
        [
            ("last_finished", json!(last.finished)),
            ("files", json!(files)),
            ("directories", json!(directories)),
            ("directories_copied", json!(copied)),
            ("files_whole", json!(whole)),
            ("files_repaired", json!(repaired)),
            ("files_mended_in_part", json!(partly)),
            ("files_waiting", json!(waiting)),
            ("files_lost", json!(lost)),
            ("directories_unread", json!(unread)),
            ("corrupt_shares", json!(corrupt)),
            ("spare_servers", json!(spare_servers)),
        ]
    });
    figures.into_iter().flatten().map(|(name, value)| (format!("keeper.{name}"), value))
}

/// Under the names of 1.20, and what the shares take, for which it has none.
fn storage_figures(storage: &StorageStatus) -> impl Iterator<Item = (&'static str, Value)> {
    let accepting = u8::from(!storage.read_only && storage.available > 0);
    let disk = storage.disk.map(|disk| {
        [
            ("disk_total", json!(disk.total)),
            ("disk_used", json!(disk.total.saturating_sub(disk.free))),
            ("disk_free_for_root", json!(disk.free)),
            ("disk_free_for_nonroot", json!(disk.available)),
        ]
    });
    let own = [
        ("accepting_immutable_shares", json!(accepting)),
        ("allocated", json!(storage.allocated)),
        ("reserved_space", json!(storage.reserved)),
        ("disk_avail", json!(storage.available)),
        ("shares_used", json!(storage.used)),
        ("shares_damaged", json!(storage.scrub.damaged)),
    ];
    let round = storage.scrub.round.map(|(_, shares, bytes)| {
        [("scrub_round_shares", json!(shares)), ("scrub_round_bytes", json!(bytes))]
    });
    let last = storage.scrub.last.map(|last| {
        [
            ("scrub_last_finished", json!(last.times.1)),
            ("scrub_last_shares", json!(last.shares)),
            ("scrub_last_damaged", json!(last.damaged)),
            ("scrub_last_unread", json!(last.unread)),
        ]
    });
    let scrub = round.into_iter().flatten().chain(last.into_iter().flatten());
    own.into_iter().chain(disk.into_iter().flatten()).chain(scrub)
}

/// Times in seconds, under the names of 1.20.
fn latency_figures(latency: &Latency) -> impl Iterator<Item = (String, Value)> {
    let times = latency.percentiles.iter().copied().chain([("mean", latency.mean)]);
    let times = times.map(|(name, time)| (name, json!(time.map(|time| time.as_secs_f64()))));
    let figures = times.chain([("samplesize", json!(latency.samples))]);
    let under = format!("storage_server.latencies.{}", latency.operation);
    figures.map(move |(name, value)| (format!("{under}.{name}"), value))
}

/// A name as the format takes it: percentiles are quantiles of one figure.
fn metric(name: &str) -> String {
    let word = name.replace(['.', '-'], "_");
    let parts = word.strip_suffix("_percentile").and_then(|word| {
        let (word, tenths) = word.rsplit_once('_')?;
        let (figure, percent) = word.rsplit_once('_')?;
        Some(format!("{figure}{{quantile=\"0.{percent}{tenths}\"}}"))
    });
    parts.unwrap_or(word)
}

fn open_metrics(counters: &Map<String, Value>, stats: &Map<String, Value>) -> String {
    let mut lines = Vec::new();
    for (prefix, all) in [("tahoe_counters", counters), ("tahoe_stats", stats)] {
        let mut all: Vec<_> = all.iter().collect();
        all.sort_by_key(|(name, _)| *name);
        for (name, value) in all {
            let value = if value.is_null() { "NaN".to_owned() } else { value.to_string() };
            lines.push(format!("{prefix}_{} {value}\n", metric(name)));
        }
    }
    lines.concat() + "# EOF\n"
}

/// `/storage`
pub fn storage(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let (gateway, as_json) = (asked.gateway, asked.arguments.t() == "json");
    let Some(storage) = gateway.storage.as_ref().map(|storage| storage()) else {
        if as_json {
            return Err(Failure::new(StatusCode::NOT_FOUND, "This node offers no space."));
        }
        return Ok(whole("Storage", "<p>This node offers no space to others.</p>\n"));
    };
    if as_json {
        let (_, stats) = figures(gateway);
        let stats: Map<_, _> =
            stats.into_iter().filter(|(name, _)| name.starts_with("storage_server.")).collect();
        return Ok(json::answer(&json!({
            "stats": stats,
            "bucket-counter": null,
            "lease-checker": lease_checker(&storage),
            "scrub": scrub_facts(&storage.scrub),
            "clock-jumped": storage.clock_jump.map(|(expected, found)| {
                json!({"expected": expected, "found": found})
            }),
            "lease-checker-progress": null,
        })));
    }
    let used = storage.used.map_or_else(|| "being counted".to_owned(), |used| used.to_string());
    let takes = if storage.read_only { "no" } else { "yes" };
    let body = format!(
        "<table><tr><td>Takes new shares</td><td>{takes}</td></tr>\n\
         <tr><td>Bytes of the disk taken</td><td>{used}</td></tr>\n\
         <tr><td>Bytes left for new ones</td><td>{}</td></tr>\n\
         <tr><td>Shares that nobody renews</td><td>{}</td></tr>\n\
         <tr><td>Damage</td><td>{}</td></tr>\n\
         <tr><td>Clock</td><td>{}</td></tr></table>\n",
        storage.available,
        expiry(&storage),
        scrub(&storage.scrub),
        clock(&storage)
    );
    Ok(whole("Storage", &body))
}

/// The last collection, under the names of 1.20.
fn lease_checker(storage: &StorageStatus) -> Value {
    let Some(age) = storage.lease_age else { return Value::Null };
    let mut history = Map::new();
    if let Some(run) = storage.collected {
        let recovered = json!({"actual-shares": run.shares, "actual-diskbytes": run.bytes});
        let run = json!({
            "cycle-start-finish-times": [run.times.0, run.times.1],
            "expiration-enabled": true,
            "configured-expiration-mode": ["age", age, null, ["immutable"]],
            "space-recovered": recovered,
            "failed-buckets": run.failed,
            "held": run.held.map(held),
        });
        history.insert("0".to_owned(), run);
    }
    json!({"history": history})
}

/// The same in a sentence.
fn expiry(storage: &StorageStatus) -> String {
    let Some(age) = storage.lease_age else { return "are kept".to_owned() };
    let days = age / (24 * 3600);
    let last = match storage.collected {
        None => "not done since the start".to_owned(),
        Some(CollectedStatus { held: Some(why), .. }) => held(why),
        Some(CollectedStatus { shares, bytes, failed: 0, .. }) => {
            format!("last time {shares} with {bytes} bytes")
        }
        Some(CollectedStatus { shares, bytes, failed, .. }) => format!(
            "last time {shares} with {bytes} bytes; {failed} buckets could not be changed, \
             see the log"
        ),
    };
    format!("are deleted {days} days after their last renewal; {last}")
}

/// How the shares are read to find damage, for programs.
fn scrub_facts(scrub: &ScrubStatus) -> Value {
    let ScrubStatus { every, round, last, damaged } = scrub;
    json!({
        "every-seconds": every,
        "shares-damaged": damaged,
        "round": round.map(|(started, shares, bytes)| {
            json!({"started": started, "shares-read": shares, "bytes-read": bytes})
        }),
        "last": last.map(|last| {
            json!({
                "start-finish-times": [last.times.0, last.times.1],
                "shares-read": last.shares,
                "shares-damaged": last.damaged,
                "unread": last.unread,
            })
        }),
    })
}

fn unreadable(count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    format!("; {count} folders or files could not be read at all, see the log")
}

/// The same in sentences.
fn scrub(scrub: &ScrubStatus) -> String {
    let found = match scrub.damaged {
        0 => "none is known".to_owned(),
        count => format!(
            "{count} shares are damaged and wait for sound ones, which a repair of their files brings; \
             corruption-advisories/ in the storage folder names them"
        ),
    };
    let Some(every) = scrub.every else {
        return format!("{found}; it is not looked for (scrub is off)");
    };
    let last =
        scrub.last.map(|ScrubbedStatus { times: (_, finished), shares, damaged, unread }| {
            let (when, unread) = (date(finished), unreadable(unread));
            format!("; {shares} shares were read until {when}, {damaged} of them damaged{unread}")
        });
    let round = scrub.round.map(|(_, shares, bytes)| {
        format!("; this round has read {shares} shares with {bytes} bytes so far")
    });
    let (last, round) = (last.unwrap_or_default(), round.unwrap_or_default());
    format!("{found}; all shares are read every {} days{last}{round}", every / (24 * 3600))
}

/// Why nothing was deleted, and what the owner can do.
fn held(why: HeldStatus) -> String {
    match why {
        HeldStatus::Clock => "last time none, as the clock has not gone right for a day".to_owned(),
        HeldStatus::Most { over, all } => format!(
            "last time none: {over} of {all} would have gone, which is more than half. If that is \
             right, make an empty file expire_confirmed in the node's folder"
        ),
    }
}

/// Whether the clock is believed, in a sentence.
fn clock(storage: &StorageStatus) -> String {
    let Some((expected, found)) = storage.clock_jump else { return "goes right".to_owned() };
    let (by, way) = (expected.abs_diff(found), if found > expected { "ahead" } else { "back" });
    format!(
        "jumped {way} by {} hours: no share is deleted before it has gone right for a day. If it is \
         right, make an empty file expire_confirmed in the node's folder",
        by / 3600
    )
}

/// `/helper_status`: uploads need no helper here.
pub fn helper(asked: &Asked<'_>) -> Result<HttpResponse, Failure> {
    Ok(match asked.arguments.t() == "json" {
        true => json::answer(&json!({})),
        false => whole("Helper", "<p>This node is no helper; uploads need none.</p>\n"),
    })
}

/// `POST /report_incident`: a mark in the log, at the time when something looked wrong.
pub fn incident(_: &Asked<'_>) -> Result<HttpResponse, Failure> {
    tracing::warn!("an incident was reported by way of the gateway");
    let words =
        "An incident report has been saved: the time is marked in the node's log. Thank you!\n";
    Ok(text(StatusCode::OK, words))
}

/// `/private/logs/v1`: the log is a file.
pub fn logs(_: &Asked<'_>) -> Result<HttpResponse, Failure> {
    let text = "Logs are not sent over the network; they are in the node's folder logs.";
    Err(Failure::new(StatusCode::NOT_IMPLEMENTED, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(clock_jump: Option<(u64, u64)>, held: Option<HeldStatus>) -> StorageStatus {
        let collected = Some(CollectedStatus { held, ..CollectedStatus::default() });
        let lease_age = Some(31 * 24 * 3600);
        StorageStatus { lease_age, clock_jump, collected, ..StorageStatus::default() }
    }

    #[test]
    fn percentiles_are_quantiles_of_one_figure() {
        assert_eq!(metric("node.uptime"), "node_uptime");
        assert_eq!(metric("a.add-lease.mean"), "a_add_lease_mean");
        assert_eq!(metric("a.read.99_9_percentile"), "a_read{quantile=\"0.999\"}");
        assert_eq!(metric("a.add-lease.01_0_percentile"), "a_add_lease{quantile=\"0.010\"}");
        assert_eq!(metric("_percentile"), "_percentile");
    }

    #[test]
    fn a_clock_that_jumped_is_told_with_what_to_do() {
        assert_eq!(clock(&storage(None, None)), "goes right");
        let (ahead, back) =
            (clock(&storage(Some((0, 7_200)), None)), storage(Some((7_200, 0)), None));
        assert!(
            ahead.contains("ahead by 2 hours") && ahead.contains("expire_confirmed"),
            "{ahead}"
        );
        assert!(clock(&back).contains("back by 2 hours"));
    }

    #[test]
    fn a_collection_that_was_held_says_why() {
        let most = storage(None, Some(HeldStatus::Most { over: 20, all: 21 }));
        let text = expiry(&most);
        assert!(text.contains("20 of 21") && text.contains("expire_confirmed"), "{text}");
        assert!(lease_checker(&most)["history"]["0"]["held"].is_string());
        let clock = expiry(&storage(None, Some(HeldStatus::Clock)));
        assert!(clock.contains("clock has not gone right"), "{clock}");
        assert!(lease_checker(&storage(None, None))["history"]["0"]["held"].is_null());
    }
}
