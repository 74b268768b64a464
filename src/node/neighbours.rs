//! The storage servers of the grid as this node sees them.
//!
//! A server is known once its announcement verified, and stays known. From when this node first
//! wants to store or fetch something ([`Neighbours::wake`]; a gateway wants to at once), a
//! reconnector keeps a link to each: a node that only offers space needs none of the others. Those
//! with a link are in the [`ServerPool`] that uploads and downloads draw from. Nothing here asks
//! the introducer for leave: its "gone" only shows on the page.
//!
//! Of servers that announce one lease seed, those that do not prove it get no new share and no lease: one
//! of them copies the other, and secrets are for no two servers.

use super::saved::Saved;
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::gateway::node_status::ServerStatus;
use crate::grid::ServerId;
use crate::grid::params::{EncodingParams, ParamsInForce};
use crate::grid::servers::{Server, ServerPool};
use crate::introducer::{Announcement, Book, GridParameters, Listener, contested};
use crate::storage::api::Storage;
use crate::tub::{Reconnector, Ref, Tub, TubId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What is said where two nodes run with one key.
pub const TWIN: &str = "ANOTHER NODE WITH THE KEY OF THIS ONE IS RUNNING, from a copy of its folder: others \
                        reach now the one, now the other. Stop one of the two for good.";

/// Shared by the follower, the gateway's page and the control object.
#[derive(Clone)]
pub struct Neighbours(Arc<Inner>);

struct Inner {
    tub: Tub,
    pool: ServerPool,
    parameters: ParamsInForce,
    saved: Saved,
    state: Mutex<State>,
    changed: tokio::sync::Notify,
}

#[derive(Default)]
struct State {
    servers: BTreeMap<ServerId, Known>,
    /// Those that announce another's lease seed.
    contested: BTreeSet<ServerId>,
    introducer: bool,
    /// Another node with this node's key was seen.
    twin: bool,
    awake: bool,
}

struct Known {
    announcement: Announcement,
    /// Ends with the entry; none while this node needs nobody.
    reconnector: Option<Reconnector>,
    link: Option<Link>,
    introducer_says_gone: bool,
}

/// A server with a live link.
struct Link {
    server: Arc<Server>,
    available: Option<u64>,
    /// Seconds by which the server's clock is ahead, if that is much.
    clock_off: Option<i64>,
    /// When it came up.
    since: u64,
}

impl Neighbours {
    pub fn new(tub: Tub, pool: ServerPool, parameters: ParamsInForce, saved: Saved) -> Self {
        Self(Arc::new(Inner {
            tub,
            pool,
            parameters,
            saved,
            state: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0.state)
    }

    /// From now on keeps a link to every known server.
    pub fn wake(&self) {
        let mut state = self.state();
        state.awake = true;
        for known in state.servers.values_mut() {
            if known.reconnector.is_none() {
                known.reconnector = Some(self.reach(&known.announcement));
            }
        }
    }

    fn reach(&self, announcement: &Announcement) -> Reconnector {
        self.0.pool.expect(announcement.tub().into());
        let (this, said) = (self.clone(), announcement.clone());
        self.0.tub.keep::<Storage>(announcement.furl.clone(), move |storage| {
            this.linked(&said, storage);
        })
    }

    /// Waits until at least `count` servers are connected.
    pub async fn connected(&self, count: usize) {
        self.wake();
        loop {
            let changed = self.0.changed.notified();
            if self.0.pool.len() >= count {
                return;
            }
            changed.await;
        }
    }

    /// Waits until enough servers are connected for an upload to go well, or those that are known are
    /// given up for now.
    pub async fn gathered(&self) {
        self.0.pool.gathered(self.0.parameters.current().happy().into()).await;
    }

    /// Drops all links and forgets all servers, so that nothing reconnects any more.
    pub fn close(&self) {
        self.0.saved.write();
        self.state().servers.clear();
    }

    /// Whether the introducer's link is up.
    pub fn introducer_connected(&self) -> bool {
        self.state().introducer
    }

    /// Whether another node with this node's key was seen since this one runs.
    pub fn has_twin(&self) -> bool {
        self.state().twin
    }

    /// One line a server, by tub id.
    pub fn status(&self) -> Vec<ServerStatus> {
        let now = Clock::System.now();
        let state = self.state();
        let line = |(id, known): (&ServerId, &Known)| {
            let line = self.line(known, now);
            match state.contested.contains(id) {
                true => refused(line),
                false => line,
            }
        };
        state.servers.iter().map(line).collect()
    }

    fn line(&self, known: &Known, now: u64) -> ServerStatus {
        let tub = known.announcement.tub();
        let own = tub == self.0.tub.id();
        let connected = known.link.is_some();
        let state = match (connected, own, known.introducer_says_gone) {
            (true, true, _) => "Connected: this node itself",
            (true, ..) => "Connected",
            (false, _, true) => "Not connected; the introducer has lost it too",
            (false, ..) if known.reconnector.is_none() => "Not connected; not needed yet",
            (false, ..) => "Not connected; trying",
        };
        let silence = if own { Some(0) } else { self.0.tub.silence(tub) };
        let off = known.link.as_ref().and_then(|link| link.clock_off);
        ServerStatus {
            nodeid: tub.to_string(),
            connection_status: format!("{state}{}", off.map_or_else(String::new, told_clock)),
            available_space: known.link.as_ref().and_then(|link| link.available),
            nickname: known.announcement.nickname.clone(),
            version: known.announcement.version.clone(),
            last_received_data: silence.filter(|_| connected).map(|s| now.saturating_sub(s)),
            connected,
            since: known.link.as_ref().map(|link| link.since),
        }
    }

    /// A link to a server came up: uses it until it is lost.
    fn linked(&self, announcement: &Announcement, storage: Ref<Storage>) {
        let name = (announcement.tub().into(), announcement.nickname.clone());
        let seeds = (announcement.permutation_seed.clone(), announcement.lease_seed);
        let server = self.0.pool.add(Server::new(name, seeds, storage));
        if let Some(known) = self.state().servers.get_mut(&server.id) {
            let (server, since) = (server.clone(), Clock::System.now());
            known.link = Some(Link { server, available: None, clock_off: None, since });
        }
        tracing::info!(server = %server.id, "storage server connected");
        self.0.changed.notify_waiters();
        let this = self.clone();
        actix_rt::spawn(async move {
            if let Ok(version) = server.version().await {
                this.note(&server, |link| link.available = version.available);
            }
            if let Some(off) = server.clock_off(&Clock::System).await {
                tracing::warn!(server = %server.id, seconds = off, "a storage server's clock is off");
                this.note(&server, |link| link.clock_off = Some(off));
            }
            server.storage.lost().await;
            this.unlinked(&server);
        });
    }

    fn note(&self, server: &Arc<Server>, note: impl FnOnce(&mut Link)) {
        if let Some(known) = self.state().servers.get_mut(&server.id)
            && let Some(link) = known.link.as_mut().filter(|l| Arc::ptr_eq(&l.server, server))
        {
            note(link);
        }
    }

    /// Looks for servers that announce the same lease seed; each is told of once.
    fn compare_seeds(&self, state: &mut State) {
        let contested = contested(state.servers.values().map(|known| &known.announcement));
        let contested: BTreeSet<ServerId> = contested.into_iter().map(ServerId::from).collect();
        for server in contested.difference(&state.contested) {
            tracing::warn!(
                %server, "gets no new shares: another server announces the same lease seed, and \
                 neither proves by a certificate that it goes on as the node whose seed that was"
            );
        }
        if contested != state.contested {
            self.0.pool.refuse(contested.clone());
            state.contested = contested;
        }
    }

    fn unlinked(&self, server: &Arc<Server>) {
        self.0.pool.remove(server);
        if let Some(known) = self.state().servers.get_mut(&server.id)
            && known.link.as_ref().is_some_and(|link| Arc::ptr_eq(&link.server, server))
        {
            known.link = None;
            tracing::info!(server = %server.id, "storage server lost");
        }
    }

    fn meet(&self, announcement: &Announcement) {
        let id = announcement.tub().into();
        let mut state = self.state();
        if let Some(known) = state.servers.get_mut(&id)
            && same_server(&known.announcement, announcement)
        {
            known.announcement = announcement.clone();
            known.introducer_says_gone = false;
            if let Some(reconnector) = known.reconnector.as_ref() {
                if known.link.is_none() {
                    self.0.pool.expect(id);
                }
                reconnector.try_now();
            }
            self.compare_seeds(&mut state);
            return;
        }
        let known = Known {
            announcement: announcement.clone(),
            reconnector: state.awake.then(|| self.reach(announcement)),
            link: None,
            introducer_says_gone: false,
        };
        let replaced = state.servers.insert(id, known);
        self.compare_seeds(&mut state);
        drop(state);
        if let Some(link) = replaced.and_then(|known| known.link) {
            self.0.pool.remove(&link.server);
        }
    }
}

/// What is said of a server whose clock is off by so many seconds.
fn told_clock(off: i64) -> String {
    let days = off.unsigned_abs() / (24 * 3600);
    let way = if off > 0 { "ahead" } else { "behind" };
    format!("; its clock is {days} days {way}, so it is not certain when leases there end")
}

/// The line of a server that announces another's lease seed.
fn refused(line: ServerStatus) -> ServerStatus {
    let state = &line.connection_status;
    let connection_status =
        format!("{state}; gets no new shares, as another server announces the same lease seed");
    ServerStatus { connection_status, ..line }
}

/// Whether a newer announcement leaves the link and the server's place in all orders as they are.
fn same_server(old: &Announcement, new: &Announcement) -> bool {
    old.furl.reveal() == new.furl.reveal()
        && old.permutation_seed == new.permutation_seed
        && old.lease_seed == new.lease_seed
}

impl Listener for Neighbours {
    fn announced(&mut self, announcement: &Announcement) {
        self.meet(announcement);
    }

    fn gone(&mut self, tub: TubId) {
        if tub == self.0.tub.id() {
            if !std::mem::replace(&mut self.state().twin, true) {
                tracing::error!("{TWIN}");
            }
        } else if let Some(known) = self.state().servers.get_mut(&tub.into()) {
            known.introducer_says_gone = true;
        }
    }

    fn parameters(&mut self, parameters: GridParameters) {
        let GridParameters { needed, happy, total } = parameters;
        match EncodingParams::new(needed.into(), happy.into(), total.into()) {
            Ok(encoding) => {
                self.0.parameters.announce(encoding);
                self.0.saved.note_parameters(parameters);
            }
            Err(error) => tracing::warn!(%error, "the grid's encoding parameters are refused"),
        }
    }

    fn introducer(&mut self, connected: bool) {
        self.state().introducer = connected;
        self.0.pool.introducer_is(connected);
    }

    fn settled(&mut self, book: &Book) {
        self.0.saved.note(book);
    }
}
