//! `tahoe create-introducer DIR [--port P] [--location HOST:PORT]`

use super::dirs::NewDirectory;
use super::{CliError, check, output};
use crate::node::create::{self, Place};

const EXAMPLES: &str = "\
Example:
  tahoe create-introducer grid/introducer --port 3456 --location grid.example.org:3456
  tahoe start grid/introducer
  cat grid/introducer/introducer.furl     give this line to everyone who may join";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    dir: NewDirectory,
    /// The TCP port to listen on; without it the system chooses one, once.
    #[arg(long)]
    port: Option<u16>,
    /// How other nodes reach this one; without it, this machine's own addresses.
    #[arg(long, value_name = "HOST:PORT", value_parser = check::location)]
    location: Option<String>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let path = self.dir.path();
        create::introducer(&path, &Place { port: self.port, location: self.location })?;
        output::summary(format_args!("introducer created in {}", path.display()))
    }
}
