//! `tahoe put FILE|- [PATH]`

use super::http::Gateway;
use super::local::{self, LocalFile};
use super::location::{Location, PLACES};
use super::progress::Progress;
use super::{CliError, output, stored};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  tahoe put photo.jpg
  tahoe put photo.jpg private:photos/
  tar c photos | tahoe put - > photos.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The file to store; `-` stores what comes on stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to put it, folders being made as needed; with a slash at its end under the file's own
    /// name. Without it the file is in no directory and its cap is the only way to it.
    #[arg(value_name = "PATH")]
    to: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = self.to.as_deref().map(|to| self.place(to, &session)).transpose()?;
        let url = place.as_ref().map_or_else(|| "/uri".to_owned(), Location::url);
        let what = place.as_ref().map(Location::shown).unwrap_or_default();
        let cap = if self.is_stdin() {
            let progress = Progress::stream(None);
            let _stored = stored::watch(&session.connection, &progress);
            let mut reader = progress.send(std::io::stdin());
            let answer = session.connection.put_file(&url, &mut reader, None)?;
            progress.finish();
            answer.success(&what)?.text()?
        } else {
            let mut file = LocalFile::open(&self.file)?;
            let progress = Progress::stream(file.size());
            let _stored = stored::watch(&session.connection, &progress);
            let size = file.size();
            let mut reader = progress.send(&mut file);
            let answer = session.connection.put_file(&url, &mut reader, size);
            progress.finish();
            file.blame(answer)?.success(&what)?.text()?
        };
        output::line(cap)
    }

    fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    fn place(&self, to: &str, session: &super::session::Session) -> Result<Location, CliError> {
        if self.is_stdin() && to == "-" {
            return Err(CliError::usage(
                "Both the file and the cap are to come from stdin",
                "Store a file by its name, or use an alias.",
            ));
        }
        let place = session.place(to)?;
        if !place.wants_directory() {
            return Ok(place);
        }
        let name = local::file_name(&self.file).filter(|_| !self.is_stdin());
        name.map(|name| place.child(name)).ok_or_else(|| {
            CliError::usage(
                format!("What comes from {} has no name in UTF-8", self.file.display()),
                "Write the name behind the directory, such as private:notes.txt.",
            )
        })
    }
}
