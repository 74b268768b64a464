//! `tahoe debug dump-furl FURL`

use super::CliError;
use crate::tub::Furl;

#[derive(clap::Args)]
pub struct Arguments {
    /// The furl, as it stands in a .furl file.
    #[arg(value_name = "FURL")]
    furl: String,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let furl = Furl::parse(&self.furl).map_err(|error| {
            CliError::new(format!("This is no furl: {error}"), "Copy the whole line, without gaps.")
        })?;
        println!("tub id: {}", furl.tub());
        for hint in furl.hints() {
            println!("hint: {hint}");
        }
        println!("swissnum: 32 bytes (secret, not shown)");
        Ok(())
    }
}
