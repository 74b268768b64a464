//! `tahoe rm PATH…`, also called `unlink`.

use super::CliError;
use super::error::Failures;
use super::http::Gateway;
use super::location::{Location, PLACES};
use super::output;
use super::session::Session;
use crate::cli::http::percent_encode;

const EXAMPLES: &str = "\
Examples:
  tahoe rm private:docs/old.txt
  tahoe rm -r global:photos/2006 global:photos/2007
  tahoe rm --unreadable global:

`tahoe undelete` puts back what is taken out, for 30 days.";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// What to take out of its directory. Who has a cap of it keeps it. What cannot be taken out does
    /// not keep the others from it.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    /// Take out directories, too, with all that is in them.
    #[arg(short, long)]
    recursive: bool,
    /// Take out of the directory PATH the row with this id, which does not open and has no name.
    #[arg(long = "row", value_name = "ID")]
    rows: Vec<String>,
    /// Take out of the directory PATH all rows that do not open.
    #[arg(long, conflicts_with = "rows")]
    unreadable: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let places: Result<Vec<_>, _> =
            self.places.iter().map(|text| session.place(text)).collect();
        let places = places?;
        if self.unreadable || !self.rows.is_empty() {
            let mut failures = Failures::default();
            places.iter().for_each(|place| failures.note(self.take_out_rows(&session, place)));
            return failures.end();
        }
        if let Some(root) = places.iter().find(|place| place.name().is_none()) {
            return Err(CliError::usage(
                format!("{} is in no directory from which it could be taken", root.shown()),
                "Name something in it, such as private:docs/old.txt.",
            ));
        }
        let mut failures = Failures::default();
        for place in &places {
            failures.note(self.take(&session, place));
        }
        failures.end()
    }

    fn take(&self, session: &Session, place: &Location) -> Result<(), CliError> {
        // Its cap tells what it is, also where nothing of it can be read any more.
        if !self.recursive {
            let answer = session.connection.get(&place.ask("t=uri"))?;
            let missing = answer.status() == 404;
            let answer = answer.success(&place.shown()).map_err(|error| match missing {
                true => error,
                false => error.advise("Add -r to take it out whatever it is."),
            });
            if answer?.text()?.starts_with("URI:DIR") {
                return Err(CliError::new(
                    format!("{} is a directory", place.shown()),
                    "Add -r to take it out with all that is in it.",
                ));
            }
        }
        session.connection.delete(&place.url())?.success(&place.shown()).map(drop)
    }

    fn take_out_rows(&self, session: &Session, place: &Location) -> Result<(), CliError> {
        if !self.unreadable {
            return take_out(session, place, &self.rows);
        }
        let mut count = 0;
        loop {
            let unreadable = session.must_look(place)?.1.unreadable;
            if unreadable.rows.is_empty() {
                unreadable.told(&place.shown())?;
                let rows = output::count(count, "row", "rows");
                return output::summary(format_args!("{}: {rows} taken out", place.shown()));
            }
            take_out(session, place, &unreadable.rows)?;
            count += unreadable.rows.len() as u64;
        }
    }
}

/// Rows named in one call: its address stays short.
const ROWS_A_CALL: usize = 64;

fn take_out(session: &Session, place: &Location, rows: &[String]) -> Result<(), CliError> {
    for rows in rows.chunks(ROWS_A_CALL) {
        let rows: Vec<_> = rows.iter().map(|row| percent_encode(row)).collect();
        let call = place.ask(&format!("t=remove-row&row={}", rows.join(",")));
        session.connection.post(&call, "")?.success(&place.shown())?;
    }
    Ok(())
}
