//! The storage servers that a client knows and is connected to right now.
//!
//! The pool is fed from outside (by announcements, or by hand in tests and tools); uploads and
//! downloads take a snapshot in the order of their storage index and live with what happens to it.

use super::lists::Lists;
use super::outage::Outage;
use super::permute::{permute, position};
use super::response_time::ResponseTime;
use super::server_id::ServerId;
use super::standing::{Duty, Standing};
use super::write_piece::WritePiece;
use crate::base::limits::{
    CLOCK_OFF_SECONDS, EXPECT_TIME, GATHER_TIME, SPARE_AFTER, STANDINGS_MAX,
};
use crate::base::lock::locked;
use crate::base::secret::LeaseMasterSecret;
use crate::base::system::Clock;
use crate::base::{ShareNum, StorageIndex};
use crate::codec::lease::{LeaseSecrets, bucket_secrets};
use crate::storage::api::{GetClock, GetVersion, ServerVersion, Storage};
use crate::tub::{Ref, RemoteError};
use futures_util::future::try_join;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One storage server and the live reference to it.
#[derive(Clone)]
pub struct Server {
    pub id: ServerId,
    /// For people; says nothing about identity.
    pub nickname: String,
    /// Decides where on the ring the server stands.
    pub permutation_seed: Vec<u8>,
    /// What its renew secrets are derived from: its own by default, or proven to be.
    pub lease_seed: [u8; 20],
    pub storage: Ref<Storage>,
    /// How quickly it answers.
    pub response_time: ResponseTime,
    /// How much of a share is sent to it in one call.
    pub write_piece: WritePiece,
    /// Questions what it has.
    pub lists: Lists,
    /// What it did amiss lately. In a pool it is that of the id, whichever link it had.
    pub standing: Standing,
}

impl Server {
    /// One of whose ways nothing is known yet. Its seeds say where on the ring it stands, and what its renew
    /// secrets are derived from.
    pub fn new(
        (id, nickname): (ServerId, String),
        (permutation_seed, lease_seed): (Vec<u8>, [u8; 20]),
        storage: Ref<Storage>,
    ) -> Self {
        Self {
            id,
            nickname,
            permutation_seed,
            lease_seed,
            storage,
            response_time: ResponseTime::default(),
            write_piece: WritePiece::default(),
            lists: Lists::default(),
            standing: Standing::default(),
        }
    }

    /// The secrets for all shares of `si` on this server, good for no other.
    pub fn lease_secrets(&self, master: &LeaseMasterSecret, si: StorageIndex) -> LeaseSecrets {
        bucket_secrets(master, si, &self.lease_seed, &self.id.0)
    }

    /// Which shares of these it says it has.
    pub fn list(
        &self,
        indexes: [StorageIndex; 2],
        time: Duration,
    ) -> impl Future<Output = Result<[Vec<ShareNum>; 2], RemoteError>> + use<> {
        let (lists, storage) = (self.lists.clone(), self.storage.clone());
        async move {
            let ask = |si| lists.ask(storage.clone(), si, time);
            let [one, other] = indexes.map(ask);
            let (one, other) = try_join(one, other).await?;
            Ok([one, other])
        }
    }

    /// What it is and takes: the first question to a server. If the answer comes quickly it is the
    /// first thing known of the server's pace, so that already the first download asks for more at once.
    pub async fn version(&self) -> Result<ServerVersion, RemoteError> {
        let asked = Instant::now();
        let version = self.storage.call(GetVersion {}).await?;
        self.response_time.guess(asked.elapsed());
        Ok(version)
    }

    /// Whether it is known to answer as quickly as near servers do.
    pub fn is_near(&self) -> bool {
        self.response_time.is_within(SPARE_AFTER)
    }

    /// Seconds by which its clock is ahead of `own` (below zero: behind), if that is more than leases
    /// can bear: they last 31 days by that clock. None as well if it does not say.
    pub async fn clock_off(&self, own: &Clock) -> Option<i64> {
        let theirs = self.storage.call(GetClock {}).await.ok()?;
        off_by_much(theirs, own.now())
    }
}

