//! `tahoe add-alias NAME CAP|-`

use super::http::Gateway;
use super::location::Location;
use super::session::cap_of;
use super::{CliError, aliases, output};
use crate::cap::Cap;

const EXAMPLES: &str = "\
Examples:
  tahoe add-alias friend - < friend.cap       keeps the cap out of the list of processes
  tahoe ls --uri private: | grep photos | tahoe add-alias photos -
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
        let place = session.place(cap_of(self.cap.trim()))?;
        let basedir = session.basedir()?;
        aliases::add(basedir, &self.name, || {
            // A cap is looked at but not tried, so that no gateway need be running.
            let Some(cap) = place.bare_cap() else {
                let there = session.must_look(&place)?;
                let cap = there.cap().filter(|_| there.is_directory()).map(str::to_owned);
                return cap.ok_or_else(|| no_directory(&place, "it is something else"));
            };
            opens_directory(cap).map_err(|reason| no_directory(&place, &reason))?;
            Ok(cap.to_owned())
        })?;
        output::summary(format_args!("alias {} added", self.name))
    }
}

/// Whether a cap gives what is in a directory, as far as its text tells; why not.
fn opens_directory(cap: &str) -> Result<(), String> {
    let parsed = Cap::parse(cap).map_err(|error| error.to_string())?;
    if !parsed.is_directory() {
        return Err("it is the cap of a file".to_owned());
    }
    if parsed.is_verifier() {
        return Err("it can verify the directory, not read it".to_owned());
    }
    Ok(())
}

fn no_directory(place: &Location, reason: &str) -> CliError {
    CliError::new(
        format!("{} opens no directory here: {reason}", place.shown()),
        "A cap of a directory begins with URI:DIR; copy all of it.",
    )
}

#[cfg(test)]
mod tests {
    use super::opens_directory;

    #[test]
    fn only_caps_that_open_a_directory_get_a_name() {
        let verify = format!("URI:DIR2-CHK-Verifier:{}:{}:3:10:5", "a".repeat(26), "a".repeat(52));
        assert_eq!(opens_directory("URI:DIR2-LIT:"), Ok(()));
        for (cap, reason) in [
            ("URI:LIT:me", "a file"),
            (verify.as_str(), "verify"),
            ("URI:DIR:garbage", "damaged"),
            ("URI:DIR:t@:k", "damaged"),
            (
                "URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "",
            ),
            ("", ""),
        ] {
            let error = opens_directory(cap).unwrap_err();
            assert!(error.contains(reason), "{cap}: {error}");
        }
    }
}
