//! Checking: which shares of a file the connected servers say they have.
//!
//! Counting shares asks every server one short question and reads no share, so it finds what is
//! lost, not what is damaged. With `add_lease` each server that has shares is asked to keep them
//! for another term.

use super::client::Client;
use super::happiness::servers_of_happiness;
use super::patience::within;
use super::servers::Server;
use crate::base::file::BadParams;
use crate::base::limits::FIND_OUTSTANDING_MAX;
use crate::base::{ShareNum, StorageIndex};
use crate::cap::Cap;
use crate::codec::lease::bucket_secrets;
use crate::storage::api::{AddLease, ListShares};
use crate::tub::TubId;
use futures_util::stream::{self, StreamExt};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Literals are their own contents, and directories are not in shares.
    #[error("there are no shares to check")]
    NoShares,
    /// A cap that no file has.
    #[error("this capability names no file: {0}")]
    BadCap(#[from] BadParams),
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
        let facts = match cap.verify_cap() {
            Some(Cap::ChkVerify(verify) | Cap::DirChkVerify(verify)) => verify.facts()?,
            _ => return Err(CheckError::NoShares),
        };
        let si = cap.storage_index().ok_or(CheckError::NoShares)?;
        let servers = self.pool.in_order(&si);
        let answers: Vec<_> = stream::iter(servers)
            .map(|server| self.ask(server, si, add_lease))
            .buffer_unordered(FIND_OUTSTANDING_MAX)
            .filter_map(std::future::ready)
            .collect()
            .await;
        let total = facts.params.total();
        let held: BTreeMap<TubId, BTreeSet<ShareNum>> = answers
            .into_iter()
            .map(|(id, shares)| {
                let possible = shares.into_iter().filter(|num| usize::from(num.0) < total);
                (id, possible.collect())
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

    /// What one server has; none if it does not answer.
    async fn ask(
        &self,
        server: Arc<Server>,
        si: StorageIndex,
        add_lease: bool,
    ) -> Option<(TubId, Vec<ShareNum>)> {
        let list = server.storage.call(ListShares { si });
        let lease = add_lease.then(|| {
            let secrets = bucket_secrets(&self.secrets.lease, si, &server.lease_seed);
            let (renew, cancel) = (secrets.renew, secrets.cancel);
            server.storage.call(AddLease { si, renew, cancel })
        });
        let shares = match within(self.patience.find, list).await {
            Ok(shares) => shares,
            Err(error) => {
                tracing::debug!(%server, %error, "a server did not say what it has");
                return None;
            }
        };
        if let Some(lease) = lease
            && let Err(error) = within(self.patience.allocate, lease).await
            && !shares.is_empty()
        {
            tracing::info!(%server, %error, "a lease could not be renewed");
        }
        Some((server.id, shares))
    }
}
