//! `tahoe restore-directory PATH`

use super::error::Failures;
use super::http::Gateway;
use super::location::PLACES;
use super::output::{Output, count, is_quiet, remark, shown};
use super::progress::Progress;
use super::time_text::minutes;
use super::{CliError, ls};
use crate::base::limits::WALK_LINE_MAX;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Read};

const EXAMPLES: &str = "\
A node that keeps files (`tahoe keep`) stores a copy of each directory in the grid: a minute after it
was changed here, else once a day. If the vdrive server loses its disk, they come back from these.

Examples:
  tahoe restore-directory private:            the server came back empty, with the key that it had
  tahoe restore-directory --new private:      another server is to have them; prints the new cap

What the server still has stays as it is. A directory comes back by a cap that writes to it; with
--new a cap that reads it is enough.";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The directory, which comes back with all below it.
    #[arg(value_name = "PATH")]
    place: String,
    /// Make all of them anew, on the vdrive server that this node uses; their caps are new ones.
    #[arg(long)]
    new: bool,
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// A line of the answer.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Line {
    path: Vec<String>,
    fate: Fate,
    new_cap: Option<String>,
    version: Option<u64>,
    seen: Option<u64>,
    copied_at: Option<u64>,
    #[serde(default)]
    left_out: u64,
    error: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Fate {
    There,
    Back,
    Copied,
    Not,
    /// Everything was told.
    End,
}

/// What all of it came to.
#[derive(Default)]
struct Counts {
    there: u64,
    back: u64,
    copied: u64,
    /// Of those that came back, the ones of which a newer state had been seen.
    older: u64,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.place)?;
        let call = match self.new {
            true => "t=restore-directory&new=true",
            false => "t=restore-directory",
        };
        let answer = session.connection.post(&place.ask(call), "")?;
        let answer = answer.success(&place.shown())?;
        if self.raw {
            return ls::copy_out(answer.into_reader());
        }
        let (mut counts, mut failures) = (Counts::default(), Failures::default());
        let mut new_root = None;
        let (mut out, progress) = (Output::new(), Progress::finding());
        let mut lines = BufReader::new(answer.into_reader());
        loop {
            let line = next(&mut lines)?;
            if line.fate == Fate::End {
                break;
            }
            counts.note(&line);
            if line.path.is_empty() {
                new_root.clone_from(&line.new_cap);
            }
            progress.aside(|| tell(&mut out, &line, &mut failures))?;
            progress.found(0, counts.all());
        }
        progress.finish();
        // Others are found below it; it is of use when all of them are there.
        new_root.map_or(Ok(()), |cap| out.line(cap))?;
        out.finish()?;
        if !is_quiet() {
            counts.tell();
        }
        failures.end()
    }
}

fn next(lines: &mut impl BufRead) -> Result<Line, CliError> {
    let mut text = String::new();
    let read = lines.take(WALK_LINE_MAX).read_line(&mut text);
    let line = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    line.ok_or_else(|| {
        CliError::new(
            "The gateway's answer broke off",
            "What came back stays, and what is missing comes when you ask again; with --new begin anew, \
             and remove what was made. The node's log says more.",
        )
    })
}

fn tell(out: &mut Output, line: &Line, failures: &mut Failures) -> Result<(), CliError> {
    let path = match line.path.is_empty() {
        true => "the directory itself".to_owned(),
        false => shown(&line.path.join("/")),
    };
    match line.fate {
        Fate::Not => {
            let why = line.error.as_deref().unwrap_or_default();
            failures.note(Err(CliError::new(
                format!("{path} is not back: {}", shown(why)),
                "Everything else was tried; ask again when the cause is gone.",
            )));
        }
        Fate::Back | Fate::Copied if line.lost() > 0 => {
            let lost = count(line.lost(), "later change is", "later changes are");
            let as_of = minutes(line.copied_at.unwrap_or(0) as f64);
            out.line(format_args!("{path}: as it was at {as_of}; {lost} lost"))?;
        }
        _ => {}
    }
    match line.left_out {
        0 => Ok(()),
        some => {
            let entries =
                count(some, "entry that does not open is", "entries that do not open are");
            out.line(format_args!("{path}: {entries} left out"))
        }
    }
}

impl Line {
    /// Changes that were seen and are not in the copy.
    fn lost(&self) -> u64 {
        self.seen.unwrap_or(0).saturating_sub(self.version.unwrap_or(u64::MAX))
    }
}

impl Counts {
    fn note(&mut self, line: &Line) {
        match line.fate {
            Fate::There => self.there += 1,
            Fate::Back => self.back += 1,
            Fate::Copied => self.copied += 1,
            Fate::Not | Fate::End => {}
        }
        self.older += u64::from(line.lost() > 0);
    }

    const fn all(&self) -> u64 {
        self.there + self.back + self.copied
    }

    fn tell(&self) {
        let Self { there, back, copied, older } = self;
        for (number, what) in [(back, "back"), (copied, "made anew"), (there, "there already")] {
            if *number > 0 {
                let directories = count(*number, "directory is", "directories are");
                remark(format_args!("{directories} {what}"));
            }
        }
        if *older > 0 {
            let of = count(*older, "directory lacks", "directories lack");
            remark(format_args!("{of} the last changes"));
        }
    }
}
