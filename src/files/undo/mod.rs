//! What was deleted, and what a browser replaced, kept for 30 days so that it can be put back.
//!
//! A link that is deleted is only forgotten by its directory; its shares stay until their leases end.
//! So what is kept is capabilities alone, in the node's own folder, and nothing is sent anywhere.
//!
//! ```text
//! record  = line*                           one JSON object a line, the newest last
//! line    = deletion | {"forget": TOKEN}    a deletion of a token that is there replaces it
//! ```
//! A deletion is written down, and durable, before its links are removed. The file only grows until
//! half of what a start would read is superseded; then it is written anew. What strangers delete is
//! counted apart, so that they cannot have the owner's deletions forgotten.

mod keeping;
mod restore;

pub use keeping::{Actor, Keeping};
pub use restore::same_directory;

use crate::base::limits::{TRASH_FILE_MAX, TRASH_LINKS_MAX, TRASH_SECONDS, TRASH_STRANGERS_PART};
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::disk::jobs::blocking;
use crate::grid::dirnode::{DirError, Entry, Metadata, NewEntry, Target};
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// A link that was removed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub name: String,
    pub rw: Option<String>,
    pub ro: Option<String>,
    pub metadata: Metadata,
}

impl Gone {
    pub fn new(entry: &Entry) -> Self {
        let Entry { name, child } = entry;
        let (rw, ro) = (child.target.write_uri(), child.target.read_uri());
        Self { name: name.clone(), rw, ro, metadata: child.metadata.clone() }
    }

    /// The link as it is put back.
    pub fn entry(self) -> Result<NewEntry, DirError> {
        let Self { name, rw, ro, metadata } = self;
        match Target::from_caps(rw.as_deref(), ro.as_deref(), false) {
            Ok(target) => Ok(NewEntry { name, target, metadata: Some(metadata) }),
            Err(why) => Err(DirError::BadChild { name, why }),
        }
    }
}

/// Links that were removed together.
#[derive(Clone, Serialize, Deserialize)]
pub struct Deletion {
    pub token: String,
    pub time: u64,
    /// The address that the directory had, and its write cap.
    pub place: String,
    pub dir: String,
    pub links: Vec<Gone>,
    /// Others stand in their places now.
    #[serde(default)]
    pub replaced: bool,
    /// Somebody else than the owner did it.
    #[serde(default)]
    pub stranger: bool,
    /// Bytes of its line.
    #[serde(skip)]
    pub size: u64,
}

#[derive(Serialize, Deserialize)]
struct Forget {
    forget: String,
}

/// Where the record is kept. Both say why not, in a sentence.
pub trait Keep: Send + Sync {
    /// Adds a line; it is durable when this returns.
    fn append(&self, line: &str) -> Result<(), String>;

    /// Puts these lines in place of all.
    fn replace(&self, lines: &str) -> Result<(), String>;
}

/// Keeps nothing beyond the life of the node.
pub struct Forgetful;

