//! What a download asked whom for and when, as 1.20 tells it for drawings of that.
//!
//! Every event has a row, so that no two in one row overlap.

use crate::base::hash::blake2b;
use crate::files::history::Record;
use crate::grid::download::trace::{Asked, BlocksRead, Events, SegmentsRead, Span};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The whole record of one download.
pub fn told(record: &Record) -> Value {
    let (began, ended) = record.times();
    let told = Told { began: began as f64 };
    let mut events = record.trace.events();
    events.asked.sort_by_key(|one| one.span.start);
    events.blocks.sort_by_key(|one| one.span.start);
    events.segments.sort_by_key(|one| one.span.start);
    let last = told.at(last(&events));
    let finished = ended.map(|ended| last.max(ended as f64));
    let servers = servers(&events);
    let (blocks, rownums) = told.blocks(&events.blocks, &servers);
    let info = servers.iter().enumerate().map(|(number, id)| (id.clone(), info(number, id)));
    let names = servers.iter().enumerate().map(|(n, id)| (n.to_string(), json!(short(id))));
    json!({
        "misc": [],
        "read": [{
            "start": record.start,
            "length": record.size,
            "start_time": told.began,
            "finish_time": finished,
            "bytes_returned": record.bytes(),
            "decrypt_time": 0,
            "paused_time": 0,
            "row": 0,
        }],
        "segment": told.segments(&events.segments),
        "dyhb": told.asked(&events.asked),
        "block": blocks,
        "block_rownums": rownums,
        "server_info": Value::Object(info.collect()),
        "num_serverids": servers.len(),
        "serverids": Value::Object(names.collect::<Map<_, _>>()),
        "bounds": {"min": told.began, "max": finished.unwrap_or(last)},
    })
}

/// Turns times since the beginning into seconds since 1970.
struct Told {
    began: f64,
}

impl Told {
    fn at(&self, time: Duration) -> f64 {
        self.began + time.as_secs_f64()
    }

    fn asked(&self, asked: &[Asked]) -> Vec<Value> {
        let mut rows = Rows::default();
        let told = asked.iter().map(|one| {
            json!({
                "serverid": one.server,
                "start_time": self.at(one.span.start),
                "finish_time": self.at(one.span.end),
                "success": one.shares.is_some(),
                "response_shnums":
                    one.shares.iter().flatten().map(|share| share.0).collect::<Vec<_>>(),
                "row": rows.place(one.span),
            })
        });
        told.collect()
    }

    fn segments(&self, segments: &[SegmentsRead]) -> Vec<Value> {
        let mut rows = Rows::default();
        let told =
            segments.iter().flat_map(|one| (one.first..).zip(&one.ranges).map(move |at| (one, at)));
        let told = told.map(|(one, (number, range))| {
            json!({
                "segment_number": number,
                "start_time": self.at(one.span.start),
                "active_time": self.at(one.span.start),
                "finish_time": self.at(one.span.end),
                "success": one.decoded,
                "decode_time": null,
                "segment_start": one.decoded.then_some(range.start),
                "segment_length": one.decoded.then_some(range.end - range.start),
                "row": rows.place(one.span),
            })
        });
        told.collect()
    }

    /// A row is of a server; and how many each server has.
    fn blocks(&self, blocks: &[BlocksRead], servers: &[String]) -> (Vec<Value>, Vec<usize>) {
        let mut rows: Vec<Rows> = servers.iter().map(|_| Rows::default()).collect();
        let mut told = Vec::new();
        for one in blocks {
            let group = servers.iter().position(|server| *server == one.server).unwrap_or_default();
            let Some(rows) = rows.get_mut(group) else { continue };
            let length = one.range.end - one.range.start;
            told.push(json!({
                "serverid": one.server,
                "shnum": one.share.0,
                "start": one.range.start,
                "length": length,
                "start_time": self.at(one.span.start),
                "finish_time": self.at(one.span.end),
                "success": one.came,
                "response_length": one.came.then_some(length),
                "row": [group, rows.place(one.span)],
            }));
        }
        (told, rows.iter().map(|rows| rows.0.len()).collect())
    }
}

/// When the last event in each row ended.
#[derive(Default)]
struct Rows(Vec<Duration>);

impl Rows {
    /// The first row that is free by then.
    fn place(&mut self, span: Span) -> usize {
        match self.0.iter_mut().enumerate().find(|(_, free)| span.start > **free) {
            Some((row, free)) => {
                *free = span.end;
                row
            }
            None => {
                self.0.push(span.end);
                self.0.len() - 1
            }
        }
    }
}

fn last(events: &Events) -> Duration {
    let asked = events.asked.iter().map(|one| one.span.end);
    let blocks = events.blocks.iter().map(|one| one.span.end);
    let segments = events.segments.iter().map(|one| one.span.end);
    asked.chain(blocks).chain(segments).max().unwrap_or_default()
}

/// Those that were asked, in the order in which they first were.
fn servers(events: &Events) -> Vec<String> {
    let asked = events.asked.iter().map(|one| &one.server);
    let mut servers: Vec<String> = Vec::new();
    for server in asked.chain(events.blocks.iter().map(|one| &one.server)) {
        if !servers.contains(server) {
            servers.push(server.clone());
        }
    }
    servers
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

fn info(number: usize, id: &str) -> Value {
    // Light colours, on which text can be read.
    let light = |byte: &u8| format!("{:02x}", byte / 2 + 0x80);
    let color: String = blake2b(id.as_bytes()).iter().take(3).map(light).collect();
    json!({"num": number, "short": short(id), "color": format!("#{color}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_stands_in_rows_of_its_own() {
        let mut rows = Rows::default();
        let mut place = |start, end| {
            rows.place(Span { start: Duration::from_secs(start), end: Duration::from_secs(end) })
        };
        assert_eq!((place(0, 5), place(1, 2), place(2, 3), place(4, 9)), (0, 1, 2, 1));
        assert_eq!((place(6, 7), place(6, 7)), (0, 2));
    }

    #[test]
    fn a_color_is_light() {
        let info = info(2, "abcdefghijkl");
        assert_eq!((&info["num"], &info["short"]), (&json!(2), &json!("abcdefgh")));
        let color = info["color"].as_str().unwrap();
        assert!(color.len() == 7 && color[1..].bytes().step_by(2).all(|digit| digit >= b'8'));
    }
}
