//! How a tub behaves: its limits, its network, its threads.

use super::network::{Network, Tcp};
use crate::base::limits;
use crate::link::Suite;
use actix_rt::ArbiterHandle;
use std::sync::Arc;

/// What one link may ask of this tub. The peer is told in the handshake and held to it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Unanswered calls.
    pub calls: u32,
    /// Bytes of those calls.
    pub call_bytes: u32,
    /// Objects that it may hold.
    pub exports: usize,
    /// Objects that all links together may hold here.
    pub exports_all: usize,
    /// Memory of calls that all links together may hold here.
    pub process_bytes: usize,
    /// Links from peers that have named an object.
    pub links: usize,
    /// Links from peers that have not.
    pub strangers: usize,
    /// Links that are not yet up.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: limits::CALLS_MAX,
            call_bytes: limits::CALL_BYTES_MAX,
            exports: limits::EXPORTS_MAX,
            exports_all: limits::EXPORTS_ALL_MAX,
            process_bytes: limits::PROCESS_CALL_BYTES_MAX,
            links: limits::LINKS_MAX,
            strangers: limits::STRANGERS_MAX,
            handshakes: limits::HANDSHAKES_MAX,
        }
    }
}

/// How a tub behaves.
#[derive(Clone)]
pub struct TubOptions {
    /// What each of its links may ask of it.
    pub limits: Limits,
    /// Where hints lead; [`Tcp`] by default.
    pub network: Arc<dyn Network>,
    /// How links that it opens are sealed.
    pub suite: Suite,
    /// Whether a peer may send furls of third parties, to be dialled when they are used. Clients
    /// may want that; services do not.
    pub accept_gifts: bool,
    /// Threads on which links live, in turn; none means the thread that makes the tub.
    pub arbiters: Vec<ArbiterHandle>,
}

impl Default for TubOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            network: Arc::new(Tcp),
            suite: Suite::default(),
            accept_gifts: false,
            arbiters: Vec::new(),
        }
    }
}
