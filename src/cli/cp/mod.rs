//! `tahoe cp [-r] FROM… TO`: between this machine and the grid, and within the grid.
//!
//! To the grid, files are stored first, then new directories are made from the deepest up, all of
//! them in no other; only then is one call for each directory that was there already made to link
//! what is new. Interrupted before that, the command has changed nothing that anybody sees.
//!
//! To this machine, all directories are listed first, each once; then the folders are made from the
//! top down while files are fetched into them, each of which is there whole or not at all.
//!
//! Either way what fails by itself is left out, and the rest is copied.

mod copies;
mod siblings;
mod to_grid;
mod to_local;
mod upload;

pub use upload::{nothing_stored, store};

use super::http::{Connection, Gateway};
use super::kept::Kept;
use super::location::{self, Location, PLACES};
use super::many::Many;
use super::objects::{Kind, Object};
use super::output::{self, count, summary};
use super::session::Session;
use super::tree::Source;
use super::{CliError, local};
use copies::Copies;
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

Bare names are files of this machine here; write private:docs for a path in the grid. Symbolic
links are followed, also where they lead out of the folder: what they lead to is copied, unless -P
is given. What a snapshot keeps beside the content, modes and times, is given back; blocks of zeros
become holes.";

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
    /// Follow no symbolic link below the folders that are named; what links lead to is left out.
    #[arg(short = 'P', long)]
    no_dereference: bool,
    /// Where several links lead to the same folders, make so many copies of what is in them, and not
    /// only a few thousand.
    #[arg(long, value_name = "NUMBER")]
    copies: Option<u64>,
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
    File { name: Option<String>, source: Source, size: u64, kept: Kept },
    LocalFolder { name: Option<String>, path: PathBuf },
    GridFolder { name: Option<String>, directory: Box<Object> },
}

/// What is to be made at the target.
enum Plan {
    /// It is to be what this is, under its own name.
    Become(Found),
    /// These go into it.
    Take(Vec<Found>),
}

/// What both ways of copying work with.
struct Work<'a> {
    connection: &'a Connection,
    many: Many,
    copies: Copies,
    follow_links: bool,
}

/// Files and bytes that were to be copied.
type Sum = (u64, u64);

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let mut sources = self.paths;
        let target = sources.pop().filter(|_| !sources.is_empty()).ok_or_else(|| {
            CliError::usage("Only one name was given", "Say what to copy, and then where to.")
        })?;
        let session = self.gateway.session()?;
        let (connection, many) = (&session.connection, Many::default());
        let follow_links = !self.no_dereference;
        let work = Work { connection, many, copies: Copies::new(self.copies), follow_links };
        Copy { sources, target, recursive: self.recursive }.run(&session, &work)
    }
}

impl Copy {
    fn run(self, session: &Session, work: &Work) -> Result<(), CliError> {
        let target = self.target(session)?;
        let plan = self.plan(&target, session)?;
        let (files, bytes) = match target {
            Target::Local(path) => to_local::copy(plan, &path, work)?,
            Target::Grid(place, there) => to_grid::copy(plan, &place, *there, (session, work))?,
        };
        let (one, many) = ("thing was left out", "things were left out");
        let advice = "See above which and why; copy them by themselves when that is mended.";
        work.many.whole("Everything else was copied", one, many, advice)?;
        let files = count(files, "file", "files");
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

    /// Looks at all sources.
    fn plan(&self, target: &Target, session: &Session) -> Result<Plan, CliError> {
        let several = self.sources.len() > 1;
        if !several && !target.is_folder(&self.target)? {
            let found = self.find(self.sources.first().map_or("".as_ref(), |one| one), session)?;
            let is_file = matches!(found, Found::File { .. });
            return match !is_file && target.is_file() {
                true => Err(in_the_way(&self.target)),
                false => Ok(Plan::Become(found)),
            };
        }
        if several && target.is_file() {
            return Err(in_the_way(&self.target));
        }
        let found = |text: &OsString| match self.find(text, session)? {
            Found::File { name: None, .. } => Err(CliError::usage(
                "A file by its cap alone has no name, nor has one whose name is not UTF-8",
                "Copy it by itself and write the name, such as private:notes.txt.",
            )),
            found => Ok(found),
        };
        self.sources.iter().map(found).collect::<Result<_, _>>().map(Plan::Take)
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
        let source = Source::Local(path.to_owned());
        Found::File { name, source, size: metadata.len(), kept: Kept::default() }
    })
}

fn find_in_grid(place: &Location, session: &Session) -> Result<Found, CliError> {
    let object = session.must_look(place)?;
    let name = place.name().map(str::to_owned);
    match (object.0, object.read_cap()) {
        (Kind::Directory, _) => Ok(Found::GridFolder { name, directory: Box::new(object) }),
        (Kind::File, Some(cap)) => Ok(Found::File {
            name,
            source: Source::Grid(cap.to_owned()),
            size: object.1.size.unwrap_or(0),
            kept: Kept::of(&object.1.metadata),
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
    /// The same, to be called as the target is.
    fn nameless(self) -> Self {
        match self {
            Self::File { source, size, kept, .. } => Self::File { name: None, source, size, kept },
            Self::LocalFolder { path, .. } => Self::LocalFolder { name: None, path },
            Self::GridFolder { directory, .. } => Self::GridFolder { name: None, directory },
        }
    }
}
