//! The first question of an upload: which server has which shares, and which takes more.
//!
//! A server that is slow to answer is not lost: the upload begins without it, and its answer is
//! taken when servers that were quicker have failed.

use super::sites::{Site, Sites, Trouble};
use crate::base::{ShareNum, StorageIndex};
use crate::codec::lease::LeaseSecrets;
use crate::grid::patience::{Patience, within};
use crate::grid::placement::place;
use crate::grid::servers::Server;
use crate::storage::api::{GetVersion, ListShares, ServerVersion};
use crate::tub::RemoteError;
use futures_util::future::{BoxFuture, FutureExt, try_join};
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

/// Answers that have not come yet; each comes, or becomes an error, within [`Patience::query`].
pub struct Late(FuturesUnordered<BoxFuture<'static, (usize, Answer)>>);

/// Asks all servers at once. Waits for every answer, but no longer than [`Patience::query`], and
/// only [`Patience::settle`] longer once those that answered suffice.
pub async fn survey(
    servers: Vec<(Arc<Server>, LeaseSecrets)>,
    wanted: &Wanted,
    patience: &Patience,
) -> (Sites, Late) {
    let asked = servers.iter().enumerate().map(|(index, (server, _))| {
        let list = server.storage.call(ListShares { si: wanted.si });
        let version = server.storage.call(GetVersion {});
        let both = within(patience.query, try_join(list, version));
        both.map(move |answer| (index, answer)).boxed()
    });
    let mut late = Late(asked.collect());
    let sites = servers.into_iter().map(|(server, lease)| Site::asked(server, lease));
    let mut sites = Sites(sites.collect());
    loop {
        let more = match enough(&sites, wanted) {
            true => {
                let more = late.more(&mut sites, wanted);
                tokio::time::timeout(patience.settle, more).await.unwrap_or(false)
            }
            false => late.more(&mut sites, wanted).await,
        };
        if !more {
            return (sites, late);
        }
    }
}

impl Late {
    /// Waits for the next answer, and notes it with all that have come; false if none is left.
    pub async fn more(&mut self, sites: &mut Sites, wanted: &Wanted) -> bool {
        let Some(first) = self.0.next().await else { return false };
        note(sites, first, wanted);
        self.come(sites, wanted);
        true
    }

    /// Notes the answers that have come.
    pub fn come(&mut self, sites: &mut Sites, wanted: &Wanted) {
        while let Some(Some(answer)) = self.0.next().now_or_never() {
            note(sites, answer, wanted);
        }
    }
}

/// Whether the servers that answered can make the upload happy.
fn enough(sites: &Sites, wanted: &Wanted) -> bool {
    let writable = sites.0.iter().filter(|site| site.writable).count();
    let answered = sites.0.iter().filter(|site| !site.unanswered).count();
    writable >= wanted.happy
        || answered >= wanted.happy
            && place(&sites.candidates(), wanted.total).happiness >= wanted.happy
}

fn note(sites: &mut Sites, (index, answer): (usize, Answer), wanted: &Wanted) {
    let Some(site) = sites.get_mut(index) else { return };
    site.unanswered = false;
    match answer {
        Ok((held, version)) => {
            site.held = ours(&held, wanted.total);
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
