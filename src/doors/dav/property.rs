//! Properties: those that are known here, and those that clients make up.
//!
//! The latter are kept as XML in the link's metadata, under `door.dav` by `{NAMESPACE}NAME`; so they go
//! where the link goes.

use super::super::room::Room;
use super::super::said::{Said, kind};
use super::super::xml::{Element, escaped};
use super::date;
use super::locks::Lock;
use super::visit::tag;
use crate::grid::dirnode::{Child, Metadata};
use crate::http::date::{http_date, iso_date};
use serde_json::{Map, Value};
use std::fmt::Write;

pub const DAV: &str = "DAV:";
/// Of Windows, whose times of files are properties.
const MICROSOFT: &str = "urn:schemas-microsoft-com:";
/// Of what doors keep.
const PART: &str = "dav";

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

/// What is known here of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    ResourceType,
    ContentLength,
    LastModified,
    CreationDate,
    EntityTag,
    ContentType,
    DisplayName,
    SupportedLock,
    LockDiscovery,
    QuotaAvailable,
    QuotaUsed,
}

impl Live {
    const ALL: [(Self, &'static str); 11] = [
        (Self::ResourceType, "resourcetype"),
        (Self::ContentLength, "getcontentlength"),
        (Self::LastModified, "getlastmodified"),
        (Self::CreationDate, "creationdate"),
        (Self::EntityTag, "getetag"),
        (Self::ContentType, "getcontenttype"),
        (Self::DisplayName, "displayname"),
        (Self::SupportedLock, "supportedlock"),
        (Self::LockDiscovery, "lockdiscovery"),
        (Self::QuotaAvailable, "quota-available-bytes"),
        (Self::QuotaUsed, "quota-used-bytes"),
    ];

    /// Those that are told unasked; servers are asked for the others.
    pub fn usual() -> impl Iterator<Item = (Self, &'static str)> {
        let rare = |live: Self| matches!(live, Self::QuotaAvailable | Self::QuotaUsed);
        Self::ALL.into_iter().filter(move |(live, _)| !rare(*live))
    }

    pub fn named(name: &Name) -> Option<Self> {
        let all = Self::ALL.iter().filter(|_| name.namespace == DAV);
        all.into_iter().find(|(_, known)| name.name == *known).map(|(live, _)| *live)
    }
}

impl Name {
    pub fn of(element: &Element) -> Self {
        Self { namespace: element.namespace.clone(), name: element.name.clone() }
    }

    fn key(&self) -> String {
        format!("{{{}}}{}", self.namespace, self.name)
    }

    fn parse(key: &str) -> Option<Self> {
        let (namespace, name) = key.strip_prefix('{')?.rsplit_once('}')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// An element of this name without content.
    pub fn write(&self, out: &mut String) {
        let Self { namespace, name } = self.clone();
        Element { namespace, name, ..Element::default() }.write(out);
    }
}

/// A thing whose properties are asked for.
pub struct Thing<'a> {
    pub name: &'a str,
    /// None: the door's own directory.
    child: Option<&'a Child>,
    said: Said,
    pub is_directory: bool,
    /// Whether it can be locked.
    pub lockable: bool,
    pub quota: Option<Room>,
}

impl<'a> Thing<'a> {
    pub fn new(name: &'a str, child: Option<&'a Child>, lockable: bool) -> Self {
        let said = child.map(|child| Said::of(&child.metadata)).unwrap_or_default();
        let is_directory = child.is_none_or(|child| child.target.is_directory());
        Self { name, child, said, is_directory, lockable, quota: None }
    }

    fn is_file(&self) -> bool {
        !self.is_directory
    }

    /// What is in the element of a property; none if it has no such property.
    pub fn live(&self, live: Live, locks: &[&Lock], root: &str) -> Option<String> {
        match live {
            Live::ResourceType if self.is_directory => Some("<D:collection/>".to_owned()),
            Live::ResourceType => Some(String::new()),
            Live::ContentLength => Some(self.child?.target.file()?.size()?.to_string()),
            Live::LastModified => http_date(self.said.changed()?),
            Live::CreationDate => Some(iso_date(self.said.created()?)? + "Z"),
            Live::EntityTag => Some(escaped(&tag(&self.child?.target)?)),
            Live::ContentType => self.is_file().then(|| escaped(&kind(self.child, self.name))),
            Live::DisplayName => Some(escaped(self.name)),
            Live::SupportedLock => {
                Some(if self.lockable { SUPPORTED.concat() } else { String::new() })
            }
            Live::LockDiscovery => Some(discovery(locks, root)),
            Live::QuotaAvailable => Some(self.quota?.available.to_string()),
            Live::QuotaUsed => Some(self.quota?.used.to_string()),
        }
    }

    /// What clients have set.
    pub fn dead(&self) -> impl Iterator<Item = Name> {
        let all = self.said.part(PART).and_then(Value::as_object);
        all.into_iter().flatten().filter_map(|(key, _)| Name::parse(key))
    }

