//! What a check found: in a sentence, and share by share.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::{Frame, crumbs, show, words};
use crate::files::address::{Address, Root};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde_json::Value;
use std::collections::HashMap;

#[derive(Template)]
#[template(path = "checked.html")]
struct Checked {
    frame: Frame,
    title: String,
    index: String,
    back: String,
    healthy: bool,
    sentence: String,
    shares: Vec<Share>,
}

struct Share {
    number: u64,
    /// Names of the servers that have it.
    servers: String,
}

/// The page for a result as `t=check` gives it to programs; `return_to` is where its reader came from.
pub fn checked(
    asked: &Asked<'_>,
    result: &Value,
    return_to: Option<&str>,
) -> Result<HttpResponse, Failure> {
    let address = Address::at(asked.request.uri().path())?.ok_or_else(Failure::not_found)?;
    let title = match address.root != Root::Global || address.name().is_some() {
        true => crumbs::title(&address),
        false => "Global drive".to_owned(),
    };
    let back = return_to.map_or_else(|| format!("{}?t=info", address.path()), str::to_owned);
    show_result(asked, result, (title, back))
}

/// The same for one of many that were checked, of which only the storage index is known.
pub fn of_many(asked: &Asked<'_>, result: &Value, back: String) -> Result<HttpResponse, Failure> {
    show_result(asked, result, ("One of those checked".to_owned(), back))
}

fn show_result(
    asked: &Asked<'_>,
    result: &Value,
    (title, back): (String, String),
) -> Result<HttpResponse, Failure> {
    let text = |pointer: &str| {
        result.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let template = Checked {
        frame: Frame::new("Checked", "files"),
        title,
        index: text("/storage-index"),
        back,
        healthy: result.pointer("/results/healthy").and_then(Value::as_bool).unwrap_or(false),
        sentence: sentence(result),
        shares: shares(asked, result),
    };
    show(StatusCode::OK, &template)
}

fn number(result: &Value, name: &str) -> usize {
    let number = result.get("results").and_then(|results| results.get(name));
    number.and_then(Value::as_u64).unwrap_or_default() as usize
}

fn sentence(result: &Value) -> String {
    let Some(summary) = result.get("summary").and_then(Value::as_str) else {
        return "Its capability holds all of it; there is nothing that a server could lose."
            .to_owned();
    };
    let count = |name: &str| number(result, name);
    let (good, needed) = (count("count-shares-good"), count("count-shares-needed"));
    let (expected, hosts) = (count("count-shares-expected"), count("count-good-share-hosts"));
    if expected <= 1 {
        return match good {
            0 => summary.to_owned(),
            _ => "It is there, on its server.".to_owned(),
        };
    }
    let place = format!("on {}", words::count(hosts, "server", "servers"));
    if good < needed {
        return format!(
            "Only {good} of {expected} shares are found {place}, and it takes {needed}: it cannot be \
             read until servers with more of them come back."
        );
    }
    let survives = format!("any {needed} give it back, so {} more may be lost", good - needed);
    // A server's word is all that a count knows.
    let counted = "Counted, not verified.";
    match good >= expected {
        true => format!("All {expected} shares are there, {place}: {survives}. {counted}"),
        false => format!("{good} of {expected} shares are there, {place}: {survives}. {counted}"),
    }
}

fn shares(asked: &Asked<'_>, result: &Value) -> Vec<Share> {
    let expected = number(result, "count-shares-expected") as u64;
    let Some(map) = result.pointer("/results/sharemap").and_then(Value::as_object) else {
        return Vec::new();
    };
    let status = (asked.gateway.status)();
    let names: HashMap<&str, &str> = status
        .servers
        .iter()
        .filter(|server| !server.nickname.is_empty())
        .map(|server| (server.nodeid.as_str(), server.nickname.as_str()))
        .collect();
    let name = |id: &Value| {
        let id = id.as_str().unwrap_or_default();
        let short = id.get(..12).unwrap_or(id);
        names.get(id).copied().unwrap_or(short).to_owned()
    };
    let share = |number: u64| {
        let servers = map.get(&number.to_string()).and_then(Value::as_array);
        let servers: Vec<String> = servers.into_iter().flatten().map(name).collect();
        Share { number, servers: servers.join(", ") }
    };
    (0..expected).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result(good: u64, hosts: u64) -> Value {
        json!({"summary": "x", "results": {
            "count-shares-good": good,
            "count-shares-needed": 3,
            "count-shares-expected": 10,
            "count-good-share-hosts": hosts,
        }})
    }

    #[test]
    fn the_sentence_says_what_may_still_be_lost() {
        assert!(sentence(&result(10, 10)).starts_with("All 10 shares are there, on 10 servers"));
        assert!(sentence(&result(4, 1)).contains("on 1 server: any 3 give it back, so 1 more"));
        assert!(sentence(&result(2, 2)).contains("it takes 3"));
        assert!(sentence(&json!({"results": {"healthy": true}})).contains("holds all of it"));
    }
}
