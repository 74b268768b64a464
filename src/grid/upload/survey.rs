//! The first question of an upload: which server has which shares, and which takes more.
//!
//! A server that is slow to answer is not lost: the upload begins without it, and its answer is
//! taken when servers that were quicker have failed.

use super::UploadError;
use super::sites::{Site, Sites, Trouble};
use crate::base::file::{FileFacts, proven_index};
use crate::base::hash::Hash;
use crate::base::{ShareNum, StorageIndex};
use crate::codec::encode::Plan;
use crate::codec::lease::LeaseSecrets;
use crate::grid::client::ClientSecrets;
use crate::grid::placement::place;
use crate::grid::round::Round;
use crate::grid::servers::Server;
use crate::grid::standing::Duty;
use crate::grid::timeouts::{Timeouts, within};
use crate::storage::api::{ListShares, ServerVersion};
use crate::tub::RemoteError;
use futures_util::future::{FutureExt, try_join};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What is asked for.
pub struct Wanted {
    pub si: StorageIndex,
    /// Bytes of one share.
    pub share_size: u64,
    pub total: usize,
    pub happy: usize,
    pub plan: Plan,
    pub secrets: Arc<ClientSecrets>,
    /// Once it is known.
    pub ueb_hash: Option<Hash>,
}

/// Where on one server the file's shares go, with the secrets of their lease.
pub struct Place {
    pub si: StorageIndex,
    pub lease: LeaseSecrets,
    /// The hash of the UEB, if only shares of that file may stand there.
    pub proven: Option<Hash>,
}

impl Wanted {
    /// The file's own place on that server, or that of its proven shares if it is known.
    pub fn place(&self, site: &Site, proven: bool) -> Place {
        match self.ueb_hash.filter(|_| proven) {
            None => Place { si: self.si, lease: site.lease.clone(), proven: None },
            Some(hash) => {
                let si = proven_index(&self.si, &hash);
                let lease = site.server.lease_secrets(&self.secrets.lease, si);
                Place { si, lease, proven: Some(hash) }
            }
        }
    }

    /// Takes the hash that encoding came to, if that was done; an error if another one was known.
    pub fn learn(&mut self, ueb_hash: Option<Hash>) -> Result<(), UploadError> {
        if ueb_hash.is_some() && self.ueb_hash.is_some_and(|known| Some(known) != ueb_hash) {
            return Err(UploadError::Changed);
        }
        self.ueb_hash = ueb_hash.or(self.ueb_hash);
        Ok(())
    }

    /// What the file's shares are held against, once that is known.
    pub fn facts(&self) -> Option<FileFacts> {
        let geometry = self.plan.geometry();
        let ueb_hash = self.ueb_hash?;
        Some(FileFacts { params: geometry.params(), size: geometry.size(), ueb_hash })
    }
}

type Answer = (Vec<ShareNum>, ServerVersion);

/// Answers that have not come yet; each comes, or becomes an error, within [`Timeouts::query`].
pub struct Late(Round<usize, Answer>);

/// Asks all servers at once. Waits for every answer, but no longer than [`Timeouts::query`], and
/// for a while up to [`Timeouts::settle`] once those that answered suffice.
pub async fn survey(
    servers: Vec<(Arc<Server>, LeaseSecrets)>,
    wanted: &Wanted,
    timeouts: &Timeouts,
) -> (Sites, Late) {
    let mut late = Late(Round::new(Duty::List, timeouts.settle, timeouts));
    for (index, (server, _)) in servers.iter().enumerate() {
        let list = server.storage.call(ListShares { si: wanted.si });
        let asked = Arc::clone(server);
        let version = async move { asked.version().await };
        late.0.ask(server, index, within(timeouts.query, try_join(list, version)));
    }
    let sites = servers.into_iter().map(|(server, lease)| Site::asked(server, lease));
    let mut sites = Sites(sites.collect());
    while let Some(answer) = late.0.next(enough(&sites, wanted)).await {
        note(&mut sites, answer, wanted);
        late.come(&mut sites, wanted);
    }
    late.0.note_late();
    (sites, late)
}

impl Late {
    /// What the first answers that sufficed took.
    pub fn took(&self) -> Duration {
        self.0.took()
    }

    /// Waits for the next answer, and notes it with all that have come; false if none is left.
    pub async fn more(&mut self, sites: &mut Sites, wanted: &Wanted) -> bool {
        let Some(first) = self.0.next(false).await else { return false };
        note(sites, first, wanted);
        self.come(sites, wanted);
        true
    }

    /// Nobody else is waited for, and no later answer is taken.
    pub fn give_up(&mut self, sites: &mut Sites) {
        self.0.forget();
        sites.0.iter_mut().for_each(|site| site.unanswered = false);
    }

    /// Notes the answers that have come.
    pub fn come(&mut self, sites: &mut Sites, wanted: &Wanted) {
        while let Some(Some(answer)) = self.0.next(false).now_or_never() {
            note(sites, answer, wanted);
        }
    }
}

/// Whether the servers that answered can make the upload happy: those that are asked last count when
/// only such have not answered.
fn enough(sites: &Sites, wanted: &Wanted) -> bool {
    let count = |which: fn(&Site) -> bool| sites.0.iter().filter(|site| which(site)).count();
    count(Site::takes_more) >= wanted.happy
        || count(|site| !site.unanswered) >= wanted.happy
            && place(&sites.candidates(), wanted.total).happiness >= wanted.happy
        || count(|site| site.unanswered && !site.asked_last) == 0
            && count(|site| site.writable) >= wanted.happy
}

fn note(sites: &mut Sites, (index, answer): (usize, Result<Answer, RemoteError>), wanted: &Wanted) {
    let Some(site) = sites.get_mut(index) else { return };
    site.unanswered = false;
    site.asked_last = site.server.standing.rank(&[Duty::Store]) > 0;
    match answer {
        Ok((held, version)) => {
            site.claimed = ours(&held, wanted.total);
            site.found = site.claimed.clone();
            site.writable = accepts(&version, wanted.share_size);
            site.read_only = version.read_only;
            site.trouble = (!site.writable).then_some(Trouble::Refused);
        }
        Err(RemoteError::Timeout) => site.trouble = Some(Trouble::Silent),
        Err(error) => site.trouble = Some(Trouble::Failed(error)),
    }
}

/// Share numbers that the file can have; a server may list others and they mean nothing.
fn ours(listed: &[ShareNum], total: usize) -> BTreeSet<ShareNum> {
    listed.iter().copied().filter(|share| usize::from(share.0) < total).collect()
}

fn accepts(version: &ServerVersion, share_size: u64) -> bool {
    let room = version.available.is_none_or(|available| available >= share_size);
    !version.read_only && room && version.max_share_size >= share_size
}
