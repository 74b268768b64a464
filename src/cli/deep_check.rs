//! `tahoe deep-check [PATH]`

use super::check_object::{healthy_or, lease};
use super::http::Gateway;
use super::location::PLACES;
use super::output::{Output, count, is_quiet};
use super::walk::{self, Line};
use super::{CliError, ls};

const EXAMPLES: &str = "\
Examples:
  tahoe deep-check private:
  tahoe deep-check -v CAP/photos";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to begin at.
    #[arg(value_name = "PATH", default_value = "private:")]
    place: String,
    /// A line for healthy objects, too.
    #[arg(short, long)]
    verbose: bool,
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
        let place = session.place(&self.place)?;
        let call = format!("t=stream-deep-check{}", lease(self.add_lease));
        let answer = session.connection.post(&place.ask(&call), "")?;
        let answer = answer.success(&place.shown())?;
        if self.raw {
            return ls::copy_out(answer.into_reader());
        }
        let (mut healthy, mut unhealthy) = (0, 0);
        let mut out = Output::new();
        let walked = walk::lines(answer, |line| {
            let (Line::File(found) | Line::Directory(found)) = line else { return Ok(()) };
            let Some(verdict) = &found.check_results else { return Ok(()) };
            let fine = verdict.results.healthy;
            *if fine { &mut healthy } else { &mut unhealthy } += 1;
            if !fine || self.verbose {
                out.line(format_args!("{}: {}", found.shown(), verdict.summary()))?;
                // Somebody may be watching.
                out.flush()?;
            }
            verdict.corrupt().iter().try_for_each(|line| out.line(format_args!(" {line}")))
        });
        let all = healthy + unhealthy;
        if !is_quiet() && walked.is_ok() {
            let objects = count(all, "object", "objects");
            out.line(format_args!(
                "{objects} checked: {healthy} healthy, {unhealthy} not healthy"
            ))?;
        }
        out.finish()?;
        walked?.end()?;
        healthy_or(unhealthy, all)
    }
}
