//! One round: everything that is kept looked at once, a few things at a time.

use super::Keeper;
use super::copying::Copy;
use super::list::Kept;
use super::policy::{self, Need};
use super::record::{Figures, Lack, Record, Round};
use crate::base::hash::{sha256, truncated};
use crate::base::limits::{KEEP_AT_ONCE, KEEP_POLITE_TIME, KEEP_SPREAD_MAX};
use crate::base::lock::locked;
use crate::base::{StorageIndex, base32};
use crate::cap::{Cap, VdriveCap};
use crate::grid::deep::directory;
use crate::grid::dirnode::Target;
use crate::grid::{CheckError, Checked, Missed, Part, Reached, Repaired};
use crate::vdrive::format::DirectoryId;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, StreamExt, iter, once, unfold};
use std::time::Duration;
use tokio::time::Instant;

/// Seconds of a day.
const DAY: u64 = 24 * 3600;

/// One thing that is kept, for what is below it.
struct Place {
    name: String,
    global: bool,
    days: Days,
}

/// When the round before began, and what day it is in this one.
#[derive(Clone, Copy)]
struct Days {
    last: Option<u64>,
    today: u64,
}

/// How a walk over what is kept came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    /// Somebody paused it.
    Paused,
    /// No server is connected any more.
    Alone,
}

/// What became of one thing.
struct Seen {
    path: Vec<String>,
    what: What,
    /// It is in the global drive.
    global: bool,
}

enum What {
    /// It is in its cap, or nothing that is kept here.
    Nothing,
    Directory(DirectorySeen),
    /// A file, of which too few servers could say anything.
    Unjudged,
    File(Box<FileSeen>),
    /// Of a directory that was not met.
    Copy(Box<FileSeen>),
    Unread(String),
}

struct DirectorySeen {
    /// Why its lease could not be renewed, or what is amiss with its copy.
    failures: Vec<String>,
    /// Its newest state is in a copy; or why not, if it was to be.
    copied: Result<bool, String>,
    /// How the copy is, if it was there before.
    copy: Option<Box<FileSeen>>,
}

struct FileSeen {
    si: StorageIndex,
    /// As it was found, and as it is now.
    before: Checked,
    after: Checked,
    need: Need,
    /// Why a repair did not make it whole.
    failure: Option<String>,
}

type Found = Result<Reached, Missed>;

impl Keeper {
    /// Goes on with the round that is under way.
    pub(super) async fn go_round(&self, kept: &[Kept]) -> Ended {
        // Where the round under way is.
        let at = |record: &Record| record.round.as_ref().map_or((0, 0), |round| round.at);
        let (first, done) = self.told(at);
        let days = self.days();
        for (index, one) in (0..).zip(kept).skip(first as usize) {
            let done = if index == first { done } else { 0 };
            // Of what is newly kept nobody knows how old its leases are.
            let known = self.told(|record| record.knows(&one.line()));
            let days = Days { last: days.last.filter(|_| known), ..days };
            match self.keep(one, (index, done), days).await {
                Ended::Whole => {}
                ended => return ended,
            }
        }
        self.keep_copies(kept.len() as u64).await
    }

    /// Looks at the copies of directories that were not met.
    async fn keep_copies(&self, index: u64) -> Ended {
        let days = self.days();
        let look = |(id, cap): (DirectoryId, Cap)| async move {
            let path = vec!["copies".to_owned(), base32::encode(&id)];
            let what = match self.file(&cap, days).await {
                What::File(file) => What::Copy(file),
                other => other,
            };
            Seen { path, what, global: false }
        };
        let mut seen = iter(self.copies_not_met()).map(look).buffered(KEEP_AT_ONCE);
        while let Some(one) = seen.next().await {
            if self.connected() == 0 {
                return Ended::Alone;
            }
            // Where a round goes on after a restart, all of them are looked at again.
            if self.note(one, (index, 0)) {
                self.save().await;
            }
            if self.is_paused() {
                return Ended::Paused;
            }
        }
        Ended::Whole
    }

    fn days(&self) -> Days {
        let day = |round: &Round| round.started / DAY;
        self.told(|record| Days {
            last: record.last.as_ref().map(day),
            today: record.round.as_ref().map_or(0, day),
        })
    }

