//! Files stored and directories made, none of them linked to yet.

use super::Work;
use crate::base::limits::CALL_CHILDREN_MAX;
use crate::base::system::Clock;
use crate::cli::CliError;
use crate::cli::http::{Connection, percent_encode};
use crate::cli::local::LocalFile;
use crate::cli::objects::{NewChild, children_body};
use crate::cli::parallel;
use crate::cli::progress::Progress;
use crate::cli::tree::{Leaf, Source, TOP, Tree};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The caps of everything in a tree, by number; none for what could not be read.
pub struct Stored {
    pub files: Vec<Option<String>>,
    pub folders: Vec<Option<String>>,
}

/// Stores a file and returns its cap.
pub fn store(
    path: &Path,
    connection: &Connection,
    progress: &Progress,
) -> Result<(String, LocalFile), CliError> {
    let mut file = LocalFile::open(path)?;
    let size = file.size();
    let answer = connection.put_file("/uri", &mut progress.send(&mut file), size);
    if file.has_failed() {
        return Err(file.blame(answer).err().unwrap_or_else(CliError::nobody_reads));
    }
    let cap = answer.and_then(|answer| answer.success("")?.text());
    // What comes out of a pipe comes once.
    let again = path.metadata().is_ok_and(|there| there.is_file());
    let cap = cap.map_err(|error| if again { error } else { error.once() })?;
    Ok((cap, file))
}

/// The cap of something that is in the grid, or is then.
pub fn file(source: &Source, work: &Work, progress: &Progress) -> Result<String, CliError> {
    match source {
        Source::Grid(cap) => Ok(cap.clone()),
        Source::Local(path) => store(path, work.connection, progress).map(|(cap, _)| cap),
    }
}

/// Stores all files of the tree, several at a time; none for one that failed. If all did, nothing is
/// there to be linked.
pub fn files(tree: &Tree, work: &Work) -> Result<Vec<Option<String>>, CliError> {
    let local = |leaf: &&Leaf| matches!(leaf.source, Source::Local(_));
    let bytes = tree.files.iter().filter(local).map(|leaf| leaf.size);
    let bytes = bytes.fold(0, u64::saturating_add);
    let progress = Progress::files(bytes, tree.files.iter().filter(local).count());
    let caps = parallel::each(tree.files.iter().collect(), |leaf: &Leaf| {
        let stored =
            work.many.one(&leaf.path, &progress, || file(&leaf.source, work, &progress))?;
        if local(&leaf) {
            progress.file_done();
        }
        Ok(stored)
    });
    progress.finish();
    let caps = caps?;
    match !caps.is_empty() && caps.iter().all(Option::is_none) {
        true => Err(nothing_stored()),
        false => Ok(caps),
    }
}

/// Not one of the files is in the grid.
pub fn nothing_stored() -> CliError {
    CliError::new(
        "Not one of the files could be stored, and nothing was linked",
        "See above why; try again when that is mended.",
    )
}

/// Makes all folders but those in `there`, the deepest first, several at a time. One that cannot be
/// made is left out with all that is in it.
pub fn folders(
    tree: &Tree,
    stored: &mut Stored,
    there: &BTreeSet<usize>,
    work: &Work,
) -> Result<(), CliError> {
    let progress = Progress::finding();
    for level in tree.levels() {
        let wanted: Vec<_> = level.into_iter().filter(|number| !there.contains(number)).collect();
        let made = parallel::each(wanted, |number| {
            let Some(folder) = tree.folder(number) else { return Ok((number, None)) };
            let make = || {
                let children = children(&folder.files, &folder.folders, stored);
                make(children, work.connection)
            };
            let cap = match number {
                // Without the first there is nothing to link the others to.
                TOP => Some(work.many.patiently(make)?),
                _ => work.many.one(&folder.path, &progress, make)?,
            };
            Ok((number, cap))
        })?;
        for (number, cap) in made {
            if let Some(slot) = stored.folders.get_mut(number) {
                *slot = cap;
            }
        }
    }
    Ok(())
}

/// Those of the named files and folders that have a cap, as children.
pub fn children<'a>(
    files: impl IntoIterator<Item = (&'a String, &'a usize)>,
    folders: impl IntoIterator<Item = (&'a String, &'a usize)>,
    stored: &'a Stored,
) -> Vec<NewChild<'a>> {
    let files = files.into_iter().map(|(name, number)| (name, &stored.files, number, false));
    let folders = folders.into_iter().map(|(name, number)| (name, &stored.folders, number, true));
    let all = files.chain(folders).filter_map(|(name, caps, number, directory)| {
        let cap = caps.get(*number)?.as_deref()?;
        Some(NewChild { name, directory, cap, writable: directory, metadata: None })
    });
    all.collect()
}

/// Makes a directory with these children, in no other, and returns its cap. The gateway notes the
/// times of links that are set later; those that a directory begins with bring their own.
fn make(children: Vec<NewChild>, connection: &Connection) -> Result<String, CliError> {
    let now = Clock::System.now() as f64;
    let metadata = json!({"tahoe": {"linkcrtime": now, "linkmotime": now}});
    let mut children = children
        .into_iter()
        .map(|child| NewChild { metadata: metadata.as_object().cloned(), ..child });
    let first = children_body(children.by_ref().take(CALL_CHILDREN_MAX));
    let answer = connection.post("/uri?t=mkdir-with-children", &first)?;
    let cap = answer.success("")?.text()?;
    add(children, &format!("/uri/{}", percent_encode(&cap)), connection)?;
    Ok(cap)
}

/// Adds children to a directory, many in one call. Files that are there are replaced.
pub fn add<'a>(
    children: impl Iterator<Item = NewChild<'a>>,
    directory: &str,
    connection: &Connection,
) -> Result<(), CliError> {
    let mut children = children.peekable();
    while children.peek().is_some() {
        let body = children_body(children.by_ref().take(CALL_CHILDREN_MAX));
        let path = format!("{directory}?t=set_children&replace=only-files");
        connection.post(&path, &body)?.success("")?;
    }
    Ok(())
}
