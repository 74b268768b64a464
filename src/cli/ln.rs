//! `tahoe ln FROM TO`

use super::CliError;
use super::http::Gateway;
use super::location::PLACES;
use super::mv::{into, link};

const EXAMPLES: &str = "\
Examples:
  tahoe ln CAP private:photo.jpg
  tahoe ln - private:photo.jpg < photo.cap       keeps the cap out of the list of processes
  tahoe ln private:docs global:";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// A file or directory: a cap, or the place where it is.
    #[arg(value_name = "FROM")]
    from: String,
    /// Its further place; with a slash at its end, the directory to put it into. A file that is
    /// there is replaced, a directory is not.
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let from = session.place(&self.from)?;
        let to = into(session.place(&self.to)?, &from)?;
        link(&session, &from, &to)
    }
}
