//! The space that a node offers: opened as its files say, and told to the gateway's page.

use super::config::StorageConfig;
use super::error::NodeError;
use crate::gateway::node_status::{
    CollectedStatus, HeldStatus, ScrubStatus, ScrubbedStatus, StorageStatus,
};
use crate::storage::{Collected, Held, LeaseAge, OWNERS_WORD, ScrubState, Store, StoreConfig};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The storage directory, cleaned of what an earlier process left half done.
pub async fn open(dir: PathBuf, config: StorageConfig) -> Result<Arc<Store>, NodeError> {
    let store = StoreConfig {
        size_limit: config.size_limit,
        reserved_space: config.reserved_space,
        read_only: config.read_only,
        owners_word: dir.with_file_name(OWNERS_WORD),
        ..StoreConfig::new(dir)
    };
    match tokio::task::spawn_blocking(move || Store::open(store)).await {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error)) => Err(NodeError::Storage(error.to_string())),
        Err(_) => Err(NodeError::Storage("opening it failed".to_owned())),
    }
}

/// Asked whenever somebody looks.
pub type Status = Arc<dyn Fn() -> StorageStatus + Send + Sync>;

/// What the gateway's page says of the storage.
pub fn status((store, config): (Arc<Store>, StorageConfig), dir: PathBuf) -> Status {
    Arc::new(move || {
        let space = store.space();
        StorageStatus {
            available: space.available,
            used: space.used,
            allocated: space.allocated,
            reserved: config.reserved_space,
            disk: crate::disk::disk_size(&dir).ok().flatten(),
            read_only: space.read_only,
            lease_age: config.expire_leases.map(LeaseAge::seconds),
            collected: store.collected().map(collected),
            latencies: store.latencies(),
            scrub: scrub(config.scrub, store.scrub_state()),
            clock_jump: store.clock_jump().map(|jump| (jump.expected, jump.found)),
        }
    })
}

fn scrub(every: Option<Duration>, state: ScrubState) -> ScrubStatus {
    let ScrubState { round, last, damaged } = state;
    ScrubStatus {
        every: every.map(|every| every.as_secs()),
        round: round.map(|round| (round.started, round.shares, round.bytes)),
        last: last.map(|last| ScrubbedStatus {
            times: (last.started, last.finished),
            shares: last.shares,
            damaged: last.damaged,
            unread: last.unread,
        }),
        damaged,
    }
}

fn collected(run: Collected) -> CollectedStatus {
    CollectedStatus {
        times: (run.started, run.finished),
        shares: run.shares,
        bytes: run.bytes,
        failed: run.failed,
        held: run.held.map(|held| match held {
            Held::Clock => HeldStatus::Clock,
            Held::Most { over, all } => HeldStatus::Most { over, all },
        }),
    }
}
