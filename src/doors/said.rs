//! What is known of a thing by its link: times, type, and what clients have set.

use super::kept::{DOOR, Facts, MTIME};
use crate::base::limits::DOOR_TYPE_MAX;
use crate::cap::Cap;
use crate::grid::dirnode::{Child, Metadata};
use crate::http::mime;
use serde_json::{Map, Value};

/// A link's metadata, taken apart. What is not known here stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said(Map<String, Value>);

impl Said {
    pub fn of(metadata: &Metadata) -> Self {
        Self(metadata.map())
    }

    pub fn metadata(self) -> Metadata {
        self.0.into()
    }

    /// When it was changed, in seconds since 1970: as whoever changed it says, or when it was linked.
    pub fn changed(&self) -> Option<f64> {
        self.0.get(MTIME).and_then(Value::as_f64).or_else(|| self.system("linkmotime"))
    }

    /// When its name came to be.
    pub fn created(&self) -> Option<f64> {
        self.system("linkcrtime")
    }

    fn system(&self, key: &str) -> Option<f64> {
        self.0.get("tahoe")?.get(key)?.as_f64()
    }

    pub fn set_changed(&mut self, seconds: f64) {
        self.0.insert(MTIME.to_owned(), seconds.into());
    }

    /// A part of what doors keep.
    pub fn part(&self, key: &str) -> Option<&Value> {
        self.0.get(DOOR)?.get(key)
    }

    /// Sets a part; an object without anything in it takes no room.
    pub fn set_part(&mut self, key: &str, value: Map<String, Value>) {
        let mut parts = match self.0.get(DOOR) {
            Some(Value::Object(parts)) => parts.clone(),
            _ => Map::new(),
        };
        match value.is_empty() {
            true => parts.shift_remove(key),
            false => parts.insert(key.to_owned(), Value::Object(value)),
        };
        match parts.is_empty() {
            true => self.0.shift_remove(DOOR),
            false => self.0.insert(DOOR.to_owned(), Value::Object(parts)),
        };
    }

    /// The metadata once it leads to other bytes, which somebody may have said the type of. What was
    /// known of the bytes before counts for them alone.
    pub fn of_bytes(mut self, cap: &Cap, (name, kind): (&str, Option<&str>)) -> Metadata {
        let kind = kind.filter(|kind| is_telling(kind) && *kind != mime::guess(Some(name)));
        match kind {
            Some(kind) => {
                Facts { kind: Some(kind.to_owned()), ..Facts::default() }.put(cap, self.0)
            }
            None => {
                self.set_part("file", Map::new());
                self.metadata()
            }
        }
    }
}

/// The type of a file of this name: the one that was said, or that of the name.
pub fn kind(child: Option<&Child>, name: &str) -> String {
    let said = child.and_then(|child| Facts::of(child).kind).filter(|kind| is_telling(kind));
    said.unwrap_or_else(|| mime::guess(Some(name)).to_owned())
}

/// Whether a type can be sent on, and says something.
fn is_telling(kind: &str) -> bool {
    let fine = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    kind.len() <= DOOR_TYPE_MAX
        && kind.bytes().all(fine)
        && kind.contains('/')
        && !matches!(kind, "application/octet-stream" | "application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::LitCap;
    use crate::grid::dirnode::Target;

    fn said(text: &str) -> Said {
        Said::of(&Metadata::parse(text).unwrap())
    }

    fn cap(byte: u8) -> Cap {
        Cap::from(LitCap::new(vec![byte]))
    }

    #[test]
    fn what_others_keep_stays() {
        let mut all = said(r#"{"a": 1, "door": {"b": [2], "dav": {"c": "d"}}}"#);
        all.set_part("dav", Map::new());
        assert_eq!(all, said(r#"{"a": 1, "door": {"b": [2]}}"#));
        let changed = all.clone().of_bytes(&cap(1), ("a.txt", Some("image/png")));
        assert_eq!(changed.map()["door"]["b"], serde_json::json!([2]));
        let again = Said::of(&changed).of_bytes(&cap(2), ("a.png", Some("image/png")));
        assert_eq!(Said::of(&again), all);
    }

    #[test]
    fn a_type_is_the_one_that_was_said_or_that_of_the_name() {
        for (sent, name, wanted) in [
            (None, "a.png", "image/png"),
            (Some("text/x-a; b=c"), "a.png", "text/x-a; b=c"),
            (Some("application/octet-stream"), "a.png", "image/png"),
            (Some("a\nb/c"), "a.png", "image/png"),
            (Some("ab"), "a.png", "image/png"),
        ] {
            let metadata = Said::default().of_bytes(&cap(1), (name, sent));
            let child =
                |byte| Child { target: Target::Known(cap(byte)), metadata: metadata.clone() };
            assert_eq!(kind(Some(&child(1)), name), wanted);
            assert_eq!(kind(Some(&child(2)), name), "image/png", "said of other bytes");
        }
    }

    #[test]
    fn times_are_the_clients_or_the_links() {
        let mut all = said(r#"{"tahoe": {"linkcrtime": 1.0, "linkmotime": 2.0}}"#);
        assert_eq!((all.created(), all.changed()), (Some(1.0), Some(2.0)));
        all.set_changed(3.0);
        assert_eq!((all.created(), all.changed()), (Some(1.0), Some(3.0)));
        assert_eq!(said(r#"{"mtime": "x"}"#).changed(), None);
    }
}
