//! Running a node until somebody asks it to stop.

use super::basedir::{Basedir, io_error};
use super::error::NodeError;
use super::logs;
use super::running::{Node, Options};
use super::signals::{ASKED, Signals};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::fs::OpenOptions;
use std::future::Future;
use std::io;
use std::path::Path;

/// What a node says when it has started.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The gateway's address, if the node has one.
    pub url: Option<String>,
    /// The gateway speaks to other machines in the clear.
    pub exposed: bool,
    /// Known storage servers and wanted ones, if nothing can be stored before there are more.
    pub too_few: Option<(usize, usize)>,
}

/// Runs the node in `dir` until a signal asks it to end. `announce` is called once it is ready. A
/// `detached` node leaves its terminal first, and its standard output once it is ready.
pub fn run(dir: &Path, detached: bool, announce: impl FnOnce(&Ready)) -> Result<(), NodeError> {
    let basedir = Basedir::open(dir)?;
    if detached {
        let _ = setsid();
    }
    start_logs(&basedir)?;
    until_signalled(async {
        let node = Node::start(basedir.clone(), Options::default()).await?;
        announce(&Ready {
            url: node.url().map(str::to_owned),
            exposed: node.is_exposed(),
            too_few: node.too_few_servers(),
        });
        if detached {
            leave_output().map_err(|source| NodeError::System {
                what: "the node's output could not be closed",
                source,
            })?;
        }
        Ok(node)
    })
}

/// Logs of this process go to the node's folder; a panic is noted there by its place alone, as its
/// text may hold a secret.
pub fn start_logs(basedir: &Basedir) -> Result<(), NodeError> {
    let folder = basedir.folder("logs", 0o700)?;
    logs::start(&folder).map_err(|source| io_error(&folder, source))?;
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        tracing::error!(place, "a part of this node failed; this is a bug");
    }));
    Ok(())
}

/// Brings something up, keeps it until a signal comes, and takes it down cleanly. A signal that
/// comes first ends the attempt.
pub fn until_signalled<T: Stop>(
    start: impl Future<Output = Result<T, NodeError>>,
) -> Result<(), NodeError> {
    let failed = |source| NodeError::System { what: "signals could not be set up", source };
    allow_many_files();
    actix_rt::System::new().block_on(async {
        let mut signals = Signals::of(ASKED).map_err(failed)?;
        let started = tokio::select! {
            biased;
            started = start => started?,
            _ = signals.wait() => return Ok(()),
        };
        signals.wait().await;
        tracing::info!("stopping");
        started.stop().await;
        Ok(())
    })
}

/// Takes the open files that the system would grant: each share that is read or written is one, and
/// so is each stream of a link. The usual soft limit of 1,024 is below what the limits of a server allow.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

/// Something that can be taken down.
pub trait Stop {
    fn stop(self) -> impl Future<Output = ()>;
}

fn leave_output() -> io::Result<()> {
    let nowhere = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdout(&nowhere)?;
    dup2_stderr(&nowhere)?;
    Ok(())
}
