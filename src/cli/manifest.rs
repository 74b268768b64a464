//! `tahoe manifest [PATH]`

use super::http::Gateway;
use super::location::PLACES;
use super::output::Output;
use super::walk::{self, Line};
use super::{CliError, ls};

const EXAMPLES: &str = "\
Examples:
  tahoe manifest private:docs
  tahoe manifest --storage-index CAP | sort -u";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory to begin at.
    #[arg(value_name = "PATH", default_value = "private:")]
    place: String,
    /// Only storage indexes, one a line.
    #[arg(short, long, group = "what")]
    storage_index: bool,
    /// Only verify caps.
    #[arg(long, group = "what")]
    verify_cap: bool,
    /// Only the caps that repair needs.
    #[arg(long, group = "what")]
    repair_cap: bool,
    /// What the gateway says, as it says it.
    #[arg(long, group = "what")]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let answer = session.connection.post(&place.ask("t=stream-manifest"), "")?;
        let answer = answer.success(&place.shown())?;
        if self.raw {
            return ls::copy_out(answer.into_reader());
        }
        let mut out = Output::new();
        let walked = walk::lines(answer, |line| {
            let found = match line {
                Line::File(found) | Line::Directory(found) | Line::Unknown(found) => found,
                Line::Error(_) | Line::Stats => return Ok(()),
            };
            if !(self.storage_index || self.verify_cap || self.repair_cap) {
                let cap = found.cap.as_deref().unwrap_or("-");
                return out.line(format_args!("{cap} {}", found.shown()));
            }
            let wanted = match (self.storage_index, self.verify_cap) {
                (true, _) => found.storage_index,
                (_, true) => found.verifycap,
                _ => found.repaircap,
            };
            wanted.filter(|text| !text.is_empty()).map_or(Ok(()), |text| out.line(text))
        });
        out.finish()?;
        walked?.end()
    }
}
