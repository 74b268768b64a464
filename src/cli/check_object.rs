//! `tahoe check PATH…`: shares counted, read or made again.

use super::error::Failures;
use super::http::{Gateway, about};
use super::location::PLACES;
use super::output::Output;
use super::progress::Progress;
use super::session::Session;
use super::walk::Verdict;
use super::{CliError, ls};

const EXAMPLES: &str = "\
Examples:
  tahoe check private:docs/notes.txt
  tahoe check --verify --repair private:docs/notes.txt
  tahoe check - < photo.cap";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// Files or directories that are to be checked.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    #[command(flatten)]
    how: How,
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// What is done beside counting shares.
#[derive(clap::Args)]
pub struct How {
    /// Read every share and prove every byte of it, instead of counting what servers say they have.
    #[arg(long)]
    verify: bool,
    /// Make shares that are missing or damaged again, and store them. Nothing is taken away for that.
    #[arg(long)]
    pub repair: bool,
    /// Add a lease, or renew this node's, on every share that is found.
    #[arg(long)]
    add_lease: bool,
}

impl How {
    /// The arguments of the call, behind others.
    pub fn arguments(&self) -> String {
        let all = [
            (self.verify, "&verify=true"),
            (self.repair, "&repair=true"),
            (self.add_lease, "&add-lease=true"),
        ];
        all.iter().filter(|(wanted, _)| *wanted).map(|(_, text)| *text).collect()
    }

    /// Whether shares are read, which may take long.
    const fn reads(&self) -> bool {
        self.verify || self.repair
    }
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let (mut unhealthy, mut failures) = (0, Failures::default());
        for text in &self.places {
            failures.note(self.check(text, &session).map(|fine| unhealthy += u64::from(!fine)));
        }
        failures.note(healthy_or(unhealthy, self.places.len() as u64, &self.how));
        failures.end()
    }

    /// Checks one of them; whether it is healthy, as far as anything here looked at it.
    fn check(&self, text: &str, session: &Session) -> Result<bool, CliError> {
        let place = session.place(text)?;
        let call = format!("t=check&output=JSON{}", self.how.arguments());
        let progress = Progress::finding();
        if self.how.reads() {
            progress.working(format_args!("reading the shares of {}", place.shown()));
        }
        let answer = session.connection.post(&place.ask(&call), "")?.success(&place.shown())?;
        progress.finish();
        if self.raw {
            return ls::copy_out(answer.into_reader()).map(|()| true);
        }
        let verdict: Verdict = answer.json()?;
        print(&place.shown(), &verdict)?;
        Ok(verdict.after().results.healthy)
    }
}

fn print(name: &str, verdict: &Verdict) -> Result<(), CliError> {
    let mut out = Output::new();
    let found = verdict.before();
    out.line(about(name, &found.summary()))?;
    if !verdict.storage_index.is_empty() {
        out.line(format_args!(" storage index: {}", verdict.storage_index))?;
    }
    let counts = &found.results;
    if let (Some(good), Some(needed), Some(expected)) =
        (counts.count_shares_good, counts.count_shares_needed, counts.count_shares_expected)
    {
        let counted = match counts.verified {
            Some(true) => ", all of them read",
            Some(false) => ", counted, not verified",
            None => "",
        };
        let encoding = format_args!("(encoding is {needed}-of-{expected}){counted}");
        out.line(format_args!(" good shares: {good} {encoding}"))?;
    }
    for line in found.flaws().into_iter().chain(verdict.repair()) {
        out.line(format_args!(" {line}"))?;
    }
    out.finish()
}

/// The command fails if something is not as well stored as it should be.
pub fn healthy_or(unhealthy: u64, all: u64, how: &How) -> Result<(), CliError> {
    if unhealthy == 0 {
        return Ok(());
    }
    let verb = if unhealthy == 1 { "is" } else { "are" };
    let advice = match how.repair {
        true => "Connect the servers that are away, or more servers with room, and repair again.",
        false => "Connect the servers that are away, or make what is missing again with --repair.",
    };
    Err(CliError::new(format!("{unhealthy} of {all} {verb} not healthy"), advice))
}
