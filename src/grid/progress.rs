//! How far an upload has come, for the command line's bar and the gateway's status page.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an upload is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the plaintext to make its convergent key.
    Hashing,
    /// Asking servers.
    Placing,
    /// Encoding and sending.
    Sending,
    /// Waiting until the servers have made everything durable.
    Closing,
}

/// A moment of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Plaintext bytes hashed, or acknowledged by all servers, depending on the stage.
    pub done: u64,
    /// Plaintext bytes in all.
    pub total: u64,
    /// Servers that take part.
    pub servers: usize,
}

/// Called at every step, from any thread; must not block.
pub type OnProgress = Arc<dyn Fn(&Progress) + Send + Sync>;

/// Counts one upload's bytes and tells whoever wants to know.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    listener: Option<OnProgress>,
    total: u64,
    sent: AtomicU64,
    servers: AtomicU64,
}

impl Meter {
    pub fn new(listener: Option<OnProgress>, total: u64) -> Self {
        let inner = Inner { listener, total, sent: AtomicU64::new(0), servers: AtomicU64::new(0) };
        Self(Arc::new(inner))
    }

    pub fn at(&self, stage: Stage, done: u64) {
        // Shares that are placed anew are sent anew.
        if stage == Stage::Placing {
            self.0.sent.store(0, Ordering::Relaxed);
        }
        if let Some(listener) = &self.0.listener {
            let servers = self.0.servers.load(Ordering::Relaxed) as usize;
            listener(&Progress { stage, done, total: self.0.total, servers });
        }
    }

    pub fn servers(&self, count: usize) {
        self.0.servers.store(count as u64, Ordering::Relaxed);
    }

    /// `bytes` more of the plaintext are on every server.
    pub fn sent(&self, bytes: u64) {
        let before = self.0.sent.fetch_add(bytes, Ordering::Relaxed);
        self.at(Stage::Sending, (before + bytes).min(self.0.total));
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter")
    }
}
