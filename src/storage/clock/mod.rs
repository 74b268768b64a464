//! The time by which a storage directory dates leases and finds them over, kept over restarts.
//!
//! [`record`] decides; this asks the clocks, keeps the record on disk and says aloud what is wrong. No
//! lease is dated before it is durable up to when leases of its day may be given.

pub mod record;
mod timestamp;

pub(super) use timestamp::timestamp;

use super::error::Result;
use super::paths::Paths;
use crate::base::limits::{CLOCK_DAYS_MAX, CLOCK_SAVE, CLOCK_VOUCH_SECONDS, LEASE_SECONDS};
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::disk::{Disk, Mode};
use record::{Jump, Moment, Record, day_given};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Bytes of the longest record: far less than twice what its days take.
const RECORD_MAX: usize = 24 * CLOCK_DAYS_MAX;

struct State {
    record: Record,
    /// The steady clock at the record's last look.
    steady: u64,
    /// The uptime that is on disk.
    saved: u64,
    jump: Option<Jump>,
}

/// See the module.
pub(super) struct StoreClock {
    disk: Disk,
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
}

/// What both clocks say.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub now: Moment,
    /// Whether the time of day is believed.
    pub proven: bool,
}

fn tell(jump: Jump) {
    let (expected, found) = (timestamp(jump.expected), timestamp(jump.found));
    tracing::error!(
        %expected, %found,
        "the clock of this machine jumped: no lease is collected before it has gone right for a day, \
         or the owner says that it is right"
    );
}

impl State {
    fn look(&mut self, clock: &Clock) {
        let steady = clock.steady();
        let passed = steady.saturating_sub(self.steady);
        self.steady = steady;
        let jump = self.record.observe(passed, clock.now());
        self.note(jump);
    }

    fn note(&mut self, jump: Option<Jump>) {
        if let Some(jump) = jump {
            tell(jump);
            self.jump = Some(jump);
        } else if self.record.is_proven() {
            self.jump = None;
        }
    }
}

impl StoreClock {
    /// Goes on where the last node on this directory stopped. False: of the directory's leases
    /// nothing is known but what they say themselves, see [`StoreClock::note_given`].
    pub fn open(disk: &Disk, paths: &Paths, clock: Clock, writable: bool) -> (Self, bool) {
        let (path, wall) = (paths.clock(), clock.now());
        let found = read(disk, &path).unwrap_or_else(|error| {
            tracing::error!(%error, "what was known of time cannot be read");
            None
        });
        let known = found.is_some();
        let record = found.unwrap_or_else(|| Record::new(wall));
        let saved = record.now.uptime;
        let mut state = State { record, steady: clock.steady(), saved, jump: None };
        let jump = state.record.resume(wall);
        state.note(jump);
        let this = Self { disk: disk.clone(), path, clock, state: Mutex::new(state) };
        // So that the first lease after a start need not wait for it.
        if writable && let Err(error) = this.lease_end() {
            tracing::warn!(%error, "what is known of time cannot be kept");
        }
        (this, known)
    }

    fn save(&self, state: &mut State) -> io::Result<()> {
        self.disk.replace(&self.path, &state.record.to_bytes())?;
        state.saved = state.record.now.uptime;
        Ok(())
    }

    /// When a lease ends that is given now, in seconds since 1970.
    pub fn lease_end(&self) -> Result<u32> {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        let end = state.record.date().saturating_add(LEASE_SECONDS);
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        self.vouch(&mut state, day_given(end.into()))?;
        Ok(end)
    }

    /// A lease that ends then is given again, unchanged.
    pub fn given_again(&self, expires: u32) -> Result<()> {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        self.vouch(&mut state, day_given(expires.into()))
    }

    /// Durably, before a lease that was given can be thought older than it is.
    fn vouch(&self, state: &mut State, day: u32) -> Result<()> {
        if state.record.vouches_for(day) {
            return Ok(());
        }
        let before = state.record.clone();
        state.record.vouch_for(day, CLOCK_VOUCH_SECONDS);
        Ok(self.save(state).inspect_err(|_| state.record = before)?)
    }

    /// Asks both clocks.
    pub fn look(&self) -> Look {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        Look { now: state.record.now, proven: state.record.is_proven() }
    }

    /// The time by which leases are dated now, in seconds since 1970.
    pub fn date(&self) -> u64 {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        state.record.date()
    }

    /// See [`Record::ran_since_given`].
    pub fn ran_since_given(&self, expires: u32) -> u64 {
        locked(&self.state).record.ran_since_given(expires.into())
    }

    /// A lease that is here was given at this time of day.
    pub fn note_given(&self, expires: u32) {
        let mut state = locked(&self.state);
        let date = u64::from(expires).saturating_sub(LEASE_SECONDS);
        if let Some(jump) = state.record.note_given(date) {
            state.note(Some(jump));
        }
    }

    /// The owner says that the clock is right.
    pub fn trust(&self) {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        state.record.trust();
        state.jump = None;
    }

    /// The jump after which the clock is not believed yet.
    pub fn jump(&self) -> Option<Jump> {
        locked(&self.state).jump
    }

    /// To be called every now and then, so that little is forgotten in a crash.
    pub fn tick(&self) {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        if state.record.now.uptime.saturating_sub(state.saved) >= CLOCK_SAVE.as_secs()
            && let Err(error) = self.save(&mut state)
        {
            tracing::warn!(%error, "what is known of time cannot be kept");
        }
    }

    pub fn shut_down(&self) {
        let mut state = locked(&self.state);
        state.look(&self.clock);
        if let Err(error) = self.save(&mut state) {
            tracing::warn!(%error, "what is known of time cannot be kept");
        }
    }
}

/// The record at `path`, if there is a good one.
fn read(disk: &Disk, path: &Path) -> io::Result<Option<Record>> {
    let bytes = match disk.open(path, Mode::Read) {
        Ok(file) => file.read(0, RECORD_MAX)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let record = Record::from_bytes(&bytes);
    if record.is_none() {
        tracing::error!("what was known of time is damaged: leases begin to age anew");
    }
    Ok(record)
}
