//! A [`Graph`] at all the places to which its links lead, one step after the other and depth first: no
//! more is held of it than the folders on the way.

use super::graph::{Child, Graph, TOP};
use super::path_below;
use crate::base::limits::FOLDER_DEPTH_MAX;
use crate::cli::CliError;
use crate::cli::kept::Kept;
use std::vec::IntoIter;

/// Where the steps are; `P` is whatever the folders become.
pub struct Expansion<P> {
    graph: Graph,
    way: Vec<Open<P>>,
}

struct Open<P> {
    number: usize,
    place: P,
    path: String,
    children: IntoIter<(String, Child)>,
}

/// Something in the folder at [`Expansion::place`].
pub struct Step {
    pub name: String,
    /// As it is shown.
    pub path: String,
    pub what: Child,
}

impl<P> Expansion<P> {
    pub fn new(graph: Graph, top: P) -> Result<Self, CliError> {
        let mut this = Self { graph, way: Vec::new() };
        this.enter(TOP, top, String::new())?;
        Ok(this)
    }

    /// The next thing; none at the end. What is in a folder comes only if the folder is entered.
    pub fn step(&mut self) -> Result<Option<Step>, CliError> {
        while let Some(open) = self.way.last_mut() {
            let Some((name, child)) = open.children.next() else {
                self.way.pop();
                continue;
            };
            let (path, from) = (path_below(&open.path, &name), open.number);
            let what = match child {
                Child::Folder(number, kept) => self.folder(from, number, kept),
                other => other,
            };
            return Ok(Some(Step { name, path, what }));
        }
        Ok(None)
    }

    /// A folder, unless there is a reason to leave it out here.
    fn folder(&self, from: usize, number: usize, kept: Kept) -> Child {
        let reason = if self.graph.leads_back(from, number) {
            "it contains itself"
        } else if self.way.len() > FOLDER_DEPTH_MAX {
            "there are too many folders above it"
        } else if let Some(reason) = self.graph.lost(number) {
            reason
        } else {
            return Child::Folder(number, kept);
        };
        Child::Neither(reason.to_owned())
    }

    /// Goes on in a folder that was just stepped on.
    pub fn enter(&mut self, number: usize, place: P, path: String) -> Result<(), CliError> {
        let children = self.graph.children(number)?.into_iter();
        self.way.push(Open { number, place, path, children });
        Ok(())
    }

    /// What the folder that the last step was in has become.
    pub fn place(&mut self) -> Option<&mut P> {
        self.way.last_mut().map(|open| &mut open.place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Link;
    use super::*;

    /// Directories in each other, a file in each; the paths of the files, and of what is left out.
    fn walked(depth: usize) -> (Vec<String>, Vec<String>) {
        let mut graph = Graph::new();
        for number in 0..=depth {
            let file = ("file".to_owned(), Link::file("F".to_owned(), 1));
            let next = ("d".to_owned(), Link::directory((number + 1).to_string()));
            graph
                .list(number, [next, file].into_iter().skip(usize::from(number == depth)))
                .unwrap();
        }
        graph.everywhere();
        let mut expansion = Expansion::new(graph, ()).unwrap();
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        while let Some(step) = expansion.step().unwrap() {
            match step.what {
                Child::File(..) => files.push(step.path),
                Child::Folder(number, _) => expansion.enter(number, (), step.path).unwrap(),
                Child::Neither(_) => left_out.push(step.path),
            }
        }
        (files, left_out)
    }

    #[test]
    fn steps_go_down_first_and_not_too_far() {
        assert_eq!(walked(2).0, ["d/d/file", "d/file", "file"]);
        for (depth, left_out) in [(FOLDER_DEPTH_MAX, 0), (FOLDER_DEPTH_MAX + 1, 1)] {
            let (files, out) = walked(depth);
            assert_eq!((files.len(), out.len()), (FOLDER_DEPTH_MAX + 1, left_out));
        }
    }
}
