//! Faults on demand: the n-th call fails, the process dies there, or somebody holds it up.

use crate::base::lock::locked;
use std::io;
use std::sync::Mutex;

/// What kind of call reached the disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    Open,
    OpenToWrite,
    Read,
    Write,
    Sync,
    SetLen,
    Rename,
    SyncDir,
    Unlink,
    Mkdir,
    List,
    Stat,
}

impl Op {
    /// Whether the call changes the disk, or makes a change durable.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Open | Self::Read | Self::List | Self::Stat)
    }
}

/// What happens at the chosen call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It fails with this error number, once.
    Once(i32),
    /// It and every later changing call fails with this error number.
    FromThenOn(i32),
    /// The process dies before it: nothing later reaches the disk.
    Crash,
    /// The process dies in it: half of a write is done.
    TornCrash,
}

pub(super) enum Verdict {
    Go,
    Torn,
}

type Hook = Box<dyn Fn(Op) + Send + Sync>;

#[derive(Default)]
struct State {
    calls: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    log: Vec<Op>,
}

/// A plan of faults, and a count of the changing calls that passed.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    hook: Option<Hook>,
}

impl Faults {
    /// No fault: only counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// `fault` at changing call number `at`, counted from 0.
    pub fn at(at: u64, fault: Fault) -> Self {
        let faults = Self::default();
        faults.plan(at, fault);
        faults
    }

    /// Runs `hook` before every call; it may block.
    pub fn hooked(hook: impl Fn(Op) + Send + Sync + 'static) -> Self {
        Self { hook: Some(Box::new(hook)), ..Self::default() }
    }

    /// Sets the fault, `after` further changing calls from now.
    pub fn plan(&self, after: u64, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some((state.calls + after, fault));
    }

    /// No fault from here on; a dead process stays dead.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// Dies at once: nothing later reaches the disk.
    pub fn kill(&self) {
        self.lock().dead = true;
    }

    /// Changing calls so far.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// The changing calls so far, in order.
    pub fn log(&self) -> Vec<Op> {
        self.lock().log.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        locked(&self.state)
    }

    pub(super) fn next(&self, op: Op) -> io::Result<Verdict> {
        if let Some(hook) = &self.hook {
            hook(op);
        }
        let mut state = self.lock();
        if state.dead {
            return Err(crashed());
        }
        if !op.changes() {
            return Ok(Verdict::Go);
        }
        let call = state.calls;
        state.calls += 1;
        state.log.push(op);
        match state.fault {
            Some((at, Fault::Once(code))) if call == at => Err(io::Error::from_raw_os_error(code)),
            Some((at, Fault::FromThenOn(code))) if call >= at => {
                Err(io::Error::from_raw_os_error(code))
            }
            Some((at, Fault::Crash)) if call >= at => {
                state.dead = true;
                Err(crashed())
            }
            Some((at, Fault::TornCrash)) if call >= at => {
                state.dead = true;
                Ok(Verdict::Torn)
            }
            _ => Ok(Verdict::Go),
        }
    }
}

pub(super) fn crashed() -> io::Error {
    io::Error::other("the simulated process is dead")
}
