//! Listing keys: all that begin with a prefix, in the order of their bytes, from any one on.
//!
//! ```text
//! directory ─▶ its names, those of directories with a slash behind them, sorted by bytes
//!                 └─ a directory: its own keys come here, before what sorts behind its slash
//! ```
//! So whole keys come in order though each directory is sorted alone, and no more is held than one
//! listing for each directory on the way down, whatever the bucket has. A directory without a key in it is
//! nothing, except where keys are grouped by the slash: then it is told as a group, unlooked.

use super::fault::Fault;
use super::objects::{Known, is_missing};
use super::{Asked, NAMESPACE, xml};
use crate::base::limits::{EMPTY_DIRECTORIES_MAX, PATH_MAX};
use crate::doors::kept::Facts;
use crate::doors::opened::{self, Opened};
use crate::doors::xml::{escaped, is_written};
use crate::files::Node;
use crate::files::address::percent_encode;
use crate::grid::dirnode::{Child, Entry, Listing};
use crate::vdrive::format::DirectoryId;
use actix_web::HttpResponse;
use data_encoding::BASE64URL_NOPAD;
use std::collections::VecDeque;

/// Keys of one answer.
const KEYS_MAX: u64 = 1_000;

/// Which of the three listings; where there are no versions, each key is the one that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    One,
    Two,
    Versions,
}

impl Form {
    const fn root(self) -> &'static str {
        match self {
            Self::One | Self::Two => "ListBucketResult",
            Self::Versions => "ListVersionsResult",
        }
    }
}

/// What is asked for.
struct Wanted {
    prefix: String,
    delimiter: String,
    /// Nothing up to this, and no group that begins so.
    after: String,
    most: usize,
}

/// Something to list.
pub enum Item {
    Key(String, Box<Known>),
    /// All keys that begin so.
    Group(String),
}

impl Item {
    fn text(&self) -> &str {
        match self {
            Self::Key(key, _) => key,
            Self::Group(prefix) => prefix,
        }
    }
}

/// A directory on the way down, and what is left of its children, by the keys that they stand for.
struct Level {
    id: Option<DirectoryId>,
    path: Vec<String>,
    left: VecDeque<(String, Entry)>,
    /// Holds the memory of the entries.
    _listing: Listing,
}

/// A walk over the keys of a bucket.
struct Walk<'a> {
    asked: &'a Asked<'a>,
    wanted: &'a Wanted,
    levels: Vec<Level>,
    /// What a directory is to be told as, before its children.
    pending: Option<Item>,
    /// The group told last: all that begins so belongs to it.
    group: Option<String>,
}

impl<'a> Walk<'a> {
    /// Begins in the directory that all keys with the prefix are in.
    async fn begin(
        asked: &'a Asked<'a>,
        bucket: &[String],
        wanted: &'a Wanted,
    ) -> Result<Self, Fault> {
        let mut walk = Self { asked, wanted, levels: Vec::new(), pending: None, group: None };
        let (above, _) = wanted.prefix.rsplit_once('/').unwrap_or(("", ""));
        let names: Result<Vec<_>, _> =
            above.split('/').filter(|_| !above.is_empty()).map(opened::name).collect();
        // Nothing has a name that is none.
        let Ok(names) = names else { return Ok(walk) };
        if names.iter().map(String::as_str).collect::<Vec<_>>().join("/") != above {
            return Ok(walk);
        }
        let path: Vec<String> = bucket.iter().cloned().chain(names).collect();
        let key = if above.is_empty() { String::new() } else { format!("{above}/") };
        let object = match asked.door.object(&path).await {
            Ok(object) => object,
            Err(error) if is_missing(&error) => return Ok(walk),
            Err(error) => return Err(error.into()),
        };
        if !object.target.is_directory() {
            return Ok(walk);
        }
        let metadata = object.link.map(|link| link.metadata).unwrap_or_default();
        let child = Child { target: object.target, metadata };
        let id = child.target.directory_id();
        if !key.is_empty() {
            walk.tell_marker(&key, child);
        }
        walk.enter((key, path), id).await?;
        Ok(walk)
    }

    /// A directory that is a key of its own comes before what is in it.
    fn tell_marker(&mut self, key: &str, child: Child) {
        let known = Known::of(self.asked.door, child, true);
        if let Some(known) = known.filter(|_| self.is_wanted(key)) {
            self.pending = Some(Item::Key(key.to_owned(), Box::new(known)));
        }
    }

    fn is_wanted(&self, key: &str) -> bool {
        key.starts_with(&self.wanted.prefix) && key > self.wanted.after.as_str()
    }

