//! Checking: which shares of a file the connected servers say they have.
//!
//! Counting shares asks every server two short questions (what it has under the file's index, and
//! under that of its proven shares) and reads no share, so it finds what is lost, not what is damaged
//! or not the file's: what it comes to is counted, not verified, and has to be called so; who wants
//! more reads the shares ([`super::verify`]). With `add_lease` each server that shows a share is asked to
//! keep what it has for another term; on its word alone it is sent no secret. A server that keeps the
//! others waiting is left out.

use super::client::Client;
use super::download::shows_a_share;
use super::happiness::servers_of_happiness;
use super::prohibited::Prohibited;
use super::round::Round;
use super::server_id::ServerId;
use super::servers::Server;
use super::standing::Duty;
use super::timeouts::{Timeouts, within};
use super::verify::Finding;
use crate::base::file::{BadParams, FileFacts, proven_index};
use crate::base::{ShareNum, StorageIndex};
use crate::cap::{Cap, FileCap};
use crate::codec::lease::LeaseSecrets;
use crate::storage::api::{AddLease, CancelLease};
use crate::tub::RemoteError;
use futures_util::future::{BoxFuture, FutureExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who holds which shares.
pub(super) type Held = BTreeMap<ServerId, BTreeSet<ShareNum>>;

/// What was found of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub si: StorageIndex,
    pub needed: usize,
    pub expected: usize,
    /// Whether all shares were read. Else they were counted: what servers say is not verified.
    pub verified: bool,
    /// Who holds which share; of those that were read, which good one.
    pub shares: BTreeMap<ShareNum, BTreeSet<ServerId>>,
    /// Shares that were read and are not good, or could not be read.
    pub findings: Vec<Finding>,
    /// Servers that answered, by id.
    pub responding: Vec<ServerId>,
    /// Servers that did not say what they have.
    pub silent: Vec<ServerId>,
    /// Servers of happiness.
    pub happiness: usize,
}

/// What a check is about.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    pub si: StorageIndex,
    /// Where proven shares are kept.
    pub beside: StorageIndex,
    pub facts: FileFacts,
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

impl Subject {
    pub fn of(cap: &Cap) -> Result<Self, CheckError> {
        let facts = cap.file().and_then(FileCap::facts).ok_or(CheckError::NoShares)??;
        let si = cap.storage_index().ok_or(CheckError::NoShares)?;
        Ok(Self { si, beside: proven_index(&si, &facts.ueb_hash), facts })
    }

    /// The outcome of counting, or of reading, what these servers hold.
    pub fn checked(&self, held: &Held, silent: BTreeSet<ServerId>) -> Checked {
        Checked {
            si: self.si,
            needed: self.facts.params.needed(),
            expected: self.facts.params.total(),
            verified: false,
            shares: by_share(held),
            findings: Vec::new(),
            responding: held.keys().copied().collect(),
            silent: silent.into_iter().collect(),
            happiness: servers_of_happiness(held),
        }
    }
}

fn by_share(held: &Held) -> BTreeMap<ShareNum, BTreeSet<ServerId>> {
    let mut shares: BTreeMap<ShareNum, BTreeSet<ServerId>> = BTreeMap::new();
    for (id, numbers) in held {
        for number in numbers {
            shares.entry(*number).or_default().insert(*id);
        }
    }
    shares
}

impl Checked {
    /// The same file, of which these servers hold these shares now, some of them in the place of a damaged
    /// one.
    pub(super) fn with(mut self, held: &Held, replaced: &Held) -> Self {
        let is_gone = |finding: &Finding| {
            let replaced = replaced.get(&finding.server);
            finding.si == self.si && replaced.is_some_and(|shares| shares.contains(&finding.share))
        };
        self.findings.retain(|finding| !is_gone(finding));
        Self { shares: by_share(held), happiness: servers_of_happiness(held), ..self }
    }

