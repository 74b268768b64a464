//! A directory: its children as rows or tiles, sorted and filtered, with everything that can be done.

use super::super::answer::{Failure, page};
use super::super::args::Arguments;
use super::super::asked::Asked;
use super::super::object::page::{Rows, in_pieces};
use super::crumbs::{Crumb, crumbs, shown, title};
use super::kind::Kind;
use super::order::natural;
use super::{Frame, render, words};
use crate::base::limits::THUMBNAIL_MAX;
use crate::files::Object;
use crate::files::address::{Address, percent_encode};
use crate::grid::deep::directory as dir_cap;
use crate::grid::dirnode::{Entry, Listing, Metadata, Nameless, Target, Unreadable};
use crate::keeper::Keeper;
use crate::keeper::record::{Lack, Short};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use std::cmp::Ordering;

#[derive(Template)]
#[template(path = "files.html")]
struct Files {
    frame: Frame,
    crumbs: Vec<Crumb>,
    base: String,
    writable: bool,
    access: &'static str,
    summary: String,
    flash: Option<Flash>,
    unreadable: Option<Unopenable>,
    count: usize,
    /// Those that the filter lets through.
    shown: usize,
    tiles: bool,
    filter: String,
    order: Order,
    columns: Vec<Column>,
}

struct Flash {
    /// The address of the page that shows it.
    back: String,
    sentence: String,
    token: String,
}

/// What is there and does not open.
struct Unopenable {
    sentence: String,
    /// Those that can be removed, as the form names them.
    rows: String,
}

struct Column {
    key: &'static str,
    label: &'static str,
    query: String,
    sorted: Option<&'static str>,
    down: bool,
}

#[derive(Template)]
#[template(path = "row.html")]
struct Row<'a> {
    name: &'a str,
    /// As the form sends it: browsers change line ends in names.
    encoded: String,
    shown: String,
    bytes: u64,
    changed: u64,
    kind: &'static str,
    thumb: bool,
    tiles: bool,
    raw: String,
    href: Option<String>,
    info: String,
    size: String,
    date: String,
    /// What is known to be amiss with it.
    mark: Option<(&'static str, &'static str)>,
}

/// Where the rows stand in the template.
const MARK: &str = "<!--rows-->\n";

/// Rows are in groups that a browser need not lay out until they are near; so many in each, which
/// tiles fill evenly in most widths. The script has the same number.
const CHUNK: usize = 120;
const OPEN: &str = "<div role=\"rowgroup\" class=\"chunk\">\n";

/// How a listing is ordered and drawn, as the arguments say it.
#[derive(Debug, Clone)]
struct Order {
    key: &'static str,
    down: bool,
    tiles: bool,
    filter: String,
}

impl Order {
    fn of(arguments: &Arguments) -> Self {
        let key = match arguments.get("sort") {
            Some("size") => "size",
            Some("changed") => "changed",
            _ => "name",
        };
        Self {
            key,
            down: arguments.get("order") == Some("down"),
            tiles: arguments.get("view") == Some("grid"),
            filter: arguments.get("filter").unwrap_or_default().to_owned(),
        }
    }

    /// The same order drawn otherwise, as it stands after a path.
    fn query(&self, view: &str) -> String {
        let filter = match self.filter.as_str() {
            "" => String::new(),
            filter => format!("&filter={}", percent_encode(filter)),
        };
        let order = if self.down { "&order=down" } else { "" };
        format!("?sort={}{order}&view={view}{filter}", self.key)
    }

    fn column(&self, key: &'static str, label: &'static str) -> Column {
        let sorted =
            (self.key == key).then_some(if self.down { "descending" } else { "ascending" });
        let next = Self { key, down: sorted.is_some() && !self.down, ..self.clone() };
        let query = next.query(if self.tiles { "grid" } else { "list" });
        Column { key, label, query, sorted, down: self.down }
    }

