//! Files stored and directories made, none of them linked to yet.

use crate::base::limits::CALL_CHILDREN_MAX;
use crate::base::rim::Clock;
use crate::cli::CliError;
use crate::cli::http::Connection;
use crate::cli::http::percent_encode;
use crate::cli::local::LocalFile;
use crate::cli::objects::{NewChild, children_body};
use crate::cli::parallel;
use crate::cli::progress::Progress;
use crate::cli::tree::{Leaf, Source, Tree};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// The caps of everything in a tree, by number; none for what could not be read.
pub struct Stored {
    pub files: Vec<Option<String>>,
    pub folders: Vec<Option<String>>,
}

/// Stores a file and returns its cap; the inner failure is this machine's.
pub fn store(
    path: &Path,
    connection: &Connection,
    progress: &Progress,
) -> Result<Result<(String, LocalFile), CliError>, CliError> {
    let mut file = match LocalFile::open(path) {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let size = file.size();
    let answer = connection.put_file("/uri", &mut progress.send(&mut file), size);
    if file.has_failed() {
        return Ok(Err(file.blame(answer).err().unwrap_or_else(CliError::nobody_reads)));
    }
    let cap = answer?.success(&path.display().to_string())?.text()?;
    Ok(Ok((cap, file)))
}

/// Stores all files of the tree, several at a time.
pub fn files(tree: &Tree, connection: &Connection) -> Result<Vec<Option<String>>, CliError> {
    let local = tree.files.iter().filter(|leaf| matches!(leaf.source, Source::Local(_)));
    let bytes = local.clone().fold(0, |bytes: u64, leaf| bytes.saturating_add(leaf.size));
    let progress = Progress::files(bytes, local.count());
    let caps = parallel::each(tree.files.iter().collect(), |leaf: &Leaf| {
        let path = match &leaf.source {
            Source::Grid(cap) => return Ok(Some(cap.clone())),
            Source::Local(path) => path,
        };
        let stored = store(path, connection, &progress)?;
        progress.file_done();
        Ok(match stored {
            Ok((cap, _)) => Some(cap),
            Err(error) => {
                progress.remark(format_args!("left out {}: {}", leaf.path, error.what()));
                None
            }
        })
    });
    progress.finish();
    caps
}

/// Makes all folders but those in `there`, the deepest first, several at a time.
pub fn folders(
    tree: &Tree,
    stored: &mut Stored,
    there: &BTreeSet<usize>,
    connection: &Connection,
) -> Result<(), CliError> {
    for level in tree.levels() {
        let wanted: Vec<_> = level.into_iter().filter(|number| !there.contains(number)).collect();
        let made = parallel::each(wanted, |number| {
            let folder = tree.folder(number);
            let children = folder
                .into_iter()
                .flat_map(|folder| children(&folder.files, &folder.folders, stored));
            Ok((number, make(children.collect(), connection)?))
        })?;
        for (number, cap) in made {
            if let Some(slot) = stored.folders.get_mut(number) {
                *slot = Some(cap);
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
