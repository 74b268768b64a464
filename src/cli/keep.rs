//! `tahoe keep …`: what the node keeps alive, and how that goes.

use super::CliError;
use super::dirs::GatewayNode;
use super::error::Failures;
use super::http::Gateway;
use super::location::PLACES;
use super::output::{self, Output, count, shown, summary};
use super::session::{Session, or_stdin};
use crate::base::limits::KEEPER_LIST_MAX;
use crate::cap::Cap;
use crate::keeper::list::{FILE as KEEP, Kept, parse};
use crate::keeper::record::{Figures, Round, Trouble};
use crate::node::basedir::Basedir;
use serde::Deserialize;

const EXAMPLES: &str = "\
Examples:
  tahoe keep status
  tahoe keep add work:                    all that is below an alias, beside both drives
  tahoe keep add --verify-cap work:film   this node can keep it, and cannot read it
  tahoe keep run                          looks at everything now

A node with a gateway looks at what it keeps once a day: it renews the leases of each file every 7 days,
counts the shares, reads those of files of up to 4 GiB every 90 days, and makes lost ones again: at once
if fewer servers than `happy` would be left, else after a week, as servers come back. Each folder is
copied into the grid (`tahoe restore-directory`). What is kept stands in the file private/keep; without
it these are the private and the global drive. What becomes endangered is told to the command or the
address in the file keep_notify of the node's directory.";

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List what is kept.
    List(GatewayNode),
    /// Keep something, with all below it.
    Add(Add),
    /// Keep something no longer; nothing is deleted.
    Remove(Remove),
    /// Show how safe everything is, and what the last look found.
    Status(Status),
    /// Print what became endangered or well again, a line of JSON each.
    Events(Gateway),
    /// Look at everything now.
    Run(Gateway),
    /// Look at nothing until `run` or `resume`.
    Pause(Gateway),
    /// Go on by itself.
    Resume(Gateway),
}

#[derive(clap::Args)]
struct Add {
    /// `private`, `global`, a path or a cap; with `-` a line of stdin.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    /// Keep a file by the cap that only verifies it.
    #[arg(long)]
    verify_cap: bool,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(clap::Args)]
struct Remove {
    /// As it stands in the list, or what `tahoe keep add` was given.
    #[arg(value_name = "PATH", required = true)]
    places: Vec<String>,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(clap::Args)]
struct Status {
    /// What the gateway says, as it says it.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// A gateway's answer about what is kept.
#[derive(Deserialize)]
struct Told {
    sentence: String,
    running: bool,
    kept: Vec<String>,
    round: Option<Round>,
    last: Option<Round>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::List(node) => list(&node.open()?),
            Command::Add(arguments) => arguments.run(),
            Command::Remove(arguments) => arguments.run(),
            Command::Status(arguments) => arguments.run(),
            Command::Events(gateway) => {
                let answer = gateway.connect()?.get("/safety?t=events")?.success("")?;
                super::ls::copy_out(answer.into_reader())
            }
            Command::Run(gateway) => tell(&gateway, "run", "It looks at everything now."),
            Command::Pause(gateway) => tell(&gateway, "pause", "It is paused."),
            Command::Resume(gateway) => tell(&gateway, "resume", "It goes on by itself."),
        }
    }
}

/// The lines of the list, or those that it would have.
fn read(basedir: &Basedir) -> Result<Vec<String>, CliError> {
    let text = basedir.read_text(KEEP, KEEPER_LIST_MAX)?;
    Ok(match &text {
        Some(text) => text.lines().map(str::to_owned).collect(),
        None => parse(None).0.iter().map(Kept::line).collect(),
    })
}

fn write(basedir: &Basedir, lines: &[String]) -> Result<(), CliError> {
    Ok(basedir.write_secret(KEEP, &lines.join("\n"))?)
}

fn list(basedir: &Basedir) -> Result<(), CliError> {
    let (kept, bad) = parse(Some(&read(basedir)?.join("\n")));
    let mut out = Output::new();
    for one in &kept {
        out.line(one.line())?;
    }
    out.finish()?;
    match bad.first() {
        Some(line) => Err(CliError::new(
            format!("Line {line} of {KEEP} names nothing"),
            "A line is `private`, `global` or a cap.",
        )),
        None => Ok(()),
    }
}

/// What an argument means.
fn named(session: &Session, text: String, verify_cap: bool) -> Result<Kept, CliError> {
    let text = or_stdin(text)?;
    if let Ok(kept) = text.parse::<Kept>()
        && !verify_cap
    {
        return Ok(kept);
    }
    let place = session.place(&text)?;
    let object = session.must_look(&place)?;
    let cap = object.cap().and_then(|cap| Cap::parse(cap).ok());
    let cap = if verify_cap { cap.and_then(|cap| cap.verify_cap()) } else { cap };
    let kept = cap.map(Kept::Cap);
    kept.ok_or_else(|| {
        CliError::new(
            format!("There is no such cap of {}", place.shown()),
            "See with `tahoe ls --uri` which there are; folders have no verify cap.",
        )
    })
}

