//! Shares that servers say were there before: they count once they were shown to be the file's own, or
//! were read.
//!
//! A few hundred bytes of each are read in one call to its server and held against the UEB that this
//! upload made. Blocks are not read: a server says that a share is there only if the share's own sums
//! hold, so that a share which is tied to the file's UEB is whole, or its server lies; and one that
//! lies may as well lie about a share that it was given.

use super::allocate::{lease_existing, pass_over, trouble};
use super::sites::{Site, Sites, Trouble};
use super::survey::Wanted;
use crate::base::ShareNum;
use crate::base::file::FileFacts;
use crate::base::limits::SHARES_MAX;
use crate::codec::decode::{Showing, showing_ranges};
use crate::grid::client::Client;
use crate::grid::round::Round;
use crate::grid::standing::Duty;
use crate::grid::timeouts::{Timeouts, within};
use crate::storage::api::{OpenAndRead, OpenShare, Opened, cut};
use crate::tub::RemoteError;
use bytes::Bytes;
use futures_util::future::{FutureExt, TryFutureExt};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is wanted of a share before it counts.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// What ties it to the file.
    Shown,
    /// All of it.
    Read(&'a Client),
}

/// Has every claim proven, and puts this client's lease on what was and has none. Where a claim
/// does not hold, the place is contested from now on.
pub async fn prove(sites: &mut Sites, wanted: &Wanted, timeouts: &Timeouts, proof: Proof<'_>) {
    let Some(facts) = wanted.facts() else { return };
    let ranges = showing_ranges(wanted.plan.layout());
    let mut round = Round::new(Duty::Read, timeouts.allocate, timeouts);
    // Who is asked last need show nothing as long as the others suffice.
    let short = sites.certain() < wanted.happy;
    let asked = |site: &Site| !site.claimed.is_empty() && (short || !site.asked_last);
    for (index, site) in sites.0.iter().enumerate().filter(|(_, site)| asked(site)) {
        let si = wanted.place(site, site.claims_proven).si;
        let (server, claimed) = (Arc::clone(&site.server), site.claimed.clone());
        let answer = match proof {
            Proof::Shown => {
                let call = server.storage.call(OpenAndRead { si, ranges: ranges.clone() });
                let shown = shown(wanted, facts, ranges.clone());
                within(timeouts.allocate, call).map_ok(shown).boxed()
            }
            Proof::Read(client) => {
                let client = client.clone();
                async move { client.read_whole((server, si), facts, &claimed).await }.boxed()
            }
        };
        round.ask(&site.server, index, answer);
    }
    loop {
        let missing = round.open().copied().collect();
        let enough = sites.certain_without(&missing) >= wanted.happy;
        let Some((index, answer)) = round.next(enough).await else { break };
        if let Some(site) = sites.get_mut(index) {
            note(site, answer);
        }
    }
    pass_over(sites, round.give_up());
    lease_existing(sites, wanted, timeouts).await;
}

fn note(site: &mut Site, shown: Result<BTreeSet<ShareNum>, RemoteError>) {
    let shown = match shown {
        Ok(shown) => shown,
        Err(error) => return site.forget(trouble(error)),
    };
    let claimed = std::mem::take(&mut site.claimed);
    site.held.extend(claimed.intersection(&shown));
    if claimed.is_subset(&shown) {
        return;
    }
    tracing::info!(server = %site.server, "a server has something else than the file's shares");
    if site.claims_proven {
        // Nothing else could stand there.
        site.server.standing.note_lie();
        site.give_up_writing(Trouble::Contested);
    } else {
        site.contest(true, Trouble::Contested);
    }
}

/// Tells which shares of an answer are the file's.
fn shown(
    wanted: &Wanted,
    facts: FileFacts,
    ranges: Vec<(u64, u32)>,
) -> impl FnOnce(Opened) -> BTreeSet<ShareNum> + Send + use<> {
    let share_size = wanted.share_size;
    move |Opened { shares, heads }| {
        let mut bytes = heads.0;
        let lengths = Opened::range_lengths(shares.iter().map(|share| share.length), &ranges);
        let mut shown = BTreeSet::new();
        for (share, length) in shares.into_iter().zip(lengths).take(SHARES_MAX) {
            let part = bytes.split_to(length.min(bytes.len()));
            if share.length == share_size && shows(facts, &ranges, &share, part) {
                shown.insert(share.num);
            }
        }
        shown
    }
}

fn shows(facts: FileFacts, ranges: &[(u64, u32)], share: &OpenShare, mut bytes: Bytes) -> bool {
    let mut showing = Showing::new(facts, share.num, share.length);
    for &range in ranges {
        let length = cut(range, share.length) as usize;
        showing.take(range.0, bytes.split_to(length.min(bytes.len())));
    }
    showing.wants() == Ok(None)
}
