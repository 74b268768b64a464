//! What one download knows of the shares of its file: which there are, which are good, slow or bad,
//! and whether more may turn up.

use super::lines::{FAR_RATE, Lines};
use super::share::{Found, Share};
use crate::base::ShareNum;
use crate::base::file::Params;
use crate::base::limits::RETURN_ROUNDS_MAX;
use crate::base::lock::locked;
use crate::grid::ServerId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Servers whose answers will come within so much of each other are equally quick: it costs as much to
/// open another share.
const LIKE_WAITS: Duration = Duration::from_millis(30);

/// Round trips until a share that is not open has brought its first blocks: one to open it, and those in
/// which a connection that was at rest finds out how much its line takes.
const OPENING_TRIPS: u32 = 6;

/// What is fetched a second time, of one that is only slow, is at most one part in so many.
const TWICE_SHARE: u64 = 25;

/// Round trips by which the shares that are waited for are ahead of those that are opened beside them.
/// Connections double what they bring with each, so these are no longer in the way of those.
const LEAD_TRIPS: u32 = 2;

/// How a share has behaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Good,
    /// Kept others waiting; used only when nothing better is left.
    Slow,
    /// Not used again.
    Bad,
}

struct Entry {
    share: Arc<Share>,
    standing: Standing,
    /// What its last answer took.
    pace: Duration,
    /// What the first one took, which brought little.
    distance: Duration,
}

impl Entry {
    /// What passes besides the time for its bytes until they are there.
    fn delay(&self) -> Duration {
        match self.share.is_open() {
            true => self.distance,
            false => self.distance * OPENING_TRIPS + LIKE_WAITS,
        }
    }
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    lines: Lines,
    /// Who waits for a server to have brought something, and for how many bytes of their own.
    waiting: BTreeMap<Turn, u64>,
    turns: u64,
    /// Bytes that servers were asked for, and those of them that another had been asked for.
    asked: u64,
    twice: u64,
    /// When the first share was asked for blocks, and how far it is away.
    first: Option<(Instant, Duration)>,
    /// The latest collection that has begun.
    begun: u64,
    /// As many servers are wanted as there are.
    wide: bool,
    /// Every server has answered, failed or was given up.
    nobody_left: bool,
    /// A share was lost with the link to its server, which may come back.
    cut_off: bool,
    /// How often servers were waited for since the last answer that held.
    rounds: u32,
    /// Some time has passed since looking began.
    looked: bool,
    /// A share was something else than it should be.
    doubtful: bool,
    /// Some servers were not asked what they have beside, where proven shares are kept.
    beside_open: bool,
    /// Servers that may have more and did not answer.
    silent: BTreeSet<ServerId>,
    /// Servers that had shares when their links were lost, and have not been heard since.
    lost: BTreeSet<ServerId>,
    /// Servers that were being dialled when nobody else was left.
    dialled: usize,
    /// Shares of a version that this program does not know.
    incompatible: Option<u32>,
}

/// Shared by everything that one download does at once.
pub struct Book {
    params: Params,
    state: Mutex<State>,
    /// Something about the shares changed.
    changed: Notify,
    /// More shares are wanted.
    wanted: Notify,
}

/// Among which shares to choose.
pub struct Left<'a> {
    /// Numbers that need no other share.
    pub taken: &'a BTreeSet<ShareNum>,
    /// Shares that were asked.
    pub tried: &'a [Arc<Share>],
    /// Shares whose servers are asked for the same segments.
    pub busy: &'a [Arc<Share>],
    /// Of the collection.
    pub order: u64,
}

/// A server that is to be asked, once it has brought what others asked for.
pub struct Reserved {
    book: Arc<Book>,
    turn: Turn,
}

/// A place in the line before a server: of two collections the lower order goes first, of two of one order
/// the one that came first.
type Turn = (ServerId, u64, u64);

impl Drop for Reserved {
    fn drop(&mut self) {
        self.book.state().waiting.remove(&self.turn);
    }
}

/// Bytes that a server was asked for. Dropped, they no longer come.
pub struct UnderWay {
    book: Arc<Book>,
    server: ServerId,
    bytes: u64,
}

impl UnderWay {
    /// They are there.
    pub fn came(mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.book.state().lines.came(self.server, bytes);
        self.book.room_again();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.book.state().lines.dropped(self.server, self.bytes);
            self.book.room_again();
        }
    }
}

/// What is known when no share is left to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Share numbers of which some share is not known to be bad.
    pub usable: usize,
    /// Share numbers seen at all.
    pub seen: usize,
    /// Servers that may have more, did they but answer.
    pub away: usize,
    pub incompatible: Option<u32>,
}