    /// Goes into a directory, unless the way leads through it already or is longer than any key.
    async fn enter(
        &mut self,
        (key, path): (String, Vec<String>),
        id: Option<DirectoryId>,
    ) -> Result<(), Fault> {
        let again = id.is_some() && self.levels.iter().any(|level| level.id == id);
        if again || path.len() >= PATH_MAX {
            return Ok(());
        }
        // Whoever holds memory waits for none.
        let listing = match self.levels.is_empty() {
            true => self.asked.door.list(&path).await,
            false => self.asked.door.list_now(&path).await,
        };
        let mut listing = match listing {
            Ok(listing) => listing,
            // Others may have removed it since.
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // What has a name that no key has part of cannot be asked for.
        let entries = std::mem::take(&mut listing.entries).into_iter();
        let entries = entries.filter(|entry| {
            opened::name(&entry.name).is_ok_and(|name| name.chars().all(is_written))
        });
        let mut left: Vec<(String, Entry)> =
            entries.map(|entry| (format!("{key}{}", in_order(&entry)), entry)).collect();
        left.retain(|(key, _)| self.may_hold(key));
        left.sort_by(|one, other| one.0.cmp(&other.0));
        self.levels.push(Level { id, path, left: left.into(), _listing: listing });
        Ok(())
    }

    /// Whether this key, or one that begins with it where it ends in a slash, may be wanted.
    fn may_hold(&self, key: &str) -> bool {
        let Wanted { prefix, after, .. } = self.wanted;
        match key.ends_with('/') {
            true => {
                let fits = key.starts_with(prefix) || prefix.starts_with(key);
                fits && (key > after.as_str() || after.starts_with(key))
            }
            false => self.is_wanted(key),
        }
    }

    /// The next thing to tell.
    async fn next(&mut self) -> Result<Option<Item>, Fault> {
        loop {
            if let Some(item) = self.pending.take()
                && let Some(item) = self.grouped(item)
            {
                return Ok(Some(item));
            }
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some((key, entry)) = level.left.pop_front() else {
                self.levels.pop();
                continue;
            };
            if self.group.as_ref().is_some_and(|group| key.starts_with(group.as_str())) {
                continue;
            }
            match self.asked.door.files().node(&entry.child.target) {
                Node::Directory(_) => self.meet(key, entry).await?,
                _ => {
                    let known = Known::of(self.asked.door, entry.child, false);
                    self.pending = known.map(|known| Item::Key(key, Box::new(known)));
                }
            }
        }
    }

    /// A directory is a group of keys, or is gone into.
    async fn meet(&mut self, key: String, entry: Entry) -> Result<(), Fault> {
        let Wanted { prefix, delimiter, after, .. } = self.wanted;
        let is_group = delimiter == "/" && key.starts_with(prefix) && key.len() > prefix.len();
        if is_group {
            if key > *after {
                self.pending = Some(Item::Group(key));
            }
            return Ok(());
        }
        let path = self.levels.last().map(|level| level.path.clone()).unwrap_or_default();
        let path = path.into_iter().chain([entry.name]).collect();
        let id = entry.child.target.directory_id();
        self.tell_marker(&key, entry.child);
        self.enter((key, path), id).await
    }

    /// The same, or the group that it is the first of; nothing of one that was told.
    fn grouped(&mut self, item: Item) -> Option<Item> {
        let Wanted { prefix, delimiter, after, .. } = self.wanted;
        let rest = item.text().strip_prefix(prefix.as_str())?;
        let end = rest.find(delimiter.as_str()).filter(|_| !delimiter.is_empty());
        let Some(end) = end else { return Some(item) };
        let group = format!("{prefix}{}{delimiter}", rest.get(..end).unwrap_or_default());
        // What begins as the last answer ended was told with it.
        if self.group.as_deref() == Some(group.as_str()) || after.starts_with(&group) {
            return None;
        }
        self.group = Some(group.clone());
        Some(Item::Group(group))
    }
}

/// As it sorts among whole keys.
fn in_order(entry: &Entry) -> String {
    match entry.child.target.is_directory() {
        true => format!("{}/", entry.name),
        false => entry.name.clone(),
    }
}

impl Asked<'_> {
    /// Answers `GET /BUCKET`, of either version.
    pub(super) async fn list(&self, bucket: &str) -> Result<HttpResponse, Fault> {
        let path = self.bucket(bucket).await?;
        let form = match self.query.get("list-type") {
            _ if self.query.has("versions") => Form::Versions,
            None => Form::One,
            Some("2") => Form::Two,
            Some(_) => return Err(Fault::argument("The list-type is 2, or none.")),
        };
        let wanted = self.wanted(form)?;
        let (items, more) = self.page(&path, &wanted).await?;
        Ok(xml(self.told(bucket, form, &wanted, (&items, more))))
    }

    fn wanted(&self, form: Form) -> Result<Wanted, Fault> {
        let field = |name| self.query.get(name).unwrap_or_default().to_owned();
        let after =
            match (form, self.query.get("continuation-token").filter(|token| !token.is_empty())) {
                (Form::One, _) => field("marker"),
                (Form::Versions, _) => field("key-marker"),
                (_, Some(token)) => {
                    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
                    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                    let wrong =
                        || Fault::argument("The continuation token is not one of this door's.");
                    text.filter(|text| !text.is_empty()).ok_or_else(wrong)?
                }
                (_, None) => field("start-after"),
            };
        let most = self.query.number("max-keys")?.unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let most = usize::try_from(most).unwrap_or_default();
        Ok(Wanted { prefix: field("prefix"), delimiter: field("delimiter"), after, most })
    }

