//! `tahoe deep-check [PATH]`

use super::check_object::{How, healthy_or};
use super::http::Gateway;
use super::location::PLACES;
use super::output::{Output, count, is_quiet};
use super::progress::Progress;
use super::walk::{self, Found, Line, Verdict};
use super::{CliError, ls};

const EXAMPLES: &str = "\
Examples:
  tahoe deep-check private:
  tahoe deep-check -v CAP/photos
  tahoe deep-check --repair --add-lease private:";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to begin at.
    #[arg(value_name = "PATH", default_value = "private:")]
    place: String,
    /// A line for healthy objects, too.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    how: How,
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let call = format!("t=stream-deep-check{}", self.how.arguments());
        let answer = session.connection.post(&place.ask(&call), "")?;
        let answer = answer.success(&place.shown())?;
        if self.raw {
            return ls::copy_out(answer.into_reader());
        }
        let (mut counts, mut out) = (Counts::default(), Output::new());
        let progress = Progress::finding();
        let walked = walk::lines(answer, |line| {
            let (Line::File(found) | Line::Directory(found)) = line else { return Ok(()) };
            let Some(verdict) = &found.check_results else { return Ok(()) };
            counts.note(verdict);
            progress.aside(|| self.tell(&mut out, &found, verdict))?;
            progress.checked(counts.all());
            Ok(())
        });
        progress.finish();
        if !is_quiet() && walked.is_ok() {
            counts.tell(&mut out, &self.how)?;
        }
        out.finish()?;
        walked?.end()?;
        healthy_or(counts.unhealthy, counts.all(), &self.how)
    }

    /// Tells what is not well, and all if that is wanted.
    fn tell(&self, out: &mut Output, found: &Found, verdict: &Verdict) -> Result<(), CliError> {
        let first = verdict.before();
        if !first.results.healthy || self.verbose {
            out.line(format_args!("{}: {}", found.shown(), first.summary()))?;
        }
        for line in first.flaws().into_iter().chain(verdict.repair()) {
            out.line(format_args!(" {line}"))?;
        }
        // Somebody may be watching.
        out.flush()
    }
}

/// How the objects are.
#[derive(Default)]
struct Counts {
    healthy: u64,
    unhealthy: u64,
    /// Of the healthy ones those that were not so at first.
    repaired: u64,
}

impl Counts {
    fn note(&mut self, verdict: &Verdict) {
        let (before, after) = (&verdict.before().results, &verdict.after().results);
        *if after.healthy { &mut self.healthy } else { &mut self.unhealthy } += 1;
        self.repaired += u64::from(after.healthy && !before.healthy);
    }

    const fn all(&self) -> u64 {
        self.healthy + self.unhealthy
    }

    fn tell(&self, out: &mut Output, how: &How) -> Result<(), CliError> {
        let Self { healthy, unhealthy, repaired } = self;
        let objects = count(self.all(), "object", "objects");
        let repaired = match how.repair {
            true => format!(" ({repaired} of them repaired)"),
            false => String::new(),
        };
        out.line(format_args!(
            "{objects} checked: {healthy} healthy{repaired}, {unhealthy} not healthy"
        ))
    }
}
