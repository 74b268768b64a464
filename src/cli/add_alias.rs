//! `tahoe add-alias NAME CAP|-`

use super::http::Gateway;
use super::location::Location;
use super::{CliError, aliases, output};

const EXAMPLES: &str = "\
Examples:
  tahoe add-alias friend - < friend.cap       keeps the cap out of the list of processes
  tahoe ls friend:";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The name for a directory.
    #[arg(value_name = "NAME", value_parser = aliases::name)]
    name: String,
    /// The directory's cap, or the place where it is; `-` reads the cap from stdin. The cap goes to
    /// the file private/aliases.
    #[arg(value_name = "CAP|PATH")]
    cap: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.cap)?;
        let basedir = session.basedir()?;
        aliases::add(basedir, &self.name, || {
            // A cap is taken as it is, so that no gateway need be running.
            let cap = match place.bare_cap() {
                Some(cap) => Some(cap.to_owned()),
                None => session.must_look(&place)?.cap().map(str::to_owned),
            };
            cap.filter(|cap| is_directory(cap)).ok_or_else(|| no_directory(&place))
        })?;
        output::summary(format_args!("alias {} added", self.name))
    }
}

/// By its kind alone; whether the rest of it is right shows when it is used.
fn is_directory(cap: &str) -> bool {
    let verifies = cap.split(':').nth(1).is_some_and(|kind| kind.ends_with("Verifier"));
    cap.starts_with("URI:DIR") && !verifies && !cap.chars().any(char::is_whitespace)
}

fn no_directory(place: &Location) -> CliError {
    CliError::new(
        format!("{} opens no directory", place.shown()),
        "A cap of a directory begins with URI:DIR; copy all of it.",
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn caps_of_directories_are_known_by_their_kind() {
        for (cap, directory) in [
            ("URI:DIR:t@:k", true),
            ("URI:DIR-RO:t@tcp:h:1:k:v", true),
            ("URI:DIR2-CHK:a:b:3:10:5", true),
            ("URI:DIR-Verifier:t@:d:v", false),
            ("URI:CHK:a:b:3:10:5", false),
            ("URI:DIR:a b", false),
        ] {
            assert_eq!(super::is_directory(cap), directory, "{cap}");
        }
    }
}