    /// Looks at one thing and all below it, from where that was left.
    async fn keep(&self, one: &Kept, (index, done): (u64, u64), days: Days) -> Ended {
        let roots = self.files().roots();
        let cap = match one {
            Kept::Private => roots.private(),
            Kept::Global => roots.global(),
            Kept::Cap(cap) => Some(cap.clone()),
        };
        // A drive that is not known yet has nothing to lose.
        let Some(cap) = cap else { return Ended::Whole };
        let place = Place { name: one.name(), global: *one == Kept::Global, days };
        let mut seen = self
            .things(cap)
            .skip(done as usize)
            .map(|found| self.look(&place, found))
            .buffered(KEEP_AT_ONCE);
        let mut at = done;
        while let Some(one) = seen.next().await {
            if self.connected() == 0 {
                return Ended::Alone;
            }
            at += 1;
            if self.note(one, (index, at)) {
                self.save().await;
            }
            if self.is_paused() {
                return Ended::Paused;
            }
        }
        Ended::Whole
    }

    fn things(&self, cap: Cap) -> BoxStream<'static, Found> {
        if directory(&Target::Known(cap.clone())).is_none() {
            let only = Reached { path: Vec::new(), target: Target::Known(cap) };
            return once(std::future::ready(Ok(only))).boxed();
        }
        let walk = self.files().walk(cap);
        unfold(walk, |mut walk| async move { walk.next().await.map(|next| (next, walk)) }).boxed()
    }

    fn look<'a>(&'a self, place: &'a Place, found: Found) -> BoxFuture<'a, Seen> {
        async move {
            let Place { name, global, days } = place;
            let (path, what) = match found {
                Err(Missed { path, why, .. }) => (path, What::Unread(why.to_string())),
                Ok(Reached { path, target }) => (path, self.thing(&target, *days).await),
            };
            Seen { path: [vec![name.clone()], path].concat(), what, global: *global }
        }
        .boxed()
    }

    async fn thing(&self, target: &Target, days: Days) -> What {
        self.wait_for_others().await;
        match target {
            Target::Known(cap @ Cap::Vdrive(_)) => self.directory(cap, days).await,
            Target::Known(cap) => self.file(cap, days).await,
            Target::Unknown { .. } => What::Nothing,
        }
    }

    /// What people wait for goes first, for a while.
    pub(super) async fn wait_for_others(&self) {
        const STEP: Duration = Duration::from_millis(100);
        let mut waited = Duration::ZERO;
        while self.files().transfers().is_busy() && waited < KEEP_POLITE_TIME {
            tokio::time::sleep(STEP).await;
            waited += STEP;
        }
    }

    /// The walk reads and proves a directory; its lease is renewed on its day. Its copy is a file like others.
    async fn directory(&self, cap: &Cap, days: Days) -> What {
        let si = StorageIndex(truncated(sha256(cap.index_text().as_bytes())));
        let mut seen = DirectorySeen { failures: Vec::new(), copied: Ok(false), copy: None };
        if policy::renews(&si, days.last, days.today)
            && let Err(error) = self.files().directories().add_lease(cap).await
        {
            seen.failures.push(error.to_string());
        }
        if self.is_connected_enough() {
            match self.copy(cap).await {
                Ok(Copy::New) => seen.copied = Ok(true),
                Ok(Copy::Known(copy)) => self.look_at_copy((cap, &copy), days, &mut seen).await,
                Ok(Copy::TooMany) => {
                    let why = "there are more directories than copies are known of";
                    seen.copied = Err(why.to_owned());
                }
                Err(error) => {
                    // All the more is there to be kept of what was copied before.
                    let id = cap.vdrive().map(VdriveCap::directory_id);
                    if let Some(known) = id.and_then(|id| self.copied(&id)) {
                        self.look_at_copy((cap, &known.snapshot.cap), days, &mut seen).await;
                    }
                    seen.copied = Err(error.to_string());
                }
            }
        }
        What::Directory(seen)
    }

    async fn look_at_copy(&self, (dir, copy): (&Cap, &Cap), days: Days, seen: &mut DirectorySeen) {
        match self.file(copy, days).await {
            What::File(file) if file.need == Need::Help => {
                let Some(id) = dir.vdrive().map(VdriveCap::directory_id) else { return };
                match self.copy_again(dir, id).await {
                    Ok(_) => seen.copied = Ok(true),
                    Err(error) => seen.copied = Err(format!("its copy is lost: {error}")),
                }
            }
            What::File(file) => {
                seen.copied = Ok(file.after.is_recoverable());
                seen.copy = Some(file);
            }
            What::Unread(why) => seen.failures.push(why),
            _ => seen.copied = Ok(true),
        }
    }

    async fn file(&self, cap: &Cap, Days { last, today }: Days) -> What {
        let Some(si) = cap.storage_index() else { return What::Nothing };
        let (grid, now) = (self.files().grid(), self.now());
        let renew = policy::renews(&si, last, today);
        let parts = policy::parts_to_read(&si, cap.size().unwrap_or(0), (last, today));
        let mut parts = parts.peekable();
        let mut turn = None;
        let found = match parts.peek() {
            Some(_) => {
                turn = self.0.reading.acquire().await.ok();
                self.read_parts(cap, parts, renew).await
            }
            None => grid.check(cap, renew).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(CheckError::BadCap(why)) => return What::Unread(why.to_string()),
            Err(CheckError::NoShares | CheckError::Prohibited(_)) => return What::Nothing,
        };
        // It is this node's line then that is broken, not the file.
        if !self.is_connected_enough() {
            return What::Unjudged;
        }
        let short = self.told(|record| record.short(&si));
        let servers = (grid.params().happy().into(), self.connected());
        let need = match policy::need(&found, servers, short, now) {
            Need::Spread if cap.size().is_none_or(|size| size > KEEP_SPREAD_MAX) => Need::Room,
            need => need,
        };
        if !matches!(need, Need::Repair | Need::Spread) {
            let (before, after, failure) = (found.clone(), found, None);
            return What::File(Box::new(FileSeen { si, before, after, need, failure }));
        }
        let _turn = match turn {
            Some(turn) => Some(turn),
            None => self.0.reading.acquire().await.ok(),
        };
        What::File(Box::new(self.mend(cap, found, need).await))
    }

    /// Makes a file whole, or spreads its shares.
    async fn mend(&self, cap: &Cap, found: Checked, need: Need) -> FileSeen {
        let grid = self.files().grid();
        let repaired = match need {
            Need::Spread => grid.spread(cap).await,
            _ => grid.check_and_repair(cap, true, false).await,
        };
        let si = found.si;
        let (before, after, failure) = match repaired {
            Ok(Repaired { before, after, outcome }) => {
                (before, after, outcome.and_then(Result::err).map(|why| why.to_string()))
            }
            Err(_) => (found.clone(), found, None),
        };
        if need == Need::Spread {
            self.note_read(cap.size().unwrap_or(0), &before);
        }
        FileSeen { si, before, after, need, failure }
    }

    /// Reads these parts of a file, up to one that is not whole: then all of it is looked at.
    async fn read_parts(
        &self,
        cap: &Cap,
        parts: impl Iterator<Item = Part>,
        renew: bool,
    ) -> Result<Checked, CheckError> {
        let (grid, mut seen) = (self.files().grid(), None);
        for part in parts {
            self.may_read().await;
            let found = grid.verify_part(cap, part, renew && seen.is_none()).await?;
            self.note_read(cap.size().unwrap_or(0) / part.of, &found);
            let is_whole = found.is_healthy();
            seen = Some(found);
            if !is_whole {
                break;
            }
        }
        seen.ok_or(CheckError::NoShares)
    }

    /// Waits until what was read before has had its time; what was found is told meanwhile.
    async fn may_read(&self) {
        let until = *locked(&self.0.rested);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Reading the shares of so many bytes takes of a line what is its part.
    fn note_read(&self, bytes: u64, found: &Checked) {
        let Some(rate) = self.0.store.rate() else { return };
        let bytes = bytes / found.needed.max(1) as u64 * found.good() as u64;
        let time = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let (mut until, now) = (locked(&self.0.rested), Instant::now());
        *until = Some(until.map_or(now, |until| until.max(now)) + time);
    }

    /// Notes what was seen; whether it is time to write that down.
    fn note(&self, Seen { path, what, global }: Seen, at: (u64, u64)) -> bool {
        let now = self.now();
        self.change(|record| {
            let Some(round) = record.round.as_mut() else { return };
            round.at = at;
            let figures = if global { &mut round.global } else { &mut round.figures };
            let (troubles, is_sound) = judged(figures, &what);
            match &what {
                What::File(seen) | What::Copy(seen) => note_need(record, seen, now),
                What::Directory(DirectorySeen { copy: Some(copy), .. }) => {
                    note_need(record, copy, now);
                }
                _ => {}
            }
            match (troubles.is_empty(), is_sound) {
                (true, true) => record.sound(&path),
                (true, false) => record.unknown(&path),
                (false, _) => {}
            }
            for why in troubles {
                record.trouble(path.clone(), why, now);
            }
        })
    }
}

