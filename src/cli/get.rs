//! `tahoe get CAP [FILE|-]`

use super::CliError;
use super::http::{Connection, Gateway, refusal};
use super::progress::bar;
use crate::gateway::route::percent_encode;
use std::io::{self, Read, Write};
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  tahoe get CAP photo.jpg
  tahoe get CAP | tar x
  tahoe get - photo.jpg < photo.cap       keeps the cap out of the list of processes";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The cap that `put` printed; `-` reads it from stdin.
    #[arg(value_name = "CAP")]
    cap: String,
    /// Where to write the file; without it, or with `-`, to stdout.
    #[arg(value_name = "FILE", default_value = "-")]
    file: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let cap = self.cap()?;
        let connection = self.gateway.connect()?;
        if self.file == "-" {
            let mut out = io::stdout().lock();
            return fetch(&connection, &cap, &mut out, "stdout");
        }
        let path = Path::new(&self.file);
        if path.is_dir() {
            return Err(CliError::new(format!("{} is a folder", self.file), "Name a file in it."));
        }
        let fail = |error| cannot_write(&self.file, &error);
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Not there until it is whole: a broken-off download leaves nothing behind.
        let mut temporary = tempfile::Builder::new()
            .prefix(".tahoe-get-")
            .permissions(new_file_mode())
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(fail)?;
        fetch(&connection, &cap, temporary.as_file_mut(), &self.file)?;
        temporary.persist(path).map_err(|error| cannot_write(&self.file, &error.error))?;
        Ok(())
    }

    fn cap(&self) -> Result<String, CliError> {
        if self.cap != "-" {
            return Ok(self.cap.trim().to_owned());
        }
        let mut text = String::new();
        let read = io::stdin().take(8192).read_to_string(&mut text);
        read.map_err(|error| {
            CliError::new(format!("stdin cannot be read: {error}"), "Pass the cap on one line.")
        })?;
        Ok(text.trim().to_owned())
    }
}

/// What the umask leaves of these, as for any new file.
fn new_file_mode() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn fetch(
    connection: &Connection,
    cap: &str,
    out: &mut dyn Write,
    name: &str,
) -> Result<(), CliError> {
    let mut request =
        connection.agent.get(connection.url(&format!("/uri/{}", percent_encode(cap))));
    if let Some(value) = connection.authorization() {
        request = request.header("Authorization", value);
    }
    let response = request.call().map_err(|error| connection.unreachable(&error))?;
    if !response.status().is_success() {
        return Err(refusal(response));
    }
    let size = response.headers().get("content-length");
    let size = size.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let bar = bar(size);
    let mut body = bar.wrap_read(response.into_body().into_reader());
    let mut buffer = vec![0; 256 << 10];
    let mut got = 0;
    loop {
        let len = body.read(&mut buffer).map_err(|error| broken_off(&error.to_string()))?;
        let Some(piece) = buffer.get(..len).filter(|piece| !piece.is_empty()) else { break };
        out.write_all(piece).map_err(|error| cannot_write(name, &error))?;
        got += len as u64;
    }
    bar.finish_and_clear();
    if size.is_some_and(|size| size != got) {
        return Err(broken_off("the connection ended early"));
    }
    out.flush().map_err(|error| cannot_write(name, &error))
}

fn cannot_write(name: &str, error: &io::Error) -> CliError {
    CliError::new(
        format!("{name} cannot be written: {error}"),
        "Check the path and the space that is left.",
    )
}

fn broken_off(reason: &str) -> CliError {
    CliError::new(
        format!("The download broke off: {reason}"),
        "Try again; if it breaks off at the same place, too few servers hold that part.",
    )
}
