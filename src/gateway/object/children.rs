//! Children as JSON bodies give them (`spec/webapi-delta.md` §3.4).
//!
//! ```text
//! { name: [ kind, { "rw_uri": cap?, "ro_uri": cap?, "metadata": {…}? } ], … }
//! ```
//! The kind is not believed: a cap says itself what it is.

use super::super::address::nfc;
use super::super::answer::Failure;
use crate::base::limits::CHILDREN_MAX;
use crate::grid::dirnode::{Child, ChildError, DirError, Entry, Metadata, NewEntry, Target};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The children in a body; none if there is no body.
pub fn parse(body: Option<Value>) -> Result<Vec<NewEntry>, Failure> {
    let Some(body) = body else { return Ok(Vec::new()) };
    let Value::Object(children) = body else { return Err(malformed()) };
    if children.len() > CHILDREN_MAX {
        return Err(Failure::bad_request("There are too many children in one body."));
    }
    let mut names = HashSet::new();
    let one = |(name, said): (String, Value)| {
        let name = nfc(&name)?;
        if !names.insert(name.clone()) {
            return Err(Failure::bad_request(format!("The name {name:?} is there twice.")));
        }
        entry(name, said)
    };
    children.into_iter().map(one).collect()
}

/// The same for a new directory, whose children have no metadata yet.
pub fn parse_new(body: Option<Value>) -> Result<Vec<Entry>, Failure> {
    let entries = parse(body)?.into_iter().map(|NewEntry { name, target, metadata }| {
        let metadata = metadata.unwrap_or_default();
        Entry { name, child: Child { target, metadata } }
    });
    Ok(entries.collect())
}

fn entry(name: String, said: Value) -> Result<NewEntry, Failure> {
    let Value::Array(said) = said else { return Err(malformed()) };
    let [Value::String(_), Value::Object(facts)] = said.as_slice() else {
        return Err(malformed());
    };
    let rw = text(facts, "rw_uri")?;
    let ro = text(facts, "ro_uri")?;
    let metadata: Option<Metadata> = match facts.get("metadata") {
        None | Some(Value::Null) => None,
        Some(Value::Object(metadata)) => Some(metadata.clone()),
        Some(_) => return Err(malformed()),
    };
    let target = target(rw, ro).map_err(|why| DirError::BadChild { name: name.clone(), why })?;
    Ok(NewEntry { name, target, metadata })
}

fn text<'a>(facts: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Failure> {
    match facts.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(malformed()),
    }
}

fn malformed() -> Failure {
    Failure::bad_request("The body does not describe children: {name: [kind, {\"ro_uri\": cap}]}.")
}

/// What is linked when these caps are given. A write cap may come alone: what it reads follows.
pub fn target(rw: Option<&str>, ro: Option<&str>) -> Result<Target, ChildError> {
    match Target::from_caps(rw, ro, false)? {
        Target::Unknown { rw: None, ro: None } => Err(ChildError::Nothing),
        target => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::Cap;
    use serde_json::json;

    fn parsed(body: Value) -> Result<Vec<NewEntry>, (u16, String)> {
        parse(Some(body)).map_err(|failure| (failure.status.as_u16(), failure.text))
    }

    #[test]
    fn caps_say_themselves_what_they_are() {
        let body = json!({
            "a": ["dirnode", {"ro_uri": "URI:LIT:me"}],
            "b": ["filenode", {"rw_uri": "URI:LIT:me", "metadata": {"x": 1}}],
            "c": ["unknown", {"ro_uri": "lafs:new"}],
        });
        let all = parsed(body).unwrap();
        assert!(all[..2].iter().all(|entry| matches!(entry.target, Target::Known(Cap::Lit(_)))));
        assert_eq!((&all[0].metadata, all[1].metadata.is_some()), (&None, true));
        let ro = Some("ro.lafs:new".to_owned());
        assert_eq!(all[2].target, Target::Unknown { rw: None, ro });
        assert!(parse(None).unwrap().is_empty() && parsed(json!({})).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_child_is_refused() {
        for (body, word) in [
            (json!([]), "describe"),
            (json!({"a": "URI:LIT:me"}), "describe"),
            (json!({"a": ["filenode"]}), "describe"),
            (json!({"a": ["filenode", {"ro_uri": 1}]}), "describe"),
            (json!({"a": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": 1}]}), "describe"),
            (json!({"a": ["filenode", {}]}), "cannot be linked"),
            (json!({"a": ["filenode", {"rw_uri": "lafs:new"}]}), "MustNotBeUnknownRWError: "),
            (
                json!({"\u{e4}": ["f", {"ro_uri": "URI:LIT:"}],
                    "a\u{308}": ["f", {"ro_uri": "URI:LIT:"}]}),
                "twice",
            ),
        ] {
            let (status, text) = parsed(body).unwrap_err();
            assert!(status == 400 && text.contains(word), "{text}");
        }
    }
}
