//! Checking: which shares of a file the connected servers say they have.
//!
//! Counting shares asks every server one short question and reads no share, so it finds what is
//! lost, not what is damaged. With `add_lease` each server that has shares is asked to keep them
//! for another term. A server that keeps the others waiting is left out.

use super::client::Client;
use super::happiness::servers_of_happiness;
use super::patience::{Patience, within};
use super::prohibited::Prohibited;
use super::round::Round;
use super::servers::Server;
use super::standing::Duty;
use crate::base::file::BadParams;
use crate::base::{ShareNum, StorageIndex};
use crate::cap::Cap;
use crate::codec::lease::bucket_secrets;
use crate::storage::api::{AddLease, ListShares};
use crate::tub::TubId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub si: StorageIndex,
    pub needed: usize,
    pub expected: usize,
    /// Who holds which share.
    pub shares: BTreeMap<ShareNum, BTreeSet<TubId>>,
    /// Servers that answered, by tub id.
    pub responding: Vec<TubId>,
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
        let facts = match cap.verify_cap() {
            Some(Cap::ChkVerify(verify) | Cap::DirChkVerify(verify)) => verify.facts()?,
            _ => return Err(CheckError::NoShares),
        };
        let si = cap.storage_index().ok_or(CheckError::NoShares)?;
        let answers = self.lists(si).await;
        if add_lease {
            let holders = answers.iter().filter(|(_, shares)| !shares.is_empty());
            self.lease(si, holders.map(|(server, _)| server)).await;
        }
        let total = facts.params.total();
        let held: BTreeMap<TubId, BTreeSet<ShareNum>> = answers
            .into_iter()
            .map(|(server, shares)| {
                let possible = shares.into_iter().filter(|num| usize::from(num.0) < total);
                (server.id, possible.collect())
            })
            .collect();
        let mut shares: BTreeMap<ShareNum, BTreeSet<TubId>> = BTreeMap::new();
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
    async fn lists(&self, si: StorageIndex) -> Vec<(Arc<Server>, Vec<ShareNum>)> {
        let Patience { find, settle, .. } = self.patience;
        let patience = Patience { jitter: settle, ..self.patience.clone() };
        let mut round = Round::new(Duty::List, find, &patience);
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

    /// Asks these servers to keep what they have for another term.
    async fn lease(&self, si: StorageIndex, servers: impl Iterator<Item = &Arc<Server>>) {
        let time = self.patience.allocate;
        let mut round = Round::new(Duty::Store, time, &self.patience);
        for server in servers {
            let secrets = bucket_secrets(&self.secrets.lease, si, &server.lease_seed);
            let (renew, cancel) = (secrets.renew, secrets.cancel);
            let lease = server.storage.call(AddLease { si, renew, cancel });
            round.ask(server, Arc::clone(server), within(time, lease));
        }
        while let Some((server, answer)) = round.next(round.is_half_done()).await {
            if let Err(error) = answer {
                tracing::info!(%server, %error, "a lease could not be renewed");
            }
        }
        round.note_late();
    }
}
