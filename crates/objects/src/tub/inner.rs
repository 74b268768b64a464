//! What the clones of a tub share with its connections and its tasks.

use super::budget::Budget;
use super::conn::{Conn, ExportCount};
use super::frame::{BRAIDS, Hello, KEEPS_ANSWERS};
use super::furl::Hint;
use super::identity::Identity;
use super::options::TubOptions;
use super::peers::Peers;
use super::sturdy::SturdyTable;
use crate::base::system::random;
use crate::link::Pool;
use actix_rt::{Arbiter, ArbiterHandle};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// The inside of a tub; it is there as long as one of the clones is.
pub(super) struct TubInner {
    pub(super) identity: Identity,
    pub(super) options: TubOptions,
    pub(super) hello: Hello,
    pub(super) sturdy: SturdyTable,
    pub(super) peers: Peers,
    pub(super) pool: Pool,
    pub(super) budget: Arc<Budget>,
    pub(super) exported: Arc<ExportCount>,
    /// Strands that peers have added to their links.
    pub(super) strands: Arc<AtomicUsize>,
    pub(super) hints: Mutex<Vec<Hint>>,
    home: ArbiterHandle,
    turn: AtomicUsize,
    started: Instant,
    /// Milliseconds since then at which any peer was last heard.
    pub(super) heard_ms: AtomicU64,
}

impl TubInner {
    /// On the calling thread's arbiter.
    pub(super) fn new(identity: Identity, options: TubOptions) -> Arc<Self> {
        let hello = Hello {
            version: 1,
            incarnation: u64::from_le_bytes(random()),
            calls: options.limits.calls,
            call_bytes: options.limits.call_bytes,
            features: KEEPS_ANSWERS | BRAIDS,
        };
        Arc::new(Self {
            identity,
            hello,
            sturdy: SturdyTable::default(),
            peers: Peers::default(),
            pool: Pool::default(),
            budget: Budget::new(options.limits.process_bytes),
            strands: Arc::default(),
            exported: Arc::new(ExportCount::new(options.limits.exports_all)),
            hints: Mutex::default(),
            home: Arbiter::current(),
            turn: AtomicUsize::new(0),
            started: Instant::now(),
            heard_ms: AtomicU64::new(0),
            options,
        })
    }

    /// The arbiter on which the next link will live.
    pub(super) fn arbiter(&self) -> ArbiterHandle {
        let arbiters = &self.options.arbiters;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let chosen = turn.checked_rem(arbiters.len()).and_then(|turn| arbiters.get(turn));
        chosen.unwrap_or(&self.home).clone()
    }

    /// Milliseconds since the tub was made.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn forget(&self, conn: &Arc<Conn>) {
        self.peers.forget(conn);
    }
}
