//! Answers of several parts: what is true of which thing.

use super::super::xml::escaped;
use super::locks::Lock;
use super::property::{Live, Name, Thing};
use actix_web::http::StatusCode;
use std::fmt::Write;

pub const BEGIN: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n";
pub const END: &str = "</D:multistatus>\n";

/// Which properties are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that are told unasked, and these.
    All(Vec<Name>),
    /// Only what they are called.
    Names,
    These(Vec<Name>),
}

/// A thing, the locks on it, and the address of the door's directory, without its last slash.
pub struct Shown<'a> {
    pub thing: &'a Thing<'a>,
    pub locks: &'a [&'a Lock],
    pub root: &'a str,
}

/// One thing's properties.
pub fn response(out: &mut String, href: &str, shown: &Shown<'_>, wanted: &Wanted) {
    let (mut found, mut missing) = (String::new(), String::new());
    if let Wanted::All(_) | Wanted::Names = wanted {
        for (live, name) in Live::usual() {
            shown.live(&mut found, (live, name), wanted);
        }
    }
    for name in shown.beside(wanted) {
        let was_found = match Live::named(&name) {
            Some(live) => shown.live(&mut found, (live, &name.name), wanted),
            None => shown.dead(&mut found, &name, wanted),
        };
        if !was_found {
            name.write(&mut missing);
        }
    }
    let _ = write!(out, "<D:response><D:href>{}</D:href>", escaped(href));
    if !found.is_empty() || missing.is_empty() {
        propstat(out, &found, StatusCode::OK, "");
    }
    if !missing.is_empty() {
        propstat(out, &missing, StatusCode::NOT_FOUND, "");
    }
    out.push_str("</D:response>\n");
}

impl Shown<'_> {
    /// Writes a property that is known here; whether the thing has it.
    fn live(&self, out: &mut String, (live, name): (Live, &str), wanted: &Wanted) -> bool {
        let Some(inside) = self.thing.live(live, self.locks, self.root) else { return false };
        let _ = match inside.is_empty() || *wanted == Wanted::Names {
            true => write!(out, "<D:{name}/>"),
            false => write!(out, "<D:{name}>{inside}</D:{name}>"),
        };
        true
    }

    /// The same of one that a client has set.
    fn dead(&self, out: &mut String, name: &Name, wanted: &Wanted) -> bool {
        match self.thing.xml(name) {
            Some(_) if *wanted == Wanted::Names => name.write(out),
            Some(xml) => out.push_str(xml),
            None => return false,
        }
        true
    }

    /// The names of what is to be told beside what always is.
    fn beside(&self, wanted: &Wanted) -> Vec<Name> {
        let all = match wanted {
            Wanted::All(more) => {
                let usual =
                    |name: &&Name| Live::usual().any(|(live, _)| Live::named(name) == Some(live));
                let more = more.iter().filter(|name| !usual(name)).cloned();
                self.thing.dead().chain(more).collect()
            }
            Wanted::Names => self.thing.dead().collect(),
            Wanted::These(names) => names.clone(),
        };
        // Each once, in the order in which they are asked for.
        let mut told: Vec<Name> = Vec::new();
        for name in all {
            if !told.contains(&name) {
                told.push(name);
            }
        }
        told
    }
}

/// Properties of which the same is true.
pub fn propstat(out: &mut String, properties: &str, status: StatusCode, error: &str) {
    let reason = status.canonical_reason().unwrap_or_default();
    let _ = write!(
        out,
        "<D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 {} {reason}</D:status>{error}</D:propstat>",
        status.as_u16()
    );
}