impl Book {
    pub fn new(params: Params) -> Self {
        let state = Mutex::default();
        Self { params, state, changed: Notify::new(), wanted: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Adds a share that a server says it has; one that the file cannot have is ignored.
    pub fn add(&self, found: Found) {
        if !self.params.has(found.num) {
            return;
        }
        let pace = found.took;
        let share = Arc::new(Share::new(found));
        let entry = Entry { share, standing: Standing::Good, pace, distance: pace };
        self.state().entries.push(entry);
        self.changed.notify_waiters();
    }

    /// A server has said all that it has.
    pub fn answered(&self) {
        self.changed.notify_waiters();
    }

    pub fn looked_for_a_while(&self) {
        self.state().looked = true;
        self.changed.notify_waiters();
    }

    /// A server that may have shares did not answer, or one that has a share did not give it.
    pub fn silent(&self, server: ServerId) {
        self.state().silent.insert(server);
    }

    /// A server has said what it has.
    pub fn heard(&self, server: ServerId) {
        self.state().lost.remove(&server);
    }

    /// Nobody is left to ask but servers that are being `dialled`. Whoever is asked later only replaces
    /// shares, so that their spread no longer matters.
    pub fn nobody_left(&self, dialled: usize) {
        let mut state = self.state();
        (state.nobody_left, state.looked, state.dialled) = (true, true, dialled);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Whether to wait for servers whose links were lost while shares are missing, and for the how
    /// manieth time.
    pub fn next_round(&self) -> Option<u32> {
        let mut state = self.state();
        if !state.may_return() || state.good_numbers() >= self.params.needed() {
            return None;
        }
        state.rounds += 1;
        Some(state.rounds - 1)
    }

    /// Whether looking should go on: at least as long as [`Book::is_ready`] waits for it, or else
    /// neither of the two would ever move.
    pub fn wants_more(&self) -> bool {
        let state = self.state();
        !state.is_ready(self.params.needed()) || state.wants_wide(self.params)
    }

    pub fn is_wide(&self) -> bool {
        self.state().wide
    }

    /// From now on the file is read from all servers that have shares of it: the lines of a few do not
    /// fill the reader's.
    pub fn widen(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.wide, true) {
            drop(state);
            self.wanted.notify_one();
        }
    }

    /// Completes when more shares are wanted than before.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Completes at the next change; obtain the future before looking at the book.
    pub fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Whether shares of `k` numbers on `k` servers are known, or as good as will come soon.
    pub fn is_ready(&self) -> bool {
        self.state().is_ready(self.params.needed())
    }

    /// Different shares that are good as far as is known, on different servers.
    pub fn good_shares(&self) -> usize {
        self.state().good_shares()
    }

    pub fn is_exhausted(&self) -> bool {
        self.state().nobody_left
    }

    /// The best share for reading so many bytes, of those that are `left`: good before slow, on a server
    /// that serves none of the busy ones, where they will be there soonest; of those that differ little in
    /// this, open before not, quick before sluggish.
    pub fn choose(&self, left: &Left<'_>, bytes: u64) -> Option<Arc<Share>> {
        let Left { taken, tried, busy, order } = left;
        let state = self.state();
        let untried = state.entries.iter().filter(|entry| {
            entry.standing != Standing::Bad
                && !taken.contains(&entry.share.num())
                && !tried.iter().any(|share| Arc::ptr_eq(share, &entry.share))
        });
        let presumed = state.presumed_rate();
        let best = untried.min_by_key(|entry| {
            let load = busy.iter().filter(|share| share.same_server(&entry.share)).count();
            let server = entry.share.server().id;
            let bytes = bytes + state.waiting_before(server, *order).sum::<u64>();
            let wait = state.lines.wait(server, bytes, presumed) + entry.delay();
            let wait = wait.as_micros() / LIKE_WAITS.as_micros();
            let meant = entry.share.is_meant_for(*order);
            (
                entry.standing,
                load,
                !meant,
                wait,
                !entry.share.is_open(),
                entry.pace,
                entry.share.num(),
            )
        });
        best.map(|entry| Arc::clone(&entry.share))
    }

    /// A share that nobody has asked, of a server that nobody has: meant for who comes as `order`. None
    /// before [`Book::ahead_from`], since what comes beside those that are waited for is in their way; nor
    /// where lines are not what is waited for.
    pub fn unused(&self, order: u64) -> Option<Arc<Share>> {
        let state = self.state();
        let idle = |entry: &&Entry| state.lines.is_idle(entry.share.server().id);
        let is_early = state.ahead_from().is_none_or(|from| from > Instant::now());
        if !state.wide || is_early {
            return None;
        }
        let fits = |entry: &&Entry| {
            let num = entry.share.num();
            let another =
                |other: &Entry| other.share.num() == num && other.share.is_meant_for(order);
            entry.standing == Standing::Good
                && entry.share.is_new()
                && !state.entries.iter().any(another)
        };
        let unused = state.entries.iter().filter(idle).filter(fits);
        let share = Arc::clone(&unused.min_by_key(|entry| entry.pace)?.share);
        share.mean_for(order);
        Some(share)
    }

    /// When shares may be opened ahead, if that is not yet.
    pub fn ahead_from(&self) -> Option<Instant> {
        self.state().ahead_from().filter(|from| *from > Instant::now())
    }

    /// A collection of this order begins.
    pub fn begin(&self, order: u64) {
        let mut state = self.state();
        state.begun = state.begun.max(order);
    }

    /// Whether one of this order, or a later one, has begun.
    pub fn has_begun(&self, order: u64) -> bool {
        self.state().begun >= order
    }

    /// Whether to ask for so many bytes of the share now. Where lines are what is waited for, servers get
    /// only as much to bring as keeps them busy: the rest goes to whoever is done first. Those that come
    /// first in the file go before others.
    pub fn may_ask(&self, share: &Arc<Share>, bytes: u64, order: u64) -> bool {
        let mut state = self.state();
        let server = share.server().id;
        let distance = state.entry(share).map_or(Duration::ZERO, |entry| entry.distance);
        let room = state.lines.has_room(server, bytes, distance);
        !state.wide
            || state.lines.is_idle(server)
            || room && state.waiting_before(server, order).next().is_none()
    }

    /// The share is to be asked for so many bytes, as things look now.
    pub fn reserve(self: &Arc<Self>, share: &Arc<Share>, bytes: u64, order: u64) -> Reserved {
        let mut state = self.state();
        state.turns += 1;
        let turn = (share.server().id, order, state.turns);
        state.waiting.insert(turn, bytes);
        Reserved { book: Arc::clone(self), turn }
    }

    /// Whether so many bytes may be fetched a second time, from another server, because the first one is
    /// slower than it should be.
    pub fn may_fetch_twice(&self, bytes: u64) -> bool {
        let mut state = self.state();
        let twice = state.twice + bytes;
        let may = twice <= bytes.max(state.asked / TWICE_SHARE);
        if may {
            state.twice = twice;
        }
        may
    }

    /// A server has less to bring than before: whoever waits may choose again.
    fn room_again(&self) {
        if self.is_wide() {
            self.changed.notify_waiters();
        }
    }

    /// The share is asked for so many bytes. What becomes of them is told to what this answers.
    pub fn asked(self: &Arc<Self>, share: &Arc<Share>, bytes: u64) -> UnderWay {
        let server = share.server().id;
        let mut state = self.state();
        state.lines.asked(server, bytes);
        state.asked += bytes;
        if state.first.is_none() {
            let distance = state.entry(share).map_or(Duration::ZERO, |entry| entry.distance);
            state.first = Some((Instant::now(), distance));
            self.changed.notify_waiters();
        }
        drop(state);
        UnderWay { book: Arc::clone(self), server, bytes }
    }

    /// How long it will probably take until so many bytes of the share are there.
    pub fn wait(&self, share: &Arc<Share>, bytes: u64) -> Duration {
        let mut state = self.state();
        let delay = state.entry(share).map_or(Duration::ZERO, |entry| entry.delay());
        state.lines.wait(share.server().id, bytes, state.presumed_rate()) + delay
    }

    /// The share answered and what it said held.
    pub fn reward(&self, share: &Arc<Share>, pace: Duration) {
        let mut state = self.state();
        state.rounds = 0;
        if let Some(entry) = state.entry(share) {
            entry.pace = pace;
            if entry.standing == Standing::Slow {
                entry.standing = Standing::Good;
            }
        }
    }

    /// The share keeps the reader waiting: others are looked for, on other servers if there are any.
    pub fn slow(&self, share: &Arc<Share>) {
        self.demote(Standing::Slow, |other| other.same_server(share));
    }

    /// The share is useless: another is looked for.
    pub fn discard(&self, share: &Arc<Share>) {
        self.demote(Standing::Bad, |other| Arc::ptr_eq(other, share));
    }

    /// The share is something else than it should be. Where one is, more may be: what else its server
    /// has under the same index is used only when nothing better is left.
    pub fn mistrust(&self, share: &Arc<Share>) {
        self.state().doubtful = true;
        self.demote(Standing::Slow, |other| other.same_server(share) && other.si() == share.si());
        self.discard(share);
    }

    /// Whether some servers can still be asked what they have beside.
    pub fn open_beside(&self, open: bool) {
        self.state().beside_open = open;
    }

    /// Whether they are to be asked: something stands where the file's shares should, or these do not
    /// suffice although all were asked for.
    pub fn looks_beside(&self, all_asked: bool) -> bool {
        let state = self.state();
        self.wants_beside(&state) && (all_asked || state.doubtful)
    }

    fn wants_beside(&self, state: &State) -> bool {
        state.beside_open && (state.doubtful || state.usable() < self.params.needed())
    }

    /// The link to the share's server is lost: the share is useless, but may be found again.
    pub fn cut_off(&self, share: &Arc<Share>) {
        let mut state = self.state();
        state.cut_off = true;
        state.lost.insert(share.server().id);
        drop(state);
        self.discard(share);
    }

    pub fn incompatible(&self, share: &Arc<Share>, version: u32) {
        self.state().incompatible = Some(version);
        self.mistrust(share);
    }

    fn demote(&self, standing: Standing, which: impl Fn(&Arc<Share>) -> bool) {
        let mut state = self.state();
        for entry in state.entries.iter_mut().filter(|entry| which(&entry.share)) {
            entry.standing = entry.standing.max(standing);
        }
        // Said here and not when looking goes on: until then nobody may conclude that all is lost.
        state.nobody_left &= !(state.may_return() || self.wants_beside(&state));
        drop(state);
        self.wanted.notify_one();
        self.changed.notify_waiters();
    }

    pub fn tally(&self) -> Tally {
        let state = self.state();
        let numbers = |usable_only: bool| {
            let entries = state.entries.iter();
            let counted = entries.filter(|e| !usable_only || e.standing != Standing::Bad);
            counted.map(|entry| entry.share.num()).collect::<BTreeSet<_>>().len()
        };
        let unheard = state.silent.union(&state.lost).count();
        // A server may be among both.
        let (usable, seen, away) = (numbers(true), numbers(false), unheard.max(state.dialled));
        Tally { usable, seen, away, incompatible: state.incompatible }
    }
}

impl State {
    /// What a line is thought to carry that has shown nothing: nobody would find out of a slower guess.
    fn presumed_rate(&self) -> Option<f64> {
        self.lines.best_rate().or(self.wide.then_some(FAR_RATE))
    }

    fn ahead_from(&self) -> Option<Instant> {
        let (asked, distance) = self.first?;
        Some(asked + distance * LEAD_TRIPS)
    }

    /// Bytes that those wait for who go before `order`.
    fn waiting_before(&self, server: ServerId, order: u64) -> impl Iterator<Item = u64> + '_ {
        self.waiting.range((server, 0, 0)..(server, order, 0)).map(|(_, bytes)| *bytes)
    }

    fn good_shares(&self) -> usize {
        self.good_numbers().min(self.good_servers())
    }

    fn is_ready(&self, needed: usize) -> bool {
        let spread = self.good_servers() >= needed;
        self.good_numbers() >= needed && (spread || self.looked || self.nobody_left)
    }

    fn wants_wide(&self, params: Params) -> bool {
        self.wide && !self.nobody_left && self.good_shares() < params.total()
    }

    /// Whether lost servers may still be waited for.
    fn may_return(&self) -> bool {
        self.cut_off && self.rounds < RETURN_ROUNDS_MAX
    }

    fn entry(&mut self, share: &Arc<Share>) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.share, share))
    }

    /// Share numbers of which some share is not known to be bad.
    fn usable(&self) -> usize {
        let usable = self.entries.iter().filter(|entry| entry.standing != Standing::Bad);
        usable.map(|entry| entry.share.num()).collect::<BTreeSet<_>>().len()
    }

    fn good(&self) -> impl Iterator<Item = &Arc<Share>> {
        let good = self.entries.iter().filter(|entry| entry.standing == Standing::Good);
        good.map(|entry| &entry.share)
    }

    fn good_numbers(&self) -> usize {
        self.good().map(|share| share.num()).collect::<BTreeSet<_>>().len()
    }

    fn good_servers(&self) -> usize {
        self.good().map(|share| share.server().id).collect::<BTreeSet<_>>().len()
    }
}
