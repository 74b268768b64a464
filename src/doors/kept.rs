//! What doors keep of a file in its link, beside what the grid keeps.
//!
//! ```text
//! "mtime"  when its user changed it, in seconds since 1970, as 1.20 has it
//! "door"   {"file": {"of": TAG, …},       what is known of this very content
//!           "dav": {…}, …}                properties that WebDAV clients have set
//! ```
//! The link may be set by whoever can write to the directory, and keeps its metadata then. So what is
//! said of the content says of which, and counts for no other.

use crate::cap::Cap;
use crate::grid::dirnode::{Child, Metadata};
use crate::http::tag::entity_tag;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const DOOR: &str = "door";
const FILE: &str = "file";
pub const MTIME: &str = "mtime";

/// What is known of a content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The tag of the cap that has it.
    pub(super) of: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Lower-case hex digits, and for what was put together of parts their number behind a dash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// What its user says of it, by names in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// Headers that are given back as they came.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Sums by their algorithm, in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, String>,
    /// Of a directory: it was made by its name, and is there also with nothing in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub marker: bool,
}

impl Facts {
    /// What a link says of what it leads to.
    pub fn of(child: &Child) -> Self {
        let door = child.metadata.get(DOOR);
        let facts = door.and_then(|mut door| door.get_mut(FILE).map(Value::take));
        let facts = facts.and_then(|facts| serde_json::from_value::<Self>(facts).ok());
        let is_it = |facts: &Self| child.target.known().is_some_and(|cap| tag(cap) == facts.of);
        facts.filter(is_it).unwrap_or_default()
    }

    /// A link's metadata with these facts in it; everything else stays as it was.
    pub fn put(mut self, cap: &Cap, mut metadata: Map<String, Value>) -> Metadata {
        self.of = tag(cap);
        let mut door = match metadata.get(DOOR) {
            Some(Value::Object(door)) => door.clone(),
            _ => Map::new(),
        };
        door.insert(FILE.to_owned(), serde_json::to_value(self).unwrap_or_default());
        metadata.insert(DOOR.to_owned(), Value::Object(door));
        metadata.into()
    }
}

fn tag(cap: &Cap) -> String {
    entity_tag(cap, "").trim_matches('"').to_owned()
}