/// Changes the list by each of these places, and writes it if any could be.
fn change(
    gateway: &Gateway,
    places: Vec<String>,
    how: impl Fn(&Session, String, &mut Vec<String>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let session = gateway.session()?;
    let basedir = session.basedir()?;
    let before = read(basedir)?;
    let (mut lines, mut failures) = (before.clone(), Failures::default());
    for place in places {
        failures.note(how(&session, place, &mut lines));
    }
    if lines != before {
        write(basedir, &lines)?;
    }
    failures.end()
}

impl Add {
    fn run(self) -> Result<(), CliError> {
        change(&self.gateway, self.places, |session, place, lines| {
            let one = named(session, place, self.verify_cap)?;
            if !lines.iter().any(|line| is(line, &one)) {
                lines.push(one.line());
            }
            Ok(())
        })
    }
}

impl Remove {
    fn run(self) -> Result<(), CliError> {
        change(&self.gateway, self.places, |session, place, lines| {
            let one = named(session, place.clone(), false)?;
            let verified = match &one {
                Kept::Cap(cap) => cap.verify_cap().map(Kept::Cap),
                _ => None,
            };
            let before = lines.len();
            lines.retain(|line| {
                !is(line, &one) && verified.as_ref().is_none_or(|one| !is(line, one))
            });
            if lines.len() < before {
                return Ok(());
            }
            let what = format!("{} is not kept", shown(&place));
            Err(CliError::new(what, "`tahoe keep list` lists what is."))
        })
    }
}

/// Whether a line names this.
fn is(line: &str, one: &Kept) -> bool {
    line.trim().parse().is_ok_and(|other: Kept| other == *one)
}

fn tell(gateway: &Gateway, what: &str, done: &str) -> Result<(), CliError> {
    gateway.connect()?.post(&format!("/safety?t={what}"), "")?.success("")?;
    summary(done)
}

impl Status {
    fn run(self) -> Result<(), CliError> {
        let answer = self.gateway.connect()?.get("/safety?t=json")?.success("")?;
        if self.raw {
            return super::ls::copy_out(answer.into_reader());
        }
        let Told { sentence, running, kept, round, last } = answer.json()?;
        let mut out = Output::new();
        out.line(shown(&sentence))?;
        let kept: Vec<_> = kept.iter().map(|name| shown(name)).collect();
        out.line(format_args!("Kept: {}", kept.join(", ")))?;
        match (&round, &last) {
            (Some(round), _) => {
                out.line(if running { "This round, so far:" } else { "A round that stopped:" })?;
                figures(&mut out, round)?;
            }
            (None, Some(last)) => figures(&mut out, last)?,
            (None, None) => {}
        }
        out.finish()
    }
}

fn figures(out: &mut Output, round: &Round) -> Result<(), CliError> {
    let Figures { files, directories, copied, verified, whole, repaired, .. } = round.figures;
    let Figures { waiting, partly, lost, unread, unjudged, corrupt, .. } = round.figures;
    let Figures { spread, crowded, uncopied, .. } = round.figures;
    let (files, folders) = (count(files, "file", "files"), count(directories, "folder", "folders"));
    out.line(format_args!(" {files} and {folders}; {verified} files read to the last byte"))?;
    out.line(format_args!(" {copied} folders copied into the grid"))?;
    out.line(format_args!(" {whole} whole, of which {repaired} were made whole again"))?;
    for (number, what) in [
        (waiting, "short of shares, waited for"),
        (spread, "whose shares were spread over more servers"),
        (crowded, "with several shares on one server, to be spread if the servers stay"),
        (partly, "mended in part"),
        (lost, "that cannot be read now"),
        (unjudged, "of which leases were renewed, and too few servers were there to say more"),
        (uncopied, "folders that could not be copied"),
        (unread, "folders that could not be read"),
        (corrupt, "damaged shares"),
    ] {
        if number > 0 {
            out.line(format_args!(" {number} {what}"))?;
        }
    }
    let Figures { files, whole, lost, .. } = round.global;
    if files > 0 {
        out.line(format_args!(
            " in the global drive {files} files, {whole} whole, {lost} that cannot be read"
        ))?;
    }
    for Trouble { path, why } in &round.troubles {
        let path: Vec<_> = path.iter().map(|name| shown(name)).collect();
        out.line(format_args!("  {}: {}", path.join("/"), shown(why)))?;
    }
    if round.more_troubles > 0 {
        output::line(format!("  and {} more", round.more_troubles))?;
    }
    Ok(())
}
