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
    /// Its new place, directories being made as needed; with a slash at its end, the directory to
    /// move it into. A file that is there is replaced, a directory is not.
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
            return Err(into_itself(&from));
        }
        let Some((to_dir, to_name)) = to.split() else {
            return Err(CliError::usage(format!("{} is no new name", to.shown()), "Name a path."));
        };
        if plain(from_name) && plain(to_name) {
            // In one call, the gateway sees to it that the child is never in neither place, and that
            // the way to its new one does not lead through it.
            let mut call = format!(
                "t=relink&from_name={}&to_name={}&replace=only-files",
                percent_encode(from_name),
                percent_encode(to_name),
            );
            let mut what = from.shown();
            if from_dir.url() != to_dir.url() {
                let place = session.cap_and_path(&to_dir)?;
                call.push_str(&format!("&to_dir={}", percent_encode(&place)));
                what = format!("{what} to {}", to.shown());
            }
            let mut answer = session.connection.post(&from_dir.ask(&call), "")?;
            if answer.status() == 404 && make_for(&to_dir, &from, &session)? {
                answer = session.connection.post(&from_dir.ask(&call), "")?;
            }
            return in_its_words(answer.success(&what), &from, &to).map(drop);
        }
        link(&session, &from, &to)?;
        session.connection.delete(&from.url())?.success(&from.shown())?;
        Ok(())
    }
}

fn into_itself(from: &Location) -> CliError {
    CliError::new(
        format!("{} cannot be moved into itself", from.shown()),
        "Nobody would find it again; name a place outside of it.",
    )
}

/// Makes a directory that is not there, and those above it, if there is something to move into it.
fn make_for(place: &Location, from: &Location, session: &Session) -> Result<bool, CliError> {
    if session.look(place)?.is_some() || session.look(from)?.is_none() {
        return Ok(false);
    }
    let made = session.connection.post(&place.ask("t=mkdir"), "")?;
    made.success(&place.shown()).map(|_| true)
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
    in_its_words(answer.success(&to.shown()), from, to).map(drop)
}

/// Conflicts that want another advice than others.
fn in_its_words<T>(
    result: Result<T, CliError>,
    from: &Location,
    to: &Location,
) -> Result<T, CliError> {
    result.map_err(|error| {
        if error.what().contains("cannot be moved into itself") {
            return into_itself(from);
        }
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
