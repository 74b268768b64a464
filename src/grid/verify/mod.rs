//! Verifying: every share of a file, on every server that has one, read whole and held against the cap.
//!
//! A verify cap is enough: each block leads over the share's block tree and its chain to the UEB, and that
//! to the cap; the tree over the file's segments, which every share has, is proven as well. What no
//! reader looks at is not looked at here (`docs/spec/formats-immutable.md` §11). Several servers are read
//! at once, one share of each; what is held in memory meanwhile has a bound for the whole client. A share whose server takes much
//! longer than others is given up.
//!
//! A server is told of each share of its that is not the file's.

mod company;
mod inspect;

use super::check::{CheckError, Checked, Held, Leased, Subject, lease_all};
use super::client::Client;
use super::download::{Found, shares_at};
use super::server_id::ServerId;
use super::servers::Server;
use super::stock::Stock;
use super::timeouts::within;
use crate::base::file::FileFacts;
use crate::base::limits::{CLAIM_RATE_MIN, VERIFY_SERVERS_MAX};
use crate::base::{ShareNum, StorageIndex};
use crate::cap::Cap;
use crate::codec::decode::ShareError;
use crate::codec::layout::{HEADER_MAX, Layout, Offsets};
use crate::codec::ueb::BadUeb;
use crate::storage::api::{AdviseCorrupt, OpenBucket};
use crate::tub::RemoteError;
use company::Company;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::{StreamExt, iter};
use inspect::{Inspected, inspect};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A share that is not good, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub server: ServerId,
    /// Under which index it stands: the file's own, or that of its proven shares.
    pub si: StorageIndex,
    pub share: ShareNum,
    pub flaw: Flaw,
}

/// What is wrong with a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is not what the file's author made.
    #[error("{0}")]
    Corrupt(ShareError),
    /// It may be sound, but is not what the cap names.
    #[error("it is of another file, or its URI extension block is damaged")]
    Foreign,
    /// Of a version that this program does not know: neither good nor corrupt.
    #[error("it has version {0}, which this program does not know")]
    Incompatible(u32),
    /// It is the cap's own, and tells of other numbers than the cap: no server is at fault.
    #[error("it contradicts the numbers in the capability")]
    Contradicting,
    /// Its server did not give all of it.
    #[error("its server did not give it: {0}")]
    Unreadable(RemoteError),
}

impl Flaw {
    /// Whether it was read and is not what the cap names.
    pub const fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt(_) | Self::Foreign | Self::Contradicting)
    }

    /// Which part of the share it is in, if that can be said.
    pub const fn region(&self) -> Option<&'static str> {
        match self {
            Self::Corrupt(error) => Some(error.region()),
            Self::Foreign | Self::Contradicting => Some("uri_extension"),
            Self::Incompatible(_) => Some("header"),
            Self::Unreadable(_) => None,
        }
    }
}

impl From<ShareError> for Flaw {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Incompatible(version) => Self::Incompatible(version),
            ShareError::Ueb(BadUeb::Hash) => Self::Foreign,
            error if error.accuses_server() => Self::Corrupt(error),
            _ => Self::Contradicting,
        }
    }
}

/// A part of a file, of so many that are equally long: a large file is read over many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which of them, from 0 on.
    pub number: u64,
    pub of: u64,
}

impl Part {
    pub const ALL: Self = Self { number: 0, of: 1 };

    /// Its segments, of so many.
    fn segments(self, all: u64) -> Range<u64> {
        let of = u128::from(self.of.max(1));
        let begin = |number: u64| (u128::from(all) * u128::from(number) / of) as u64;
        begin(self.number)..begin(self.number.saturating_add(1)).min(all)
    }
}

/// One share and what was found of it.
struct Seen {
    found: Found,
    verdict: Result<Inspected, Flaw>,
}

/// All that was read of one file.
pub(super) struct Verified {
    pub checked: Checked,
    /// Good shares by server, and what stands in their places.
    pub stock: BTreeMap<ServerId, Stock>,
    /// How the good shares are laid out.
    pub layout: Option<Inspected>,
}

impl Client {
    /// Reads all shares of the file, or immutable directory, that `cap` names.
    pub async fn verify(&self, cap: &Cap, add_lease: bool) -> Result<Checked, CheckError> {
        self.verify_part(cap, Part::ALL, add_lease).await
    }

    /// The same of a part of it: what leads from each share to the cap, and the blocks of that part.
    pub async fn verify_part(
        &self,
        cap: &Cap,
        part: Part,
        add_lease: bool,
    ) -> Result<Checked, CheckError> {
        self.permit(cap)?;
        Ok(self.verify_all(Subject::of(cap)?, part, add_lease).await.checked)
    }

