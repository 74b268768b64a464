//! `tahoe cap PATH`

use super::http::Gateway;
use super::location::PLACES;
use super::{CliError, output};

const EXAMPLES: &str = "\
Examples:
  tahoe cap private:photos                    the cap with all rights that you have
  tahoe cap --readonly private:photos         to give away: it reads, and changes nothing";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// A file or directory.
    #[arg(value_name = "PATH")]
    place: String,
    /// The cap that only reads it, and all below it.
    #[arg(long)]
    readonly: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let object = session.must_look(&place)?;
        let cap = if self.readonly { object.read_cap() } else { object.cap() };
        output::line(cap.ok_or_else(|| {
            CliError::new(
                format!("There is no such cap of {}", place.shown()),
                "See with `tahoe ls --uri` which there are.",
            )
        })?)
    }
}
