//! `tahoe check PATH…`

use super::error::Failures;
use super::http::{Gateway, about};
use super::location::PLACES;
use super::output::Output;
use super::session::Session;
use super::walk::Verdict;
use super::{CliError, ls};

const EXAMPLES: &str = "\
Examples:
  tahoe check private:docs/notes.txt
  tahoe check - < photo.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// Files or directories whose shares are to be counted.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    /// Add a lease, or renew this node's, on every share that is found.
    #[arg(long)]
    add_lease: bool,
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let (mut unhealthy, mut failures) = (0, Failures::default());
        for text in &self.places {
            failures.note(self.check(text, &session).map(|fine| unhealthy += u64::from(!fine)));
        }
        failures.note(healthy_or(unhealthy, self.places.len() as u64));
        failures.end()
    }

    /// Checks one of them; whether it is healthy, as far as anything here looked at it.
    fn check(&self, text: &str, session: &Session) -> Result<bool, CliError> {
        let place = session.place(text)?;
        let call = format!("t=check&output=JSON{}", lease(self.add_lease));
        let answer = session.connection.post(&place.ask(&call), "")?.success(&place.shown())?;
        if self.raw {
            return ls::copy_out(answer.into_reader()).map(|()| true);
        }
        let verdict: Verdict = answer.json()?;
        print(&place.shown(), &verdict)?;
        Ok(verdict.results.healthy)
    }
}

/// The argument that asks for leases, behind others.
pub fn lease(wanted: bool) -> &'static str {
    if wanted { "&add-lease=true" } else { "" }
}

fn print(name: &str, verdict: &Verdict) -> Result<(), CliError> {
    let mut out = Output::new();
    out.line(about(name, &verdict.summary()))?;
    if !verdict.storage_index.is_empty() {
        out.line(format_args!(" storage index: {}", verdict.storage_index))?;
    }
    let counts = &verdict.results;
    if let (Some(good), Some(needed), Some(expected)) =
        (counts.count_shares_good, counts.count_shares_needed, counts.count_shares_expected)
    {
        let counted = match counts.verified {
            Some(false) => ", counted, not verified",
            _ => "",
        };
        let encoding = format_args!("(encoding is {needed}-of-{expected}){counted}");
        out.line(format_args!(" good shares: {good} {encoding}"))?;
    }
    for line in verdict.corrupt() {
        out.line(format_args!(" {line}"))?;
    }
    out.finish()
}

/// The command fails if something is not as well stored as it should be.
pub fn healthy_or(unhealthy: u64, all: u64) -> Result<(), CliError> {
    if unhealthy == 0 {
        return Ok(());
    }
    let verb = if unhealthy == 1 { "is" } else { "are" };
    Err(CliError::new(
        format!("{unhealthy} of {all} {verb} not healthy"),
        "Connect the servers that are away, or store the files again while they can be read.",
    ))
}
