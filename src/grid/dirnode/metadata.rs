//! What a link keeps beside its caps (`spec/formats-mutable.md` §10.3).
//!
//! `tahoe` is the system's: `linkcrtime`, when the name came to be, and `linkmotime`, when it was last
//! set. Everything else is the user's, `no-write` excepted: a link that has it is stored without
//! write access.

use super::Metadata;
use serde_json::Value;

const SYSTEM: &str = "tahoe";

/// The metadata of a link that is set at `now`, in seconds since 1970: `new` with the system's part
/// of `old`, or `old` where nothing new is given.
pub fn updated(old: Option<&Metadata>, new: Option<Metadata>, now: f64) -> Metadata {
    let created = old.and_then(|old| old.get("ctime")).cloned();
    let mut result = match new {
        None => old.cloned().unwrap_or_default(),
        Some(mut new) => {
            new.shift_remove(SYSTEM);
            if let Some(system) = old.and_then(|old| old.get(SYSTEM)) {
                new.insert(SYSTEM.to_owned(), system.clone());
            }
            new
        }
    };
    let mut system = match result.get(SYSTEM) {
        Some(Value::Object(system)) => system.clone(),
        _ => Metadata::new(),
    };
    if !system.contains_key("linkcrtime") {
        system.insert("linkcrtime".to_owned(), created.unwrap_or_else(|| now.into()));
    }
    system.insert("linkmotime".to_owned(), now.into());
    result.insert(SYSTEM.to_owned(), Value::Object(system));
    result
}

/// Whether the link is to be stored without write access.
pub fn forbids_writing(metadata: &Metadata) -> bool {
    match metadata.get("no-write") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Bool(true)) => true,
    }
}
