//! `tahoe accept-rollback CAP|PATH`

use super::http::Gateway;
use super::location::PLACES;
use super::{CliError, output};

const EXAMPLES: &str = "\
A directory that is older than this node has seen it before is neither read nor changed:
its server may have been restored from a backup, or may be hiding changes. Who knows that
it was the former says so here.

Examples:
  tahoe accept-rollback private:
  tahoe accept-rollback -r private:
  tahoe accept-rollback - < directory.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to take as it is now.
    #[arg(value_name = "CAP|PATH")]
    place: String,
    /// And all directories below it: a server that was restored is behind with many.
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let call = match self.recursive {
            true => "t=accept-rollback&recursive=true",
            false => "t=accept-rollback",
        };
        let answer = session.connection.post(&place.ask(call), "")?;
        let said = answer.success(&place.shown())?.text()?;
        if said.is_empty() {
            return output::summary(format_args!("{} is taken as it is now", place.shown()));
        }
        output::summary(output::shown(&said))
    }
}
