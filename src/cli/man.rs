//! `tahoe man DIR`

use super::{Arguments as Program, CliError, local, output};
use clap::CommandFactory;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Example:
  tahoe man ~/.local/share/man/man1
  man tahoe-put";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The folder to write the pages to, one for each command; it is made if need be.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let dir = &self.dir;
        let written = std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(Program::command(), dir));
        written.map_err(|error| local::unwritable(dir, &error))?;
        output::summary(format_args!("man pages written to {}", dir.display()))
    }
}
