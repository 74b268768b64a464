//! `tahoe restart [--force] [DIR]`

use super::CliError;
use super::dirs::Directories;
use super::{start, stop};

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
        self.dirs.all()?.iter().try_for_each(|dir| {
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
