//! `tahoe start [DIR]`: this program again, as `run`, in a session of its own.

use super::dirs::Directories;
use super::{CliError, output};
use crate::node::basedir::{Basedir, BasedirError};
use crate::node::lock;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    dirs: Directories,
}

impl Arguments {
    pub fn run(self) -> Result<(), CliError> {
        self.dirs.each(start)
    }
}

/// Starts one node and returns when it is ready, or with the reason why it is not.
pub fn start(dir: &Path) -> Result<(), CliError> {
    let basedir = Basedir::open(dir)?;
    if let Some(pid) = lock::running(&basedir)? {
        let pid = Some(pid.as_raw_nonzero().get().unsigned_abs());
        return Err(BasedirError::InUse { path: basedir.path().to_owned(), pid }.into());
    }
    let failed = |error: std::io::Error| {
        CliError::new(
            format!("The node's process could not be started: {error}"),
            "Try `tahoe run` to see more.",
        )
    };
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(["run", "--detached"])
        .arg(basedir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
    }
    match line.trim().strip_prefix("ready") {
        Some(url) => {
            repeat_remarks(&mut child);
            output::summary(format_args!("started {}{url}", dir.display()))
        }
        None => Err(reason(&mut child)),
    }
}

/// What the process had to say besides; it leaves its output once it is ready.
fn repeat_remarks(child: &mut std::process::Child) {
    let mut said = String::new();
    if let Some(err) = child.stderr.take() {
        let _ = err.take(4096).read_to_string(&mut said);
    }
    for line in said.lines() {
        output::remark(line.trim_start_matches("tahoe: "));
    }
}

/// What the process said before it gave up: the two sentences of its own error.
fn reason(child: &mut std::process::Child) -> CliError {
    let mut said = String::new();
    if let Some(err) = child.stderr.take() {
        // Whatever can be read of it will do.
        let _ = err.take(4096).read_to_string(&mut said);
    }
    let _ = child.wait();
    let mut lines = said.lines();
    let what = lines.next().map(|line| line.trim_start_matches("tahoe: "));
    CliError::new(
        what.filter(|line| !line.is_empty()).unwrap_or("The node did not start"),
        lines.next().unwrap_or("Its file logs/node.log may say why."),
    )
}
