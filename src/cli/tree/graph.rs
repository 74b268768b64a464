//! Directories of the grid and the links between them, each directory once, however many links lead to
//! it: of twenty directories with two links to the next in each there are twenty here, and a million
//! at the places to which the links lead.

use super::normal;
use super::spool::{Span, Spool};
use crate::base::hash::sha256;
use crate::cap::Cap;
use crate::cli::CliError;
use crate::cli::error::Reach;
use crate::cli::kept::Kept;
use crate::cli::objects::{Kind, Object, Unreadable};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::io;

/// The number of the folder into which everything goes.
pub const TOP: usize = 0;

pub struct Graph {
    folders: Vec<Folder>,
    numbers: HashMap<Identity, usize>,
    spool: Spool,
    /// Each folder once.
    pub found: Count,
}

/// What tells a directory from all others, however its cap is spelled.
type Identity = [u8; 32];

#[derive(Default)]
struct Folder {
    /// None until it was listed.
    list: Option<Span>,
    /// Why it cannot be listed.
    lost: Option<String>,
    /// The numbers of those to which it links, in the order of their names.
    below: Vec<usize>,
    files: u64,
    bytes: u64,
    /// A folder has a higher rank than all below it, but for those that contain it.
    rank: Option<usize>,
}

impl Folder {
    /// The files in it.
    fn own(&self) -> Count {
        Count { files: self.files, folders: 0, bytes: self.bytes }
    }
}

/// So many things; numbers that would be too large are as large as they can be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub files: u64,
    pub folders: u64,
    pub bytes: u64,
}

impl Count {
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_add(other.files),
            folders: self.folders.saturating_add(other.folders),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    pub fn things(&self) -> u64 {
        self.files.saturating_add(self.folders)
    }
}

/// A link as a gateway tells it. What else is said of it is not even kept while it is read.
#[derive(Deserialize)]
pub struct Link(Kind, LinkFacts);

#[derive(Default, Deserialize)]
#[serde(default)]
struct LinkFacts {
    ro_uri: Option<String>,
    size: Option<u64>,
    #[serde(rename = "metadata", deserialize_with = "Kept::of_link")]
    kept: Kept,
}

impl Link {
    /// To a file.
    pub fn file(cap: String, size: u64) -> Self {
        let facts = LinkFacts { ro_uri: Some(cap), size: Some(size), ..LinkFacts::default() };
        Self(Kind::File, facts)
    }

    pub fn directory(cap: String) -> Self {
        Self(Kind::Directory, LinkFacts { ro_uri: Some(cap), ..LinkFacts::default() })
    }

    /// The same, with what a snapshot keeps beside it.
    #[must_use]
    pub fn with(self, kept: Kept) -> Self {
        Self(self.0, LinkFacts { kept, ..self.1 })
    }
}

/// The links in a directory that was looked at.
pub fn links(directory: Object) -> impl Iterator<Item = (String, Link)> {
    let unopened = unopened(&directory.1.unreadable);
    let links = directory.1.children.into_iter().map(|(name, Object(kind, facts))| {
        let kept = Kept::of(&facts.metadata);
        (name, Link(kind, LinkFacts { ro_uri: facts.ro_uri, size: facts.size, kept }))
    });
    links.chain(unopened)
}

/// What does not open in a directory, as one thing in it: it is not copied, and that is told.
pub fn unopened(unreadable: &Unreadable) -> Option<(String, Link)> {
    let name = match unreadable.count {
        0 => return None,
        1 => "(1 thing that does not open)".to_owned(),
        count => format!("({count} things that do not open)"),
    };
    Some((name, Link(Kind::Unknown, LinkFacts::default())))
}

/// What is at the end of a link.
#[derive(Serialize, Deserialize)]
pub enum Child {
    File(String, u64, Kept),
    Folder(usize, Kept),
    /// It is left out, for this reason.
    Neither(String),
}

/// A directory that is still to be listed: its number and read cap.
pub type Unlisted = (usize, String);

impl Graph {
    pub fn new() -> Self {
        Self {
            folders: vec![Folder::default()],
            numbers: HashMap::new(),
            spool: Spool::new(),
            found: Count { folders: 1, ..Count::default() },
        }
    }

