//! `tahoe put FILE|-`

use super::CliError;
use super::http::{Gateway, refusal};
use super::progress::bar;
use std::fs::File;
use std::io::Read;
use ureq::SendBody;

const EXAMPLES: &str = "\
Examples:
  tahoe put photo.jpg
  tar c photos | tahoe put - > photos.cap";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The file to store; `-` stores what comes on stdin.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let connection = self.gateway.connect()?;
        let (input, size) = open(&self.file)?;
        let mut request = connection.agent.put(connection.url("/uri"));
        if let Some(size) = size {
            request = request.header("Content-Length", size.to_string());
        }
        if let Some(value) = connection.authorization() {
            request = request.header("Authorization", value);
        }
        let bar = bar(size);
        let mut reader = bar.wrap_read(input);
        let response = request
            .content_type("application/octet-stream")
            .send(SendBody::from_reader(&mut reader))
            .map_err(|error| connection.unreachable(&error))?;
        bar.finish_and_clear();
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        let cap = response.into_body().read_to_string();
        let cap = cap.map_err(|error| connection.unreachable(&error))?;
        println!("{}", cap.trim());
        Ok(())
    }
}

/// The input and its length, if that is known beforehand.
fn open(name: &str) -> Result<(Box<dyn Read>, Option<u64>), CliError> {
    if name == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let fail = |error| {
        CliError::new(format!("{name} cannot be read: {error}"), "Check the name of the file.")
    };
    let file = File::open(name).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(CliError::new(
            format!("{name} is a folder"),
            "Store its files one by one, or an archive of it.",
        ));
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(file), size))
}
