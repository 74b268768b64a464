//! `tahoe get CAP|PATH [FILE|-]`

use super::error::Reach;
use super::http::{Answer, Gateway};
use super::kept::Kept;
use super::location::{Location, PLACES};
use super::new_file::NewFile;
use super::progress::Progress;
use super::session::Session;
use super::{CliError, local};
use crate::gateway::destination::Given;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  tahoe get CAP photo.jpg
  tahoe get CAP | tar x
  tahoe get private:docs/notes.txt
  tahoe get - photo.jpg < photo.cap       keeps the cap out of the list of processes";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The cap that `put` printed, or the place of a file; `-` reads the cap from stdin.
    #[arg(value_name = "CAP|PATH")]
    cap: String,
    /// Where to write the file; without it, or with `-`, to stdout.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.cap)?;
        refuse_directory(&session, &place)?;
        if self.file == Path::new("-") {
            let answer = session.connection.get(&place.url())?.success("")?;
            let mut out = io::stdout().lock();
            let progress = Progress::stream(answer.size());
            receive(answer, &mut out, "stdout", &progress)?;
            progress.finish();
            return Ok(());
        }
        let path = self.file.as_path();
        if path.is_dir() {
            let name = path.display();
            return Err(CliError::new(format!("{name} is a folder"), "Name a file in it."));
        }
        let answer = session.connection.get(&place.url())?.success("")?;
        let progress = Progress::stream(answer.size());
        save(answer, (path, Kept::default()), &progress)?;
        progress.finish();
        Ok(())
    }
}

/// A gateway would give a page about a directory; whoever says `get` wants a file.
fn refuse_directory(session: &Session, place: &Location) -> Result<(), CliError> {
    let directory = match place.bare_cap() {
        Some(cap) => cap.starts_with("URI:DIR"),
        None => session.must_look(place)?.is_directory(),
    };
    if !directory {
        return Ok(());
    }
    Err(CliError::new(
        format!("{} is a directory", place.shown()),
        "See what is in it with `tahoe ls`, or copy all of it with `tahoe cp -r`.",
    ))
}

/// Writes what is on its way to `path`, which is replaced as a whole unless it is a device or a pipe, and
/// is then as a snapshot kept it.
pub fn save(
    answer: Answer,
    (path, kept): (&Path, Kept),
    progress: &Progress,
) -> Result<(), CliError> {
    let fail = |error: &io::Error| local::unwritable(path, error);
    let given = Given { mode: kept.mode, modified: kept.modified() };
    let mut file = NewFile::create_as(path, given).map_err(|error| fail(&error))?;
    let mut refused = None;
    let mut out = Noticing { out: &mut file, refused: &mut refused };
    let received = receive(answer, &mut out, &path.display().to_string(), progress);
    if let Some(error) = refused {
        return Err(fail(&error));
    }
    // What went into a pipe or a device is there.
    received.map_err(|error| if file.is_whole() { error } else { error.once() })?;
    file.keep().map_err(|error| fail(&error))
}

/// Keeps the error of the side that is written to apart from that of the side that is read.
struct Noticing<'a, W> {
    out: W,
    refused: &'a mut Option<io::Error>,
}

impl<W: Write> Write for Noticing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let kind = error.kind();
            *self.refused = Some(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the body out; it is whole when this succeeds.
fn receive(
    answer: Answer,
    out: &mut dyn Write,
    name: &str,
    progress: &Progress,
) -> Result<(), CliError> {
    let size = answer.size();
    let mut body = progress.watch(answer.into_reader());
    let mut buffer = vec![0; 256 << 10];
    let mut got = 0;
    loop {
        let len = body.read(&mut buffer).map_err(|error| broken_off(&error.to_string()))?;
        let Some(piece) = buffer.get(..len).filter(|piece| !piece.is_empty()) else { break };
        out.write_all(piece).map_err(|error| local::unwritable(name.as_ref(), &error))?;
        got += len as u64;
    }
    if size.is_some_and(|size| size != got) {
        return Err(broken_off("the connection ended early"));
    }
    out.flush().map_err(|error| local::unwritable(name.as_ref(), &error))
}

fn broken_off(reason: &str) -> CliError {
    CliError::new(
        format!("The download broke off: {reason}"),
        "Try again; if it breaks off at the same place, too few servers hold that part.",
    )
    .reaching(Reach::Now)
}