    pub(super) fn verify_all(
        &self,
        subject: Subject,
        part: Part,
        add_lease: bool,
    ) -> BoxFuture<'_, Verified> {
        // Boxed: it is large, and callers hold it beside much else.
        async move {
            let Subject { si, beside, .. } = subject;
            let open = |si| {
                move |server: &Server| {
                    server.storage.call(OpenBucket { si, head: HEADER_MAX as u32 })
                }
            };
            let (own, proven) = tokio::join!(self.ask_all(open(si)), self.ask_all(open(beside)));
            let mut found: BTreeMap<ServerId, (Arc<Server>, Vec<Found>)> = BTreeMap::new();
            for (si, answers) in [(si, own.answers), (beside, proven.answers)] {
                for (server, opened) in answers {
                    let shares = shares_at((&server, si), HEADER_MAX as u32, opened);
                    found.entry(server.id).or_insert((server, Vec::new())).1.extend(shares);
                }
            }
            let (servers, shares): (Vec<_>, Vec<_>) = found.into_values().unzip();
            // A server that says it has hundreds is still one.
            let company = Company::of(shares.iter().filter(|shares| !shares.is_empty()).count());
            let see = |shares| self.see(subject, shares, (part, &company)).boxed();
            let each: Vec<_> = shares.into_iter().map(see).collect();
            let seen = iter(each).buffer_unordered(VERIFY_SERVERS_MAX).collect::<Vec<_>>().await;
            let seen: Vec<Seen> = seen.into_iter().flatten().collect();
            if add_lease {
                self.lease_good(subject, &seen).await;
            }
            let silent = own.silent.into_iter().chain(proven.silent).collect();
            let (verified, reports) = Verified::of(subject, servers, (seen, silent));
            // Who is to be repaired wants its damaged shares known before the good ones come.
            let told = reports
                .into_iter()
                .map(|(server, report)| within(self.timeouts.settle, server.storage.call(report)));
            let _answers = join_all(told).await;
            verified
        }
        .boxed()
    }

    /// Reads the shares of one server, one after the other. One that falls silent is not asked for the
    /// next.
    async fn see(
        &self,
        subject: Subject,
        shares: Vec<Found>,
        reading: (Part, &Company),
    ) -> Vec<Seen> {
        let (mut seen, mut gone) = (Vec::new(), None);
        for found in shares {
            if !subject.facts.params.has(found.num) {
                continue;
            }
            let verdict = match &gone {
                Some(error) => Err(Flaw::Unreadable(RemoteError::clone(error))),
                None => inspect(self, &found, subject.facts, reading).await,
            };
            if let Err(Flaw::Unreadable(error)) = &verdict
                && matches!(error, RemoteError::Timeout | RemoteError::Disconnected)
            {
                gone = Some(error.clone());
            }
            seen.push(Seen { found, verdict });
        }
        seen
    }

    /// Reads these shares, which one server says it has under `si`; those that are good.
    pub(super) async fn read_whole(
        &self,
        (server, si): (Arc<Server>, StorageIndex),
        facts: FileFacts,
        shares: &BTreeSet<ShareNum>,
    ) -> Result<BTreeSet<ShareNum>, RemoteError> {
        let open = server.storage.call(OpenBucket { si, head: HEADER_MAX as u32 });
        let opened = within(self.timeouts.find, open).await?;
        let (company, mut good) = (Company::of(shares.len()), BTreeSet::new());
        let found = shares_at((&server, si), HEADER_MAX as u32, opened);
        for found in found.into_iter().filter(|found| shares.contains(&found.num)) {
            let time = self.timeouts.read + Duration::from_secs(found.length / CLAIM_RATE_MIN);
            let read =
                tokio::time::timeout(time, inspect(self, &found, facts, (Part::ALL, &company)));
            let late = || Err(Flaw::Unreadable(RemoteError::Timeout));
            match read.await.unwrap_or_else(|_| late()) {
                Ok(_) => drop(good.insert(found.num)),
                Err(Flaw::Unreadable(
                    error @ (RemoteError::Timeout | RemoteError::Disconnected),
                )) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(good)
    }

    /// Asks servers with a good share to keep what they have for another term.
    async fn lease_good(&self, Subject { si, beside, .. }: Subject, seen: &[Seen]) {
        let (own, proven) = (holders(seen, si), holders(seen, beside));
        tokio::join!(self.lease(own, lease(si)), self.lease(proven, lease(beside)));
    }
}

/// Puts a lease on what a server has of the file, which it has shown.
fn lease(si: StorageIndex) -> impl Fn(Client, Arc<Server>) -> BoxFuture<'static, Leased> {
    move |client, server| lease_all(client, server, si).boxed()
}

