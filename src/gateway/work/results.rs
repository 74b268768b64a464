//! What long work came to, or how far it is: JSON, page or text
//! (`docs/spec/webapi-delta.md` §4.3–4.5).

use super::super::answer::{self, Failure, plain};
use super::super::asked::Asked;
use super::super::json;
use super::super::pages::Frame;
use super::super::pages::error::wants_page;
use super::super::pages::simple::whole;
use super::super::pages::words;
use super::facts::stats_json;
use super::handles::Operation;
use super::progress::{Progress, Walk};
use super::verdict::{before, failure, repair_of};
use crate::files::address::percent_encode;
use crate::http::markup::escape;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// Answers in the form that the argument `output` asks for; without it, a person gets a page.
pub fn answer(
    operation: &Operation,
    handle: &str,
    asked: &Asked<'_>,
) -> Result<HttpResponse, Failure> {
    let progress = operation.progress();
    if let Some(failure) = &progress.failed {
        return Err(failure.clone());
    }
    let output = asked.arguments.filled("output").unwrap_or_default().to_ascii_lowercase();
    match output.as_str() {
        // For programs statistics were never anything but JSON, and the size two lines of text.
        "" | "html" if operation.walk == Walk::Stats && !wants_page(asked.request) => {
            Ok(json::answer(&as_json(operation, &progress)))
        }
        "" | "html" if operation.walk == Walk::Size && !wants_page(asked.request) => {
            Ok(plain(StatusCode::OK).body(as_text(Walk::Size, &progress)))
        }
        "json" => Ok(json::answer(&as_json(operation, &progress))),
        "text" => Ok(answer::text(StatusCode::OK, as_text(operation.walk, &progress))),
        "" | "html" => Ok(as_page(operation.walk, &progress, handle)),
        _ => Err(Failure::bad_request("output= takes html, JSON or text.")),
    }
}

fn as_json(operation: &Operation, progress: &Progress) -> Value {
    let mut all = result(operation, progress);
    if let Some(all) = all.as_object_mut().filter(|_| !progress.missed.is_empty()) {
        all.insert("errors".to_owned(), json!(progress.missed));
    }
    all
}

fn result(operation: &Operation, progress: &Progress) -> Value {
    let (finished, stats) = (progress.finished, stats_json(&progress.stats));
    match operation.walk {
        Walk::Stats => {
            let mut stats = stats;
            if let Some(stats) = stats.as_object_mut() {
                stats.insert("finished".to_owned(), json!(finished));
            }
            stats
        }
        Walk::Size => json!({"finished": finished, "size": stats}),
        Walk::Manifest if !finished => {
            json!({"stats": stats, "finished": false, "origin": operation.origin})
        }
        Walk::Manifest => json!({
            "stats": stats,
            "finished": true,
            "origin": operation.origin,
            "manifest": progress.manifest,
            "verifycaps": progress.verify_caps,
            "storage-index": progress.storage_indexes,
        }),
        Walk::Check => json!({
            "finished": finished,
            "root-storage-index": operation.origin,
            "count-objects-checked": progress.checked,
            "count-objects-healthy": progress.healthy,
            "count-objects-unhealthy": progress.checked - progress.healthy,
            "count-corrupt-shares": progress.corrupt.len(),
            "list-corrupt-shares": progress.corrupt,
            "list-unhealthy-files": progress.unhealthy,
            "stats": stats,
        }),
        Walk::Repair => repaired(operation, progress, stats),
    }
}

fn repaired(operation: &Operation, progress: &Progress, stats: Value) -> Value {
    let Progress { finished, checked, healthy, repairs, .. } = progress;
    let unhealthy: Vec<(&[String], &Value)> =
        progress.unhealthy.iter().map(|(path, result)| (&path[..], before(result))).collect();
    json!({
        "finished": finished,
        "root-storage-index": operation.origin,
        "count-objects-checked": checked,
        "count-objects-healthy-pre-repair": healthy,
        "count-objects-unhealthy-pre-repair": checked - healthy,
        "count-objects-healthy-post-repair": repairs.healthy,
        "count-objects-unhealthy-post-repair": checked - repairs.healthy,
        "count-repairs-attempted": repairs.attempted,
        "count-repairs-successful": repairs.successful,
        "count-repairs-unsuccessful": repairs.attempted - repairs.successful,
        "count-corrupt-shares-pre-repair": progress.corrupt.len(),
        "count-corrupt-shares-post-repair": progress.still_corrupt.len(),
        "list-corrupt-shares": progress.corrupt,
        "list-remaining-corrupt-shares": progress.still_corrupt,
        "list-unhealthy-files": unhealthy,
        "stats": stats,
    })
}

/// A line on something that is, or was, not healthy: what was found, and what came of it.
fn finding(result: &Value) -> String {
    let found = before(result).get("summary").and_then(Value::as_str).unwrap_or_default();
    match repair_of(result) {
        None => found.to_owned(),
        Some(true) => format!("{found}; repaired"),
        Some(false) => format!("{found}; {}", failure(result).unwrap_or("repair failed")),
    }
}

