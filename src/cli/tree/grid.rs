//! Directories of the grid, read into a [`Graph`] or from there into a [`Tree`].

use super::expand::Expansion;
use super::graph::{Child, Graph, Link, Unlisted, unopened};
use super::{Source, Tree};
use crate::base::lock::locked;
use crate::cli::CliError;
use crate::cli::error::Reach;
use crate::cli::http::{Connection, percent_encode};
use crate::cli::many::Many;
use crate::cli::objects::{Kind, Unreadable};
use crate::cli::parallel;
use crate::cli::progress::Progress;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A gateway's answer about a directory.
#[derive(Deserialize)]
struct Listed(Kind, Facts);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Facts {
    children: BTreeMap<String, Link>,
    unreadable: Unreadable,
}

impl Graph {
    /// Lists these directories and all below them. What cannot be listed is known as lost.
    pub fn read(
        &mut self,
        first: Vec<Unlisted>,
        connection: &Connection,
        many: &Many,
    ) -> Result<(), CliError> {
        let progress = Progress::finding();
        let graph = Mutex::new(self);
        parallel::walk(first, |(number, cap)| {
            let listed = many.patiently(|| links(&cap, connection));
            let mut graph = locked(&graph);
            let new = match listed {
                Ok(links) => graph.list(number, links)?,
                Err(error) if error.reach() == Reach::All => return Err(error),
                Err(error) => {
                    graph.lose(number, error.what());
                    Vec::new()
                }
            };
            progress.found(graph.found.files, graph.found.folders);
            Ok(new)
        })
    }
}

fn links(cap: &str, connection: &Connection) -> Result<BTreeMap<String, Link>, CliError> {
    let answer = connection.get(&format!("/uri/{}?t=json", percent_encode(cap)))?;
    match answer.success("")?.json()? {
        Listed(Kind::Directory, mut facts) => {
            facts.children.extend(unopened(&facts.unreadable));
            Ok(facts.children)
        }
        _ => Err(CliError::new("it is no directory", "Check the cap: it must be copied whole.")),
    }
}

impl Tree<'_> {
    /// An empty folder for what is in a directory of the grid.
    pub fn add_grid_folder(&mut self, above: usize, name: &str) -> Option<usize> {
        self.add_folder(above, name, None)
    }

    /// Adds what is in a graph, at all places to which links lead, to a folder.
    pub fn add_graph(&mut self, into: usize, graph: Graph) -> Result<(), CliError> {
        let mut expansion = Expansion::new(graph, into)?;
        while let Some(step) = expansion.step()? {
            let Some(above) = expansion.place().copied() else { break };
            match step.what {
                Child::File(cap, size, _) => {
                    self.add_file(above, &step.name, Source::Grid(cap), size);
                }
                Child::Neither(reason) => self.leave_out(&self.path_in(above, &step.name), &reason),
                Child::Folder(number, _) => {
                    if let Some(folder) = self.add_grid_folder(above, &step.name) {
                        expansion.enter(number, folder, step.path)?;
                    }
                }
            }
        }
        Ok(())
    }
}
