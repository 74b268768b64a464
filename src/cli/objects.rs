//! What the gateway says about files and directories (`t=json`), and what it is told.
//!
//! ```text
//! ["filenode" | "dirnode" | "unknown", { "ro_uri", "rw_uri"?, "verify_uri"?, "mutable"?, "size"?,
//!                                        "metadata"?, "children"?: { NAME: [kind, {…}] },
//!                                        "unreadable"?: { "count", "rows"? } }]
//! ```

use super::CliError;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Kind {
    #[serde(rename = "filenode")]
    File,
    #[serde(rename = "dirnode")]
    Directory,
    #[serde(other)]
    Unknown,
}

/// A file, a directory, or something that this gateway cannot read.
#[derive(Deserialize)]
pub struct Object(pub Kind, pub Facts);

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub mutable: bool,
    pub size: Option<u64>,
    pub rw_uri: Option<String>,
    pub ro_uri: Option<String>,
    pub verify_uri: Option<String>,
    /// Whatever its writers put there: nothing in it is of a certain type.
    pub metadata: Value,
    pub children: BTreeMap<String, Object>,
    pub unreadable: Unreadable,
}

/// What is in a directory beside its children, and does not open.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Unreadable {
    pub count: u64,
    /// Ids of the first of them, where a writer can remove them.
    pub rows: Vec<String>,
}

impl Unreadable {
    /// A listing is not whole if something does not open.
    pub fn told(&self, place: &str) -> Result<(), CliError> {
        let what = match self.count {
            0 => return Ok(()),
            1 => format!("1 thing in {place} does not open, and is not shown"),
            count => format!("{count} things in {place} do not open, and are not shown"),
        };
        Err(CliError::new(
            what,
            match self.rows.is_empty() {
                true => "Whoever made the directory can make it anew.",
                false => {
                    "Whoever may change the directory takes them out with `tahoe rm --unreadable`."
                }
            },
        ))
    }
}

impl Object {
    pub fn is_directory(&self) -> bool {
        self.0 == Kind::Directory
    }

    /// The strongest cap that there is.
    pub fn cap(&self) -> Option<&str> {
        self.1.rw_uri.as_deref().or(self.1.ro_uri.as_deref())
    }

    /// The cap that may change it.
    pub fn writable_cap(&self) -> Option<&str> {
        self.1.rw_uri.as_deref()
    }

    pub fn read_cap(&self) -> Option<&str> {
        self.1.ro_uri.as_deref()
    }

    /// Seconds since 1970 when the link was last set, or else when the file was changed.
    pub fn modified(&self) -> Option<f64> {
        let metadata = &self.1.metadata;
        let link = metadata.get("tahoe").and_then(|times| times.get("linkmotime"));
        link.or_else(|| metadata.get("mtime")).and_then(Value::as_f64)
    }
}

/// A child as `set_children` and its relatives want it.
pub struct NewChild<'a> {
    pub name: &'a str,
    pub directory: bool,
    pub cap: &'a str,
    /// `cap` may change what it names.
    pub writable: bool,
    pub metadata: Option<Map<String, Value>>,
}

/// The body that gives these children.
pub fn children_body<'a>(children: impl IntoIterator<Item = NewChild<'a>>) -> String {
    let mut body = Map::new();
    for child in children {
        let kind = if child.directory { "dirnode" } else { "filenode" };
        let mut facts = Map::new();
        let key = if child.writable { "rw_uri" } else { "ro_uri" };
        facts.insert(key.to_owned(), child.cap.into());
        if let Some(metadata) = child.metadata {
            facts.insert("metadata".to_owned(), metadata.into());
        }
        body.insert(child.name.to_owned(), json!([kind, facts]));
    }
    Value::Object(body).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read_whatever_their_metadata_says() {
        let text = r#"["dirnode", {"mutable": true, "rw_uri": "W", "ro_uri": "R", "children": {
            "b": ["filenode", {"ro_uri": "F", "size": 3, "format": "CHK",
                 "metadata": {"mtime": 9, "tahoe": {"linkmotime": 5.5, "linkcrtime": 4}}}],
            "a": ["quantum", {"ro_uri": null, "metadata": "none of your business"}]}}]"#;
        let Object(kind, facts) = serde_json::from_str(text).unwrap();
        assert_eq!(kind, Kind::Directory);
        let names: Vec<_> = facts.children.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(facts.children["a"].0, Kind::Unknown);
        assert_eq!(facts.children["a"].modified(), None);
        let file = &facts.children["b"];
        assert_eq!((file.cap(), file.1.size, file.modified()), (Some("F"), Some(3), Some(5.5)));
        let unknown: Object = serde_json::from_str(r#"["unknown", {}]"#).unwrap();
        assert!(unknown.cap().is_none());
    }

    #[test]
    fn bodies_say_which_cap_may_write() {
        let child = |name, directory, writable| NewChild {
            name,
            directory,
            cap: "C",
            writable,
            metadata: None,
        };
        assert_eq!(
            children_body([child("a", false, false), child("b", true, true)]),
            r#"{"a":["filenode",{"ro_uri":"C"}],"b":["dirnode",{"rw_uri":"C"}]}"#
        );
    }
}
