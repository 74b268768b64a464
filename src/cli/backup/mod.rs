//! `tahoe backup FROM TO`: a snapshot of a folder, as immutable directories.
//!
//! ```text
//! TO/Archives/2007-11-07_16:05:09Z    one directory a backup, never changed again
//! TO/Latest                           the same directory as the newest of them
//! ```
//! What did not change since the last backup is neither read nor stored again: a database in the
//! node's folder says which cap it has. Whether that is still there is asked of the grid. Interrupted, a backup leaves what is in TO as it was, and
//! the next one goes on where it stopped.

mod audit;
mod database;
mod files;
mod folders;
mod glob;

use super::http::{Answer, Connection, Gateway};
use super::location::{Location, PLACES};
use super::many::Many;
use super::output::{count, is_quiet, summary};
use super::session::Session;
use super::tree::{For, Rules, TOP, Tree};
use super::{CliError, time_text};
use crate::base::system::Clock;
use clap::builder::{OsStringValueParser, TypedValueParser};
use database::Database;
use glob::Glob;
use indicatif::DecimalBytes;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  tahoe backup ~/Documents private:backups/documents
  tahoe backup --exclude '*.o' --exclude-vcs ~/src work:src
  tahoe cp -r private:backups/documents/Latest restored

Symbolic links and special files are not in it, and are counted; -v names them. Nor are the folders
of running nodes, and private keys of nodes, which is said. Put the command into cron for a snapshot
a day.";

/// What version control systems keep beside the files that they control.
const VCS: &[&str] = &[
    ".git",
    ".gitignore",
    ".gitattributes",
    ".hg",
    ".hgignore",
    ".hgtags",
    ".svn",
    ".bzr",
    ".bzrignore",
    ".bzrtags",
    "CVS",
    "RCS",
    "SCCS",
    "_darcs",
    "{arch}",
    ".arch-ids",
    ".arch-inventory",
    "=RELEASE-ID",
    "=meta-update",
    "=update",
    ".jj",
];

/// Tries to find a name for the snapshot, a second later each.
const STAMPS: u64 = 60;

#[derive(clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub struct Arguments {
    /// The folder on this machine.
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The directory for the snapshots; it is made if need be.
    #[arg(value_name = "TO")]
    to: String,
    /// Leave out what has such a name: `*` stands for any text, `?` for one character, or one byte that
    /// is not UTF-8.
    #[arg(long, value_name = "NAME", value_parser = OsStringValueParser::new().try_map(Glob::parse))]
    exclude: Vec<Glob>,
    /// Leave out what version control systems keep.
    #[arg(long)]
    exclude_vcs: bool,
    /// Read and store every file and make every directory, even if nothing says that it changed.
    #[arg(long)]
    ignore_timestamps: bool,
    /// A line for every file.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// What a backup did.
#[derive(Default)]
struct Report {
    stored: u64,
    reused: u64,
    bytes: u64,
    made: u64,
    kept: u64,
}

