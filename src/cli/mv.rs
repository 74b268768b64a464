//! `tahoe mv FROM TO`

use super::CliError;
use super::http::Gateway;
use super::location::{Location, PLACES};
use super::session::Session;
use crate::cli::http::percent_encode;

const EXAMPLES: &str = "\
Examples:
  tahoe mv private:draft.txt private:notes.txt
  tahoe mv private:notes.txt global:docs/        keeps its name";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// What to move.
    #[arg(value_name = "FROM")]
    from: String,
    /// Its new place; with a slash at its end, the directory to move it into. A file that is there
    /// is replaced, a directory is not.
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let from = session.place(&self.from)?;
        let to = session.place(&self.to)?;
        let Some((from_dir, from_name)) = from.split() else {
            return Err(CliError::usage(
                format!("{} is in no directory from which it could be moved", from.shown()),
                "Use `tahoe ln` to give it a further place.",
            ));
        };
        let to = into(to, &from)?;
        if from.url() == to.url() {
            return Err(CliError::usage(
                format!("{} is to be moved to where it is", from.shown()),
                "Name another place.",
            ));
        }
        if to.is_below(&from) {
            return Err(CliError::new(
                format!("{} cannot be moved into itself", from.shown()),
                "Nobody would find it again; name a place outside of it.",
            ));
        }
        let Some((to_dir, to_name)) = to.split() else {
            return Err(CliError::usage(format!("{} is no new name", to.shown()), "Name a path."));
        };
        if plain(from_name) && plain(to_name) {
            // In one call, the gateway sees to it that the child is never in neither place.
            let mut call = format!(
                "t=relink&from_name={}&to_name={}&replace=only-files",
                percent_encode(from_name),
                percent_encode(to_name),
            );
            if from_dir.url() != to_dir.url() {
                call.push_str(&format!("&to_dir={}", percent_encode(&cap_of(&to_dir, &session)?)));
            }
            let answer = session.connection.post(&from_dir.ask(&call), "")?;
            return refused_if_there(answer.success(&from.shown()), &to).map(drop);
        }
        link(&session, &from, &to)?;
        session.connection.delete(&from.url())?.success(&from.shown())?;
        Ok(())
    }
}

/// The call takes names without the white space around them and without slashes.
fn plain(name: &str) -> bool {
    name.trim() == name && !name.contains('/')
}

/// Gives what is at `from` the further place `to`.
pub fn link(session: &Session, from: &Location, to: &Location) -> Result<(), CliError> {
    let object = session.must_look(from)?;
    let cap = object.cap().ok_or_else(|| {
        CliError::new(
            format!("{} is nothing that this gateway knows", from.shown()),
            "Check the cap: it must be copied whole.",
        )
    })?;
    let answer = session.connection.put(&to.ask("t=uri&replace=only-files"), cap)?;
    refused_if_there(answer.success(&to.shown()), to).map(drop)
}

/// A directory in the way wants another advice than other conflicts.
fn refused_if_there<T>(result: Result<T, CliError>, to: &Location) -> Result<T, CliError> {
    result.map_err(|error| {
        if error.what().contains("already a child") {
            let what = format!("{} is there already and is a directory", to.shown());
            return CliError::new(what, "Write a slash behind it to mean a place inside.");
        }
        error
    })
}

/// `TO/` means `TO/NAME`.
pub fn into(to: Location, from: &Location) -> Result<Location, CliError> {
    if !to.wants_directory() {
        return Ok(to);
    }
    from.name().map(|name| to.child(name)).ok_or_else(|| {
        CliError::usage(
            format!("{} has no name of its own", from.shown()),
            "Write the name behind the directory, such as global:docs/notes.txt.",
        )
    })
}

/// The cap of a directory that is there.
fn cap_of(place: &Location, session: &Session) -> Result<String, CliError> {
    let object = session.must_look(place)?;
    object.cap().filter(|_| object.is_directory()).map(str::to_owned).ok_or_else(|| {
        CliError::new(
            format!("{} is not a directory", place.shown()),
            "List the directory above it with `tahoe ls` to see what is there.",
        )
    })
}
