//! The first question of an upload: which server has which shares, and which takes more.

use super::sites::{Site, Sites, Trouble};
use crate::base::{ShareNum, StorageIndex};
use crate::codec::lease::LeaseSecrets;
use crate::grid::patience::{Patience, within};
use crate::grid::placement::{Candidate, place};
use crate::grid::servers::Server;
use crate::storage::api::{GetVersion, ListShares, ServerVersion};
use crate::tub::RemoteError;
use futures_util::future::try_join;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is asked for.
pub struct Wanted {
    pub si: StorageIndex,
    /// Bytes of one share.
    pub share_size: u64,
    pub total: usize,
    pub happy: usize,
}

type Answer = Result<(Vec<ShareNum>, ServerVersion), RemoteError>;

/// Asks all servers at once. Waits for every answer, but no longer than [`Patience::query`], and
/// only [`Patience::settle`] longer once those that answered suffice.
pub async fn survey(
    servers: Vec<(Arc<Server>, LeaseSecrets)>,
    wanted: &Wanted,
    patience: &Patience,
) -> Sites {
    let mut answers: Vec<Option<Answer>> = servers.iter().map(|_| None).collect();
    let mut asked: FuturesUnordered<_> = servers
        .iter()
        .enumerate()
        .map(|(index, (server, _))| {
            let list = server.storage.call(ListShares { si: wanted.si });
            let version = server.storage.call(GetVersion {});
            let both = within(patience.query, try_join(list, version));
            async move { (index, both.await) }
        })
        .collect();
    loop {
        let next = asked.next();
        let next = match enough(&answers, wanted) {
            true => within(patience.settle, async { Ok(next.await) }).await,
            false => Ok(next.await),
        };
        let Ok(Some((index, answer))) = next else { break };
        if let Some(slot) = answers.get_mut(index) {
            *slot = Some(answer);
        }
    }
    let sites = servers.into_iter().zip(answers);
    Sites(sites.map(|((server, lease), answer)| site(server, lease, answer, wanted)).collect())
}

/// Whether the servers that answered can make the upload happy.
fn enough(answers: &[Option<Answer>], wanted: &Wanted) -> bool {
    let answered = answers.iter().flatten().flatten();
    let candidates: Vec<_> = answered
        .map(|(held, version)| Candidate {
            held: ours(held, wanted.total),
            writable: accepts(version, wanted.share_size),
        })
        .collect();
    let writable = candidates.iter().filter(|candidate| candidate.writable).count();
    writable >= wanted.happy
        || candidates.len() >= wanted.happy
            && place(&candidates, wanted.total).happiness >= wanted.happy
}

fn site(server: Arc<Server>, lease: LeaseSecrets, answer: Option<Answer>, wanted: &Wanted) -> Site {
    let mut site = Site {
        server,
        lease,
        held: BTreeSet::new(),
        in_progress: BTreeSet::new(),
        granted: Default::default(),
        writing: BTreeSet::new(),
        writable: false,
        trouble: None,
    };
    match answer {
        Some(Ok((held, version))) => {
            site.held = ours(&held, wanted.total);
            site.writable = accepts(&version, wanted.share_size);
            site.trouble = (!site.writable).then_some(Trouble::Refused);
        }
        Some(Err(RemoteError::Timeout)) | None => site.trouble = Some(Trouble::Silent),
        Some(Err(error)) => site.trouble = Some(Trouble::Failed(error)),
    }
    site
}

/// Share numbers that the file can have; a server may list others and they mean nothing.
fn ours(listed: &[ShareNum], total: usize) -> BTreeSet<ShareNum> {
    listed.iter().copied().filter(|share| usize::from(share.0) < total).collect()
}

fn accepts(version: &ServerVersion, share_size: u64) -> bool {
    let room = version.available.is_none_or(|available| available >= share_size);
    !version.read_only && room && version.max_share_size >= share_size
}
