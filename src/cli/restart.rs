//! `tahoe restart [--force] [DIR]`

use super::CliError;
use super::dirs::Directories;
use super::{start, stop};
use crate::node::basedir::Basedir;
use crate::node::check::check;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: Directories,
    /// Start the node even if it was not running.
    #[arg(short, long)]
    force: bool,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        self.dirs.each(|dir| {
            // A node that would not start again goes on as it is.
            check(&Basedir::open(dir)?)?;
            if !stop::stop(dir)? && !self.force {
                return Err(CliError::new(
                    format!("No node is running in {}", dir.display()),
                    "Start it with `tahoe start`, or use `tahoe restart --force`.",
                ));
            }
            start::start(dir)
        })
    }
}
