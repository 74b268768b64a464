//! What a check found, and what a repair did about it: in sentences, and share by share.

use super::super::answer::Failure;
use super::super::asked::Asked;
use super::super::work::verdict::{after, before, failure, is_healthy, repair_of};
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
    /// What was done.
    repair: Option<String>,
    /// Shares that are not good, a line each.
    damaged: Vec<String>,
    shares: Vec<Share>,
    /// Where to ask for more to be done.
    more: Vec<More>,
}

/// Something else that can be done about it.
struct More {
    label: &'static str,
    words: &'static str,
    action: String,
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
    show_result(asked, result, (title, back), more(&address.path(), result))
}

/// What to do next about what was found.
fn more(base: &str, result: &Value) -> Vec<More> {
    let found = after(result);
    let flag = |name: &str| {
        found.get("results").and_then(|results| results.get(name)).and_then(Value::as_bool)
    };
    let mut more = Vec::new();
    if flag("verified") == Some(false) {
        let (label, words) = ("Read and verify it", "Every share, to its last byte.");
        more.push(More { label, words, action: format!("{base}?t=check&verify=true") });
    }
    if flag("healthy") == Some(false) && flag("recoverable") == Some(true) {
        let (label, words) = ("Repair it", "What is missing is made again and stored.");
        more.push(More { label, words, action: format!("{base}?t=check&repair=true") });
    }
    more
}

/// The same for one of many that were checked, of which only the storage index is known.
pub fn of_many(asked: &Asked<'_>, result: &Value, back: String) -> Result<HttpResponse, Failure> {
    show_result(asked, result, ("One of those checked".to_owned(), back), Vec::new())
}

fn show_result(
    asked: &Asked<'_>,
    result: &Value,
    (title, back): (String, String),
    more: Vec<More>,
) -> Result<HttpResponse, Failure> {
    let index = result.get("storage-index").and_then(Value::as_str).unwrap_or_default();
    let (found, names) = (after(result), names(asked));
    let template = Checked {
        frame: Frame::new("Checked", "files"),
        title,
        index: index.to_owned(),
        back,
        healthy: is_healthy(found),
        sentence: sentence(found),
        repair: repair(result),
        damaged: damaged(found, &names),
        shares: shares(found, &names),
        more,
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
    let verified = result.pointer("/results/verified").and_then(Value::as_bool);
    let counted = match verified {
        Some(true) => "Verified: all of them were read.",
        // A server's word is all that a count knows.
        _ => "Counted, not verified.",
    };
    match good >= expected {
        true => format!("All {expected} shares are there, {place}: {survives}. {counted}"),
        false => format!("{good} of {expected} shares are there, {place}: {survives}. {counted}"),
    }
}

/// What came of a repair, if there was one.
fn repair(result: &Value) -> Option<String> {
    let made = number(after(result), "count-shares-good")
        .saturating_sub(number(before(result), "count-shares-good"));
    let shares = words::count(made, "share", "shares");
    Some(match repair_of(result)? {
        true => format!("Repaired: {shares} made again and stored."),
        false => {
            let why = failure(result).unwrap_or("it failed");
            format!("Not wholly repaired, {shares} made again: {why}.")
        }
    })
}

/// Names of servers by their ids.
type Names = HashMap<String, String>;

fn names(asked: &Asked<'_>) -> Names {
    let servers = (asked.gateway.status)().servers.into_iter();
    let named = servers.filter(|server| !server.nickname.is_empty());
    named.map(|server| (server.nodeid, server.nickname)).collect()
}

fn name(id: &Value, names: &Names) -> String {
    let id = id.as_str().unwrap_or_default();
    let short = id.get(..12).unwrap_or(id);
    names.get(id).cloned().unwrap_or_else(|| short.to_owned())
}

/// A line for each share that is not good.
fn damaged(found: &Value, names: &Names) -> Vec<String> {
    let line = |finding: &Value| {
        let text = finding.get("text").and_then(Value::as_str).unwrap_or_default();
        let server = finding.get("server").map(|id| name(id, names)).unwrap_or_default();
        format!("Share {} on {server}: {text}", finding.get("share").unwrap_or(&Value::Null))
    };
    let findings = found.pointer("/results/list-findings").and_then(Value::as_array);
    findings.into_iter().flatten().map(line).collect()
}

fn shares(found: &Value, names: &Names) -> Vec<Share> {
    let expected = number(found, "count-shares-expected") as u64;
    let Some(map) = found.pointer("/results/sharemap").and_then(Value::as_object) else {
        return Vec::new();
    };
    let share = |number: u64| {
        let servers = map.get(&number.to_string()).and_then(Value::as_array);
        let servers: Vec<String> =
            servers.into_iter().flatten().map(|id| name(id, names)).collect();
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
        let mut read = result(10, 10);
        assert!(sentence(&read).ends_with("Counted, not verified."));
        read["results"]["verified"] = json!(true);
        assert!(sentence(&read).ends_with("all of them were read."));
    }

    #[test]
    fn what_a_repair_did_is_said() {
        let of = |successful: bool, after: u64| {
            json!({"repair-attempted": true, "repair-successful": successful,
                   "repair-failure": "no room", "pre-repair-results": result(7, 7),
                   "post-repair-results": result(after, after)})
        };
        let done = repair(&of(true, 10)).unwrap();
        assert_eq!(done, "Repaired: 3 shares made again and stored.");
        let part = repair(&of(false, 8)).unwrap();
        assert_eq!(part, "Not wholly repaired, 1 share made again: no room.");
        assert_eq!(repair(&result(10, 10)), None);
    }
}
