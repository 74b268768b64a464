//! What the introducer said last, kept for the time when it is not there.
//!
//! ```text
//! private/known_servers = "introducer " tub id ⏎ [ "parameters " needed " " happy " " total ⏎ ]
//!                         *( base32 of a signed announcement ⏎ )
//! ```
//! It holds furls of storage servers, so it is private. What is read back is checked as if the
//! introducer had sent it, and only counts for the same introducer. The first news is written at
//! once, what follows is gathered for a moment, so that a flood of it costs a few writes a second.

use super::basedir::{Basedir, BasedirError, io_error};
use super::config;
use crate::base::base32;
use crate::base::limits::{ANNOUNCEMENT_MAX, ANNOUNCEMENTS_MAX};
use crate::base::lock::locked;
use crate::introducer::{Announcement, Book, GridParameters};
use crate::tub::TubId;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

const NAME: &str = "private/known_servers";
/// A damaged list, kept for whoever wants to look at it.
const ASIDE: &str = "private/known_servers.damaged";
/// Between two writes: what changes meanwhile waits for the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of a grid.
#[derive(Clone, Default)]
pub struct KnownGrid {
    pub announcements: Vec<Announcement>,
    pub parameters: Option<GridParameters>,
}

/// The newest of it, written by a task of its own.
#[derive(Clone)]
pub struct Saved {
    basedir: Basedir,
    introducer: Option<TubId>,
    newest: Arc<Mutex<Newest>>,
    changed: Arc<Notify>,
}

struct Newest {
    known: KnownGrid,
    written: bool,
}

impl Saved {
    /// Reads what was kept of the grid of `introducer`. Must be called on an arbiter: it spawns the
    /// writer there.
    pub fn open(basedir: &Basedir, introducer: Option<TubId>) -> Result<Self, BasedirError> {
        let known = match introducer {
            Some(tub) => read(basedir, tub)?,
            None => KnownGrid::default(),
        };
        let this = Self {
            basedir: basedir.clone(),
            introducer,
            newest: Arc::new(Mutex::new(Newest { known, written: true })),
            changed: Arc::new(Notify::new()),
        };
        actix_rt::spawn(this.clone().write_when_changed());
        Ok(this)
    }

    async fn write_when_changed(self) {
        loop {
            self.changed.notified().await;
            let job = self.clone();
            let _ = tokio::task::spawn_blocking(move || job.write()).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        locked(&self.newest)
    }

    /// What is known now.
    pub fn known(&self) -> KnownGrid {
        self.newest().known.clone()
    }

    /// Notes the list, to be written soon.
    pub fn note(&self, book: &Book) {
        self.newest().known.announcements = book.iter().cloned().collect();
        self.newest().written = false;
        self.changed.notify_one();
    }

    /// Notes the grid's encoding; it is written with the list.
    pub fn note_parameters(&self, parameters: GridParameters) {
        self.newest().known.parameters = Some(parameters);
    }

    /// Writes what was noted and not yet written.
    pub fn write(&self) {
        let Some(introducer) = self.introducer else { return };
        let known = {
            let mut newest = self.newest();
            if std::mem::replace(&mut newest.written, true) {
                return;
            }
            newest.known.clone()
        };
        if let Err(error) = self.basedir.write_secret(NAME, &spelled(introducer, &known)) {
            tracing::error!(%error, "what the introducer said could not be kept");
        }
    }
}

fn spelled(introducer: TubId, known: &KnownGrid) -> String {
    let mut lines = vec![format!("introducer {introducer}")];
    if let Some(GridParameters { needed, happy, total }) = known.parameters {
        lines.push(format!("parameters {needed} {happy} {total}"));
    }
    lines.extend(known.announcements.iter().map(|known| base32::encode(known.bytes())));
    lines.join("\n")
}

/// What the file says about the grid of `introducer`. It can be had again: lines that make no sense
/// are left out, and stop no node.
fn read(basedir: &Basedir, introducer: TubId) -> Result<KnownGrid, BasedirError> {
    let path = basedir.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(KnownGrid::default()),
        Err(source) => return Err(io_error(&path, source)),
    };
    let (known, sound) = parse(&String::from_utf8_lossy(&bytes), introducer);
    if !sound {
        let aside = basedir.join(ASIDE);
        let kept = fs::copy(&path, &aside).map(|_| aside.display().to_string());
        let kept = kept.unwrap_or_else(|error| format!("nowhere: {error}"));
        tracing::warn!(kept, "private/known_servers is damaged; the introducer will tell the rest");
    }
    Ok(known)
}

/// What a text says of the grid, and whether all of it makes sense.
fn parse(text: &str, introducer: TubId) -> (KnownGrid, bool) {
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    match lines.next() {
        Some(line) if line == format!("introducer {introducer}") => {}
        // The list of another grid, which this node has left; or nothing yet.
        Some(line) if line.starts_with("introducer ") => return (KnownGrid::default(), true),
        first => return (KnownGrid::default(), first.is_none()),
    }
    let mut known = KnownGrid::default();
    let mut sound = true;
    if let Some(numbers) = lines.peek().and_then(|line| line.strip_prefix("parameters ")) {
        lines.next();
        known.parameters = config::parameters(numbers);
        sound = known.parameters.is_some();
    }
    for line in lines.take(ANNOUNCEMENTS_MAX) {
        match announcement(line) {
            Some(announcement) => known.announcements.push(announcement),
            None => sound = false,
        }
    }
    (known, sound)
}

fn announcement(line: &str) -> Option<Announcement> {
    let short = line.len() <= ANNOUNCEMENT_MAX * 2;
    short.then(|| Announcement::verify(&base32::decode(line).ok()?).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::introducer::Fields;
    use crate::tub::{Furl, Identity};

    #[test]
    fn what_was_kept_counts_for_the_same_introducer_only() {
        let identity = Identity::random();
        let furl = format!("pb+xk1://{}@tcp:127.0.0.1:9/{}", identity.tub_id(), "a".repeat(52));
        let fields = Fields {
            sequence: 1,
            service: "storage".into(),
            furl: Furl::parse(&furl).unwrap(),
            nickname: String::new(),
            version: String::new(),
            permutation_seed: vec![1],
            lease_seed: [1; 20],
        };
        let announcements = vec![Announcement::sign(&identity, &fields).unwrap()];
        let parameters = Some(GridParameters { needed: 1, happy: 2, total: 3 });
        let (hub, other) = (TubId([1; 32]), TubId([2; 32]));
        let text = spelled(hub, &KnownGrid { announcements: announcements.clone(), parameters });
        for (text, whole) in [(format!("{text}\n"), true), (format!("{text}\ngarbage\n\n"), false)]
        {
            let (known, sound) = parse(&text, hub);
            assert!(known.announcements == announcements && known.parameters == parameters);
            assert_eq!(sound, whole, "{text}");
        }
        for (text, whole) in [(text.as_str(), true), ("", true), ("\u{fffd}\nx", false)] {
            let (known, sound) = parse(text, other);
            assert!(known.announcements.is_empty() && known.parameters.is_none());
            assert_eq!(sound, whole, "{text}");
        }
    }
}
