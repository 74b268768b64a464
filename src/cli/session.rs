//! A gateway, and what the node's own folder knows beside it.

use super::CliError;
use super::aliases::Aliases;
use super::dirs::default_gateway;
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
        let dir = self.node_directory.clone().unwrap_or_else(default_gateway);
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
    let line = cap_of(line.trim());
    if line.is_empty() {
        return Err(CliError::new(
            "stdin holds no cap",
            "Pass one cap a line, such as `tahoe get - photo.jpg < photo.cap`.",
        ));
    }
    Ok(line.to_owned())
}

/// The cap in a line of `ls --uri`, behind the name; any other line as it is.
pub fn cap_of(line: &str) -> &str {
    match line.rfind(" URI:") {
        Some(at) if !line.starts_with("URI:") => line.get(at + 1..).unwrap_or(line),
        _ => line,
    }
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

#[cfg(test)]
mod tests {
    use super::cap_of;

    #[test]
    fn a_line_of_a_listing_is_as_good_as_its_cap() {
        for (line, cap) in [
            ("URI:DIR:x", "URI:DIR:x"),
            ("photos  URI:DIR-RO:x", "URI:DIR-RO:x"),
            ("two words URI:DIR:x", "URI:DIR:x"),
            ("a URI:CHK:x URI:CHK:x", "URI:CHK:x"),
            ("URI:DIR:x/a URI:b", "URI:DIR:x/a URI:b"),
            ("pb+xk1://a@b/c", "pb+xk1://a@b/c"),
        ] {
            assert_eq!(cap_of(line), cap, "{line}");
        }
    }
}