    /// What goes to the top is what is in this directory.
    pub fn begin_at(&mut self, cap: &str) {
        self.numbers.insert(identity(cap), TOP);
    }

    /// Takes what is in a folder; returns what was not known before and is to be listed.
    pub fn list(
        &mut self,
        number: usize,
        links: impl IntoIterator<Item = (String, Link)>,
    ) -> Result<Vec<Unlisted>, CliError> {
        let (mut new, mut names, mut children) = (Vec::new(), BTreeSet::new(), Vec::new());
        let mut folder = Folder::default();
        for (name, link) in links {
            let name = normal(&name).into_owned();
            let child = match names.insert(name.clone()) {
                true => self.child(link, &mut folder, &mut new),
                false => Child::Neither("something else has the same name".to_owned()),
            };
            children.push((name, child));
        }
        let text = serde_json::to_vec(&children).map_err(io::Error::from);
        let span = text.and_then(|text| self.spool.push(&text));
        folder.list = Some(span.map_err(|error| not_kept(&error))?);
        self.found = self.found.and(folder.own());
        if let Some(slot) = self.folders.get_mut(number) {
            *slot = folder;
        }
        Ok(new)
    }

    fn child(
        &mut self,
        Link(kind, facts): Link,
        folder: &mut Folder,
        new: &mut Vec<Unlisted>,
    ) -> Child {
        match (kind, facts.ro_uri) {
            (Kind::File, Some(cap)) => {
                let size = facts.size.unwrap_or(0);
                folder.files += 1;
                folder.bytes = folder.bytes.saturating_add(size);
                Child::File(cap, size, facts.kept)
            }
            (Kind::Directory, Some(cap)) => {
                let number = self.number(cap, new);
                folder.below.push(number);
                Child::Folder(number, facts.kept)
            }
            _ => Child::Neither("this gateway does not know what it is".to_owned()),
        }
    }

    fn number(&mut self, cap: String, new: &mut Vec<Unlisted>) -> usize {
        let next = self.folders.len();
        let number = *self.numbers.entry(identity(&cap)).or_insert(next);
        if number == next {
            self.folders.push(Folder::default());
            self.found.folders += 1;
            new.push((number, cap));
        }
        number
    }

    /// A directory that cannot be listed.
    pub fn lose(&mut self, number: usize, reason: String) {
        if let Some(folder) = self.folders.get_mut(number) {
            folder.lost = Some(reason);
        }
    }

    /// What there is at all places to which links lead. From now on it is known which links lead back.
    pub fn everywhere(&mut self) -> Count {
        let mut counts = vec![Count::default(); self.folders.len()];
        let mut entered: Vec<bool> = (0..self.folders.len()).map(|number| number == TOP).collect();
        let mut way = vec![(TOP, 0)];
        let mut rank = 0;
        while let Some((number, next)) = way.last_mut() {
            let number = *number;
            let Some(below) = self.folder(number).and_then(|folder| folder.below.get(*next)) else {
                way.pop();
                let count = self.count(number, &counts);
                let slots = (self.folders.get_mut(number), counts.get_mut(number));
                if let (Some(folder), Some(slot)) = slots {
                    (folder.rank, *slot) = (Some(rank), count);
                }
                rank += 1;
                continue;
            };
            *next += 1;
            if entered.get_mut(*below).is_some_and(|entered| !std::mem::replace(entered, true)) {
                way.push((*below, 0));
            }
        }
        counts.first().copied().unwrap_or_default()
    }

    /// What is in a folder and below it; those below it were counted before.
    fn count(&self, number: usize, counts: &[Count]) -> Count {
        let Some(folder) = self.folder(number) else { return Count::default() };
        let own = Count { folders: 1, ..folder.own() };
        // Those not yet counted contain this one.
        let below = folder.below.iter().filter_map(|below| counts.get(*below));
        below.fold(own, |sum, one| sum.and(*one))
    }

    fn folder(&self, number: usize) -> Option<&Folder> {
        self.folders.get(number)
    }

    /// Whether a link from one to the other leads to where it came from.
    pub fn leads_back(&self, from: usize, to: usize) -> bool {
        let rank = |number| self.folder(number).and_then(|folder| folder.rank);
        rank(to) >= rank(from)
    }

