//! What a link keeps beside its caps (`docs/spec/formats-mutable.md` §10.3).
//!
//! `tahoe` is the system's: `linkcrtime`, when the name came to be, and `linkmotime`, when it was last
//! set. Everything else is the user's, `no-write` excepted: a link that has it is stored without
//! write access.

use super::json;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

const SYSTEM: &str = "tahoe";

/// What is known of a link beside where it leads: a JSON object, as its text. Taken apart it is ten
/// times as large, and a listing has very many.
#[derive(Clone)]
pub struct Metadata(Box<str>);

impl Metadata {
    /// Nothing.
    pub fn new() -> Self {
        Self("{}".into())
    }

    /// Of a text, if it is a JSON object.
    pub fn parse(text: &str) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_str(text).ok()?;
        drop(object);
        Some(Self(text.into()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Taken apart.
    pub fn map(&self) -> Map<String, Value> {
        // It was an object when it came.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    pub fn get(&self, key: &str) -> Option<Value> {
        self.map().shift_remove(key)
    }

    /// When the link was last set, in seconds since 1970.
    pub fn last_set(&self) -> Option<f64> {
        self.get(SYSTEM)?.get("linkmotime")?.as_f64()
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self(json::spell(&map).into())
    }
}

impl FromIterator<(String, Value)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Map::from_iter(pairs).into()
    }
}

impl Eq for Metadata {}

/// However it is spelled.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.map() == other.map()
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

/// The metadata of a link that is set at `now`, in seconds since 1970: `new` with the system's part
/// of `old`, or `old` where nothing new is given.
pub fn updated(old: Option<&Metadata>, new: Option<Metadata>, now: f64) -> Metadata {
    let old = old.map(Metadata::map);
    let created = old.as_ref().and_then(|old| old.get("ctime")).cloned();
    let mut result = match new.map(|new| new.map()) {
        None => old.unwrap_or_default(),
        Some(mut new) => {
            new.shift_remove(SYSTEM);
            if let Some(system) = old.as_ref().and_then(|old| old.get(SYSTEM)) {
                new.insert(SYSTEM.to_owned(), system.clone());
            }
            new
        }
    };
    let mut system = match result.get(SYSTEM) {
        Some(Value::Object(system)) => system.clone(),
        _ => Map::new(),
    };
    if !system.contains_key("linkcrtime") {
        system.insert("linkcrtime".to_owned(), created.unwrap_or_else(|| now.into()));
    }
    system.insert("linkmotime".to_owned(), now.into());
    result.insert(SYSTEM.to_owned(), Value::Object(system));
    result.into()
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
