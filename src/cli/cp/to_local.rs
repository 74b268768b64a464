//! A copy to this machine. Names were chosen by others: none may lead out of the folder.

use super::Plan;
use crate::cli::http::Connection;
use crate::cli::http::percent_encode;
use crate::cli::progress::Progress;
use crate::cli::tree::{Leaf, Source, Tree};
use crate::cli::{CliError, get, local, parallel};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Copies; returns how many things were left out.
pub fn copy(plan: Plan, target: &Path, connection: &Connection) -> Result<usize, CliError> {
    match plan {
        Plan::File(leaf) => {
            let progress = Progress::stream(Some(leaf.size));
            fetch(&leaf, target, connection, &progress)??;
            progress.finish();
            Ok(0)
        }
        Plan::Folder(mut tree) => {
            let jobs = make_folders(&mut tree, target)?;
            let progress = Progress::files(tree.bytes(), jobs.len());
            let missing = AtomicUsize::new(0);
            parallel::each(jobs, |(number, path)| {
                let Some(leaf) = tree.files.get(number) else { return Ok(()) };
                if let Err(error) = fetch(leaf, &path, connection, &progress)? {
                    missing.fetch_add(1, Ordering::Relaxed);
                    progress.remark(format_args!("left out {}: {}", leaf.path, error.what()));
                }
                progress.file_done();
                Ok(())
            })?;
            progress.finish();
            Ok(tree.left_out + missing.into_inner())
        }
    }
}

/// Makes all folders; returns the files with their paths.
fn make_folders(tree: &mut Tree, target: &Path) -> Result<Vec<(usize, PathBuf)>, CliError> {
    let mut paths = vec![None; tree.folders.len()];
    if let Some(top) = paths.first_mut() {
        *top = Some(target.to_owned());
    }
    let mut jobs = Vec::new();
    let mut bad = Vec::new();
    for (number, folder) in tree.folders.iter().enumerate() {
        // Every folder comes after the one it is in; what is in one left out is left out with it.
        let Some(path) = paths.get(number).cloned().flatten() else { continue };
        std::fs::create_dir_all(&path).map_err(|error| local::unwritable(&path, &error))?;
        for (name, file) in &folder.files {
            match safe(name) {
                true => jobs.push((*file, path.join(name))),
                false => bad.push(name.clone()),
            }
        }
        for (name, below) in &folder.folders {
            match (safe(name), paths.get_mut(*below)) {
                (true, Some(slot)) => *slot = Some(path.join(name)),
                _ => bad.push(name.clone()),
            }
        }
    }
    for name in bad {
        tree.leave_out(&crate::cli::output::shown(&name), "no file here can have that name");
    }
    Ok(jobs)
}

/// Whether a name stays a name where paths are made of names.
fn safe(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// Fetches one file; the inner failure is that file's alone.
fn fetch(
    leaf: &Leaf,
    path: &Path,
    connection: &Connection,
    progress: &Progress,
) -> Result<Result<(), CliError>, CliError> {
    let Source::Grid(cap) = &leaf.source else { return Ok(Ok(())) };
    if path.is_dir() {
        let name = path.display();
        let error = CliError::new(
            format!("{name} is a folder, where a file is to go"),
            "Copy to another name, or move that folder first.",
        );
        return Ok(Err(error));
    }
    let answer = connection.get(&format!("/uri/{}", percent_encode(cap)))?;
    match answer.success("") {
        Ok(answer) => get::save(answer, path, progress),
        Err(error) => Ok(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_name_leads_out_of_the_folder() {
        for bad in ["", ".", "..", "a/b", "/etc/passwd", "../x", "a\0b"] {
            assert!(!super::safe(bad), "{bad:?}");
        }
        assert!(super::safe("...") && super::safe("a b") && super::safe("-rf"));
    }
}