    /// Why a directory could not be listed.
    pub fn lost(&self, number: usize) -> Option<&str> {
        self.folder(number)?.lost.as_deref()
    }

    pub fn children(&mut self, number: usize) -> Result<Vec<(String, Child)>, CliError> {
        let Some(span) = self.folder(number).and_then(|folder| folder.list) else {
            return Ok(Vec::new());
        };
        let text = self.spool.get(span).map_err(|error| not_kept(&error))?;
        serde_json::from_slice(&text).map_err(|error| not_kept(&error.into()))
    }
}

fn not_kept(error: &io::Error) -> CliError {
    CliError::new(
        format!("What is in the directories cannot be kept in a temporary file: {error}"),
        "Make room in the folder for temporary files, or name another one in TMPDIR.",
    )
    .reaching(Reach::All)
}

/// Hints say where a directory was reached, not which it is.
fn identity(cap: &str) -> Identity {
    match Cap::parse(cap) {
        Ok(Cap::Vdrive(cap)) => cap.directory_id(),
        _ => sha256(cap.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Link {
        Link::file("F".to_owned(), size)
    }

    fn links(links: Vec<(&str, Link)>) -> Vec<(String, Link)> {
        links.into_iter().map(|(name, link)| (name.to_owned(), link)).collect()
    }

    fn to(number: usize) -> Link {
        Link::directory(number.to_string())
    }

    /// Each directory with two links to the next, and a file in the last.
    fn ladder(steps: usize) -> Graph {
        let mut graph = Graph::new();
        for step in 0..steps {
            let new = graph.list(step, links(vec![("a", to(step + 1)), ("b", to(step + 1))]));
            assert_eq!(new.unwrap(), [(step + 1, (step + 1).to_string())]);
        }
        graph.list(steps, links(vec![("file", file(10))])).unwrap();
        graph
    }

    #[test]
    fn folders_are_held_once_and_counted_at_all_their_places() {
        let mut graph = ladder(10);
        let count = |files, folders, bytes| Count { files, folders, bytes };
        assert_eq!(graph.found, count(1, 11, 10));
        assert_eq!(graph.everywhere(), count(1_024, 2_047, 10_240));
        let most = ladder(100).everywhere();
        assert_eq!((most.files, most.folders), (u64::MAX, u64::MAX));
    }

    #[test]
    fn links_that_lead_back_are_known_and_count_nothing() {
        let mut graph = Graph::new();
        graph.begin_at("0");
        graph.list(TOP, links(vec![("a", to(1)), ("self", to(0))])).unwrap();
        graph.list(1, links(vec![("b", to(2)), ("file", file(1))])).unwrap();
        assert!(graph.list(2, links(vec![("a", to(1)), ("top", to(0))])).unwrap().is_empty());
        assert_eq!(graph.everywhere(), Count { files: 1, folders: 3, bytes: 1 });
        for (from, to, back) in
            [(0, 1, false), (1, 2, false), (0, 0, true), (2, 1, true), (2, 0, true)]
        {
            assert_eq!(graph.leads_back(from, to), back, "{from} to {to}");
        }
    }

    #[test]
    fn names_that_this_machine_might_not_tell_apart_are_one() {
        let mut graph = Graph::new();
        graph.list(TOP, links(vec![("\u{fc}", file(1)), ("u\u{308}", file(2))])).unwrap();
        let children = graph.children(TOP).unwrap();
        let names: Vec<_> = children.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["\u{fc}"; 2]);
        assert!(matches!(children.as_slice(), [(_, Child::File(..)), (_, Child::Neither(_))]));
        assert_eq!(graph.found.files, 1);
    }

    #[test]
    fn hints_do_not_make_another_directory() {
        let key = "a".repeat(52);
        let cap = |hints: &str| format!("URI:DIR-RO:{key}@{hints}:{key}:{key}");
        assert!(Cap::parse(&cap("tcp:a:1")).is_ok());
        assert_eq!(identity(&cap("tcp:a:1")), identity(&cap("tcp:b:2,tcp:c:3")));
        assert_ne!(identity("URI:DIR:1"), identity("URI:DIR:2"));
    }
}
