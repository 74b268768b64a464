//! Keeps what its owner stored: walks through it now and then, renews leases, counts shares, reads them
//! seldom, and makes again what was lost before too much is.
//!
//! ```text
//! list     what is kept                       policy   what a file needs, and on which day
//! round    one look at all of it              record   what is known from one start to the next
//! copying  directories copied into the grid   copies   which directory is in which copy
//! restore  directories brought back
//! ```
//! A verify cap is enough to keep a file. Nothing is concluded while too few servers are connected, as that may be
//! this node's line: leases are renewed where there are any, and nothing is made again. A round goes on after a
//! restart where it was.

pub mod copies;
mod copying;
pub mod list;
pub mod policy;
pub mod record;
pub mod restore;
mod round;

use crate::base::limits::{
    KEEP_AFTER, KEEP_EVERY, KEEP_LOOK, KEEP_RATE, KEEP_READ_AT_ONCE, KEEP_SAVE_AFTER,
    KEEP_SAVE_EVERY, KEEP_TELL_AFTER,
};
use crate::base::lock::locked;
use crate::base::system::{Clock, random};
use crate::base::{StorageIndex, blocking};
use crate::files::Files;
use copies::Copies;
use list::Kept;
use record::{Event, Record, Round, Short};
use round::Ended;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Where a node has what the keeper reads and writes.
pub trait Store: Send + Sync {
    /// What is kept, as its owner wrote it; none if there is no such file.
    fn list(&self) -> Option<String>;

    /// What [`Store::keep`] was given last, if that is there.
    fn record(&self) -> Option<Vec<u8>>;

    fn keep(&self, record: &[u8]);

    /// The copies that are known: the lines of [`Store::keep_copies`] and those that were added since; none
    /// if they cannot be read.
    fn copies(&self) -> Option<String>;

    /// Tells whoever wants to hear of it: lines of JSON.
    fn tell(&self, lines: &str);

    /// What was told lately, the newest last.
    fn told(&self) -> String;

    /// Adds a line, durably; whether that was possible.
    fn add_copy(&self, line: &str) -> bool;

    /// Puts these in the place of all lines; whether that was possible.
    fn keep_copies(&self, lines: &str) -> bool;

    /// How many bytes of shares are read a second now, in the mean; none is as many as there are.
    fn rate(&self) -> Option<u64> {
        Some(KEEP_RATE)
    }
}

/// See the module. Clones are the same keeper.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    files: Files,
    store: Arc<dyn Store>,
    clock: Clock,
    state: Mutex<State>,
    wake: Notify,
    /// Turns to change what is written of copies.
    noting: tokio::sync::Mutex<()>,
    /// Turns to read or repair a file.
    reading: Semaphore,
    /// Until when what was read is rested after.
    rested: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    record: Record,
    copies: Copies,
    /// Lines in the file of them,
    lines: usize,
    /// which could not be read.
    unread_copies: bool,
    /// Somebody wants a round now.
    asked: bool,
    running: bool,
    /// Things noted since the record was written, and when that was.
    unsaved: u32,
    saved: Option<Instant>,
}

/// What is known of what is kept.
#[derive(Debug, Clone)]
pub struct Status {
    pub paused: bool,
    pub running: bool,
    /// The round under way, or left under way.
    pub round: Option<Round>,
    pub last: Option<Round>,
    /// Seconds since 1970 at which the next round begins, if none is under way.
    pub next: u64,
}

impl Keeper {
    pub fn new(files: Files, store: Arc<dyn Store>, clock: Clock) -> Self {
        let record = store.record().and_then(|bytes| Record::from_bytes(&bytes));
        let (text, record) = (store.copies(), record.unwrap_or_default());
        let unread_copies = text.is_none();
        let text = text.unwrap_or_default();
        let (copies, lines) = (Copies::parse(&text), text.lines().count());
        let state = Mutex::new(State { record, copies, lines, unread_copies, ..State::default() });
        let (wake, noting) = (Notify::new(), tokio::sync::Mutex::default());
        let (reading, rested) = (Semaphore::new(KEEP_READ_AT_ONCE), Mutex::default());
        Self(Arc::new(Inner { files, store, clock, state, wake, noting, reading, rested }))
    }

    /// Keeps, for as long as this is polled.
    pub async fn run(self) {
        tokio::join!(self.rounds(), self.copy_changes(), self.telling());
    }

