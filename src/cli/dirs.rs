//! Which node directories a command is about.

use super::CliError;
use super::error::Failures;
use crate::node::basedir::Basedir;
use std::path::{Path, PathBuf};

/// `DIR`, `-C DIR`, or several with `-m`.
#[derive(clap::Args)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Directories {
    /// The node directory; without it the current folder if it is a node, else ~/.tahoe.
    #[arg(value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// The node directory, as an option.
    #[arg(short = 'C', long = "basedir", value_name = "DIR")]
    basedir: Option<PathBuf>,
    /// Allow several node directories at once.
    #[arg(short, long)]
    multiple: bool,
}

impl Directories {
    /// What `DIR` alone means.
    pub fn one(dir: PathBuf) -> Self {
        Self { dirs: vec![dir], basedir: None, multiple: false }
    }

    /// The directories, at least one.
    pub fn all(&self) -> Result<Vec<PathBuf>, CliError> {
        let named: Vec<PathBuf> = self.basedir.iter().chain(&self.dirs).cloned().collect();
        if named.len() > 1 && !self.multiple {
            return Err(CliError::usage(
                "Several node directories were given",
                "Name one, or add -m to mean all of them.",
            ));
        }
        Ok(if named.is_empty() { vec![default_dir()] } else { named })
    }

    /// Does `work` for every directory, whatever becomes of those before it.
    pub fn each(&self, work: impl Fn(&Path) -> Result<(), CliError>) -> Result<(), CliError> {
        let mut failures = Failures::default();
        for dir in self.all()? {
            failures.note(work(&dir));
        }
        failures.end()
    }
}

/// `DIR` or `-C DIR` of a command that makes a node: nothing is made in a place not named.
#[derive(clap::Args)]
pub struct NewDirectory {
    /// The directory to make.
    #[arg(value_name = "DIR", required_unless_present = "basedir")]
    dir: Option<PathBuf>,
    /// The directory to make, as an option.
    #[arg(short = 'C', long = "basedir", value_name = "DIR", conflicts_with = "dir")]
    basedir: Option<PathBuf>,
}

impl NewDirectory {
    pub fn path(&self) -> PathBuf {
        self.dir.clone().or_else(|| self.basedir.clone()).unwrap_or_else(default_dir)
    }
}

/// The current folder if it is a node, else `~/.tahoe`.
pub fn default_dir() -> PathBuf {
    let here = PathBuf::from(".");
    if Basedir::is_node(&here) {
        return here;
    }
    std::env::var_os("HOME").map_or(here, |home| PathBuf::from(home).join(".tahoe"))
}