    /// As many as are wanted, and whether there are more.
    async fn page(&self, bucket: &[String], wanted: &Wanted) -> Result<(Vec<Item>, bool), Fault> {
        let mut items = Vec::new();
        if wanted.most == 0 {
            return Ok((items, false));
        }
        let mut walk = Walk::begin(self, bucket, wanted).await?;
        while let Some(item) = walk.next().await? {
            if items.len() == wanted.most {
                return Ok((items, true));
            }
            items.push(item);
        }
        Ok((items, false))
    }

    fn told(
        &self,
        bucket: &str,
        form: Form,
        wanted: &Wanted,
        (items, more): (&[Item], bool),
    ) -> String {
        let encoded = self.query.get("encoding-type") == Some("url");
        let spell = |text: &str| match encoded {
            true => text.split('/').map(percent_encode).collect::<Vec<_>>().join("/"),
            false => escaped(text),
        };
        let Wanted { prefix, delimiter, after, most } = wanted;
        let mut fields = vec![
            ("Name", escaped(bucket)),
            ("Prefix", spell(prefix)),
            ("MaxKeys", most.to_string()),
            ("IsTruncated", more.to_string()),
        ];
        if !delimiter.is_empty() {
            fields.push(("Delimiter", spell(delimiter)));
        }
        if encoded {
            fields.push(("EncodingType", "url".to_owned()));
        }
        let last = items.last().map(Item::text).filter(|_| more);
        match form {
            Form::One => {
                fields.push(("Marker", spell(after)));
                fields.extend(last.map(|last| ("NextMarker", spell(last))));
            }
            Form::Versions => {
                fields.push(("KeyMarker", spell(after)));
                fields.extend(last.map(|last| ("NextKeyMarker", spell(last))));
                fields.extend(last.map(|_| ("NextVersionIdMarker", "null".to_owned())));
            }
            Form::Two => {
                fields.push(("KeyCount", items.len().to_string()));
                let said = |name| self.query.get(name);
                let token = said("continuation-token").map(escaped);
                fields.extend(token.map(|token| ("ContinuationToken", token)));
                fields.extend(said("start-after").map(|start| ("StartAfter", spell(start))));
                let next = last.map(|last| BASE64URL_NOPAD.encode(last.as_bytes()));
                fields.extend(next.map(|next| ("NextContinuationToken", next)));
            }
        }
        let fields = fields.iter().map(|(name, value)| format!("<{name}>{value}</{name}>"));
        let owner = form != Form::Two || self.query.get("fetch-owner") == Some("true");
        let items = items.iter().map(|item| match item {
            Item::Key(key, known) => contents(&spell(key), known, form, owner),
            Item::Group(group) => {
                format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", spell(group))
            }
        });
        let (root, all) = (form.root(), fields.chain(items).collect::<String>());
        format!("<{root} {NAMESPACE}>{all}</{root}>")
    }
}

/// Whether there is nothing in a directory but directories: also nothing that is no object, or that does
/// not open.
pub async fn is_empty(door: &Opened, path: &[String]) -> Result<bool, Fault> {
    let mut left = vec![path.to_vec()];
    let mut looked_at = 0;
    while let Some(path) = left.pop() {
        looked_at += 1;
        // Nobody needs to remove more than that at once, and a way may lead in a circle.
        if path.len() >= PATH_MAX || looked_at > EMPTY_DIRECTORIES_MAX {
            return Ok(false);
        }
        let listing = match door.list(&path).await {
            Ok(listing) => listing,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        let is_plain = |entry: &Entry| {
            let node = door.files().node(&entry.child.target);
            matches!(node, Node::Directory(_)) && !Facts::of(&entry.child).marker
        };
        if listing.unreadable.count > 0 || !listing.entries.iter().all(is_plain) {
            return Ok(false);
        }
        let below = |entry: &Entry| [path.as_slice(), std::slice::from_ref(&entry.name)].concat();
        left.extend(listing.entries.iter().map(below));
    }
    Ok(true)
}

fn contents(key: &str, known: &Known, form: Form, owner: bool) -> String {
    let owner = match owner {
        true => "<Owner><ID>door</ID><DisplayName>door</DisplayName></Owner>",
        false => "",
    };
    let (element, version) = match form {
        Form::Versions => ("Version", "<VersionId>null</VersionId><IsLatest>true</IsLatest>"),
        Form::One | Form::Two => ("Contents", ""),
    };
    format!(
        "<{element}><Key>{key}</Key>{version}<LastModified>{}</LastModified><ETag>{}</ETag>\
         <Size>{}</Size>{owner}<StorageClass>STANDARD</StorageClass></{element}>",
        super::buckets::date(known.modified()),
        escaped(&known.tag()),
        known.size
    )
}
