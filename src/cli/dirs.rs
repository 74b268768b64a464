//! Which node directories a command is about.

use super::CliError;
use super::error::Failures;
use crate::node::basedir::Basedir;
use crate::node::lock;
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

/// The node whose files a command reads or writes beside its gateway.
#[derive(clap::Args)]
pub struct GatewayNode {
    /// The node; without it the current folder if it is one, else ~/.tahoe.
    #[arg(short = 'd', long = "node-directory", value_name = "NODEDIR")]
    node_directory: Option<PathBuf>,
}

impl GatewayNode {
    pub fn open(&self) -> Result<Basedir, CliError> {
        let named = self.node_directory.clone();
        Ok(Basedir::open(&named.unwrap_or_else(default_gateway))?)
    }
}

/// The gateway of a running demo below the current folder, if there is one.
const DEMO: &str = "tahoe-demo/gateway";

/// The node whose gateway is used where none is named: as [`default_dir`], but before `~/.tahoe` that of
/// a demo that runs here.
pub fn default_gateway() -> PathBuf {
    let demo = PathBuf::from(DEMO);
    let runs = || Basedir::open(&demo).and_then(|node| lock::is_running(&node)).unwrap_or(false);
    match named_node() {
        Some(named) => named,
        None if runs() => demo,
        None => default_dir(),
    }
}

/// Where `TAHOE_NODE` or the current folder says that the node is.
fn named_node() -> Option<PathBuf> {
    let here = PathBuf::from(".");
    let said = std::env::var_os("TAHOE_NODE").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    said.or_else(|| Basedir::is_node(&here).then_some(here))
}

/// What `TAHOE_NODE` says, else the current folder if it is a node, else `~/.tahoe`.
pub fn default_dir() -> PathBuf {
    if let Some(named) = named_node() {
        return named;
    }
    let here = PathBuf::from(".");
    std::env::var_os("HOME").map_or(here, |home| PathBuf::from(home).join(".tahoe"))
}
