//! `tahoe create-client DIR [--introducer FURL] [--webport W] …`

use super::dirs::NewDirectory;
use super::{CliError, check, output};
use crate::node::create::{self, Client, Place};

const EXAMPLES: &str = "\
Examples:
  tahoe create-client ~/.tahoe --introducer FURL --webport 8123
  tahoe create-client /srv/tahoe --introducer FURL --sizelimit 500G --nickname attic";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    dir: NewDirectory,
    /// The furl from the introducer's file introducer.furl; it may be copied in later.
    #[arg(long, value_name = "FURL", value_parser = check::furl)]
    introducer: Option<String>,
    /// The furl from a vdrive server's file vdrive.furl; without it the introducer's node keeps the
    /// directories.
    #[arg(long, value_name = "FURL", value_parser = check::furl)]
    vdrive: Option<String>,
    /// Where the gateway listens: `8123`, `tcp:8123:interface=127.0.0.1`, or
    /// `ssl:8123:privateKey=k.pem:certKey=c.pem`; without it there is no gateway.
    #[arg(long, value_name = "W", value_parser = check::webport)]
    webport: Option<String>,
    /// The TCP port for other nodes; without it the system chooses one, once.
    #[arg(long)]
    port: Option<u16>,
    /// How other nodes reach this one; without it, this machine's own addresses.
    #[arg(long, value_name = "HOST:PORT", value_parser = check::location)]
    location: Option<String>,
    /// What people call this node.
    #[arg(long, value_parser = check::nickname)]
    nickname: Option<String>,
    /// Offer no space to others.
    #[arg(long, conflicts_with = "sizelimit")]
    no_storage: bool,
    /// The space to offer, such as `10G`; without it all that is free.
    #[arg(long, value_name = "S", value_parser = check::size)]
    sizelimit: Option<String>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let path = self.dir.path();
        let client = Client {
            introducer: self.introducer,
            vdrive: self.vdrive,
            place: Place { port: self.port, location: self.location, webport: self.webport },
            nickname: self.nickname,
            no_storage: self.no_storage,
            sizelimit: self.sizelimit,
        };
        create::client(&path, &client)?;
        output::summary(format_args!("client created in {}", path.display()))
    }
}