    /// Rounds: the first some time after a start, so that a node that was restarted is not busy with this.
    async fn rounds(&self) {
        let [jitter] = random();
        let mut pause = KEEP_AFTER + KEEP_AFTER * u32::from(jitter) / 256;
        loop {
            tokio::select! {
                biased;
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            if self.is_due() && self.is_connected().await {
                self.round().await;
            }
            pause = KEEP_LOOK;
        }
    }

    /// One round, or the rest of one. It ends early when it is paused.
    pub async fn round(&self) {
        let now = self.now();
        let (kept, bad) = list::parse(self.0.store.list().as_deref());
        if !bad.is_empty() {
            tracing::warn!(lines = ?bad, "lines of what is to be kept name nothing");
        }
        {
            let mut state = locked(&self.0.state);
            (state.running, state.asked) = (true, false);
            state.record.round.get_or_insert_with(|| Round::begun(now));
        }
        let ended = self.go_round(&kept).await;
        tracing::info!(?ended, "what is kept was looked at");
        self.round_ended(ended, &kept);
        self.save().await;
        if ended == Ended::Whole {
            let saw_all = self.told(|record| record.last.as_ref().is_some_and(Round::saw_all));
            self.tidy_copies(saw_all).await;
        }
    }

    /// Tells what is new, what belongs together at once.
    async fn telling(&self) {
        loop {
            tokio::time::sleep(KEEP_TELL_AFTER).await;
            self.tell_news().await;
        }
    }

    /// Hands on what is new, on a thread that may wait for who hears it.
    async fn tell_news(&self) {
        let news = locked(&self.0.state).record.take_news();
        if news.is_empty() {
            return;
        }
        let lines: String = news.iter().map(json_line).collect();
        let store = Arc::clone(&self.0.store);
        if blocking::spawn(move || store.tell(&lines)).await.is_err() {
            tracing::error!("what is new of what is kept could not be told");
        }
        // After a restart nobody is told of it again.
        self.save().await;
    }

    /// What was told lately, as lines of JSON.
    pub fn events(&self) -> String {
        self.0.store.told()
    }

    /// What is known to be amiss with a file.
    pub fn lacks(&self, si: &StorageIndex) -> Option<Short> {
        self.told(|record| record.short(si))
    }

    fn round_ended(&self, ended: Ended, kept: &[Kept]) {
        let now = self.now();
        let lines: Vec<String> = kept.iter().map(Kept::line).collect();
        let mut state = locked(&self.0.state);
        state.running = false;
        if ended == Ended::Whole {
            state.record.finish_round(lines.iter().map(String::as_str), now);
        }
    }

    /// Writes down what is known, before the node stops.
    pub async fn close(&self) {
        if self.told(|record| record.round.is_some()) {
            self.save().await;
        }
    }

    /// A round begins now, even if it is not time for one; one that was paused goes on.
    pub fn ask(&self) {
        let mut state = locked(&self.0.state);
        (state.asked, state.record.paused) = (true, false);
        drop(state);
        drop(self.saving());
        self.0.wake.notify_one();
    }

    /// No round begins, and one under way ends, until [`Keeper::ask`] or this takes it back.
    pub fn pause(&self, paused: bool) {
        locked(&self.0.state).record.paused = paused;
        drop(self.saving());
        self.0.wake.notify_one();
    }

    /// What is kept, as it is called where caps are not to be seen, and the lines of the list that name
    /// nothing, from 1.
    pub fn kept(&self) -> (Vec<String>, Vec<usize>) {
        let (kept, bad) = list::parse(self.0.store.list().as_deref());
        (kept.iter().map(Kept::name).collect(), bad)
    }

    pub fn status(&self) -> Status {
        let state = locked(&self.0.state);
        let Record { paused, round, last, .. } = &state.record;
        let (paused, round, last) = (*paused, round.clone(), last.clone());
        let next = last.as_ref().map_or(0, |last| last.started + KEEP_EVERY.as_secs());
        Status { paused, running: state.running, round, last, next }
    }

    fn is_due(&self) -> bool {
        let now = self.now();
        let state = locked(&self.0.state);
        let record = &state.record;
        let due = record.round.is_some()
            || record.last.as_ref().is_none_or(|last| {
                // A clock that was put back must not stop it for years.
                now.abs_diff(last.started) >= KEEP_EVERY.as_secs()
            });
        state.asked || due && !record.paused
    }

    /// Waits for servers that are being dialled; whether any is there.
    async fn is_connected(&self) -> bool {
        let grid = self.0.files.grid();
        grid.pool().gathered(grid.params().n().into()).await;
        self.connected() > 0
    }

    /// Servers that can be asked.
    fn connected(&self) -> usize {
        self.0.files.grid().pool().all().len()
    }

    /// Whether they are as many as a file is to be on.
    fn is_connected_enough(&self) -> bool {
        self.connected() >= usize::from(self.files().grid().params().happy())
    }

    fn files(&self) -> &Files {
        &self.0.files
    }

    fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// What is said of what is known.
    fn told<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&locked(&self.0.state).record)
    }

    fn is_paused(&self) -> bool {
        self.told(|record| record.paused)
    }

    /// Changes what is known; whether it is time to write it down.
    fn change(&self, change: impl FnOnce(&mut Record)) -> bool {
        let mut state = locked(&self.0.state);
        change(&mut state.record);
        state.unsaved += 1;
        let age = state.saved.get_or_insert_with(Instant::now).elapsed();
        state.unsaved >= KEEP_SAVE_EVERY || age >= KEEP_SAVE_AFTER
    }

    async fn save(&self) {
        if self.saving().await.is_err() {
            tracing::error!("what is known of what is kept could not be written down");
        }
    }

    /// Writes down what is known, on a thread that may wait for the disk.
    fn saving(&self) -> JoinHandle<()> {
        let mut state = locked(&self.0.state);
        (state.unsaved, state.saved) = (0, Some(Instant::now()));
        let (bytes, store) = (state.record.to_bytes(), Arc::clone(&self.0.store));
        drop(state);
        blocking::spawn(move || store.keep(&bytes))
    }
}

fn json_line(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default() + "\n"
}
