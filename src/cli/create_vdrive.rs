//! `tahoe create-vdrive DIR [--introducer FURL] [--port P] [--location HOST:PORT] [--webport W]`

use super::dirs::NewDirectory;
use super::{CliError, check, output};
use crate::node::create::{self, Place};

const EXAMPLES: &str = "\
Example:
  tahoe create-vdrive grid/vdrive --introducer FURL --port 3457 --location grid.example.org:3457
  tahoe start grid/vdrive
  cat grid/vdrive/vdrive.furl     copy it into the directory of each client

An introducer's node is a vdrive server already, unless there is a file no_vdrive in its directory.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    dir: NewDirectory,
    /// The furl from the introducer's file introducer.furl; with it, clients hear of new addresses.
    #[arg(long, value_name = "FURL", value_parser = check::furl)]
    introducer: Option<String>,
    /// The TCP port to listen on; without it the system chooses one, once.
    #[arg(long)]
    port: Option<u16>,
    /// How other nodes reach this one; without it, this machine's own addresses.
    #[arg(long, value_name = "HOST:PORT", value_parser = check::location)]
    location: Option<String>,
    /// Where the node's page listens, such as `8124`; without it there is none.
    #[arg(long, value_name = "W", value_parser = check::webport)]
    webport: Option<String>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let path = self.dir.path();
        let place = Place { port: self.port, location: self.location, webport: self.webport };
        create::vdrive(&path, &place, self.introducer.as_deref())?;
        output::summary(format_args!("vdrive server created in {}", path.display()))
    }
}