/// By how much one time is after another, if that is worth a word.
fn off_by_much(theirs: u64, own: u64) -> Option<i64> {
    let off = i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub_unsigned(own);
    (off.unsigned_abs() > CLOCK_OFF_SECONDS).then_some(off)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}, {:?})", self.id, self.nickname)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.to_string();
        let short = id.get(..8).unwrap_or(&id);
        if self.nickname.is_empty() {
            f.write_str(short)
        } else {
            write!(f, "{} ({short})", self.nickname)
        }
    }
}

#[derive(Default)]
struct Known {
    servers: BTreeMap<ServerId, Arc<Server>>,
    preferred: BTreeSet<ServerId>,
    refused: BTreeSet<ServerId>,
    /// Servers that are being dialled, and until when it is worth to wait for them.
    expected: BTreeMap<ServerId, Instant>,
    outage: Outage,
    /// By id, so that what is remembered outlives a link.
    standings: BTreeMap<ServerId, Standing>,
    /// The way to all of them is a line of which others are to have some.
    far: bool,
}

impl Known {
    /// No server is connected but this node's own, which is there without a line.
    fn is_alone(&self) -> bool {
        self.servers.values().all(|server| server.storage.peer().is_none())
    }

    /// What is remembered of a server, from now on with what `new` remembers if that is its first entry.
    fn standing(&mut self, id: ServerId, new: Standing) -> Standing {
        if self.standings.len() >= STANDINGS_MAX && !self.standings.contains_key(&id) {
            let servers = &self.servers;
            self.standings.retain(|id, known| servers.contains_key(id) || !known.is_good());
            if self.standings.len() >= STANDINGS_MAX {
                self.standings.pop_first();
            }
        }
        self.standings.entry(id).or_insert(new).clone()
    }
}

/// The live list. Clones share it.
#[derive(Clone, Default)]
pub struct ServerPool(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
    /// A server was added.
    added: Notify,
}

impl ServerPool {
    pub fn new() -> Self {
        Self::default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        locked(&self.0.known)
    }

    /// From now on no server that is added counts as near.
    pub fn be_far(&self) {
        self.known().far = true;
    }

    /// Adds a server, or replaces the one with the same id (it reconnected).
    pub fn add(&self, mut server: Server) -> Arc<Server> {
        let mut known = self.known();
        server.standing = known.standing(server.id, server.standing);
        if known.far {
            server.response_time = ResponseTime::far();
        }
        let server = Arc::new(server);
        known.servers.insert(server.id, Arc::clone(&server));
        known.expected.remove(&server.id);
        known.outage.is_back(server.id);
        drop(known);
        self.0.added.notify_waiters();
        server
    }

    /// Somebody begins to dial this server, which may be here soon.
    pub fn expect(&self, id: ServerId) {
        self.known().expected.insert(id, Instant::now() + EXPECT_TIME);
    }

    /// Waits until there are at least `count` servers, or nobody is on the way any more who could make
    /// it so: after a start or a loss of all links, servers that are there should not count as away.
    pub async fn gathered(&self, count: usize) {
        loop {
            let added = self.0.added.notified();
            let Some(until) = self.worth_waiting(count) else { return };
            // Whoever comes ends the waiting, or the time that those who do not come are given.
            let _ = tokio::time::timeout_at(until, added).await;
        }
    }

    /// How long to wait for more servers, if there are fewer than `count` and some are expected.
    fn worth_waiting(&self, count: usize) -> Option<Instant> {
        let mut known = self.known();
        let now = Instant::now();
        known.expected.retain(|_, until| *until > now);
        let latest = known.expected.values().max().copied();
        latest.filter(|_| known.servers.len() < count)
    }

    /// Removes exactly this entry; a newer one with the same id stays.
    pub fn remove(&self, server: &Arc<Server>) {
        let mut known = self.known();
        if known.servers.get(&server.id).is_some_and(|current| Arc::ptr_eq(current, server)) {
            known.servers.remove(&server.id);
            let last = known.is_alone();
            known.outage.lose(server.id, last);
        }
    }

    /// Servers that every file's order begins with (`peers.preferred`).
    pub fn prefer(&self, ids: impl IntoIterator<Item = ServerId>) {
        self.known().preferred = ids.into_iter().collect();
    }

    /// Servers that get no new share and no lease from now on, connected or not; others do. What they
    /// have is still read.
    pub fn refuse(&self, ids: BTreeSet<ServerId>) {
        self.known().refused = ids;
    }

    /// Whether a server gets no new share and no lease.
    pub fn refuses(&self, id: ServerId) -> bool {
        self.known().refused.contains(&id)
    }

