//! A copy to this machine. Names were chosen by others: none may lead out of the folder, and one that
//! no file here can have is left out like everything else that fails by itself.

use super::copies::beyond;
use super::siblings::{Case, Siblings};
use super::{Found, Plan, Sum, Work};
use crate::base::lock::locked;
use crate::cli::error::Reach;
use crate::cli::http::percent_encode;
use crate::cli::kept::Kept;
use crate::cli::progress::Progress;
use crate::cli::tree::{Child, Expansion, Graph, Link, Source, Step, TOP, links};
use crate::cli::{CliError, get, local, parallel};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Copies; returns how much.
pub fn copy(plan: Plan, target: &Path, work: &Work) -> Result<Sum, CliError> {
    let graph = match plan {
        Plan::Become(Found::File { source: Source::Grid(cap), size, kept, .. }) => {
            let progress = Progress::stream(Some(size));
            let job = Job { cap, to: target.to_owned(), path: String::new(), kept };
            work.many.patiently(|| fetch(&job, work, &progress))?;
            progress.finish();
            return Ok((1, size));
        }
        Plan::Become(found) => graph_of(vec![found.nameless()], work)?,
        Plan::Take(found) => graph_of(found, work)?,
    };
    copy_all(graph, target, work)
}

/// Everything that goes into the target.
fn graph_of(found: Vec<Found>, work: &Work) -> Result<Graph, CliError> {
    let mut graph = Graph::new();
    let (mut tops, mut looked_at) = (Vec::new(), HashMap::new());
    let alone = found.len() == 1;
    for one in found {
        match one {
            Found::File { name: Some(name), source: Source::Grid(cap), size, kept } => {
                tops.push((name, Link::file(cap, size).with(kept)));
            }
            Found::GridFolder { name, directory } => {
                let cap = directory.read_cap().unwrap_or_default().to_owned();
                match name {
                    Some(name) => {
                        let kept = Kept::of(&directory.1.metadata);
                        tops.push((name, Link::directory(cap.clone()).with(kept)));
                        looked_at.insert(cap, *directory);
                    }
                    None => {
                        // Where there are others it is not all of what is at the top.
                        if alone {
                            graph.begin_at(&cap);
                        }
                        tops.extend(links(*directory));
                    }
                }
            }
            // What is on this machine is not copied here.
            Found::File { .. } | Found::LocalFolder { .. } => {}
        }
    }
    let mut unlisted = Vec::new();
    for (number, cap) in graph.list(TOP, tops)? {
        match looked_at.remove(&cap) {
            Some(directory) => unlisted.extend(graph.list(number, links(directory))?),
            None => unlisted.push((number, cap)),
        }
    }
    graph.read(unlisted, work.connection, &work.many)?;
    Ok(graph)
}

fn copy_all(mut graph: Graph, target: &Path, work: &Work) -> Result<Sum, CliError> {
    let (once, everywhere) = (graph.found, graph.everywhere());
    work.copies.check(beyond(once, everywhere))?;
    fs::create_dir_all(target).map_err(|error| local::unwritable(target, &error))?;
    let progress = Progress::files(everywhere.bytes, everywhere.files as usize);
    let expansion = Expansion::new(graph, Folder::at(target.to_owned()))?;
    let filled = Mutex::new(Vec::new());
    let jobs =
        Jobs { expansion, case: Case::default(), filled: &filled, work, progress: &progress };
    parallel::stream(jobs, |job| {
        work.many.one(&job.path, &progress, || fetch(&job, work, &progress))?;
        progress.file_done();
        Ok(())
    })?;
    // Those in others come behind them.
    for (folder, kept) in locked(&filled).drain(..).rev() {
        kept.give_to(&folder);
    }
    progress.finish();
    Ok((everywhere.files, everywhere.bytes))
}

/// A file to be fetched into a folder that is there.
struct Job {
    cap: String,
    to: PathBuf,
    path: String,
    kept: Kept,
}

/// A folder that is there, and the names in it so far.
struct Folder {
    path: PathBuf,
    names: Siblings,
}

impl Folder {
    fn at(path: PathBuf) -> Self {
        Self { path, names: Siblings::default() }
    }
}

/// All files, one by one; the folders are made on the way.
struct Jobs<'a> {
    expansion: Expansion<Folder>,
    case: Case,
    /// Folders that get back what was kept of them once everything is in them.
    filled: &'a Mutex<Vec<(PathBuf, Kept)>>,
    work: &'a Work<'a>,
    progress: &'a Progress,
}

impl Iterator for Jobs<'_> {
    type Item = Result<Job, CliError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.job().transpose()
    }
}

impl Jobs<'_> {
    fn job(&mut self) -> Result<Option<Job>, CliError> {
        while let Some(Step { name, path, what }) = self.expansion.step()? {
            let Some(Folder { path: folder, names }) = self.expansion.place() else { break };
            let to = folder.join(&name);
            match what {
                Child::Neither(reason) => self.leave_out(&path, &reason),
                _ if !safe(&name) => self.leave_out(&path, "no file here can have that name"),
                _ if names.clash(&name, folder, &mut self.case) => {
                    self.leave_out(&path, "something else would have the same name here");
                }
                Child::File(cap, _, kept) => return Ok(Some(Job { cap, to, path, kept })),
                Child::Folder(number, kept) => match make(&to, kept) {
                    Ok(()) => {
                        if !kept.is_empty() {
                            locked(self.filled).push((to.clone(), kept));
                        }
                        self.expansion.enter(number, Folder::at(to), path)?;
                    }
                    Err(error) if error.reach() == Reach::All => return Err(error),
                    Err(error) => self.leave_out(&path, &error.what()),
                },
            }
        }
        Ok(None)
    }

    fn leave_out(&self, path: &str, reason: &str) {
        self.work.many.leave_out(path, reason, self.progress);
    }
}

/// Makes a folder into which its owner can write; others see no more of it than they are to see.
fn make(folder: &Path, kept: Kept) -> Result<(), CliError> {
    let mode = kept.mode.unwrap_or(0o777) | 0o700;
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Err(error) if !folder.is_dir() => Err(local::unwritable(folder, &error)),
        _ => Ok(()),
    }
}

/// Whether a name stays a name where paths are made of names.
fn safe(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn fetch(job: &Job, work: &Work, progress: &Progress) -> Result<(), CliError> {
    let Job { cap, to, kept, .. } = job;
    if to.is_dir() {
        return Err(CliError::new(
            format!("{} is a folder, where a file is to go", local::path_shown(to)),
            "Copy to another name, or move that folder first.",
        ));
    }
    let answer = work.connection.get(&format!("/uri/{}", percent_encode(cap)))?;
    get::save(answer.success("")?, (to, *kept), progress)
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
