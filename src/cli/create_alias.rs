//! `tahoe create-alias NAME`

use super::http::Gateway;
use super::{CliError, aliases, output};

const EXAMPLES: &str = "\
Example:
  tahoe create-alias work
  tahoe put plan.txt work:";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The name for a new directory that is in no other; its cap goes to the file private/aliases.
    #[arg(value_name = "NAME", value_parser = aliases::name)]
    name: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        aliases::add(session.basedir()?, &self.name, || {
            session.connection.post("/uri?t=mkdir", "")?.success("")?.text()
        })?;
        output::summary(format_args!("alias {} created", self.name))
    }
}
