//! What a check, or a repair, came to, as JSON (`docs/spec/webapi-delta.md` §4.1).

use crate::base::ShareNum;
use crate::grid::{Checked, Finding, Repaired, ServerId};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The key of a repair's results before and after it.
const BEFORE: &str = "pre-repair-results";
const AFTER: &str = "post-repair-results";

/// A literal is always there.
pub fn literal() -> Value {
    json!({"storage-index": "", "results": {"healthy": true}})
}

/// What cannot be there, and why.
pub fn unfounded(index: &str, why: &str) -> Value {
    let results = json!({"healthy": false, "recoverable": false, "count-shares-good": 0});
    json!({"storage-index": index, "summary": format!("Not Healthy: {why}"), "results": results})
}

/// What was found; `wanted` are the servers that an upload wants.
pub fn shares(checked: &Checked, wanted: u16) -> Value {
    json!({
        "storage-index": checked.si.to_string(),
        "summary": summary(checked),
        "results": results(checked, wanted),
    })
}

fn summary(checked: &Checked) -> String {
    if checked.is_healthy() {
        return "Healthy".to_owned();
    }
    let Checked { needed, expected, .. } = checked;
    format!("Not Healthy: {} shares (enc {needed}-of-{expected})", checked.good())
}

fn results(checked: &Checked, wanted: u16) -> Value {
    let recoverable = checked.is_recoverable();
    let corrupt: Vec<Value> = checked.corrupt().map(place).collect();
    json!({
        "count-happiness": checked.happiness,
        "count-shares-good": checked.good(),
        "count-shares-needed": checked.needed,
        "count-shares-expected": checked.expected,
        "count-good-share-hosts": checked.hosts(),
        "count-corrupt-shares": corrupt.len(),
        "list-corrupt-shares": corrupt,
        "list-findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
        "servers-responding": names(&checked.responding),
        "servers-silent": names(&checked.silent),
        "sharemap": share_map(checked),
        "count-wrong-shares": 0,
        "count-recoverable-versions": usize::from(recoverable),
        "count-unrecoverable-versions": usize::from(!recoverable),
        "healthy": checked.is_healthy(),
        "happy": recoverable && checked.happiness >= usize::from(wanted),
        "verified": checked.verified,
        "recoverable": recoverable,
    })
}

fn names<'a>(servers: impl IntoIterator<Item = &'a ServerId>) -> Vec<String> {
    servers.into_iter().map(ToString::to_string).collect()
}

fn share_map(checked: &Checked) -> Map<String, Value> {
    let entry = |(number, servers): (&ShareNum, &BTreeSet<ServerId>)| {
        (number.to_string(), json!(names(servers)))
    };
    checked.shares.iter().map(entry).collect()
}

/// Server, storage index and number.
fn place(finding: &Finding) -> Value {
    let Finding { server, si, share, .. } = finding;
    json!([server.to_string(), si.to_string(), share.0])
}

/// The same with what is wrong, and in which part of the share.
fn finding(finding: &Finding) -> Value {
    let Finding { server, si, share, flaw } = finding;
    json!({
        "server": server.to_string(),
        "storage-index": si.to_string(),
        "share": share.0,
        "corrupt": flaw.is_corrupt(),
        "region": flaw.region(),
        "text": flaw.to_string(),
    })
}

/// What was found before and after a repair.
pub fn repaired(repaired: &Repaired, wanted: u16) -> Value {
    let Repaired { before, after, outcome } = repaired;
    let mut result = before_and_after(shares(before, wanted), shares(after, wanted));
    if let Some(result) = result.as_object_mut() {
        let successful = matches!(outcome, Some(Ok(())));
        result.insert("repair-attempted".to_owned(), json!(outcome.is_some()));
        result.insert("repair-successful".to_owned(), json!(successful));
        if let Some(Err(why)) = outcome {
            result.insert("repair-failure".to_owned(), json!(why.to_string()));
        }
    }
    result
}

/// The same of something that is not repaired.
pub fn unrepaired(found: Value) -> Value {
    before_and_after(found.clone(), found)
}

fn before_and_after(before: Value, after: Value) -> Value {
    json!({
        "storage-index": before.get("storage-index"),
        "repair-attempted": false,
        "repair-successful": false,
        BEFORE: before,
        AFTER: after,
    })
}

/// What was found first, whether or not something was done about it.
pub fn before(result: &Value) -> &Value {
    result.get(BEFORE).unwrap_or(result)
}

/// What was found last.
pub fn after(result: &Value) -> &Value {
    result.get(AFTER).unwrap_or(result)
}

/// Whether something was done, and if so whether that was enough.
pub fn repair_of(result: &Value) -> Option<bool> {
    let flag = |name: &str| result.get(name).and_then(Value::as_bool).unwrap_or(false);
    flag("repair-attempted").then(|| flag("repair-successful"))
}

/// Why it was not.
pub fn failure(result: &Value) -> Option<&str> {
    result.get("repair-failure").and_then(Value::as_str)
}

/// Whether what was found is all well.
pub fn is_healthy(found: &Value) -> bool {
    found.pointer("/results/healthy").and_then(Value::as_bool).unwrap_or(false)
}

/// The shares that were read and are not good.
pub fn corrupt(found: &Value) -> &[Value] {
    let list = found.pointer("/results/list-corrupt-shares").and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// Whether a result is of something that servers keep.
pub fn is_distributed(result: &Value) -> bool {
    result.get("storage-index").and_then(Value::as_str).is_some_and(|index| !index.is_empty())
}
