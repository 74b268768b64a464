//! A directory of the grid, read into a [`Tree`].

use super::{Identity, Source, Tree};
use crate::cli::CliError;
use crate::cli::http::Connection;
use crate::cli::http::percent_encode;
use crate::cli::objects::{Kind, Object};
use crate::cli::parallel;

impl Tree {
    /// Reads a directory, already looked at, and all below it into `into`.
    pub fn read_grid(
        &mut self,
        into: usize,
        directory: Object,
        connection: &Connection,
    ) -> Result<(), CliError> {
        if let Some(folder) = self.folders.get_mut(into) {
            folder.identity = directory.read_cap().map(|cap| Identity::Grid(cap.to_owned()));
        }
        let mut level = vec![(into, directory)];
        while !level.is_empty() {
            let mut below = Vec::new();
            for (number, directory) in level {
                for (name, child) in directory.1.children {
                    below.extend(self.add_object(number, &name, &child));
                }
            }
            level = parallel::each(below, |(number, cap)| {
                let path = format!("/uri/{}?t=json", percent_encode(&cap));
                Ok((number, connection.get(&path)?, cap))
            })?
            .into_iter()
            .filter_map(|(number, answer, _)| match answer.success("").and_then(|a| a.json()) {
                Ok(object) => Some((number, object)),
                Err(error) => {
                    let path = self.folder(number).map(|one| one.path.clone()).unwrap_or_default();
                    self.leave_out(&path, &error.what());
                    None
                }
            })
            .collect();
        }
        Ok(())
    }

    /// A directory of the grid as a folder in `above`.
    pub fn add_grid_folder(&mut self, above: usize, name: &str, cap: &str) -> Option<usize> {
        self.add_folder(above, name, Some(Identity::Grid(cap.to_owned())))
    }

    /// Adds a file, or a folder, whose number and cap are returned: it is to be listed, too.
    fn add_object(&mut self, above: usize, name: &str, child: &Object) -> Option<(usize, String)> {
        match (child.0, child.read_cap()) {
            (Kind::Directory, Some(cap)) => {
                Some((self.add_grid_folder(above, name, cap)?, cap.to_owned()))
            }
            (Kind::File, Some(cap)) => {
                let size = child.1.size.unwrap_or(0);
                self.add_file(above, name, Source::Grid(cap.to_owned()), size);
                None
            }
            _ => {
                self.leave_out(&self.path_in(above, name), "this gateway does not know what it is");
                None
            }
        }
    }
}
