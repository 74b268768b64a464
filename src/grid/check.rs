//! Checking: which shares of a file the connected servers say they have.
//!
//! Counting shares asks every server two short questions (what it has under the file's index, and
//! under that of its proven shares) and reads no share, so it finds what is lost, not what is damaged
//! or not the file's: what it comes to is counted, not verified, and has to be called so. With
//! `add_lease` each server that shows a share is asked to keep what it has for another term; on its
//! word alone it is sent no secret. A server that keeps the others waiting is left out.

use super::client::Client;
use super::download::shows_a_share;
use super::happiness::servers_of_happiness;
use super::prohibited::Prohibited;
use super::round::Round;
use super::server_id::ServerId;
use super::servers::Server;
use super::standing::Duty;
use super::timeouts::{Timeouts, within};
use crate::base::file::{BadParams, FileFacts, proven_index};
use crate::base::{ShareNum, StorageIndex};
use crate::cap::{Cap, FileCap};
use crate::codec::lease::LeaseSecrets;
use crate::storage::api::{AddLease, ListShares};
use crate::tub::RemoteError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A server and what it says it has.
type Listed = (Arc<Server>, Vec<ShareNum>);

/// What was found of one file, by counting: what servers say is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub si: StorageIndex,
    pub needed: usize,
    pub expected: usize,
    /// Who holds which share.
    pub shares: BTreeMap<ShareNum, BTreeSet<ServerId>>,
    /// Servers that answered, by id.
    pub responding: Vec<ServerId>,
    /// Servers of happiness.
    pub happiness: usize,
}

/// Why there is nothing to count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Literals are their own contents, and directories are not in shares.
    #[error("there are no shares to check")]
    NoShares,
    /// A cap that no file has.
    #[error("this capability names no file: {0}")]
    BadCap(#[from] BadParams),
    /// Nobody asked the servers.
    #[error(transparent)]
    Prohibited(#[from] Prohibited),
}

impl Checked {
    /// Distinct shares that are there.
    pub fn good(&self) -> usize {
        self.shares.len()
    }

    /// Every share is there.
    pub fn is_healthy(&self) -> bool {
        self.good() >= self.expected
    }

    /// Enough shares are there to read the file.
    pub fn is_recoverable(&self) -> bool {
        self.good() >= self.needed
    }

    /// Servers that hold at least one share.
    pub fn hosts(&self) -> usize {
        self.shares.values().flatten().collect::<BTreeSet<_>>().len()
    }
}

impl Client {
    /// Counts the shares of the file, or immutable directory, that `cap` names.
    pub async fn check(&self, cap: &Cap, add_lease: bool) -> Result<Checked, CheckError> {
        self.permit(cap)?;
        let facts = cap.file().and_then(FileCap::facts).ok_or(CheckError::NoShares)??;
        let si = cap.storage_index().ok_or(CheckError::NoShares)?;
        let beside = proven_index(&si, &facts.ueb_hash);
        let (own, proven) = tokio::join!(self.lists(si), self.lists(beside));
        if add_lease {
            tokio::join!(self.lease((si, facts), &own), self.lease((beside, facts), &proven));
        }
        let total = facts.params.total();
        let mut held: BTreeMap<ServerId, BTreeSet<ShareNum>> = BTreeMap::new();
        for (server, shares) in own.into_iter().chain(proven) {
            let possible = shares.into_iter().filter(|num| usize::from(num.0) < total);
            held.entry(server.id).or_default().extend(possible);
        }
        let mut shares: BTreeMap<ShareNum, BTreeSet<ServerId>> = BTreeMap::new();
        for (id, numbers) in &held {
            for number in numbers {
                shares.entry(*number).or_default().insert(*id);
            }
        }
        Ok(Checked {
            si,
            needed: facts.params.needed(),
            expected: total,
            shares,
            happiness: servers_of_happiness(&held),
            responding: held.into_keys().collect(),
        })
    }

    /// What each server says it has. Servers that others waited for are left out, but have more time
    /// than elsewhere: what is not counted here seems lost.
    async fn lists(&self, si: StorageIndex) -> Vec<Listed> {
        let Timeouts { find, settle, .. } = self.timeouts;
        let timeouts = Timeouts { jitter: settle, ..self.timeouts.clone() };
        let mut round = Round::new(Duty::List, find, &timeouts);
        for server in self.pool.all() {
            let list = server.storage.call(ListShares { si });
            round.ask(&server, Arc::clone(&server), within(find, list));
        }
        let mut lists = Vec::new();
        while let Some((server, answer)) = round.next(round.is_half_done()).await {
            match answer {
                Ok(shares) => lists.push((server, shares)),
                Err(error) => tracing::debug!(%server, %error, "a server did not say what it has"),
            }
        }
        round.note_late();
        lists
    }

    /// Asks the servers that have something to keep it for another term, if they show that it is the
    /// file's.
    async fn lease(&self, of: (StorageIndex, FileFacts), lists: &[Listed]) {
        let time = self.timeouts.find + self.timeouts.allocate;
        let mut round = Round::new(Duty::Store, time, &self.timeouts);
        let holders = lists.iter().filter(|(_, shares)| !shares.is_empty());
        for (server, _) in holders.filter(|(server, _)| !self.pool.refuses(server.id)) {
            let lease = lease_shown(self.clone(), Arc::clone(server), of);
            round.ask(server, Arc::clone(server), lease);
        }
        while let Some((server, answer)) = round.next(round.is_half_done()).await {
            if let Err(error) = answer {
                tracing::info!(%server, %error, "a lease could not be renewed");
            }
        }
        round.note_late();
    }
}

/// Leases what one server has of the file with these facts. On its word alone it is sent no secret.
async fn lease_shown(
    client: Client,
    server: Arc<Server>,
    (si, facts): (StorageIndex, FileFacts),
) -> Result<(), RemoteError> {
    if !shows_a_share(&server, si, &facts, &client.timeouts).await {
        tracing::info!(%server, "a server is not asked for a lease: it shows no share");
        return Ok(());
    }
    let LeaseSecrets { renew, cancel } = server.lease_secrets(&client.secrets.lease, si);
    let lease = server.storage.call(AddLease { si, renew, cancel });
    within(client.timeouts.allocate, lease).await.map(drop)
}
