//! A gateway, and what the node's own folder knows beside it.

use super::CliError;
use super::aliases::Aliases;
use super::dirs::default_dir;
use super::http::{Connection, Gateway};
use super::location::Location;
use super::objects::Object;
use crate::base::limits::CAP_TEXT_MAX;
use crate::node::basedir::Basedir;
use std::cell::OnceCell;
use std::io::{BufRead, Read};

pub struct Session {
    pub connection: Connection,
    basedir: Option<Basedir>,
    aliases: OnceCell<Aliases>,
}

impl Gateway {
    /// Opens the node's folder; nothing is sent yet.
    pub fn session(&self) -> Result<Session, CliError> {
        let connection = self.connect()?;
        let dir = self.node_directory.clone().unwrap_or_else(default_dir);
        let basedir = Basedir::open(&dir).ok();
        Ok(Session { connection, basedir, aliases: OnceCell::new() })
    }
}

/// The next line of stdin: where a cap can come from without standing in the list of processes.
pub fn line_of_stdin() -> Result<String, CliError> {
    let mut line = String::new();
    let limit = CAP_TEXT_MAX as u64 * 2;
    let read = std::io::stdin().lock().take(limit).read_line(&mut line);
    read.map_err(|error| {
        CliError::new(format!("stdin cannot be read: {error}"), "Pass the cap on one line.")
    })?;
    let line = line.trim();
    if line.is_empty() {
        return Err(CliError::new(
            "stdin holds no cap",
            "Pass one cap a line, such as `tahoe get - photo.jpg < photo.cap`.",
        ));
    }
    Ok(line.to_owned())
}

/// A cap or furl as an argument: itself, or with `-` the next line of stdin.
pub fn or_stdin(text: String) -> Result<String, CliError> {
    if text == "-" { line_of_stdin() } else { Ok(text) }
}

impl Session {
    pub fn aliases(&self) -> Result<&Aliases, CliError> {
        if let Some(aliases) = self.aliases.get() {
            return Ok(aliases);
        }
        let read = self.basedir.as_ref().map(Aliases::read).transpose()?.unwrap_or_default();
        Ok(self.aliases.get_or_init(|| read))
    }

    pub fn place(&self, text: &str) -> Result<Location, CliError> {
        Location::parse(text, self)
    }

    /// The folder of a node, for commands that keep something there.
    pub fn basedir(&self) -> Result<&Basedir, CliError> {
        self.basedir.as_ref().ok_or_else(|| {
            CliError::new(
                "There is no node directory to keep this in",
                "Name one with -d NODEDIR, or make one with `tahoe create-client DIR`.",
            )
        })
    }

    /// What is at a place; none if nothing is.
    pub fn look(&self, place: &Location) -> Result<Option<Object>, CliError> {
        let answer = self.connection.get(&place.ask("t=json"))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        answer.success(&place.shown())?.json().map(Some)
    }

    /// A place as `CAP/path`, for a gateway that is to follow the path.
    pub fn cap_and_path(&self, place: &Location) -> Result<String, CliError> {
        let (root, path) = place.root_and_path();
        let cap = match root.bare_cap() {
            Some(cap) => cap.to_owned(),
            None => self.connection.get(&root.ask("t=uri"))?.success(&root.shown())?.text()?,
        };
        Ok([cap].into_iter().chain(path.iter().cloned()).collect::<Vec<_>>().join("/"))
    }

    /// What is at a place, where there must be something.
    pub fn must_look(&self, place: &Location) -> Result<Object, CliError> {
        self.connection.get(&place.ask("t=json"))?.success(&place.shown())?.json()
    }
}