/// Counts what was seen; what somebody should know of it, and whether it is well.
fn judged(figures: &mut Figures, what: &What) -> (Vec<String>, bool) {
    match what {
        What::Nothing => (Vec::new(), false),
        What::Unjudged => {
            (figures.files, figures.unjudged) = (figures.files + 1, figures.unjudged + 1);
            (Vec::new(), false)
        }
        What::Unread(why) => {
            figures.unread += 1;
            (vec![why.clone()], false)
        }
        What::Directory(seen) => judged_directory(figures, seen),
        What::Copy(seen) => (trouble(seen).into_iter().collect(), seen.after.is_healthy()),
        What::File(seen) => {
            count(figures, seen);
            (trouble(seen).into_iter().collect(), seen.after.is_healthy())
        }
    }
}

fn judged_directory(figures: &mut Figures, seen: &DirectorySeen) -> (Vec<String>, bool) {
    let DirectorySeen { failures, copied, copy } = seen;
    let mut troubles = failures.clone();
    figures.directories += 1;
    match copied {
        Ok(copied) => figures.copied += u64::from(*copied),
        Err(why) => {
            figures.uncopied += 1;
            // The cause is mostly that of all others too.
            let first = figures.uncopied == 1;
            troubles.extend(first.then(|| format!("it could not be copied: {why}")));
        }
    }
    if let Some(copy) = copy {
        figures.corrupt += copy.before.corrupt().count() as u64;
        troubles.extend(trouble(copy).map(|why| format!("its copy: {why}")));
    }
    (troubles, *copied == Ok(true))
}