impl Keep for Forgetful {
    fn append(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn replace(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Everything that can still be put back. Clones are the same.
#[derive(Clone)]
pub struct Trash(Arc<Inner>);

struct Inner {
    clock: Clock,
    keep: Box<dyn Keep>,
    /// Bytes in the file. Its lock keeps lines in order, and nobody who only looks waits for a disk.
    written: Mutex<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    all: VecDeque<Deletion>,
    owners: Sum,
    strangers: Sum,
}

/// How much of it there is.
#[derive(Default)]
struct Sum {
    deletions: usize,
    links: usize,
    bytes: u64,
}

impl Default for Trash {
    /// One that forgets when the node stops.
    fn default() -> Self {
        Self::new("", Clock::System, Box::new(Forgetful))
    }
}

impl State {
    /// What the lines of a file say; those that make no sense are left out.
    fn read(text: &str) -> Self {
        let mut this = Self::default();
        for line in text.lines() {
            if let Ok(Forget { forget }) = serde_json::from_str(line) {
                this.forget(&forget);
            } else if let Ok(deletion) = serde_json::from_str::<Deletion>(line) {
                this.put(Deletion { size: line.len() as u64 + 1, ..deletion });
            }
        }
        this
    }

    fn put(&mut self, deletion: Deletion) {
        let sum = self.sum(deletion.stranger);
        sum.deletions += 1;
        sum.links += deletion.links.len();
        sum.bytes += deletion.size;
        match self.all.iter().position(|one| one.token == deletion.token) {
            Some(at) => {
                self.remove(at);
                self.all.insert(at, deletion);
            }
            None => self.all.push_back(deletion),
        }
    }

    fn forget(&mut self, token: &str) {
        if let Some(at) = self.all.iter().position(|one| one.token == token) {
            self.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        let Some(gone) = self.all.remove(at) else { return };
        let sum = self.sum(gone.stranger);
        sum.deletions -= 1;
        sum.links -= gone.links.len();
        sum.bytes -= gone.size;
    }

    fn sum(&mut self, stranger: bool) -> &mut Sum {
        if stranger { &mut self.strangers } else { &mut self.owners }
    }

    /// Forgets what is too old, and the oldest of what is too much.
    fn trim(&mut self, now: u64) {
        while self.all.front().is_some_and(|one| !one.is_fresh(now)) {
            self.remove(0);
        }
        for (stranger, part) in [(false, 1), (true, TRASH_STRANGERS_PART)] {
            while self.sum(stranger).is_too_much(part)
                && let Some(oldest) = self.all.iter().position(|one| one.stranger == stranger)
            {
                self.remove(oldest);
            }
        }
    }

    /// All of it as a file says it.
    fn text(&self) -> String {
        let lines = self.all.iter().filter_map(|one| serde_json::to_string(one).ok());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn bytes(&self) -> u64 {
        self.owners.bytes + self.strangers.bytes
    }
}

impl Sum {
    /// Of several deletions together; one alone may take all the room that there is.
    fn is_too_much(&self, part: usize) -> bool {
        let room = (TRASH_LINKS_MAX / part, LIVE_MAX / part as u64);
        self.deletions > 1 && (self.links > room.0 || self.bytes > room.1)
    }
}

impl Deletion {
    fn is_fresh(&self, now: u64) -> bool {
        self.time.saturating_add(TRASH_SECONDS) > now
    }
}

/// Bytes of all that can be put back; the file may be twice as long, and one line more.
const LIVE_MAX: u64 = TRASH_FILE_MAX / 8;

impl Trash {
    /// `text` is what was last written.
    pub fn new(text: &str, clock: Clock, keep: Box<dyn Keep>) -> Self {
        let mut state = State::read(text);
        state.trim(clock.now());
        let written = Mutex::new(text.len() as u64);
        Self(Arc::new(Inner { clock, keep, written, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    pub fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// Disks are waited for elsewhere than where requests are answered.
    pub async fn on_disk(
        &self,
        work: impl FnOnce(&Self) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let this = self.clone();
        let done = blocking(move || work(&this).map_err(io::Error::other));
        done.await.map_err(|error| error.to_string())
    }

    /// Writes a deletion down, or what became of one. Blocks until it is durable. One that would take
    /// the place of all others is not kept.
    pub fn keep(&self, deletion: Deletion) -> Result<(), String> {
        self.keep_in(&mut self.written(), deletion)
    }

    /// Forgets a deletion. Blocks until that is durable.
    pub fn forget(&self, token: &str) -> Result<(), String> {
        self.forget_in(&mut self.written(), token)
    }

    /// Forgets these of a deletion's links. Blocks until that is durable.
    pub fn forget_links(&self, token: &str, names: &HashSet<String>) -> Result<(), String> {
        // Held over both: what somebody else forgets of it meanwhile does not come back.
        let mut written = self.written();
        let Some(mut found) = self.find(token) else { return Ok(()) };
        found.links.retain(|link| !names.contains(&link.name));
        match found.links.is_empty() {
            true => self.forget_in(&mut written, token),
            false => self.keep_in(&mut written, found),
        }
    }

    fn written(&self) -> MutexGuard<'_, u64> {
        locked(&self.0.written)
    }

    fn keep_in(&self, written: &mut u64, deletion: Deletion) -> Result<(), String> {
        let line = serde_json::to_string(&deletion).map_err(|error| error.to_string())?;
        let size = line.len() as u64 + 1;
        if size > LIVE_MAX || deletion.links.len() > TRASH_LINKS_MAX {
            tracing::warn!(links = deletion.links.len(), "too many to be kept for putting back");
            return Ok(());
        }
        self.write(written, &line, |state| state.put(Deletion { size, ..deletion }))
    }

    fn forget_in(&self, written: &mut u64, token: &str) -> Result<(), String> {
        let line = serde_json::to_string(&Forget { forget: token.to_owned() });
        let line = line.map_err(|error| error.to_string())?;
        self.write(written, &line, |state| state.forget(token))
    }

    fn write(
        &self,
        written: &mut u64,
        line: &str,
        edit: impl FnOnce(&mut State),
    ) -> Result<(), String> {
        self.0.keep.append(line)?;
        *written = written.saturating_add(line.len() as u64 + 1);
        let text = {
            let mut state = self.state();
            edit(&mut state);
            state.trim(self.now());
            (*written > SLACK.max(state.bytes().saturating_mul(2))).then(|| state.text())
        };
        if let Some(text) = text {
            match self.0.keep.replace(&text) {
                Ok(()) => *written = text.len() as u64 + 1,
                // All of it is in the file that is there.
                Err(error) => tracing::warn!(error, "what was deleted is not written anew"),
            }
        }
        Ok(())
    }

    /// What can be put back and is wanted, newest first.
    pub fn those(&self, wanted: impl Fn(&Deletion) -> bool) -> Vec<Deletion> {
        let now = self.now();
        let state = self.state();
        let those = state.all.iter().rev().filter(|one| one.is_fresh(now) && wanted(one));
        those.cloned().collect()
    }

    /// All that can be put back, newest first.
    pub fn all(&self) -> Vec<Deletion> {
        self.those(|_| true)
    }

    pub fn find(&self, token: &str) -> Option<Deletion> {
        let now = self.now();
        let found = self.state().all.iter().find(|one| one.token == token).cloned();
        found.filter(|one| one.is_fresh(now))
    }

    /// The names that a token would put back.
    pub fn names(&self, token: &str) -> Option<Vec<String>> {
        let now = self.now();
        let state = self.state();
        let found = state.all.iter().find(|one| one.token == token && one.is_fresh(now))?;
        Some(found.links.iter().map(|link| link.name.clone()).collect())
    }
}

/// A file up to this length is not written anew, whatever is in it.
const SLACK: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::base32;
    use crate::base::system::random;
    use crate::cap::{Cap, LitCap};
    use crate::grid::dirnode::Child;

    /// A file in memory; fails once `full`.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<(String, usize, bool)>>);

    impl Keep for Memory {
        fn append(&self, line: &str) -> Result<(), String> {
            let mut file = self.0.lock().unwrap();
            if file.2 {
                return Err("full".into());
            }
            file.0.push_str(line);
            file.0.push('\n');
            Ok(())
        }

        fn replace(&self, lines: &str) -> Result<(), String> {
            let mut file = self.0.lock().unwrap();
            file.0 = format!("{lines}\n");
            file.1 += 1;
            Ok(())
        }
    }

    fn gone(name: &str) -> Gone {
        let target = Target::Known(Cap::from(LitCap::new(b"x".to_vec())));
        let child = Child { target, metadata: Metadata::new() };
        Gone::new(&Entry { name: name.to_owned(), child })
    }

    fn deletion(trash: &Trash, links: Vec<Gone>, stranger: bool) -> Deletion {
        let token = base32::encode(&random::<20>());
        let (place, dir) = ("/vdrive/global".to_owned(), "URI:DIR:x".to_owned());
        Deletion { token, time: trash.now(), place, dir, links, replaced: false, stranger, size: 0 }
    }

    fn delete(trash: &Trash, names: &[&str], stranger: bool) -> String {
        let links = names.iter().map(|name| gone(name)).collect();
        let one = deletion(trash, links, stranger);
        let token = one.token.clone();
        trash.keep(one).unwrap();
        token
    }

    #[test]
    fn what_was_deleted_is_kept_for_thirty_days_and_over_a_restart() {
        let clock = Clock::manual(1_000_000);
        let file = Memory::default();
        let trash = Trash::new("", clock.clone(), Box::new(file.clone()));
        let token = delete(&trash, &["a", "b"], false);
        let other = delete(&trash, &["c"], false);
        trash.forget(&other).unwrap();
        // Only one of them went after all.
        let found = Deletion { links: vec![gone("b")], ..trash.find(&token).unwrap() };
        trash.keep(found).unwrap();
        let text = file.0.lock().unwrap().0.clone() + "not JSON\n";
        let again = Trash::new(&text, clock.clone(), Box::new(Forgetful));
        assert_eq!(again.names(&token).unwrap(), ["b"]);
        assert!(again.names(&other).is_none() && again.names("").is_none());
        clock.advance(TRASH_SECONDS);
        assert!(again.names(&token).is_none() && again.all().is_empty());
    }

    #[test]
    fn a_stranger_flushes_nothing_of_the_owners() {
        let trash = Trash::default();
        let mine = delete(&trash, &["mine"], false);
        let first = delete(&trash, &["x"], true);
        for _ in 0..TRASH_LINKS_MAX / TRASH_STRANGERS_PART {
            delete(&trash, &["x"], true);
        }
        assert!(trash.find(&mine).is_some() && trash.find(&first).is_none());
        let names = ["y"; TRASH_LINKS_MAX - 1];
        delete(&trash, &names, false);
        assert!(trash.find(&mine).is_some(), "there is room for one more");
        delete(&trash, &["y"], false);
        assert!(trash.find(&mine).is_none(), "the oldest goes first");
    }

    #[test]
    fn lines_are_added_and_the_file_stays_short() {
        let file = Memory::default();
        let trash = Trash::new("", Clock::System, Box::new(file.clone()));
        let long = "n".repeat(500);
        for _ in 0..1_000 {
            let token = delete(&trash, &[&long], false);
            trash.forget(&token).unwrap();
        }
        let (text, rewritten, _) = &mut *file.0.lock().unwrap();
        assert!((5..20).contains(rewritten), "written anew {rewritten} times in 2,000");
        assert!(text.len() as u64 <= SLACK + 2_000, "{}", text.len());
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let file = Memory::default();
        let trash = Trash::new("", Clock::System, Box::new(file.clone()));
        file.0.lock().unwrap().2 = true;
        let one = deletion(&trash, vec![gone("a")], false);
        let token = one.token.clone();
        assert!(trash.keep(one).is_err() && trash.find(&token).is_none());
    }

    #[test]
    fn what_would_take_the_place_of_all_others_is_not_kept() {
        let trash = Trash::default();
        let before = delete(&trash, &["a"], false);
        let most = delete(&trash, &["b"; TRASH_LINKS_MAX - 1], false);
        let too_many = delete(&trash, &["c"; TRASH_LINKS_MAX + 1], false);
        assert!(trash.find(&too_many).is_none());
        assert!(trash.find(&before).is_some() && trash.find(&most).is_some());
    }
}
