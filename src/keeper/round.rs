//! One round: everything that is kept looked at once, a few things at a time.

use super::Keeper;
use super::list::Kept;
use super::policy::{self, Need};
use super::record::{Figures, Record, Round};
use crate::base::StorageIndex;
use crate::base::hash::{sha256, truncated};
use crate::base::limits::{
    KEEP_AT_ONCE, KEEP_POLITE_TIME, KEEP_RATE, KEEP_REST_MAX, KEEP_VERIFY_MAX,
};
use crate::cap::Cap;
use crate::grid::deep::directory;
use crate::grid::dirnode::Target;
use crate::grid::{CheckError, Checked, Missed, Reached, Repaired};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, StreamExt, once, unfold};
use std::time::Duration;

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
    Directory(Result<(), String>),
    /// A file, of which too few servers could say anything.
    Unjudged,
    File(Box<FileSeen>),
    Unread(String),
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
    async fn wait_for_others(&self) {
        const STEP: Duration = Duration::from_millis(100);
        let mut waited = Duration::ZERO;
        while self.files().transfers().is_busy() && waited < KEEP_POLITE_TIME {
            tokio::time::sleep(STEP).await;
            waited += STEP;
        }
    }

    /// The walk reads and proves a directory; its lease is renewed on its day.
    async fn directory(&self, cap: &Cap, days: Days) -> What {
        let si = StorageIndex(truncated(sha256(cap.index_text().as_bytes())));
        if !policy::renews(&si, days.last, days.today) {
            return What::Directory(Ok(()));
        }
        let renewed = self.files().directories().add_lease(cap).await;
        What::Directory(renewed.map(drop).map_err(|error| error.to_string()))
    }

    async fn file(&self, cap: &Cap, Days { last, today }: Days) -> What {
        let Some(si) = cap.storage_index() else { return What::Nothing };
        let (grid, now) = (self.files().grid(), self.now());
        let renew = policy::renews(&si, last, today);
        let is_read = cap.size().is_none_or(|size| size <= KEEP_VERIFY_MAX);
        let found = match is_read && policy::verifies(&si, last, today) {
            true => grid.verify(cap, renew).await,
            false => grid.check(cap, renew).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(CheckError::BadCap(why)) => return What::Unread(why.to_string()),
            Err(CheckError::NoShares | CheckError::Prohibited(_)) => return What::Nothing,
        };
        if found.verified {
            self.rest_after(cap, &found).await;
        }
        // It is this node's line then that is broken, not the file.
        if self.connected() < usize::from(grid.params().happy()) {
            return What::Unjudged;
        }
        let short = self.told(|record| record.short(&si));
        let need = policy::need(&found, grid.params().happy().into(), short, now);
        let as_it_was = |before: Checked| (before.clone(), before, None);
        let (before, after, failure) = match need {
            Need::Repair => match grid.check_and_repair(cap, true, false).await {
                Ok(Repaired { before, after, outcome }) => {
                    (before, after, outcome.and_then(Result::err).map(|why| why.to_string()))
                }
                Err(_) => as_it_was(found),
            },
            _ => as_it_was(found),
        };
        What::File(Box::new(FileSeen { si, before, after, need, failure }))
    }

    /// Reading shares takes of a line what is its part.
    async fn rest_after(&self, cap: &Cap, found: &Checked) {
        let size = cap.size().unwrap_or(0);
        let bytes = size / found.needed.max(1) as u64 * found.good() as u64;
        let time = Duration::from_secs_f64(bytes as f64 / KEEP_RATE as f64);
        tokio::time::sleep(time.min(KEEP_REST_MAX)).await;
    }

    /// Notes what was seen; whether it is time to write that down.
    fn note(&self, Seen { path, what, global }: Seen, at: (u64, u64)) -> bool {
        let now = self.now();
        self.change(|record| {
            let Some(round) = record.round.as_mut() else { return };
            round.at = at;
            let figures = if global { &mut round.global } else { &mut round.figures };
            match what {
                What::Nothing => {}
                What::Unjudged => {
                    (figures.files, figures.unjudged) = (figures.files + 1, figures.unjudged + 1)
                }
                What::Unread(why) => {
                    figures.unread += 1;
                    round.trouble(path, why);
                }
                What::Directory(outcome) => {
                    figures.directories += 1;
                    if let Err(why) = outcome {
                        round.trouble(path, why);
                    }
                }
                What::File(seen) => {
                    count(figures, &seen);
                    if let Some(why) = trouble(&seen) {
                        round.trouble(path, why);
                    }
                    match seen.need {
                        _ if seen.after.is_healthy() => record.note_whole(&seen.si),
                        Need::Time => record.note_short(&seen.si, false, now),
                        Need::Repair => record.note_short(&seen.si, true, now),
                        // There is nothing to wait for.
                        Need::Nothing | Need::Help => record.note_whole(&seen.si),
                    }
                }
            }
        })
    }
}

fn count(figures: &mut Figures, seen: &FileSeen) {
    let FileSeen { before, after, need, .. } = seen;
    figures.files += 1;
    figures.verified += u64::from(before.verified);
    figures.corrupt += before.corrupt().count() as u64;
    match (after.is_healthy(), need) {
        (true, Need::Repair) => figures.repaired += 1,
        (true, _) | (false, Need::Nothing) => {}
        (false, Need::Repair) => figures.partly += 1,
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