/// Notes since when a file lacks shares, if it does.
fn note_need(record: &mut Record, seen: &FileSeen, now: u64) {
    match seen.need {
        Need::Room => record.note_short(&seen.si, (Lack::Room, false), now),
        // It may still be crowded, if the others take none.
        Need::Spread => record.note_short(&seen.si, (Lack::Room, true), now),
        _ if seen.after.is_healthy() => record.note_whole(&seen.si),
        Need::Time => record.note_short(&seen.si, (Lack::Shares, false), now),
        Need::Repair => record.note_short(&seen.si, (Lack::Shares, true), now),
        Need::Help => record.note_short(&seen.si, (Lack::All, false), now),
        Need::Nothing => record.note_whole(&seen.si),
    }
}

fn count(figures: &mut Figures, seen: &FileSeen) {
    let FileSeen { before, after, need, .. } = seen;
    figures.files += 1;
    figures.verified += u64::from(before.verified);
    figures.corrupt += before.corrupt().count() as u64;
    match (after.is_healthy(), need) {
        (true, Need::Room) => figures.crowded += 1,
        (true, Need::Spread) if after.happiness > before.happiness => figures.spread += 1,
        (true, Need::Spread) => figures.crowded += 1,
        (true, Need::Repair) => figures.repaired += 1,
        (true, _) | (false, Need::Nothing | Need::Room) => {}
        (false, Need::Repair | Need::Spread) => figures.partly += 1,
        (false, Need::Help) => figures.lost += 1,
        (false, Need::Time) => figures.waiting += 1,
    }
    figures.whole += u64::from(after.is_healthy() || *need == Need::Nothing);
    if let Some(spare) = policy::spare_servers(after) {
        let spare = spare as u64;
        figures.spare_servers = Some(figures.spare_servers.map_or(spare, |least| least.min(spare)));
    }
}

/// What somebody should know of a file.
fn trouble(FileSeen { after, need, failure, .. }: &FileSeen) -> Option<String> {
    if *need != Need::Help {
        return failure.clone();
    }
    let (good, needed, silent) = (after.good(), after.needed, after.silent.len());
    Some(format!("{good} shares are there and {needed} are needed; {silent} servers are silent"))
}