    /// Shares that are not what the file's author made.
    pub fn corrupt(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.flaw.is_corrupt())
    }

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
        let subject = Subject::of(cap)?;
        let Subject { si, beside, facts } = subject;
        let find = self.timeouts.find;
        let Answers { answers, silent } =
            self.ask_all(|server| server.list([si, beside], find)).await;
        if add_lease {
            let [of_own, of_proven] = [0, 1].map(|place| holders(&answers, place));
            let shown = |si| move |client, server| lease_shown(client, server, (si, facts)).boxed();
            tokio::join!(self.lease(of_own, shown(si)), self.lease(of_proven, shown(beside)));
        }
        let mut held = Held::new();
        for (server, shares) in answers {
            let possible = shares.into_iter().flatten().filter(|num| facts.params.has(*num));
            held.entry(server.id).or_default().extend(possible);
        }
        Ok(subject.checked(&held, silent))
    }

    /// Ends this client's leases on the file that `cap` names. Servers delete what nobody leases.
    pub async fn release(&self, cap: &Cap) -> Result<(), CheckError> {
        self.permit(cap)?;
        let Subject { si, beside, facts } = Subject::of(cap)?;
        let find = self.timeouts.find;
        let answers = self.ask_all(|server| server.list([si, beside], find)).await.answers;
        for (place, si) in [(0, si), (1, beside)] {
            let end = |client, server| release_shown(client, server, (si, facts)).boxed();
            self.lease(holders(&answers, place), end).await;
        }
        Ok(())
    }

    /// Puts one question to each server. Servers that others waited for are left out, but have more time
    /// than elsewhere: what is not counted here seems lost.
    pub(super) async fn ask_all<T: Send + 'static, F>(
        &self,
        ask: impl Fn(&Server) -> F,
    ) -> Answers<T>
    where
        F: Future<Output = Result<T, RemoteError>> + Send + 'static,
    {
        let Timeouts { find, settle, .. } = self.timeouts;
        let timeouts = Timeouts { jitter: settle, ..self.timeouts.clone() };
        let mut round = Round::new(Duty::List, find, &timeouts);
        for server in self.pool.all() {
            let answer = within(find, ask(&server));
            round.ask(&server, Arc::clone(&server), answer);
        }
        let mut all = Answers { answers: Vec::new(), silent: BTreeSet::new() };
        while let Some((server, answer)) = round.next(round.is_half_done()).await {
            match answer {
                Ok(answer) => all.answers.push((server, answer)),
                Err(error) => {
                    tracing::debug!(%server, %error, "a server did not say what it has");
                    all.silent.insert(server.id);
                }
            }
        }
        all.silent.extend(round.give_up().map(|server| server.id));
        all
    }

    /// Has each of these servers do something about its leases.
    pub(super) async fn lease(
        &self,
        mut servers: Vec<Arc<Server>>,
        lease: impl Fn(Self, Arc<Server>) -> BoxFuture<'static, Leased>,
    ) {
        let time = self.timeouts.find + self.timeouts.allocate;
        let mut round = Round::new(Duty::Store, time, &self.timeouts);
        servers.retain(|server| !self.pool.refuses(server.id));
        for server in servers {
            let lease = lease(self.clone(), Arc::clone(&server));
            round.ask(&server, Arc::clone(&server), lease);
        }
        while let Some((server, answer)) = round.next(round.is_half_done()).await {
            if let Err(error) = answer {
                tracing::info!(%server, %error, "a lease could not be renewed, or ended");
            }
        }
        round.note_late();
    }
}

/// What servers answered to one question.
pub(super) struct Answers<T> {
    pub answers: Vec<(Arc<Server>, T)>,
    /// Those that did not, in time.
    pub silent: BTreeSet<ServerId>,
}

/// What came of asking a server for a lease.
pub(super) type Leased = Result<(), RemoteError>;

/// The servers that say they have something under the one or the other index.
fn holders(lists: &[(Arc<Server>, [Vec<ShareNum>; 2])], place: usize) -> Vec<Arc<Server>> {
    let has = |shares: &[Vec<ShareNum>; 2]| shares.get(place).is_some_and(|list| !list.is_empty());
    let holders = lists.iter().filter(|(_, shares)| has(shares));
    holders.map(|(server, _)| Arc::clone(server)).collect()
}

/// Leases what one server has of the file with these facts. On its word alone it is sent no secret.
async fn lease_shown(
    client: Client,
    server: Arc<Server>,
    (si, facts): (StorageIndex, FileFacts),
) -> Leased {
    if !shows_a_share(&server, si, &facts, &client.timeouts).await {
        tracing::info!(%server, "a server is not asked for a lease: it shows no share");
        return Ok(());
    }
    lease_all(client, server, si).await
}

/// Ends the lease on what one server has of the file with these facts, likewise.
async fn release_shown(
    client: Client,
    server: Arc<Server>,
    (si, facts): (StorageIndex, FileFacts),
) -> Leased {
    if !shows_a_share(&server, si, &facts, &client.timeouts).await {
        return Ok(());
    }
    let LeaseSecrets { cancel, .. } = server.lease_secrets(&client.secrets.lease, si);
    let call = server.storage.call(CancelLease { si, cancel });
    within(client.timeouts.allocate, call).await.map(drop)
}

/// Leases what a server has under this index.
pub(super) async fn lease_all(client: Client, server: Arc<Server>, si: StorageIndex) -> Leased {
    let LeaseSecrets { renew, cancel } = server.lease_secrets(&client.secrets.lease, si);
    let lease = server.storage.call(AddLease { si, renew, cancel });
    within(client.timeouts.allocate, lease).await.map(drop)
}