/// What the steps of a backup work with.
struct Run<'a> {
    connection: &'a Connection,
    many: &'a Many,
    database: &'a Database,
    now: u64,
    ignore_timestamps: bool,
    verbose: bool,
    /// Caps that must not be reused.
    lost: HashSet<String>,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        let session = self.gateway.session()?;
        let place = session.place(&self.to)?;
        let archives = place.child("Archives");
        may_go_to(&archives, &session)?;
        let many = Many::default();
        let mut tree = Tree::new(&many);
        let from = std::path::absolute(&self.from)
            .map_err(|error| super::local::unreadable(&self.from, &error))?;
        tree.verbose = self.verbose && !is_quiet();
        let wanted = |name: &OsStr| self.wants(name);
        let rules = Rules { what_for: For::Snapshot, wanted: &wanted, fine: &|_| Ok(()) };
        tree.read_local(TOP, &from, &rules)?;
        tree.found_all();
        let database = self.database(&session)?;
        let mut run = Run {
            connection: &session.connection,
            many: &many,
            database: &database,
            now: Clock::System.now(),
            ignore_timestamps: self.ignore_timestamps,
            verbose: tree.verbose,
            lost: HashSet::new(),
        };
        run.lost = run.audit(&tree)?;
        let mut report = Report::default();
        let stored = run.files(&tree, &mut report)?;
        let snapshot = run.folders(&tree, &stored, &mut report)?;
        database.flush();
        let name = add(&archives, &snapshot, run.now, &session)?;
        put(&place.child("Latest"), &snapshot, "true", &session)?.success(&place.shown())?;
        tree.tell_counted_out("not in the snapshot", "; -v names them");
        tell(&report, &format!("{}Archives/{name}", slashed(&place)))?;
        let advice = "See above which and why; leave them out by --exclude to be told no more.";
        many.whole("The snapshot was made", "thing is not in it", "things are not in it", advice)
    }

    fn wants(&self, name: &OsStr) -> bool {
        let vcs = self.exclude_vcs && VCS.iter().any(|one| name == *one);
        !vcs && !self.exclude.iter().any(|glob| glob.matches(name))
    }

    /// The database of the node's folder. A gateway given by its address may belong to another grid,
    /// whose caps must not be mixed with these: it gets none, and everything is stored again.
    fn database(&self, session: &Session) -> Result<Database, CliError> {
        if self.gateway.node_url.is_some() {
            return Ok(Database::none());
        }
        let basedir = session.basedir()?;
        let grid = basedir.read("introducer.furl")?.unwrap_or_default();
        Database::open(&basedir.join("private/backup.sled"), grid.as_bytes())
    }
}

fn tell(report: &Report, snapshot: &str) -> Result<(), CliError> {
    let Report { stored, reused, bytes, made, kept } = report;
    let files = count(*stored, "file", "files");
    let folders = count(*made, "directory", "directories");
    summary(format_args!(
        "{files} stored ({}), {reused} reused; {folders} made, {kept} reused\n{snapshot}",
        DecimalBytes(*bytes)
    ))
}

fn slashed(place: &Location) -> String {
    let shown = place.shown();
    if shown.ends_with(':') { shown } else { format!("{shown}/") }
}

/// Sees to it that snapshots can be linked there, before anything is read or stored. What is not
/// there yet is made with the first of them.
fn may_go_to(archives: &Location, session: &Session) -> Result<(), CliError> {
    let mut place = archives.clone();
    let there = loop {
        match (session.look(&place)?, place.split()) {
            (Some(there), _) => break there,
            (None, Some((above, _))) => place = above,
            (None, None) => break session.must_look(&place)?,
        }
    };
    if !there.is_directory() {
        return Err(CliError::new(
            format!("{} is not a directory", place.shown()),
            "Choose another place for the snapshots.",
        ));
    }
    if there.writable_cap().is_none() {
        return Err(CliError::new(
            format!("{} cannot be changed with the cap at hand", place.shown()),
            "Use its write cap, or choose another place for the snapshots.",
        ));
    }
    Ok(())
}

fn put(place: &Location, cap: &str, replace: &str, session: &Session) -> Result<Answer, CliError> {
    session.connection.put(&place.ask(&format!("t=uri&replace={replace}")), cap)
}

/// Links the snapshot under the time of its beginning; two of the same second do not replace each
/// other.
fn add(
    archives: &Location,
    snapshot: &str,
    now: u64,
    session: &Session,
) -> Result<String, CliError> {
    for second in now..now + STAMPS {
        let name = time_text::stamp(second);
        let answer = put(&archives.child(&name), snapshot, "false", session)?;
        if answer.status() != 409 {
            return answer.success(&archives.shown()).map(|_| name);
        }
    }
    Err(CliError::new(
        format!("{} has a snapshot for every second of this minute", archives.shown()),
        "Wait a minute and try again.",
    ))
}
