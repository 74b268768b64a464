//! `tahoe undelete [PATH…]`

use super::CliError;
use super::error::Failures;
use super::http::{Gateway, percent_encode};
use super::location::{self, Location, PLACES};
use super::output::{Output, shown, summary};
use super::session::Session;
use super::time_text::minutes;
use super::tree::normal;
use serde::Deserialize;

const EXAMPLES: &str = "\
Examples:
  tahoe undelete                            lists what can be put back
  tahoe undelete private:docs/old.txt
  tahoe undelete private:docs               a directory, with all that is in it

What was deleted by way of this gateway, whatever deleted it, can be put back for 30 days; what was
replaced in a browser comes back beside what took its place.";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// What to put back where it was; of several that had the name, the one deleted last. Without it
    /// everything that can be put back is listed, the newest first.
    #[arg(value_name = "PATH")]
    places: Vec<String>,
    #[command(flatten)]
    gateway: Gateway,
}

/// A gateway's answer about what can be put back.
#[derive(Deserialize)]
struct Listed {
    deleted: Vec<Deletion>,
}

/// What was deleted at once.
#[derive(Deserialize)]
struct Deletion {
    token: String,
    /// Seconds since 1970.
    time: u64,
    /// The address of the directory.
    place: String,
    names: Vec<String>,
    replaced: bool,
}

/// What is back, under these names.
#[derive(Deserialize)]
struct Restored {
    names: Vec<String>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        if self.places.is_empty() {
            return list(&session);
        }
        let places: Result<Vec<_>, _> =
            self.places.iter().map(|text| session.place(text)).collect();
        let mut failures = Failures::default();
        for place in &places? {
            failures.note(put_back(&session, place));
        }
        failures.end()
    }
}

fn list(session: &Session) -> Result<(), CliError> {
    let listed: Listed = session.connection.get("/deleted?t=json")?.success("")?.json()?;
    let mut out = Output::new();
    for Deletion { time, place, names, replaced, .. } in &listed.deleted {
        let (place, what) =
            (location::of_address(place), if *replaced { " (replaced)" } else { "" });
        for name in names {
            let gap = if place.ends_with(':') { "" } else { "/" };
            let path = format!("{}{gap}{}", shown(&place), shown(name));
            out.line(format_args!("{} {path}{what}", minutes(*time as f64)))?;
        }
    }
    out.finish()?;
    match listed.deleted.is_empty() {
        true => summary("Nothing was deleted in the last 30 days."),
        false => Ok(()),
    }
}

fn put_back(session: &Session, place: &Location) -> Result<(), CliError> {
    let Some((dir, name)) = place.split() else {
        return Err(CliError::usage(
            format!("{} is in no directory from which it was deleted", place.shown()),
            "Name something in it, such as private:docs/old.txt.",
        ));
    };
    let name = &*normal(name);
    let answer = session.connection.get(&dir.ask("t=uri"))?;
    let is_gone = answer.status() == 404;
    let cap = answer.success(&dir.shown()).map_err(|error| match is_gone {
        true => error.advise("Put back first the directory that it was in."),
        false => error,
    })?;
    let asked = format!("/deleted?t=json&dir={}", percent_encode(cap.text()?.trim()));
    let listed: Listed = session.connection.get(&asked)?.success(&dir.shown())?.json()?;
    let has_name = |one: &&Deletion| one.names.iter().any(|there| there == name);
    let Some(found) = listed.deleted.iter().find(has_name) else {
        return Err(CliError::new(
            format!("{} was not deleted here in the last 30 days", place.shown()),
            "`tahoe undelete` lists what can be put back; what another gateway deleted, that one has.",
        ));
    };
    let (token, name) = (percent_encode(&found.token), percent_encode(name));
    let restore = format!("/deleted?t=json&do=restore&token={token}&name={name}");
    let restored = session.connection.post(&restore, "")?.success(&place.shown())?;
    for name in restored.json::<Restored>()?.names {
        summary(format_args!("{} is there again", dir.child(&name).shown()))?;
    }
    Ok(())
}
