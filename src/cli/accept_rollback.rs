//! `tahoe accept-rollback CAP|PATH`

use super::http::Gateway;
use super::location::PLACES;
use super::{CliError, output};

const EXAMPLES: &str = "\
A directory that is older than this node has seen it before is not written to: its server may have
been restored from a backup, or may be hiding changes. Who knows that it was the former says so here.

Examples:
  tahoe accept-rollback private:
  tahoe accept-rollback - < directory.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to take as it is now.
    #[arg(value_name = "CAP|PATH")]
    place: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let answer = session.connection.post(&place.ask("t=accept-rollback"), "")?;
        let said = answer.success(&place.shown())?.text()?;
        if said.is_empty() {
            return output::summary(format_args!("{} is taken as it is now", place.shown()));
        }
        output::summary(output::shown(&said))
    }
}
