//! What the keeper tells: kept in a file, and told to whom the owner chose in `keep_notify`.
//!
//! ```text
//! https://example.org/hook      is sent a POST with the events, lines of JSON
//! mail -s "my files" me         a command of the shell, which has them at its standard input
//! ```

use super::basedir::{Basedir, BasedirError};
use crate::base::limits::{KEEP_EVENTS_MAX, KEEP_NOTIFY_TIME};
use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whom to tell, in a node's directory.
const NOTIFY: &str = "keep_notify";
/// What was told.
const EVENTS: &str = "private/keeper.events";

/// Why somebody did not hear of it.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error(transparent)]
    Basedir(#[from] BasedirError),
    #[error("the command could not be run: {0}")]
    Command(#[from] std::io::Error),
    #[error("the command ended with {0}")]
    Failed(std::process::ExitStatus),
    #[error("the command took too long and was ended")]
    TooSlow,
    #[error("the address did not take it: {0}")]
    Address(String),
}

/// Keeps these lines, and tells of them. Waits for who hears it.
pub fn tell(basedir: &Basedir, lines: &str) {
    if let Err(error) = keep(basedir, lines) {
        tracing::error!(%error, "what is new of what is kept cannot be written down");
    }
    tracing::warn!(
        events = lines.lines().count(),
        "there is news of what is kept: `tahoe keep events`"
    );
    if let Err(error) = notify(basedir, lines) {
        tracing::error!(%error, "nobody was told what is new of what is kept; see the file {NOTIFY}");
    }
}

/// What was told lately.
pub fn told(basedir: &Basedir) -> String {
    let text = basedir.read_record(EVENTS, KEEP_EVENTS_MAX);
    // A crash may have cut a line, and a line that began before what is read is cut too.
    text.lines().filter(|line| line.starts_with('{') && line.ends_with('}')).fold(
        String::new(),
        |mut all, line| {
            all.extend([line, "\n"]);
            all
        },
    )
}

fn keep(basedir: &Basedir, lines: &str) -> Result<(), BasedirError> {
    let before = basedir.read_record(EVENTS, KEEP_EVENTS_MAX);
    if (before.len() + lines.len()) as u64 <= KEEP_EVENTS_MAX {
        return basedir.append_secret(EVENTS, lines.trim_end());
    }
    let later = before.lines().skip(before.lines().count() / 2);
    let whole: String = later.flat_map(|line| [line, "\n"]).collect();
    basedir.write_secret(EVENTS, format!("{whole}{lines}").trim_end())
}

fn notify(basedir: &Basedir, lines: &str) -> Result<(), Untold> {
    let Some(who) = basedir.read(NOTIFY)? else { return Ok(()) };
    if who.starts_with("http://") || who.starts_with("https://") {
        return post(&who, lines);
    }
    let mut input = tempfile::tempfile()?;
    input.write_all(lines.as_bytes())?;
    input.rewind()?;
    let child = Command::new("/bin/sh")
        .args(["-c", &who])
        .current_dir(basedir.path())
        // With all that it starts.
        .process_group(0)
        .stdin(Stdio::from(input))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    wait(child)
}

fn wait(mut child: Child) -> Result<(), Untold> {
    const STEP: Duration = Duration::from_millis(50);
    let end = Instant::now() + KEEP_NOTIFY_TIME;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Untold::Failed(status)),
            None if Instant::now() < end => std::thread::sleep(STEP),
            None => {
                kill_group(&child);
                child.kill()?;
                child.wait()?;
                return Err(Untold::TooSlow);
            }
        }
    }
}

fn kill_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

fn post(url: &str, lines: &str) -> Result<(), Untold> {
    let config = ureq::Agent::config_builder().timeout_global(Some(KEEP_NOTIFY_TIME)).build();
    let sent = ureq::Agent::new_with_config(config)
        .post(url)
        .content_type("application/x-ndjson")
        .send(lines);
    sent.map(drop).map_err(|error| Untold::Address(error.to_string()))
}
