//! `tahoe list-aliases`

use super::CliError;
use super::aliases::Aliases;
use super::dirs::default_gateway;
use super::output::{Output, shown};
use crate::node::basedir::Basedir;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only the names, without their caps.
    #[arg(long)]
    names: bool,
    /// The node whose aliases; without it the current folder if it is a node, else ~/.tahoe.
    #[arg(short = 'd', long = "node-directory", value_name = "NODEDIR")]
    node_directory: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let basedir = Basedir::open(&self.node_directory.unwrap_or_else(default_gateway))?;
        let aliases = Aliases::read(&basedir)?;
        let width = aliases.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut out = Output::new();
        for (name, cap) in aliases.iter() {
            let name = shown(name);
            if self.names {
                out.line(name)?;
            } else {
                out.line(format_args!("{name:>width$}: {cap}"))?;
            }
        }
        out.finish()
    }
}
