//! Placing shares and asking servers to take them (`spec/formats-immutable.md` §15.2, steps 4–6).

use super::sites::{Site, Sites, Trouble};
use super::survey::Wanted;
use crate::base::ShareNum;
use crate::grid::patience::{Patience, within};
use crate::grid::placement::place;
use crate::grid::round::Round;
use crate::grid::standing::Duty;
use crate::storage::api::{AddLease, Allocate, Allocated, Put, code};
use crate::tub::{Bulk, RemoteError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at shares that another client is writing: from, up to.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(20);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(1);

/// How servers are asked to take shares.
#[derive(Clone, Copy)]
pub enum Asking<'a> {
    /// For a writer each, through which they are sent.
    Writers,
    /// To store them at once; here they are, by number.
    Whole(&'a [Bytes]),
}

/// Allocates until every share has a place or no server takes more. Also puts this client's lease
/// on the shares that were already there.
pub async fn allocate(sites: &mut Sites, wanted: &Wanted, patience: &Patience, asking: Asking<'_>) {
    lease_existing(sites, wanted, patience).await;
    // Each round grants something or finds a server that takes nothing more, so it ends.
    loop {
        let plan = place(&sites.candidates(), wanted.total);
        if plan.new.is_empty() {
            return;
        }
        ask(sites, wanted, patience, asking, plan.new).await;
    }
}

/// Waits until no other client writes shares of this file any more, at most until `deadline`;
/// then those shares are to be placed elsewhere. What others gave up is granted to this upload.
pub async fn wait_for_others(
    sites: &mut Sites,
    wanted: &Wanted,
    patience: &Patience,
    asking: Asking<'_>,
    deadline: Instant,
) {
    let mut delay = LOOK_AGAIN_MIN;
    while sites.waits_for_others() {
        let now = Instant::now();
        if now >= deadline {
            for site in sites.0.iter_mut().filter(|site| !site.in_progress.is_empty()) {
                site.in_progress.clear();
                site.server.standing.note_late(Duty::Store);
                site.give_up_writing(Trouble::Occupied);
            }
            return;
        }
        tokio::time::sleep(delay.min(deadline - now)).await;
        delay = (delay * 2).min(LOOK_AGAIN_MAX);
        let occupied = |(index, site): (usize, &mut Site)| {
            let shares = std::mem::take(&mut site.in_progress);
            (!shares.is_empty()).then_some((index, shares))
        };
        let requests = sites.0.iter_mut().enumerate().filter_map(occupied).collect();
        ask(sites, wanted, patience, asking, requests).await;
    }
}

/// Asks each listed server to take those shares, all at once, and notes the answers. Who keeps the
/// others waiting, where they suffice, is passed over.
async fn ask(
    sites: &mut Sites,
    wanted: &Wanted,
    patience: &Patience,
    asking: Asking<'_>,
    requests: BTreeMap<usize, BTreeSet<ShareNum>>,
) {
    let most = match asking {
        Asking::Writers => patience.allocate,
        Asking::Whole(_) => patience.close,
    };
    let mut round = Round::new(Duty::Store, most, patience);
    for (index, shares) in requests {
        let Some(site) = sites.get_mut(index) else { continue };
        match asking {
            Asking::Writers => {
                let answer = reserve(site, &shares, wanted, patience);
                round.ask(&site.server, (index, shares), answer);
            }
            Asking::Whole(all) => {
                for share in shares {
                    let Some(data) = all.get(usize::from(share.0)) else { continue };
                    let answer = put(site, (share, data.clone()), wanted, patience);
                    round.ask(&site.server, (index, [share].into()), answer);
                }
            }
        }
    }
    loop {
        let missing = round.open().map(|(index, _)| *index).collect();
        let enough = sites.certain_without(&missing) >= wanted.happy
            || round.is_half_done() && suffice_without(sites, &missing, wanted);
        let Some(((index, shares), answer)) = round.next(enough).await else { break };
        if let Some(site) = sites.get_mut(index) {
            note_answer(site, wanted, shares, answer);
        }
    }
    pass_over(sites, round.give_up().map(|(index, _)| index));
}

/// Whether the upload can do without these servers.
fn suffice_without(sites: &Sites, missing: &BTreeSet<usize>, wanted: &Wanted) -> bool {
    sites.reachable_without(missing, wanted.total) >= wanted.happy
}

fn pass_over(sites: &mut Sites, late: impl Iterator<Item = usize>) {
    for index in late {
        if let Some(site) = sites.get_mut(index) {
            site.pass_over();
        }
    }
}

fn reserve(
    site: &Site,
    shares: &BTreeSet<ShareNum>,
    wanted: &Wanted,
    patience: &Patience,
) -> impl Future<Output = Result<Allocated, RemoteError>> + Send + use<> {
    let call = site.server.storage.call(Allocate {
        si: wanted.si,
        shares: shares.iter().copied().collect(),
        size: wanted.share_size,
        renew: site.lease.renew.clone(),
        cancel: site.lease.cancel.clone(),
    });
    within(patience.allocate, call)
}

fn put(
    site: &Site,
    (share, data): (ShareNum, Bytes),
    wanted: &Wanted,
    patience: &Patience,
) -> impl Future<Output = Result<Allocated, RemoteError>> + Send + use<> {
    let call = site.server.storage.call(Put {
        si: wanted.si,
        share,
        renew: site.lease.renew.clone(),
        cancel: site.lease.cancel.clone(),
        data: Bulk(data),
    });
    within(patience.close, call)
}

async fn lease_existing(sites: &mut Sites, wanted: &Wanted, patience: &Patience) {
    let mut round = Round::new(Duty::Store, patience.allocate, patience);
    let unleased = |site: &Site| !site.held.is_empty() && !site.leased;
    for (index, site) in sites.0.iter().enumerate().filter(|(_, site)| unleased(site)) {
        let call = site.server.storage.call(AddLease {
            si: wanted.si,
            renew: site.lease.renew.clone(),
            cancel: site.lease.cancel.clone(),
        });
        round.ask(&site.server, index, within(patience.allocate, call));
    }
    loop {
        let missing = round.open().copied().collect();
        let enough = suffice_without(sites, &missing, wanted);
        let Some((index, answer)) = round.next(enough).await else { break };
        if let Some(site) = sites.get_mut(index) {
            note_lease(site, answer);
        }
    }
    pass_over(sites, round.give_up());
}

fn note_answer(
    site: &mut Site,
    wanted: &Wanted,
    asked: BTreeSet<ShareNum>,
    answer: Result<Allocated, RemoteError>,
) {
    match answer {
        Ok(allocated) => note_allocated(site, wanted, asked, allocated),
        // The object's own refusal: what it holds, it holds.
        Err(RemoteError::App { code, .. }) if code != code::DISK => {
            site.give_up_writing(Trouble::Refused);
        }
        Err(error) => site.forget(trouble(error)),
    }
}

fn note_lease(site: &mut Site, answer: Result<u32, RemoteError>) {
    match answer {
        Ok(shares) => note_leased(site, shares as usize),
        Err(RemoteError::App { code, .. }) if code != code::DISK => {
            match code == code::READ_ONLY || site.read_only {
                true => site.leased = true,
                // Without a lease the shares may go at any time.
                false => site.forget(Trouble::Refused),
            }
        }
        Err(error) => site.forget(trouble(error)),
    }
}

fn trouble(error: RemoteError) -> Trouble {
    match error {
        RemoteError::Timeout => Trouble::Silent,
        error => Trouble::Failed(error),
    }
}

/// So many shares carry the lease now. If some do not, it cannot be told which: none counts until
/// an allocation names them.
fn note_leased(site: &mut Site, shares: usize) {
    if shares < site.held.len() {
        site.held.clear();
    }
    site.leased = true;
}

/// Takes only what was asked for: a server may list or grant more, and it means nothing.
fn note_allocated(
    site: &mut Site,
    wanted: &Wanted,
    asked: BTreeSet<ShareNum>,
    allocated: Allocated,
) {
    let ours = |share: &ShareNum| usize::from(share.0) < wanted.total;
    site.leased = true;
    site.held.extend(allocated.already.into_iter().filter(ours));
    for (share, writer) in allocated.writers {
        if asked.contains(&share) && !site.held.contains(&share) {
            site.granted.entry(share).or_insert(writer);
        }
    }
    for share in allocated.in_progress.into_iter().filter(|share| asked.contains(share)) {
        if !site.held.contains(&share) && !site.granted.contains_key(&share) {
            site.in_progress.insert(share);
        }
    }
    let placed = |share: &ShareNum| {
        site.held.contains(share)
            || site.granted.contains_key(share)
            || site.in_progress.contains(share)
    };
    if !asked.iter().all(placed) {
        site.give_up_writing(Trouble::Refused);
    }
}