    /// Takes what the filter lets through, in order: folders first.
    fn apply(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let wanted = self.filter.to_lowercase();
        if !wanted.is_empty() {
            entries.retain(|entry| entry.name.to_lowercase().contains(&wanted));
        }
        let keyed = entries.into_iter().map(|entry| (self.key_of(&entry), entry));
        let mut keyed: Vec<((bool, u64), Entry)> = keyed.collect();
        keyed.sort_by(|((a_folder, a_figure), a), ((b_folder, b_figure), b)| -> Ordering {
            let order = match self.key {
                "name" => natural(&a.name, &b.name),
                _ => a_figure.cmp(b_figure),
            };
            let order = if self.down { order.reverse() } else { order };
            b_folder.cmp(a_folder).then(order).then_with(|| natural(&a.name, &b.name))
        });
        keyed.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Whether it is a folder, and the figure by which it is sorted, if it is by one.
    fn key_of(&self, entry: &Entry) -> (bool, u64) {
        let figure = match self.key {
            "size" => size(&entry.child.target),
            "changed" => changed(&entry.child.metadata),
            _ => 0,
        };
        (dir_cap(&entry.child.target).is_some(), figure)
    }
}

/// Bytes of a file, 0 where there is none.
fn size(target: &Target) -> u64 {
    match target {
        Target::Known(cap) if !cap.is_directory() => cap.size().unwrap_or_default(),
        _ => 0,
    }
}

/// When a link was last changed, in seconds since 1970; 0 if that is not known.
fn changed(metadata: &Metadata) -> u64 {
    let metadata = metadata.map();
    let times = metadata.get("tahoe").and_then(|tahoe| tahoe.get("linkmotime"));
    let time = times.or_else(|| metadata.get("mtime")).and_then(serde_json::Value::as_f64);
    time.map_or(0, |time| time.max(0.0) as u64)
}

/// What a link leads to, as far as one sees from here.
pub fn kind(name: &str, target: &Target) -> Kind {
    match target {
        target if dir_cap(target).is_some() => Kind::Folder,
        Target::Known(cap) if !cap.is_verifier() && !cap.is_directory() => Kind::of(name),
        _ => Kind::Unknown,
    }
}

/// The page of a directory.
pub async fn directory(
    asked: &Asked<'_>,
    address: &Address,
    object: &Object,
) -> Result<HttpResponse, Failure> {
    let listing = asked.files.directories().list(object.as_directory()?).await?;
    let order = Order::of(&asked.arguments);
    let base = address.path();
    let summary = summary(&listing);
    let Listing { entries, unreadable, writable, mutable, room, .. } = listing;
    let count = entries.len();
    let entries = order.apply(entries);
    let template = Files {
        frame: Frame::new(title(address), "files"),
        crumbs: crumbs(address),
        base: base.clone(),
        writable,
        access: if mutable { "you can read it, not change it" } else { "it never changes" },
        summary,
        flash: flash(asked, address),
        unreadable: (!unreadable.is_empty())
            .then(|| Unopenable { sentence: unreadable.to_string(), rows: rows_of(&unreadable) }),
        count,
        shown: entries.len(),
        tiles: order.tiles,
        filter: order.filter.clone(),
        columns: vec![
            order.column("name", "Name"),
            order.column("size", "Size"),
            order.column("changed", "Changed"),
        ],
        order: order.clone(),
    };
    let whole = render(&template)?;
    let Some((head, tail)) = whole.split_once(MARK) else {
        return Ok(page(StatusCode::OK).body(whole));
    };
    let (head, tail) = (head.to_owned(), format!("{tail}\n"));
    let last = entries.len().saturating_sub(1);
    // How safe it is, is the owner's to know.
    let keeper = asked.gateway.keeper.clone().filter(|_| asked.is_owners());
    let row = move |index: usize, entry: &Entry| {
        let mark = keeper.as_ref().and_then(|keeper| mark(keeper, &entry.child.target));
        let row = row(&base, entry, (order.tiles, mark)).unwrap_or_default();
        let open = if index.is_multiple_of(CHUNK) { OPEN } else { "" };
        let close =
            if index == last || (index + 1).is_multiple_of(CHUNK) { "</div>\n" } else { "" };
        format!("{open}{row}{close}")
    };
    in_pieces(asked, page(StatusCode::OK), (head, tail), Rows { entries, room }, row).await
}

/// The rows that a form removes.
fn rows_of(unreadable: &Unreadable) -> String {
    let rows = unreadable.named.iter().filter(|one| matches!(one.what, Nameless::Row(_)));
    rows.map(|one| one.what.to_string()).collect::<Vec<_>>().join(",")
}

fn summary(listing: &Listing) -> String {
    let folders = listing.entries.iter().filter(|e| dir_cap(&e.child.target).is_some()).count();
    let files = listing.entries.len() - folders;
    let sizes = listing.entries.iter().map(|entry| size(&entry.child.target));
    // Caps say any size they like, and anybody may link them.
    let bytes = sizes.fold(0, u64::saturating_add);
    let mut parts = Vec::new();
    if folders > 0 {
        parts.push(words::count(folders, "folder", "folders"));
    }
    if files > 0 {
        parts.push(words::count(files, "file", "files"));
        parts.push(words::size(bytes));
    }
    if parts.is_empty() { "Empty".to_owned() } else { parts.join(", ") }
}

/// What was just deleted from here, while it can be put back.
fn flash(asked: &Asked<'_>, address: &Address) -> Option<Flash> {
    let token = asked.arguments.filled("deleted")?;
    let names = asked.files.trash().names(token)?;
    let sentence = match names.as_slice() {
        [one] => format!("“{}” is deleted.", shown(one)),
        many => format!("{} are deleted.", words::count(many.len(), "item", "items")),
    };
    Some(Flash { sentence, token: token.to_owned(), back: address.path() })
}

/// A word about what a file lacks, and its colour.
fn mark(keeper: &Keeper, target: &Target) -> Option<(&'static str, &'static str)> {
    let Short { lack, .. } = keeper.lacks(&target.known()?.storage_index()?)?;
    Some(match lack {
        Lack::Shares => ("lacks shares", "fair"),
        Lack::All => ("cannot be read", "bad"),
        Lack::Room => return None,
    })
}

fn row(
    base: &str,
    entry: &Entry,
    (tiles, mark): (bool, Option<(&'static str, &'static str)>),
) -> Result<String, Failure> {
    let Entry { name, child } = entry;
    let kind = kind(name, &child.target);
    let raw = raw(base, entry);
    let (bytes, changed) = (size(&child.target), changed(&child.metadata));
    let href = match kind {
        Kind::Unknown => None,
        Kind::Folder => Some(raw.clone()),
        _ => Some(format!("{raw}?t=view")),
    };
    render(&Row {
        name,
        encoded: percent_encode(name),
        shown: shown(name),
        bytes,
        changed,
        kind: kind.icon(),
        thumb: kind == Kind::Image && bytes <= THUMBNAIL_MAX,
        tiles,
        info: format!("{raw}?t=info"),
        raw,
        href,
        size: if matches!(kind, Kind::Folder | Kind::Unknown) {
            String::new()
        } else {
            words::size(bytes)
        },
        date: words::date(changed),
        mark,
    })
}

/// The address of a child: below its directory's, so that it shows the way and not the cap. Names
/// that cannot stand in a path are reached by their cap.
pub fn raw(base: &str, entry: &Entry) -> String {
    let name = &entry.name;
    if !matches!(name.as_str(), "" | "." | "..") {
        return format!("{base}/{}", percent_encode(name));
    }
    match &entry.child.target {
        Target::Known(cap) => format!("/uri/{}", percent_encode(&cap.reveal())),
        Target::Unknown { .. } => base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Cap, LitCap};
    use crate::grid::dirnode::Child;

    fn entry(name: &str, bytes: usize) -> Entry {
        let target = Target::Known(Cap::from(LitCap::new(vec![b'x'; bytes])));
        let metadata = Metadata::from_iter([("mtime".to_owned(), serde_json::json!(bytes * 10))]);
        Entry { name: name.into(), child: Child { target, metadata } }
    }

    #[test]
    fn names_are_text_in_every_place_of_a_row() {
        let hostile = "\"><script>alert(1)</script>'.png";
        let html = row("/vdrive/global", &entry(hostile, 3), (true, None)).unwrap();
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"), "{html}");
        assert!(html.contains("data-k=\"image\"") && html.contains("loading=\"lazy\""));
        let dots = row("/vdrive/global", &entry("..", 1), (false, Some(("lacks shares", "fair"))))
            .unwrap();
        assert!(dots.contains("/uri/URI%3ALIT"));
    }

    #[test]
    fn arguments_say_the_order() {
        let order = |text: &str| Order::of(&Arguments::parse(text).unwrap());
        let names = |text: &str| -> Vec<String> {
            let entries = vec![entry("b", 1), entry("A", 3), entry("c", 2)];
            order(text).apply(entries).into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names(""), ["A", "b", "c"]);
        assert_eq!(names("sort=size&order=down"), ["A", "c", "b"]);
        assert_eq!(names("sort=changed"), ["b", "c", "A"]);
        assert_eq!(names("filter=C"), ["c"]);
        assert_eq!(
            order("sort=size&filter=a%26b").query("grid"),
            "?sort=size&view=grid&filter=a%26b"
        );
        let size = order("sort=size").column("size", "Size");
        assert_eq!(
            (size.sorted, size.query.as_str()),
            (Some("ascending"), "?sort=size&order=down&view=list")
        );
    }
}
