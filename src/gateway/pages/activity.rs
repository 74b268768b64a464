//! `/status`: transfers under way and the last ones; as events for a page that stays open.

use super::super::answer::{Failure, page};
use super::{Frame, render, words};
use crate::base::limits::{EVENT_STREAMS_MAX, EVENT_TIME};
use crate::base::tally::Tally;
use crate::files::history::{History, Kind, Record};
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

#[derive(Template)]
#[template(path = "activity.html")]
struct Activity {
    frame: Frame,
    uptime: String,
    uploaded: String,
    downloaded: String,
    /// HTML of [`Transfers`].
    active: String,
    recent: String,
}

#[derive(Template)]
#[template(path = "transfers.html")]
struct Transfers {
    rows: Vec<Row>,
    nothing: &'static str,
}

struct Row {
    upload: bool,
    title: String,
    name: String,
    index: Option<String>,
    door: Option<String>,
    /// Thousandths.
    done: u32,
    status: String,
}

/// The page as it is now.
pub fn show(history: &History) -> Result<HttpResponse, Failure> {
    let sum = |kind| {
        let count = history.counters(kind);
        let files = words::count(count.files as usize, "file", "files");
        format!("{files} ({})", words::size(count.bytes))
    };
    let list = |records: Vec<Arc<Record>>, nothing| {
        render(&Transfers { rows: records.iter().map(|record| row(record)).collect(), nothing })
    };
    let template = Activity {
        frame: Frame::new("Activity", "activity"),
        uptime: words::span(history.uptime()),
        uploaded: sum(Kind::Upload),
        downloaded: sum(Kind::Download),
        active: list(history.active(), "Nothing is being transferred.")?,
        recent: list(history.recent(), "Nothing yet since the node started.")?,
    };
    super::show(StatusCode::OK, &template)
}

/// One transfer, as a list of one; HTML.
pub fn one(record: &Record) -> Result<String, Failure> {
    render(&Transfers { rows: vec![row(record)], nothing: "" })
}

fn row(record: &Record) -> Row {
    let upload = record.kind == Kind::Upload;
    let done = record.progress().1;
    let status = match record.status() {
        "Uploading" | "Downloading" => format!("{:.0} %", done * 100.0),
        other => other.to_owned(),
    };
    let verb = match (record.status(), upload) {
        ("Finished", true) => "Stored",
        ("Finished", false) => "Fetched",
        (_, true) => "Storing",
        (_, false) => "Fetching",
    };
    Row {
        upload,
        title: format!("{verb} {}", words::size(record.size)),
        name: record.name(),
        index: record.storage_index(),
        door: record.door.as_deref().map(str::to_owned),
        done: (done * 1000.0) as u32,
        status,
    }
}

/// One transfer, for programs.
pub fn described(record: &Record) -> Value {
    let (hashed, done) = record.progress();
    let mut facts = Map::new();
    facts.insert(
        "storage-index-string".to_owned(),
        json!(record.storage_index().unwrap_or_default()),
    );
    facts.insert("total-size".to_owned(), json!(record.size));
    facts.insert("status".to_owned(), json!(record.status()));
    if let Some(door) = &record.door {
        facts.insert("door".to_owned(), json!(**door));
    }
    match record.kind {
        Kind::Upload => {
            facts.insert("type".to_owned(), json!("upload"));
            facts.insert("progress-hash".to_owned(), json!(hashed));
            facts.insert("progress-ciphertext".to_owned(), json!(done));
            facts.insert("progress-encode-push".to_owned(), json!(done));
            if record.left_out() > 0 {
                facts.insert("shares-left-out".to_owned(), json!(record.left_out()));
            }
        }
        Kind::Download => {
            facts.insert("type".to_owned(), json!("download"));
            facts.insert("progress".to_owned(), json!(done));
        }
    }
    Value::Object(facts)
}

/// Streams that are open, so that there are never too many.
static OPEN: LazyLock<Tally> = LazyLock::new(|| Tally::new(EVENT_STREAMS_MAX as u64));

/// The two lists as server-sent events: at once, then whenever they differ.
pub fn events(history: &History) -> Result<HttpResponse, Failure> {
    let place = OPEN.take(1).ok_or_else(|| {
        let text = "Too many pages follow the activity of this node already.";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let state = (history.clone(), String::new(), tokio::time::interval(EVENT_TIME), place, 0u32);
    let events = stream::unfold(state, |(history, last, mut timer, place, mut quiet)| async move {
        loop {
            timer.tick().await;
            let now = lists(&history).to_string();
            quiet += 1;
            if now != last {
                let text = Bytes::from(format!("data: {now}\n\n"));
                return Some((Ok::<_, Infallible>(text), (history, now, timer, place, 0)));
            }
            // A word now and then shows whether anybody still listens.
            if quiet >= QUIET_TICKS {
                let text = Bytes::from_static(b": still here\n\n");
                return Some((Ok(text), (history, last, timer, place, 0)));
            }
        }
    });
    let mut response = page(StatusCode::OK);
    response.insert_header((header::CONTENT_TYPE, "text/event-stream"));
    Ok(response.streaming(Box::pin(events)))
}

/// Ticks without a change after which a word is sent all the same.
const QUIET_TICKS: u32 = 30;

fn lists(history: &History) -> Value {
    let list = |records: Vec<Arc<Record>>| -> Vec<Value> {
        let with_name = |record: &Arc<Record>| {
            let mut facts = described(record);
            if let Some(facts) = facts.as_object_mut() {
                facts.insert("name".to_owned(), json!(record.name()));
            }
            facts
        };
        records.iter().map(with_name).collect()
    };
    json!({"active": list(history.active()), "recent": list(history.recent())})
}
