//! The end of a copy to the grid: what is there is looked at first and linked to last.

use super::upload::{self, Stored};
use super::{Plan, in_the_way};
use crate::cli::CliError;
use crate::cli::location::Location;
use crate::cli::objects::Object;
use crate::cli::session::Session;
use crate::cli::tree::{Source, TOP, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// A directory that is there already, and what it is to get.
struct Merge {
    number: usize,
    url: String,
    /// Names and numbers in the tree.
    files: BTreeMap<String, usize>,
    folders: BTreeMap<String, usize>,
}

/// Copies; returns how many things were left out.
pub fn copy(
    plan: Plan,
    place: &Location,
    there: Option<Object>,
    session: &Session,
) -> Result<usize, CliError> {
    match plan {
        Plan::File(leaf) => {
            let mut tree = Tree::new();
            tree.files.push(leaf);
            let caps = upload::files(&tree, &session.connection)?;
            let Some(Some(cap)) = caps.first() else { return Ok(1) };
            link(place, cap, "only-files", session).map(|()| 0)
        }
        Plan::Folder(tree) => copy_folder(&tree, place, there, session),
    }
}

fn copy_folder(
    tree: &Tree,
    place: &Location,
    there: Option<Object>,
    session: &Session,
) -> Result<usize, CliError> {
    let is_new = there.is_none();
    let merges = there.map_or(Ok(Vec::new()), |there| survey(tree, place, there, session))?;
    let files = upload::files(tree, &session.connection)?;
    let unread = files.iter().filter(|cap| cap.is_none()).count();
    let mut stored = Stored { files, folders: vec![None; tree.folders.len()] };
    let old: BTreeSet<usize> = merges.iter().map(|merge| merge.number).collect();
    upload::folders(tree, &mut stored, &old, &session.connection)?;
    if is_new {
        let top = stored.folders.get(TOP).and_then(Option::as_deref).unwrap_or_default();
        link(place, top, "false", session)?;
    }
    for merge in &merges {
        let children = upload::children(&merge.files, &merge.folders, &stored);
        upload::add(children.into_iter(), &merge.url, &session.connection)?;
    }
    Ok(tree.left_out + unread)
}

fn link(place: &Location, cap: &str, replace: &str, session: &Session) -> Result<(), CliError> {
    let answer = session.connection.put(&place.ask(&format!("t=uri&replace={replace}")), cap)?;
    answer.success(&place.shown()).map(drop)
}

/// Looks at all directories that are there already: what is new in each, and whether it fits.
fn survey(
    tree: &Tree,
    place: &Location,
    there: Object,
    session: &Session,
) -> Result<Vec<Merge>, CliError> {
    let mut merges = Vec::new();
    let mut waiting = vec![(TOP, place.clone(), there)];
    while let Some((number, place, there)) = waiting.pop() {
        if !there.is_directory() {
            return Err(in_the_way(place.shown().as_ref()));
        }
        let Some(folder) = tree.folder(number) else { continue };
        let mut merge =
            Merge { number, url: place.url(), files: BTreeMap::new(), folders: BTreeMap::new() };
        for (name, file) in &folder.files {
            if there.1.children.get(name).is_some_and(Object::is_directory) {
                return Err(CliError::new(
                    format!("{} is a directory, where a file is to go", place.child(name).shown()),
                    "Copy to another name, or move that directory first.",
                ));
            }
            // What is the same already need not be written again.
            let same = there.1.children.get(name).and_then(Object::read_cap);
            let leaf = tree.files.get(*file).map(|leaf| &leaf.source);
            if !same.is_some_and(|cap| leaf == Some(&Source::Grid(cap.to_owned()))) {
                merge.files.insert(name.clone(), *file);
            }
        }
        for (name, below) in &folder.folders {
            if there.1.children.contains_key(name) {
                let place = place.child(name);
                let object = session.must_look(&place)?;
                waiting.push((*below, place, object));
            } else {
                merge.folders.insert(name.clone(), *below);
            }
        }
        let changes = !merge.files.is_empty() || !merge.folders.is_empty();
        if changes && there.1.rw_uri.is_none() {
            return Err(CliError::new(
                format!("{} can only be read with this cap", place.shown()),
                "Use the write cap of that directory, or copy to another one.",
            ));
        }
        merges.push(merge);
    }
    Ok(merges)
}