/// How many there are, and how they are.
fn counts(walk: Walk, progress: &Progress) -> String {
    let Progress { checked, healthy, repairs, .. } = progress;
    let mut text = format!("{checked} objects checked, {healthy} of them healthy.");
    if walk == Walk::Repair {
        text.push_str(&format!(
            " {} repaired, {} of them wholly; {} are healthy now.",
            repairs.attempted, repairs.successful, repairs.healthy
        ));
    }
    text
}

fn finished(progress: &Progress) -> &'static str {
    if progress.finished { "finished: yes\n" } else { "finished: no\n" }
}

/// What everything below takes, on the servers that keep one copy of it.
fn size(progress: &Progress) -> u64 {
    progress.stats.immutable_bytes.saturating_add(progress.stats.directory_bytes)
}

fn as_text(walk: Walk, progress: &Progress) -> String {
    let mut out = finished(progress).to_owned();
    match walk {
        Walk::Size if progress.finished => out.push_str(&format!("size: {}\n", size(progress))),
        Walk::Size | Walk::Stats => {}
        Walk::Manifest => {
            for (path, cap) in &progress.manifest {
                out.push_str(&format!("{} {cap}\n", path.join("/")));
            }
        }
        Walk::Check | Walk::Repair => {
            out.push_str(&format!("checked: {}\n", progress.checked));
            out.push_str(&format!("healthy: {}\n", progress.healthy));
            if walk == Walk::Repair {
                out.push_str(&format!("healthy after repair: {}\n", progress.repairs.healthy));
            }
            for (path, result) in &progress.unhealthy {
                out.push_str(&format!("{}: {}\n", path.join("/"), finding(result)));
            }
        }
    }
    for (path, why) in &progress.missed {
        out.push_str(&format!("error: /{}: {why}\n", path.join("/")));
    }
    out
}

fn as_page(walk: Walk, progress: &Progress, handle: &str) -> HttpResponse {
    let address = format!("/operations/{}", percent_encode(handle));
    let mut body = String::new();
    if !progress.finished {
        body.push_str(&format!(
            "<p>Under way: {} objects so far. <a href=\"{address}?output=html\">Look again</a></p>\n\
             <form action=\"{address}?t=cancel\" method=\"post\" \
             enctype=\"multipart/form-data\">{}<button class=\"button\">Cancel</button></form>\n",
            progress.checked.max(progress.manifest.len() as u64),
            Frame::new("", "").proof(),
        ));
    }
    let title = match walk {
        Walk::Manifest => {
            body.push_str(&manifest_rows(progress));
            "Manifest"
        }
        Walk::Stats | Walk::Size => {
            body.push_str(&figures(progress));
            "What is in it"
        }
        _ => {
            body.push_str(&format!("<p>{}</p>\n<ul>\n", counts(walk, progress)));
            for (path, result) in &progress.unhealthy {
                let (path, found) = (escape(&path.join("/")), escape(&finding(result)));
                body.push_str(&format!("<li>{path}: {found}</li>\n"));
            }
            body.push_str("</ul>\n");
            "Deep check"
        }
    };
    body.push_str(&missed_rows(progress));
    let mut response = whole(title, &body);
    let again = format!("{LOOK_AGAIN_SECONDS}; url={address}?output=html");
    if !progress.finished
        && let Ok(again) = HeaderValue::from_str(&again)
    {
        response.headers_mut().insert(HeaderName::from_static("refresh"), again);
    }
    response
}

/// A page about work that is under way looks again after so long.
const LOOK_AGAIN_SECONDS: u32 = 2;

fn figures(progress: &Progress) -> String {
    let stats = &progress.stats;
    let bytes = words::size(stats.immutable_bytes.saturating_add(stats.literal_bytes));
    let files = words::grouped(stats.immutable_files.saturating_add(stats.literal_files));
    let rows = [
        ("Files", files),
        ("Their size", bytes),
        ("Folders", words::grouped(stats.directories)),
        ("Size of their lists", words::size(stats.directory_bytes)),
        ("Largest file", words::size(stats.largest_immutable_file)),
        ("Most entries in a folder", words::grouped(stats.largest_directory_children)),
        ("Of unknown kinds", words::grouped(stats.unknown)),
    ];
    let row =
        |(label, value): &(&str, String)| format!("<div><dt>{label}</dt><dd>{value}</dd></div>");
    let rows: String = rows.iter().map(row).collect();
    format!("<dl class=\"facts\">{rows}</dl>\n")
}

/// What is missing in all that, if anything is.
fn missed_rows(progress: &Progress) -> String {
    let row = |(path, why): &(Vec<String>, String)| {
        format!("<li>/{}: {}</li>\n", escape(&path.join("/")), escape(why))
    };
    match progress.missed.is_empty() {
        true => String::new(),
        false => format!(
            "<h2>Not everything could be read</h2>\n<ul>\n{}</ul>\n",
            progress.missed.iter().map(row).collect::<String>()
        ),
    }
}

fn manifest_rows(progress: &Progress) -> String {
    let mut rows = "<table><tr><th>Path</th><th>Cap</th></tr>\n".to_owned();
    for (path, cap) in &progress.manifest {
        rows.push_str(&format!(
            "<tr><td>{}</td><td><a href=\"/uri/{}\"><code>{}</code></a></td></tr>\n",
            escape(&path.join("/")),
            percent_encode(cap),
            escape(cap),
        ));
    }
    rows + "</table>\n"
}
