//! What a person is told when a command fails.

use super::debug::{DebugError, Kind};
use crate::node::NodeError;
use crate::node::basedir::BasedirError;
use std::io::Write;
use std::process::ExitCode;

/// A failed command: what happened, and what to do about it.
#[derive(Debug)]
pub struct CliError {
    what: String,
    advice: String,
    code: u8,
    reach: Reach,
}

/// How far a failure reaches where a command does the same with many things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This thing alone.
    One,
    /// This thing, and it may go well when it is tried again.
    Now,
    /// All that would come after it, too: a full disk, a reader that went away.
    All,
}

/// What a shell makes of a process that the closed pipe ended.
const NOBODY_READS: u8 = 141;

impl CliError {
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), code: 1, reach: Reach::One }
    }

    /// The command was called in a way that cannot mean anything.
    pub fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(what, advice) }
    }

    /// Whoever read the output has seen enough: nothing to report, nothing more to do.
    pub fn nobody_reads() -> Self {
        Self { code: NOBODY_READS, reach: Reach::All, ..Self::new("", "") }
    }

    /// The process or the machine has as many files open as it may; nothing is wrong with the node.
    pub fn too_many_open(doing: &str) -> Self {
        let what = format!("{doing}: too many files are open");
        let advice = "Allow more of them in this shell with `ulimit -n 1024`, and try again.";
        Self::new(what, advice).reaching(Reach::All)
    }

    pub const fn reach(&self) -> Reach {
        self.reach
    }

    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// Of work that cannot be done again.
    #[must_use]
    pub fn once(self) -> Self {
        match self.reach {
            Reach::Now => self.reaching(Reach::One),
            Reach::One | Reach::All => self,
        }
    }

    /// What happened, without the advice.
    pub fn what(&self) -> String {
        end(&self.what)
    }

    /// What to do, alone.
    #[cfg(test)]
    pub fn advised(&self) -> String {
        end(&self.advice)
    }

    /// The same in other words on what to do.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// Prints both sentences on stderr; the exit code is 1, or 2 for wrong usage.
    pub fn report(&self) -> ExitCode {
        self.tell();
        ExitCode::from(self.code)
    }

    fn tell(&self) {
        if !self.what.is_empty() {
            // A closed stderr must not turn a failure into a panic.
            let (what, advice) = (end(&self.what), end(&self.advice));
            let _ = writeln!(std::io::stderr(), "tahoe: {what}\n{advice}");
        }
    }
}

/// What failed of a command that goes on with the rest: each failure is told when it happens, and the
/// worst of them is the command's exit code.
#[derive(Default)]
pub struct Failures(u8);

impl Failures {
    pub fn note(&mut self, outcome: Result<(), CliError>) {
        if let Err(error) = outcome {
            error.tell();
            self.0 = self.0.max(error.code);
        }
    }

    /// The outcome of the command; there is nothing left to tell.
    pub fn end(self) -> Result<(), CliError> {
        match self.0 {
            0 => Ok(()),
            code => Err(CliError { code, ..CliError::new("", "") }),
        }
    }
}

/// One sentence ends with one stop.
fn end(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
}

impl From<BasedirError> for CliError {
    fn from(error: BasedirError) -> Self {
        let advice = match &error {
            BasedirError::Lost { .. } => {
                "Restore it from a backup of the node's folder; if it is lost for good, make an empty \
                 file new_keys_confirmed in that folder, and the node goes on with a new one."
            }
            BasedirError::Value { .. } => "Correct that file and try again.",
            BasedirError::Io { .. } => "Check that the path exists and that you may use it.",
            BasedirError::InUse { .. } => "Stop it first with `tahoe stop`, or use another folder.",
            BasedirError::NotANode { .. } => {
                "Name a node directory, or make one with `tahoe create-client DIR`."
            }
            BasedirError::Occupied { .. } => "Choose a new or an empty folder.",
        };
        Self::new(error.to_string(), advice)
    }
}

impl From<DebugError> for CliError {
    fn from(error: DebugError) -> Self {
        match error.kind {
            Kind::Failed => Self::new(error.what, error.advice),
            Kind::Usage => Self::usage(error.what, error.advice),
            Kind::NobodyReads => Self::nobody_reads(),
        }
    }
}

impl From<NodeError> for CliError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Basedir(error) => error.into(),
            other => Self::new(other.to_string(), other.advice()),
        }
    }
}