    /// A property that a client has set, as XML. Others may have written there, too, so it is only what
    /// can be read as what its name says.
    pub fn xml(&self, name: &Name) -> Option<&str> {
        let text = self.said.part(PART)?.get(name.key())?.as_str()?;
        let element = Element::parse(text.as_bytes()).ok()?;
        element.is(&name.namespace, &name.name).then_some(text)
    }
}

const SUPPORTED: [&str; 2] = [
    "<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>",
    "<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>",
];

/// What is in `lockdiscovery`; `root` is the address of the door's directory, without its last slash.
pub fn discovery(locks: &[&Lock], root: &str) -> String {
    let mut out = String::new();
    for lock in locks {
        let scope = if lock.exclusive { "exclusive" } else { "shared" };
        let depth = if lock.infinite { "infinity" } else { "0" };
        let mut href = root.to_owned();
        for name in &lock.path {
            href.push('/');
            href.push_str(&crate::files::address::percent_encode(name));
        }
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:{scope}/></D:lockscope>\
             <D:depth>{depth}</D:depth>{}<D:timeout>Second-{}</D:timeout>\
             <D:locktoken><D:href>{}</D:href></D:locktoken>\
             <D:lockroot><D:href>{}</D:href></D:lockroot></D:activelock>",
            lock.owner,
            lock.seconds,
            escaped(&lock.token),
            escaped(&href),
        );
    }
    out
}

/// What a client wants of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Set(Element),
    Remove(Name),
}

impl Change {
    pub fn name(&self) -> Name {
        match self {
            Self::Set(element) => Name::of(element),
            Self::Remove(name) => name.clone(),
        }
    }

    /// Whether it can be done; most of what is known here is not a client's to say.
    pub fn is_allowed(&self) -> bool {
        match (Live::named(&self.name()), self) {
            (None, _) => true,
            (Some(Live::LastModified), Self::Set(element)) => {
                date::parse(&element.text()).is_some()
            }
            (Some(_), _) => false,
        }
    }
}

/// The metadata of a link after these changes, in their order.
pub fn changed(metadata: &Metadata, changes: &[Change]) -> Metadata {
    let mut said = Said::of(metadata);
    let mut dead = match said.part(PART) {
        Some(Value::Object(dead)) => dead.clone(),
        _ => Map::new(),
    };
    for change in changes {
        let name = change.name();
        match change {
            Change::Set(element) => {
                if let Some(seconds) = time_said(&name, element) {
                    said.set_changed(seconds);
                }
                if Live::named(&name).is_none() {
                    let mut text = String::new();
                    element.write(&mut text);
                    dead.insert(name.key(), text.into());
                }
            }
            Change::Remove(name) => {
                dead.shift_remove(&name.key());
            }
        }
    }
    said.set_part(PART, dead);
    said.metadata()
}

/// When a file was changed, as Windows says it, and others: some as servers tell it, some in seconds.
fn time_said(name: &Name, element: &Element) -> Option<f64> {
    let is_time = match name.namespace.as_str() {
        DAV => matches!(name.name.as_str(), "getlastmodified" | "lastmodified"),
        MICROSOFT => name.name == "Win32LastModifiedTime",
        _ => false,
    };
    date::parse(&element.text()).filter(|_| is_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Cap, LitCap};
    use crate::grid::dirnode::Target;

    fn element(text: &str) -> Element {
        Element::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_clients_set_is_kept_as_it_came() {
        let text = r#"<a xmlns="x:{}" xml:lang="de">b<c xmlns="">&amp;</c></a>"#;
        let set = Change::Set(element(text));
        let name = set.name();
        let before = Metadata::parse(r#"{"door": {"md5": "y"}, "z": 1}"#).unwrap();
        let after = changed(&before, std::slice::from_ref(&set));
        let target = Target::Known(Cap::from(LitCap::new(b"x".to_vec())));
        let child = Child { target, metadata: after.clone() };
        let thing = Thing::new("a", Some(&child), true);
        assert_eq!(thing.dead().collect::<Vec<_>>(), std::slice::from_ref(&name));
        assert_eq!(element(thing.xml(&name).unwrap()), element(text));
        assert_eq!(changed(&after, &[Change::Remove(name.clone())]), before);
        assert_eq!(changed(&before, &[set, Change::Remove(name)]), before);
    }

    #[test]
    fn what_others_wrote_there_is_no_property_unless_it_is_one() {
        for text in ["<a/>", "x", "<a xmlns='x:'/>y", "<b xmlns='x:'/>"] {
            let metadata = serde_json::json!({"door": {"dav": {"{x:}a": text}}});
            let metadata = Metadata::parse(&metadata.to_string()).unwrap();
            let target = Target::Unknown { rw: None, ro: None };
            let child = Child { target, metadata };
            let name = Name { namespace: "x:".to_owned(), name: "a".to_owned() };
            assert_eq!(Thing::new("a", Some(&child), true).xml(&name), None, "{text}");
        }
    }

    #[test]
    fn times_of_files_are_the_clients() {
        let when = "Sun, 06 Nov 1994 08:49:37 GMT";
        let name = "urn:schemas-microsoft-com:";
        for text in [
            format!("<getlastmodified xmlns='DAV:'>{when}</getlastmodified>"),
            "<lastmodified xmlns='DAV:'>784111777</lastmodified>".to_owned(),
            format!("<Win32LastModifiedTime xmlns='{name}'>{when}</Win32LastModifiedTime>"),
        ] {
            let change = Change::Set(element(&text));
            assert!(change.is_allowed());
            let said = Said::of(&changed(&Metadata::new(), &[change]));
            assert_eq!(said.changed(), Some(784_111_777.0), "{text}");
        }
        for text in ["<getetag xmlns='DAV:'/>", "<getlastmodified xmlns='DAV:'>x</getlastmodified>"]
        {
            assert!(!Change::Set(element(text)).is_allowed());
        }
    }
}