/// Each server that has a good share under this index, once.
fn holders(seen: &[Seen], si: StorageIndex) -> Vec<Arc<Server>> {
    let good = seen.iter().filter(|seen| seen.found.si == si && seen.verdict.is_ok());
    let by_server: BTreeMap<ServerId, Arc<Server>> =
        good.map(|Seen { found, .. }| (found.server.id, Arc::clone(&found.server))).collect();
    by_server.into_values().collect()
}

impl Verified {
    fn of(
        subject: Subject,
        servers: Vec<Arc<Server>>,
        (mut seen, silent): (Vec<Seen>, BTreeSet<ServerId>),
    ) -> (Self, Vec<Report>) {
        // Nothing proves how a share is laid out; the narrow way is the usual one.
        let layouts = seen.iter().filter_map(|seen| seen.verdict.as_ref().ok());
        let layout = layouts.min_by_key(|layout| layout.version).copied();
        if let Some(layout) = layout {
            seen.iter_mut().for_each(|seen| blame_header(seen, layout));
        }
        let empty = |server: Arc<Server>| (server.id, Stock::nothing(server));
        let mut stock: BTreeMap<ServerId, Stock> = servers.into_iter().map(empty).collect();
        let (mut findings, mut reports) = (Vec::new(), Vec::new());
        for Seen { found, verdict } in seen {
            let Some(stock) = stock.get_mut(&found.server.id) else { continue };
            match verdict {
                Ok(_) => {
                    stock.good.insert(found.num);
                }
                Err(flaw) => {
                    if found.si == subject.si && !matches!(flaw, Flaw::Unreadable(_)) {
                        stock.damaged.insert(found.num);
                    }
                    reports.extend(report(&found, &flaw));
                    let Found { si, num: share, .. } = found;
                    findings.push(Finding { server: found.server.id, si, share, flaw });
                }
            }
        }
        let held: Held = stock.iter().map(|(id, stock)| (*id, stock.good.clone())).collect();
        findings.sort_by_key(|finding| (finding.share, finding.server));
        let checked = subject.checked(&held, silent);
        let checked = Checked { verified: true, findings, ..checked };
        (Self { checked, stock, layout }, reports)
    }
}

/// All shares of a file have their regions in the same places: where the header of a damaged one has them
/// elsewhere, that is the damage. One of another length is probably of another file.
fn blame_header(seen: &mut Seen, layout: Inspected) {
    let Inspected { geometry, version } = layout;
    let Ok(layout) = Layout::plan(&geometry, version) else { return };
    let may_be = match &seen.verdict {
        Err(Flaw::Corrupt(_)) => true,
        Err(Flaw::Foreign) => seen.found.length == layout.share_len(),
        _ => false,
    };
    let head = seen.found.parts.first().filter(|(_, head)| may_be && !head.is_empty());
    let Some((_, head)) = head else { return };
    let planned = layout.offsets();
    // Nobody reads the tree over the plaintext.
    let same = |found| Offsets { plaintext_tree: planned.plaintext_tree, ..found } == *planned;
    if !Offsets::parse(head).is_ok_and(same) {
        seen.verdict = Err(Flaw::Corrupt(ShareError::Layout));
    }
}

/// What a server is to be told.
type Report = (Arc<Server>, AdviseCorrupt);

/// What a server is told of a share of its that is not the file's.
fn report(Found { server, si, num, .. }: &Found, flaw: &Flaw) -> Option<Report> {
    tracing::info!(%server, share = %num, %flaw, "a share is not as it should be");
    let is_told = matches!(flaw, Flaw::Corrupt(_) | Flaw::Foreign);
    let told = || AdviseCorrupt { si: *si, share: *num, reason: flaw.to_string() };
    is_told.then(|| (Arc::clone(server), told()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_together_all_and_none_is_read_twice() {
        for (all, of) in [(0, 1), (1, 1), (7, 3), (3, 7), (1 << 20, 1_024), (u64::MAX, 3)] {
            let parts: Vec<_> = (0..of).map(|number| Part { number, of }.segments(all)).collect();
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, all), "{all} {of}");
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start), "{all} {of}");
        }
        assert_eq!(Part::ALL.segments(9), 0..9);
    }
}
