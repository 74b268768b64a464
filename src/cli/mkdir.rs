//! `tahoe mkdir [PATH]`

use super::http::Gateway;
use super::location::PLACES;
use super::{CliError, output};

const EXAMPLES: &str = "\
Examples:
  tahoe mkdir private:docs/2007
  tahoe mkdir > new.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to make, with those above it; one that is there already stays. Without it a
    /// directory is made that is in no other: its cap is the only way to it.
    #[arg(value_name = "PATH")]
    place: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let answer = match &self.place {
            None => session.connection.post("/uri?t=mkdir", "")?.success("")?,
            Some(text) => {
                let place = session.place(text)?;
                let answer = session.connection.post(&place.ask("t=mkdir"), "")?;
                answer.success(&place.shown())?
            }
        };
        output::line(answer.text()?)
    }
}