    /// All servers, by id.
    pub fn all(&self) -> Vec<Arc<Server>> {
        self.known().servers.values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.known().servers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All servers in the order in which `si`'s shares are placed and looked for.
    pub fn in_order(&self, si: &StorageIndex) -> Vec<Arc<Server>> {
        let known = self.known();
        permute(
            known.servers.values().cloned().collect(),
            |server| position(si, &server.permutation_seed),
            |server| known.preferred.contains(&server.id),
        )
    }

    /// The same, but last those that were late with one of `duties`, and then those that lied.
    pub fn best_first(&self, si: &StorageIndex, duties: &[Duty]) -> Vec<Arc<Server>> {
        let mut servers = self.in_order(si);
        servers.sort_by_cached_key(|server| server.standing.rank(duties));
        servers
    }

    /// Those of [`ServerPool::best_first`] that get new shares.
    pub fn takers(&self, si: &StorageIndex, duties: &[Duty]) -> Vec<Arc<Server>> {
        let mut servers = self.best_first(si, duties);
        let known = self.known();
        servers.retain(|server| !known.refused.contains(&server.id));
        servers
    }

    /// Servers that are being dialled and may soon be here.
    pub fn expected(&self) -> usize {
        let mut known = self.known();
        let now = Instant::now();
        known.expected.retain(|_, until| *until > now);
        known.expected.len()
    }

    /// The link to the introducer is up or down from now on.
    pub fn introducer_is(&self, up: bool) {
        self.known().outage.introducer_is(up);
    }

    /// Whether this machine's line broke since then, or has not come back, as far as can be told: what
    /// failed may go later.
    pub fn was_cut_off(&self, since: Instant) -> bool {
        let known = self.known();
        known.outage.broke_since(since) || known.is_alone() && known.outage.away() > 0
    }

    /// Waits for those that were lost with the line: at most so long for the first, and then
    /// [`GATHER_TIME`] for the others. False if none came.
    pub async fn comes_back(&self, time: Duration) -> bool {
        let mut until = Instant::now() + time;
        let mut came = false;
        loop {
            let added = self.0.added.notified();
            let away = self.known().outage.away();
            if !came && !self.known().is_alone() {
                (came, until) = (true, Instant::now() + GATHER_TIME);
            }
            if came && away == 0 || tokio::time::timeout_at(until, added).await.is_err() {
                return came;
            }
        }
    }

    /// Servers that are not here and may be soon: those that are dialled, and those that were lost
    /// together with all others, as they are when this machine's line breaks.
    pub fn away(&self) -> usize {
        let dialled = self.expected();
        dialled.max(self.known().outage.away())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_by_more_than_a_day_is_noticed() {
        const NOW: u64 = 1_700_000_000;
        const DAY: u64 = 24 * 3600;
        for (theirs, off) in [
            (NOW, None),
            (NOW + DAY, None),
            (NOW + DAY + 1, Some(86_401)),
            (NOW - DAY, None),
            (NOW - DAY - 1, Some(-86_401)),
            (0, Some(-1_700_000_000)),
            (u64::MAX, Some(i64::MAX - 1_700_000_000)),
        ] {
            assert_eq!(off_by_much(theirs, NOW), off, "{theirs}");
        }
    }

    fn id(number: usize) -> ServerId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        ServerId(id)
    }

    fn liar() -> Standing {
        let liar = Standing::default();
        liar.note_lie();
        liar
    }

    #[test]
    fn no_more_is_remembered_than_the_limit_and_what_makes_no_difference_goes_first() {
        let mut known = Known::default();
        known.standing(id(0), liar());
        known.standing(id(1), Standing::default());
        for number in 2..STANDINGS_MAX {
            known.standing(id(number), liar());
        }
        assert_eq!(known.standings.len(), STANDINGS_MAX);
        known.standing(id(STANDINGS_MAX), liar());
        assert_eq!(known.standings.len(), STANDINGS_MAX);
        assert!(known.standings.contains_key(&id(0)) && !known.standings.contains_key(&id(1)));
        for number in 1..3 {
            known.standing(id(STANDINGS_MAX + number), liar());
            assert_eq!(known.standings.len(), STANDINGS_MAX);
        }
        assert!(known.standing(id(STANDINGS_MAX), Standing::default()).has_lied());
    }
}
