//! Everything below a directory, a line of JSON each, sent as it is found
//! (`docs/spec/webapi-delta.md` §4.2–4.4).
//!
//! What is missing of a directory is a line of the type `error`, which older clients pass over; behind
//! the statistics a line `ERROR: …` then tells all of them the first of it.

use super::super::answer::{Failure, plain, typed};
use super::super::asked::Asked;
use super::super::json;
use super::super::object::describe;
use super::check::Checker;
use super::facts::{reason, stats_json, unit};
use super::progress::Walk;
use super::verdict::unfounded;
use crate::base::limits::{DEEP_CHECKS_MAX, LISTING_CHUNK};
use crate::files::address::Address;
use crate::grid::tasks::Task;
use crate::grid::{Code, DeepStats, Missed, Reached, Traversal, Why};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::{Map, Value, json};
use std::convert::Infallible;

/// A step of a walk.
pub enum Event {
    Reached(Box<Reached>),
    /// How far it is, now and then.
    SoFar(Box<DeepStats>),
    /// What is missing of a directory that was reached; it goes on.
    Missed(Box<Missed>),
    /// What it came to; for older clients, what was missing first.
    Done(Box<DeepStats>, Option<String>),
}

/// What is said of an object whose check ended without a result.
const BROKEN_OFF: &str = "the check broke off; ask again, and see the node's log";

/// Objects between two [`Event::SoFar`].
const SO_FAR_EVERY: u64 = 256;

/// Follows a walk.
pub fn events(walk: Traversal) -> impl Stream<Item = Event> + Send {
    let walk = Some((walk, 0, None));
    stream::unfold(walk, |walk| async move {
        let (mut walk, mut count, mut first): (Traversal, u64, Option<String>) = walk?;
        if count == SO_FAR_EVERY {
            let stats = Box::new(walk.stats.clone());
            return Some((Event::SoFar(stats), Some((walk, 0, first))));
        }
        count += 1;
        let event = match walk.next().await {
            Some(Ok(reached)) => Event::Reached(Box::new(reached)),
            Some(Err(missed)) => {
                first.get_or_insert_with(|| failure_line(&missed.why));
                Event::Missed(Box::new(missed))
            }
            None => return Some((Event::Done(Box::new(walk.stats), first), None)),
        };
        Some((event, Some((walk, count, first))))
    })
}

/// `t=stream-manifest` and `t=stream-deep-check`
pub async fn stream(
    asked: &Asked<'_>,
    address: &Address,
    walk: Walk,
) -> Result<HttpResponse, Failure> {
    let root = asked.files.dir(address).await?;
    let checker = match walk {
        Walk::Check => Some(Checker::of(asked)?),
        _ => None,
    };
    let lines = events(asked.files.walk(root))
        .map(move |event| line(event, checker.clone()))
        .buffered(DEEP_CHECKS_MAX)
        .ready_chunks(LISTING_CHUNK)
        .map(|lines| Bytes::from(lines.concat()))
        // An empty piece would end the body early.
        .filter(|piece| std::future::ready(!piece.is_empty()))
        .map(Ok::<_, Infallible>);
    Ok(typed(plain(StatusCode::OK), "text/plain").streaming(Box::pin(lines)))
}

async fn line(event: Event, checker: Option<Checker>) -> String {
    match event {
        Event::Reached(reached) => {
            let mut facts = unit(&reached);
            if let Some(checker) = checker {
                let (key, target) = (checker.key().to_owned(), reached.target.clone());
                // A reader who pauses must not keep what others wait for.
                let mut check = Task::spawn(async move { checker.check(&target).await });
                let result = check.outcome().await.unwrap_or_else(|| unfounded("", BROKEN_OFF));
                facts.insert(key, result);
            }
            json::line(&facts) + "\n"
        }
        Event::SoFar(_) => String::new(),
        Event::Missed(missed) => json::line(&missing(&missed)) + "\n",
        Event::Done(stats, first) => {
            let last = json!({"type": "stats", "stats": stats_json(&stats)});
            json::line(&last) + "\n" + &first.map_or_else(String::new, |first| first + "\n")
        }
    }
}

/// For clients that know no lines of the type `error`, in the shape `Class(arguments)`.
fn failure_line(why: &Why) -> String {
    let text = reason(why).replace('\n', " ");
    match text.split_once(": ") {
        Some((class, rest)) if class.ends_with("Error") => format!("ERROR: {class}({rest})"),
        _ => format!("ERROR: DirectoryError({text})"),
    }
}

/// What is missing of a directory, and why.
fn missing(missed: &Missed) -> Map<String, Value> {
    let Missed { path, cap, why } = missed;
    let mut facts = Map::from_iter([
        ("path".to_owned(), json!(path)),
        ("cap".to_owned(), json!(cap.reveal())),
        ("type".to_owned(), json!("error")),
        ("storage-index".to_owned(), json!(cap.index_text())),
        ("error".to_owned(), json!(reason(why))),
        ("code".to_owned(), json!(code(why).as_str())),
    ]);
    if let Why::Unreadable(unreadable) = why {
        facts.insert("unreadable".to_owned(), describe::unreadable(unreadable));
    }
    facts
}

/// The same for programs.
fn code(why: &Why) -> Code {
    match why {
        Why::Unlisted(error) => error.into(),
        Why::Unreadable(_) => Code::Unreadable,
    }
}
