//! `tahoe stop [DIR]`

use super::dirs::Directories;
use super::{CliError, output};
use crate::node::basedir::Basedir;
use crate::node::lock;
use std::path::Path;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: Directories,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        self.dirs.each(|dir| {
            if stop(dir)? {
                return output::summary(format_args!("stopped {}", dir.display()));
            }
            Err(CliError::new(
                format!("No node is running in {}", dir.display()),
                "Start it with `tahoe start`.",
            ))
        })
    }
}

/// Stops one node; `false` if none was running there.
pub fn stop(dir: &Path) -> Result<bool, CliError> {
    let basedir = Basedir::open(dir)?;
    let Some(pid) = lock::running(&basedir)? else { return Ok(false) };
    lock::stop(&basedir, pid).map_err(|error| {
        CliError::new(
            format!("Process {} could not be stopped: {error}", pid.as_raw_nonzero()),
            "Look at that process yourself; it may belong to another user.",
        )
    })?;
    Ok(true)
}
