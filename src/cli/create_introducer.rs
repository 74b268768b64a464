//! `tahoe create-introducer DIR [--port P] [--location HOST:PORT] [--webport W]`

use super::dirs::NewDirectory;
use super::{CliError, check, output};
use crate::introducer::GridParameters;
use crate::node::create::{self, Place};

const EXAMPLES: &str = "\
Examples:
  tahoe create-introducer grid/introducer --port 3456 --location grid.example.org:3456
  tahoe create-introducer seen --webport 8124         shows on 127.0.0.1 who is in the grid
  tahoe create-introducer small --encoding 2/3/4      for a grid of four servers
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
    /// Where the node's page listens, such as `8124`; without it there is none.
    #[arg(long, value_name = "W", value_parser = check::webport)]
    webport: Option<String>,
    /// How the grid's files are cut: any NEEDED of TOTAL shares give a file back, and to store one at
    /// least HAPPY servers must take some.
    #[arg(long, value_name = "NEEDED/HAPPY/TOTAL", value_parser = check::encoding,
          default_value = "3/7/10")]
    encoding: GridParameters,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let path = self.dir.path();
        let place = Place { port: self.port, location: self.location, webport: self.webport };
        create::introducer(&path, &place, self.encoding)?;
        let GridParameters { needed, happy, total } = self.encoding;
        output::summary(format_args!("introducer created in {}", path.display()))?;
        output::summary(format_args!(
            "its grid wants {} before files can be stored, as {total} shares of which any {needed} give \
             a file back; --encoding, and its file encoding_parameters, say so",
            output::count(happy.into(), "storage server", "storage servers")
        ))
    }
}
