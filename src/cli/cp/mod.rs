//! `tahoe cp [-r] FROM… TO`: between this machine and the grid, and within the grid.
//!
//! To the grid, files are stored first, then new directories are made from the deepest up, all of
//! them in no other; only then is one call for each directory that was there already made to link
//! what is new. Interrupted before that, the command has changed nothing that anybody sees.

mod to_grid;
mod to_local;
mod upload;

pub use upload::store;

use super::http::Gateway;
use super::location::{self, Location, PLACES};
use super::objects::{Kind, Object};
use super::output::{self, count, summary};
use super::session::Session;
use super::tree::{Leaf, Links, Source, TOP, Tree};
use super::{CliError, local};
use indicatif::DecimalBytes;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  tahoe cp photo.jpg notes.txt private:
  tahoe cp -r photos global:
  tahoe cp -r global:photos ./photos
  tahoe cp -r CAP private:copy              links the same files, stores nothing again

Bare names are files of this machine here; write global:docs for a path in the grid. Symbolic
links are followed, also where they lead out of the folder: what they lead to is copied.";

#[derive(clap::Args)]
#[command(override_usage = "tahoe cp [OPTIONS] <FROM>... <TO>",
          after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    // One list: of two, options between the names would end the first.
    /// Files, or with -r folders, of this machine or of the grid; and behind them where to: an
    /// existing folder, or a new name. With a slash at its end that is a folder in any case.
    #[arg(value_name = "FROM... TO", required = true)]
    paths: Vec<OsString>,
    /// Copy folders with all that is in them.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// The arguments, told apart.
struct Copy {
    sources: Vec<OsString>,
    target: OsString,
    recursive: bool,
}

/// Where everything goes, and what is there now.
enum Target {
    Local(PathBuf),
    Grid(Location, Box<Option<Object>>),
}

/// One thing to be copied, and the name that it has.
enum Found {
    File { name: Option<String>, source: Source, size: u64 },
    LocalFolder { name: Option<String>, path: PathBuf },
    GridFolder { name: Option<String>, directory: Object },
}

/// What is to be made at the target.
enum Plan {
    /// One file, under the target's own name.
    File(Leaf),
    /// A folder of the target's name, or what goes into the one that is there.
    Folder(Tree),
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let mut sources = self.paths;
        let target = sources.pop().filter(|_| !sources.is_empty()).ok_or_else(|| {
            CliError::usage("Only one name was given", "Say what to copy, and then where to.")
        })?;
        let session = self.gateway.session()?;
        Copy { sources, target, recursive: self.recursive }.run(&session)
    }
}

impl Copy {
    fn run(self, session: &Session) -> Result<(), CliError> {
        let target = self.target(session)?;
        let plan = self.plan(&target, session)?;
        let (files, bytes) = match &plan {
            Plan::File(leaf) => (1, leaf.size),
            Plan::Folder(tree) => (tree.files.len(), tree.bytes()),
        };
        let left_out = match target {
            Target::Local(path) => to_local::copy(plan, &path, &session.connection)?,
            Target::Grid(place, there) => to_grid::copy(plan, &place, *there, session)?,
        };
        if left_out > 0 {
            let things = count(left_out as u64, "thing was", "things were");
            return Err(CliError::new(
                format!("Everything else was copied, but {things} left out"),
                "See above which and why; copy them by themselves when that is mended.",
            ));
        }
        let files = count(files as u64, "file", "files");
        summary(format_args!("copied {files}, {}", DecimalBytes(bytes)))
    }

    fn target(&self, session: &Session) -> Result<Target, CliError> {
        if let Some(target) = in_grid(&self.target) {
            let place = session.place(target)?;
            let there = session.look(&place)?;
            return Ok(Target::Grid(place, Box::new(there)));
        }
        if let Some(source) = self.sources.iter().find(|source| in_grid(source).is_none()) {
            return Err(CliError::usage(
                format!("{} and {} are both on this machine", shown(source), shown(&self.target)),
                "Write global: or private: before a path in the grid.",
            ));
        }
        Ok(Target::Local(PathBuf::from(&self.target)))
    }

    /// Reads all sources.
    fn plan(&self, target: &Target, session: &Session) -> Result<Plan, CliError> {
        let mut tree = Tree::new();
        let several = self.sources.len() > 1;
        if !several && !target.is_folder(&self.target)? {
            return match self.find(self.sources.first().map_or("".as_ref(), |one| one), session)? {
                Found::File { source, size, .. } => {
                    Ok(Plan::File(Leaf { path: shown(&self.target), source, size }))
                }
                _ if target.is_file() => Err(in_the_way(&self.target)),
                found => found.put_content(&mut tree, TOP, session).map(|()| Plan::Folder(tree)),
            };
        }
        if several && target.is_file() {
            return Err(in_the_way(&self.target));
        }
        for text in &self.sources {
            self.find(text, session)?.put(&mut tree, session)?;
        }
        Ok(Plan::Folder(tree))
    }

