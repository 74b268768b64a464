//! Children as JSON bodies give them (`spec/webapi-delta.md` §3.4).
//!
//! ```text
//! { name: [ kind, { "rw_uri": cap?, "ro_uri": cap?, "metadata": {…}? } ], … }
//! ```
//! The kind is not believed: a cap says itself what it is. A body is read child by child, and no
//! further than to the first thing that is none of this.

use super::super::address::nfc;
use super::super::answer::Failure;
use crate::base::limits::{CAP_TEXT_MAX, CHILDREN_MAX, METADATA_TEXT_MAX};
use crate::grid::dirnode::{Child, ChildError, DirError, Entry, Metadata, NewEntry, Target};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// The children in a body; none if there is nothing in it.
pub fn parse(body: &[u8]) -> Result<Vec<NewEntry>, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let mut reader = Reader::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    match (&mut json).deserialize_map(&mut reader).and_then(|()| json.end()) {
        Ok(()) => Ok(reader.entries),
        Err(error) => Err(reader.refused.unwrap_or_else(|| {
            // A list that is too long counts as bad syntax there.
            match error.is_data() || serde_json::from_slice::<IgnoredAny>(body).is_ok() {
                true => malformed(),
                false => Failure::bad_request("The body is not JSON."),
            }
        })),
    }
}

/// The same for a new directory, whose children have no metadata yet.
pub fn fresh(children: Vec<NewEntry>) -> Vec<Entry> {
    let entry = |NewEntry { name, target, metadata }: NewEntry| {
        let metadata = metadata.unwrap_or_default();
        Entry { name, child: Child { target, metadata } }
    };
    children.into_iter().map(entry).collect()
}

/// Takes children from a map; says why it stopped where the map's shape was right.
#[derive(Default)]
struct Reader {
    entries: Vec<NewEntry>,
    names: HashSet<String>,
    refused: Option<Failure>,
}

impl Reader {
    fn add(&mut self, name: &str, said: Said) -> Result<(), Failure> {
        if self.entries.len() >= CHILDREN_MAX {
            return Err(Failure::bad_request("There are too many children in one body."));
        }
        let name = nfc(name)?;
        if !self.names.insert(name.clone()) {
            return Err(Failure::bad_request(format!("The name {name:?} is there twice.")));
        }
        self.entries.push(entry(name, said)?);
        Ok(())
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("children by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut children: A) -> Result<(), A::Error> {
        while let Some(name) = children.next_key::<String>()? {
            let said = children.next_value()?;
            if let Err(failure) = self.add(&name, said) {
                self.refused = Some(failure);
                return Err(A::Error::custom("no child"));
            }
        }
        Ok(())
    }
}

/// Its kind, and what is said of it.
#[derive(serde::Deserialize)]
struct Said(#[allow(dead_code, reason = "a cap says itself what it is")] String, Facts);

#[derive(Default)]
struct Facts {
    rw: Option<String>,
    ro: Option<String>,
    metadata: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(FactsVisitor)
    }
}

struct FactsVisitor;

impl<'de> Visitor<'de> for FactsVisitor {
    type Value = Facts;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("what is said of a child")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Facts, A::Error> {
        let mut facts = Facts::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "rw_uri" => facts.rw = map.next_value()?,
                "ro_uri" => facts.ro = map.next_value()?,
                "metadata" => facts.metadata = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(facts)
    }
}

fn entry(name: String, Said(_, facts): Said) -> Result<NewEntry, Failure> {
    let (rw, ro) = (text(facts.rw.as_deref())?, text(facts.ro.as_deref())?);
    let metadata: Option<Metadata> = match facts.metadata {
        None => None,
        Some(json) if json.get().len() > METADATA_TEXT_MAX => {
            return Err(DirError::TooBig("metadata").into());
        }
        Some(json) => serde_json::from_str(json.get()).map_err(|_| malformed())?,
    };
    let target = target(rw, ro).map_err(|why| DirError::BadChild { name: name.clone(), why })?;
    Ok(NewEntry { name, target, metadata })
}

fn text(cap: Option<&str>) -> Result<Option<&str>, Failure> {
    let cap = cap.map(str::trim).filter(|cap| !cap.is_empty());
    match cap.is_some_and(|cap| cap.len() > CAP_TEXT_MAX) {
        true => Err(DirError::TooBig("a capability").into()),
        false => Ok(cap),
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
    use serde_json::{Value, json};

    fn parsed(body: Value) -> Result<Vec<NewEntry>, (u16, String)> {
        said(&body.to_string())
    }

    fn said(body: &str) -> Result<Vec<NewEntry>, (u16, String)> {
        parse(body.as_bytes()).map_err(|failure| (failure.status.as_u16(), failure.text))
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
        assert!(said(" \n").unwrap().is_empty() && said("{}").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_child_is_refused() {
        for (body, word) in [
            (json!([]), "describe"),
            (json!({"a": "URI:LIT:me"}), "describe"),
            (json!({"a": ["filenode"]}), "describe"),
            (json!({"a": ["filenode", {"ro_uri": 1}]}), "describe"),
            (json!({"a": ["filenode", {"ro_uri": "URI:LIT:me", "metadata": 1}]}), "describe"),
            (json!({"a": ["filenode", {"ro_uri": "URI:LIT:me"}, 1]}), "describe"),
            (json!({"a": ["filenode", ["URI:LIT:me"]]}), "describe"),
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

    #[test]
    fn a_body_is_read_no_further_than_it_makes_sense() {
        for (body, word) in [
            ("{\"a\": 1, garbage", "describe"),
            ("{\"a\": [\"f\", {\"ro_uri\": 1, garbage", "describe"),
            ("{\"a\": [\"f\", {}], garbage", "cannot be linked"),
            ("{\"a\"", "not JSON"),
            ("{} {}", "not JSON"),
        ] {
            let (status, text) = said(body).unwrap_err();
            assert!(status == 400 && text.contains(word), "{body}: {text}");
        }
        let wide = format!("[{}1]", "1,".repeat(METADATA_TEXT_MAX / 2));
        let body =
            format!("{{\"a\": [\"f\", {{\"ro_uri\": \"URI:LIT:\", \"metadata\": {wide}}}]}}");
        assert_eq!(said(&body).unwrap_err().0, 413);
        let deep = "[".repeat(1_000_000);
        let body = format!("{{\"a\": [\"f\", {{\"x\": {deep}");
        assert_eq!(said(&body).unwrap_err().0, 400);
    }
}
