//! Children as JSON bodies give them (`docs/spec/webapi-delta.md` §3.4).
//!
//! ```text
//! { name: [ kind, { "rw_uri": cap?, "ro_uri": cap?, "metadata": {…}? } ], … }
//! ```
//! The kind is not believed: a cap says itself what it is. A body is read child by child, and no
//! further than to the first thing that is none of this.

use super::super::answer::Failure;
use crate::base::budget::Share;
use crate::base::limits::{CAP_TEXT_MAX, CHILD_ROOM, CHILDREN_MAX, METADATA_TEXT_MAX};
use crate::files::address::nfc;
use crate::grid::dirnode::{Child, ChildError, DirError, Entry, Metadata, NewEntry, Target};
use crate::http::spool::Content;
use actix_web::http::StatusCode;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;

/// The children in a body; none if there is nothing in it. As many are read as there is room for,
/// which is held for as long as they are.
pub fn parse(body: &Content, room: &mut Share) -> Result<Vec<NewEntry>, Failure> {
    match body {
        Content::Memory(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => Ok(Vec::new()),
        Content::Memory(bytes) => {
            let again = || serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
            take(serde_json::Deserializer::from_slice(bytes), room, again)
        }
        Content::File { .. } => {
            let again = || serde_json::from_reader::<_, IgnoredAny>(body.reader()).is_ok();
            take(serde_json::Deserializer::from_reader(body.reader()), room, again)
        }
    }
}

fn take<'de, R: serde_json::de::Read<'de>>(
    mut json: serde_json::Deserializer<R>,
    room: &mut Share,
    is_json: impl FnOnce() -> bool,
) -> Result<Vec<NewEntry>, Failure> {
    let mut reader =
        Reader { entries: Vec::new(), names: HashSet::new(), used: 0, room, refused: None };
    match (&mut json).deserialize_map(&mut reader).and_then(|()| json.end()) {
        Ok(()) => Ok(reader.entries),
        Err(error) => Err(reader.refused.unwrap_or_else(|| {
            // A list that is too long counts as bad syntax there.
            match error.is_data() || is_json() {
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
struct Reader<'a> {
    entries: Vec<NewEntry>,
    names: HashSet<String>,
    /// Memory for all of them.
    used: usize,
    room: &'a mut Share,
    refused: Option<Failure>,
}

impl Reader<'_> {
    fn add(&mut self, name: &str, said: Said) -> Result<(), Failure> {
        if self.entries.len() >= CHILDREN_MAX {
            let text = format!(
                "A body may describe at most {CHILDREN_MAX} children; send more of them in several."
            );
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        self.used += CHILD_ROOM + name.len() + said.1.len();
        if self.used > self.room.bytes() {
            self.room.resize(self.used)?;
        }
        let name = nfc(name)?;
        if !self.names.insert(name.clone()) {
            return Err(Failure::bad_request(format!("The name {name:?} is there twice.")));
        }
        self.entries.push(entry(name, said)?);
        Ok(())
    }
}

impl<'de> Visitor<'de> for &mut Reader<'_> {
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

impl Facts {
    /// Bytes of its texts.
    fn len(&self) -> usize {
        let metadata = self.metadata.as_ref().map(|json| json.get());
        let texts = [self.rw.as_deref(), self.ro.as_deref(), metadata];
        texts.into_iter().flatten().map(str::len).sum()
    }
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
        Some(json) => Some(Metadata::parse(json.get()).ok_or_else(malformed)?),
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
    use crate::base::budget::Budget;
    use serde_json::{Value, json};
    use std::io::Write;
    use std::sync::Arc;

    fn parsed(body: Value) -> Result<Vec<NewEntry>, (u16, String)> {
        said(&body.to_string())
    }

    fn said(body: &str) -> Result<Vec<NewEntry>, (u16, String)> {
        let body = Content::Memory(body.as_bytes().to_vec().into());
        let parsed = parse(&body, &mut Budget::new(100 << 20).nothing());
        parsed.map_err(|failure| (failure.status.as_u16(), failure.body()))
    }

    #[test]
    fn caps_say_themselves_what_they_are() {
        let body = json!({
            "a": ["dirnode", {"ro_uri": "URI:LIT:me"}],
            "b": ["filenode", {"rw_uri": "URI:LIT:me", "metadata": {"x": 1}}],
            "c": ["unknown", {"ro_uri": "lafs:new"}],
        });
        let all = parsed(body).unwrap();
        assert!(all[..2].iter().all(|entry| entry.target.file().is_some()));
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

    /// So many children, in memory or in a file.
    fn many(count: usize, on_disk: bool) -> Content {
        let child = |n| format!("\"{n}\": [\"f\", {{\"ro_uri\": \"URI:LIT:\"}}]");
        let body = format!("{{{}}}", (0..count).map(child).collect::<Vec<_>>().join(","));
        if !on_disk {
            return Content::Memory(body.into());
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(body.as_bytes()).unwrap();
        Content::File { file: Arc::new(file), size: body.len() as u64, digest: None }
    }

    #[test]
    fn as_many_as_there_is_room_for_are_read() {
        let ample = Budget::new(1 << 30);
        for on_disk in [false, true] {
            let parse = |count, room: &mut Share| {
                let parsed = parse(&many(count, on_disk), room);
                parsed.map(|all| all.len()).map_err(|failure| failure.status.as_u16())
            };
            assert_eq!(parse(CHILDREN_MAX, &mut ample.nothing()), Ok(CHILDREN_MAX));
            assert_eq!(parse(CHILDREN_MAX + 1, &mut ample.nothing()), Err(413));
            let small = Budget::new(10 * (CHILD_ROOM + 9));
            let mut room = small.nothing();
            assert_eq!(parse(10, &mut room), Ok(10));
            assert_eq!(room.bytes(), small.most());
            assert_eq!(parse(10, &mut small.nothing()), Err(503), "others have it");
            drop(room);
            assert_eq!(parse(11, &mut small.nothing()), Err(507));
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
