//! Objects as JSON (`docs/spec/webapi-delta.md` §3.1).

use super::super::answer::{Failure, plain, typed};
use super::super::asked::Asked;
use super::super::json::indented_at;
use super::page::{self, Rows};
use crate::cap::Cap;
use crate::files::Object;
use crate::grid::deep::directory;
use crate::grid::dirnode::{Entry, Listing, Metadata, Nameless, Target, Unreadable};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

/// What it is, and everything that is said of it but its children.
pub fn describe(
    target: &Target,
    metadata: Option<&Metadata>,
) -> (&'static str, Map<String, Value>) {
    let mut facts = Map::new();
    let mut say = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    let kind = match target {
        Target::Known(cap @ Cap::File(_)) => {
            say("mutable", json!(false));
            say("format", json!("CHK"));
            cap.size().map(|size| say("size", json!(size)));
            if !cap.is_verifier() {
                say("ro_uri", json!(cap.reveal()));
            }
            "filenode"
        }
        Target::Known(cap) if directory(target).is_some() => {
            say("mutable", json!(cap.is_mutable()));
            if cap.is_writable() {
                say("rw_uri", json!(cap.reveal()));
            }
            say("ro_uri", json!(cap.read_cap().reveal()));
            "dirnode"
        }
        Target::Known(_) => "unknown",
        Target::Unknown { rw, ro } => {
            rw.as_ref().map(|rw| say("rw_uri", json!(rw)));
            ro.as_ref().map(|ro| say("ro_uri", json!(ro)));
            "unknown"
        }
    };
    if let Target::Known(cap) = target
        && let Some(verify) = cap.verify_cap()
    {
        facts.insert("verify_uri".to_owned(), json!(verify.reveal()));
    }
    if let Some(metadata) = metadata {
        facts.insert("metadata".to_owned(), Value::Object(metadata.map()));
    }
    (kind, facts)
}

/// An object without children.
pub fn alone(object: &Object) -> Value {
    let metadata = object.link.as_ref().map(|link| &link.metadata);
    // A cap of an unknown kind that stands alone is all that its holder knows: nothing is added.
    let nothing = matches!(&object.target, Target::Unknown { ro: None, .. }) && metadata.is_none();
    match describe(&object.target, metadata) {
        (kind, _) if nothing => json!([kind, {}]),
        (kind, mut facts) => {
            let changes = unknown_changes(object);
            facts.extend(changes.map(|changes| ("mutable".to_owned(), json!(changes))));
            json!([kind, facts])
        }
    }
}

/// Whether something of an unknown kind can change, as far as its caps and its place say.
fn unknown_changes(object: &Object) -> Option<bool> {
    let Target::Unknown { rw, ro } = &object.target else { return None };
    let fixed = ro.as_ref().is_some_and(|ro| ro.starts_with("imm."))
        || object.link.as_ref().is_some_and(|link| !link.dir.dir().is_mutable());
    match rw {
        Some(_) => Some(true),
        None => fixed.then_some(false),
    }
}

/// How many things in a directory do not open, and what the first of them are called.
pub fn unreadable(unreadable: &Unreadable) -> Value {
    let named = |is_row: bool| -> Vec<String> {
        let of_kind = |what: &Nameless| matches!(what, Nameless::Row(_)) == is_row;
        let named = unreadable.named.iter().map(|one| one.what).filter(of_kind);
        named.map(|what| what.to_string()).collect()
    };
    let mut facts = Map::from_iter([("count".to_owned(), json!(unreadable.count))]);
    for (key, named) in [("rows", named(true)), ("entries", named(false))] {
        if !named.is_empty() {
            facts.insert(key.to_owned(), json!(named));
        }
    }
    Value::Object(facts)
}

/// A directory with its children.
pub async fn listed(
    asked: &Asked<'_>,
    object: &Object,
    listing: Listing,
) -> Result<HttpResponse, Failure> {
    let metadata = object.link.as_ref().map(|link| &link.metadata);
    let (kind, mut facts) = describe(&object.target, metadata);
    if !listing.unreadable.is_empty() {
        facts.insert("unreadable".to_owned(), unreadable(&listing.unreadable));
    }
    let mut head = format!("[\n \"{kind}\",\n {{\n");
    for (key, value) in &facts {
        head.push_str(&format!("  \"{key}\": {},\n", indented_at(2, value)));
    }
    if listing.entries.is_empty() {
        head.push_str("  \"children\": {}\n }\n]\n");
        return Ok(typed(plain(StatusCode::OK), "text/plain").body(head));
    }
    head.push_str("  \"children\": {\n");
    let last = listing.entries.len() - 1;
    let child = move |index: usize, Entry { name, child }: &Entry| {
        let (kind, facts) = describe(&child.target, Some(&child.metadata));
        let comma = if index == last { "" } else { "," };
        let name = indented_at(0, name);
        format!("   {name}: {}{comma}\n", indented_at(3, &json!([kind, facts])))
    };
    let response = typed(plain(StatusCode::OK), "text/plain");
    let rows = Rows { entries: listing.entries, room: listing.room };
    page::in_pieces(asked, response, (head, "  }\n }\n]\n".to_owned()), rows, child).await
}
