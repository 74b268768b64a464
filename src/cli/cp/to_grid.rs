//! The end of a copy to the grid: what is there is looked at first and linked to last.

use super::copies::beyond;
use super::upload::{self, Stored};
use super::{Found, Plan, Sum, Work, in_the_way};
use crate::cli::CliError;
use crate::cli::error::Reach;
use crate::cli::location::Location;
use crate::cli::objects::Object;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::tree::{For, Graph, Rules, Source, TOP, Tree, links};
use std::collections::{BTreeMap, BTreeSet};

/// A directory that is there already, and what it is to get.
struct Merge {
    number: usize,
    place: Location,
    /// Names and numbers in the tree.
    files: BTreeMap<String, usize>,
    folders: BTreeMap<String, usize>,
}

/// Copies; returns how much.
pub fn copy(
    plan: Plan,
    place: &Location,
    there: Option<Object>,
    (session, work): (&Session, &Work),
) -> Result<Sum, CliError> {
    let tree = match plan {
        Plan::Become(Found::File { source, size, .. }) => {
            let progress = Progress::stream(Some(size));
            let cap = work.many.patiently(|| upload::file(&source, work, &progress))?;
            progress.finish();
            return link(place, &cap, "only-files", session).map(|()| (1, size));
        }
        Plan::Become(found) => tree_of(vec![found.nameless()], work)?,
        Plan::Take(found) => tree_of(found, work)?,
    };
    copy_folder(&tree, place, there, (session, work))?;
    Ok((tree.files.len() as u64, tree.bytes()))
}

/// Everything that goes to the target.
fn tree_of<'a>(found: Vec<Found>, work: &'a Work) -> Result<Tree<'a>, CliError> {
    let mut tree = Tree::new(&work.many);
    let fine = |copies| work.copies.check(copies);
    let what_for = For::Copy { links: work.follow_links };
    let rules = Rules { what_for, wanted: &|_| true, fine: &fine };
    for one in found {
        match one {
            Found::File { name, source, size, .. } => {
                tree.add_file(TOP, &name.unwrap_or_default(), source, size);
            }
            Found::LocalFolder { name, path } => {
                let folder =
                    name.map_or(Some(TOP), |name| tree.add_local_folder(TOP, &name, &path));
                if let Some(folder) = folder {
                    tree.read_local(folder, &path, &rules)?;
                }
            }
            Found::GridFolder { name, directory } => {
                let folder = name.map_or(Some(TOP), |name| tree.add_grid_folder(TOP, &name));
                if let Some(folder) = folder {
                    tree.add_graph(folder, graph_of(*directory, work)?)?;
                }
            }
        }
    }
    tree.found_all();
    tree.tell_counted_out("not copied", "");
    Ok(tree)
}

fn graph_of(directory: Object, work: &Work) -> Result<Graph, CliError> {
    let mut graph = Graph::new();
    graph.begin_at(directory.read_cap().unwrap_or_default());
    let unlisted = graph.list(TOP, links(directory))?;
    graph.read(unlisted, work.connection, &work.many)?;
    let once = graph.found;
    work.copies.check(beyond(once, graph.everywhere()))?;
    Ok(graph)
}

fn copy_folder(
    tree: &Tree,
    place: &Location,
    there: Option<Object>,
    (session, work): (&Session, &Work),
) -> Result<(), CliError> {
    let is_new = there.is_none();
    let merges = there.map_or(Ok(Vec::new()), |there| survey(tree, place, there, session))?;
    let files = upload::files(tree, work)?;
    let mut stored = Stored { files, folders: vec![None; tree.folders.len()] };
    let old: BTreeSet<usize> = merges.iter().map(|merge| merge.number).collect();
    upload::folders(tree, &mut stored, &old, work)?;
    if is_new {
        let top = stored.folders.get(TOP).and_then(Option::as_deref).unwrap_or_default();
        return link(place, top, "false", session);
    }
    let mut failures = Vec::new();
    for merge in &merges {
        let added = work.many.patiently(|| {
            let children = upload::children(&merge.files, &merge.folders, &stored);
            upload::add(children.into_iter(), &merge.place.url(), work.connection)
        });
        failures.extend(added.err().map(|error| (merge, error)));
    }
    told(failures, merges.len(), work)
}

/// What could not be linked; if that is everything, it is the failure of the whole.
fn told(failures: Vec<(&Merge, CliError)>, of: usize, work: &Work) -> Result<(), CliError> {
    let all = failures.len() == of;
    for (merge, error) in failures {
        if all || error.reach() == Reach::All {
            return Err(error);
        }
        let path = format!("what is new in {}", merge.place.shown());
        work.many.leave_out(&path, &error.what(), &Progress::finding());
    }
    Ok(())
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
        let mut merge = Merge {
            number,
            place: place.clone(),
            files: BTreeMap::new(),
            folders: BTreeMap::new(),
        };
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
