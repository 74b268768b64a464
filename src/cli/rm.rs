//! `tahoe rm PATH…`, also called `unlink`.

use super::CliError;
use super::error::Failures;
use super::http::Gateway;
use super::location::PLACES;

const EXAMPLES: &str = "\
Examples:
  tahoe rm private:docs/old.txt
  tahoe rm global:photos/2006 global:photos/2007";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// What to take out of its directory, a directory with all that is in it included. Who has a
    /// cap of it keeps it. What cannot be taken out does not keep the others from it.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let places: Result<Vec<_>, _> =
            self.places.iter().map(|text| session.place(text)).collect();
        let places = places?;
        if let Some(root) = places.iter().find(|place| place.name().is_none()) {
            return Err(CliError::usage(
                format!("{} is in no directory from which it could be taken", root.shown()),
                "Name something in it, such as global:docs/old.txt.",
            ));
        }
        let mut failures = Failures::default();
        for place in &places {
            let answer = session.connection.delete(&place.url());
            failures.note(answer.and_then(|answer| answer.success(&place.shown())).map(drop));
        }
        failures.end()
    }
}
