//! `tahoe debug dump-furl FURL`

use super::CliError;
use super::output::Output;
use super::session::or_stdin;
use crate::tub::Furl;

#[derive(clap::Args)]
pub struct Arguments {
    /// The furl, as it stands in a .furl file; `-` reads it from stdin.
    #[arg(value_name = "FURL")]
    furl: String,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let furl = Furl::parse(or_stdin(self.furl)?.trim()).map_err(|error| {
            CliError::new(format!("This is no furl: {error}"), "Copy the whole line, without gaps.")
        })?;
        let mut out = Output::new();
        out.line(format_args!("tub id: {}", furl.tub()))?;
        for hint in furl.hints() {
            out.line(format_args!("hint: {hint}"))?;
        }
        out.line("swissnum: 32 bytes (secret, not shown)")?;
        out.finish()
    }
}