    fn find(&self, text: &OsStr, session: &Session) -> Result<Found, CliError> {
        let found = match in_grid(text) {
            Some(text) => find_in_grid(&session.place(text)?, session)?,
            None => find_here(Path::new(text))?,
        };
        if !self.recursive && !matches!(found, Found::File { .. }) {
            return Err(CliError::new(
                format!("{} is a folder", shown(text)),
                "Add -r to copy it with all that is in it.",
            ));
        }
        Ok(found)
    }
}

/// A source or target as it may be repeated: not if there is a cap in it.
fn shown(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    if text.trim_start().starts_with("URI:") {
        "what the given cap opens".to_owned()
    } else {
        output::shown(&text)
    }
}

/// The text of a source or target that is in the grid; others are names of this machine's files, in
/// whatever bytes.
fn in_grid(text: &OsStr) -> Option<&str> {
    text.to_str().filter(|text| location::is_marked(text))
}

fn in_the_way(target: &OsStr) -> CliError {
    CliError::new(
        format!("{} is a file, where a folder is needed", shown(target)),
        "Choose another name, or remove that file first.",
    )
}

fn find_here(path: &Path) -> Result<Found, CliError> {
    let metadata = fs::metadata(path).map_err(|error| local::unreadable(path, &error))?;
    let name = local::file_name(path).map(str::to_owned);
    Ok(if metadata.is_dir() {
        Found::LocalFolder { name, path: path.to_owned() }
    } else {
        Found::File { name, source: Source::Local(path.to_owned()), size: metadata.len() }
    })
}

fn find_in_grid(place: &Location, session: &Session) -> Result<Found, CliError> {
    let object = session.must_look(place)?;
    let name = place.name().map(str::to_owned);
    match (object.0, object.read_cap()) {
        (Kind::Directory, _) => Ok(Found::GridFolder { name, directory: object }),
        (Kind::File, Some(cap)) => Ok(Found::File {
            name,
            source: Source::Grid(cap.to_owned()),
            size: object.1.size.unwrap_or(0),
        }),
        _ => Err(CliError::new(
            format!("{} is nothing that this gateway knows", place.shown()),
            "Check the cap: it must be copied whole.",
        )),
    }
}

impl Target {
    /// Whether sources go into it rather than become it.
    fn is_folder(&self, text: &OsStr) -> Result<bool, CliError> {
        match self {
            Self::Local(path) => Ok(text.as_bytes().ends_with(b"/") || path.is_dir()),
            Self::Grid(place, there) if place.name().is_none() && there.is_none() => {
                Err(CliError::new(format!("{} is not there", place.shown()), "Check the cap."))
            }
            Self::Grid(place, there) => {
                let is_directory = (**there).as_ref().is_some_and(Object::is_directory);
                Ok(place.wants_directory() || is_directory)
            }
        }
    }

    fn is_file(&self) -> bool {
        match self {
            Self::Local(path) => path.exists() && !path.is_dir(),
            Self::Grid(_, there) => (**there).as_ref().is_some_and(|there| !there.is_directory()),
        }
    }
}

impl Found {
    /// Puts it into the tree's first folder under its own name. A folder without a name, such as
    /// `global:` or `.`, gives what is in it.
    fn put(self, tree: &mut Tree, session: &Session) -> Result<(), CliError> {
        let folder = match &self {
            Self::File { name: None, .. } => {
                return Err(CliError::usage(
                    "A file by its cap alone has no name, nor has one whose name is not UTF-8",
                    "Copy it by itself and write the name, such as private:notes.txt.",
                ));
            }
            Self::File { name: Some(name), source, size } => {
                tree.add_file(TOP, name, source.clone(), *size);
                return Ok(());
            }
            Self::LocalFolder { name: Some(name), path } => tree.add_local_folder(TOP, name, path),
            Self::GridFolder { name: Some(name), directory } => {
                tree.add_grid_folder(TOP, name, directory.read_cap().unwrap_or_default())
            }
            _ => Some(TOP),
        };
        folder.map_or(Ok(()), |folder| self.put_content(tree, folder, session))
    }

    /// Puts what is in a folder into another one.
    fn put_content(self, tree: &mut Tree, into: usize, session: &Session) -> Result<(), CliError> {
        match self {
            Self::File { .. } => Ok(()),
            Self::LocalFolder { path, .. } => {
                tree.read_local(into, &path, Links::Follow, &|_| true)
            }
            Self::GridFolder { directory, .. } => {
                tree.read_grid(into, directory, &session.connection)
            }
        }
    }
}
