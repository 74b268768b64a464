//! Placing shares and asking servers to take them (`docs/spec/formats-immutable.md` §15.2, steps 4–6).

use super::sites::{Contest, Site, Sites, Trouble};
use super::survey::{Place, Wanted};
use crate::base::{ShareNum, StorageIndex};
use crate::codec::lease::LeaseSecrets;
use crate::grid::placement::place;
use crate::grid::round::Round;
use crate::grid::standing::Duty;
use crate::grid::timeouts::{Timeouts, within};
use crate::storage::api::{AddLease, Allocate, AllocateProven, Allocated, Put, PutProven, code};
use crate::tub::{Bulk, CallFuture, RemoteError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
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

/// Allocates until every share has a place or no server takes more. What a server says that it has is
/// asked for likewise, which puts this client's lease on it: whole shares are compared by the server,
/// others it looks at, and it shows them later.
pub async fn allocate(sites: &mut Sites, wanted: &Wanted, timeouts: &Timeouts, asking: Asking<'_>) {
    // Each round grants something, or finds a place that is taken or a server that takes nothing
    // more, so it ends.
    loop {
        let mut requests = place(&sites.candidates(), wanted.total).new;
        let unasked = |site: &Site| site.takes_more() && !site.leased && !site.claimed.is_empty();
        for (index, site) in sites.0.iter().enumerate().filter(|(_, site)| unasked(site)) {
            requests.entry(index).or_default().extend(&site.claimed);
        }
        if requests.is_empty() {
            return;
        }
        ask(sites, wanted, timeouts, asking, requests).await;
    }
}

/// Waits until no other client writes shares of this file any more, at most until `deadline`;
/// then those shares are to be placed elsewhere. What others gave up is granted to this upload.
pub async fn wait_for_others(
    sites: &mut Sites,
    wanted: &Wanted,
    timeouts: &Timeouts,
    asking: Asking<'_>,
    deadline: Instant,
) {
    let mut delay = LOOK_AGAIN_MIN;
    while sites.waits_for_others() {
        let now = Instant::now();
        if now < deadline {
            tokio::time::sleep(delay.min(deadline - now)).await;
            delay = (delay * 2).min(LOOK_AGAIN_MAX);
        }
        let occupied = |(index, site): (usize, &mut Site)| {
            let shares = std::mem::take(&mut site.in_progress);
            (!shares.is_empty()).then_some((index, shares))
        };
        let requests = sites.0.iter_mut().enumerate().filter_map(occupied).collect();
        ask(sites, wanted, timeouts, asking, requests).await;
        if now >= deadline {
            give_up_waiting(sites, wanted.ueb_hash.is_some());
        }
    }
}

/// Who writes and does not end keeps nobody out: the shares go where proven ones stand. A server that
/// says the same of those is given up.
fn give_up_waiting(sites: &mut Sites, known: bool) {
    for site in sites.0.iter_mut().filter(|site| !site.in_progress.is_empty()) {
        if site.contest == Contest::Unknown {
            site.contest(known, Trouble::Occupied);
        } else {
            site.in_progress.clear();
            site.server.standing.note_late(Duty::Store);
            site.give_up_writing(Trouble::Occupied);
        }
    }
}

/// What a server was asked to take.
struct Asked {
    index: usize,
    shares: BTreeSet<ShareNum>,
    /// Where only proven shares may stand.
    proven: bool,
    /// The shares themselves were sent.
    whole: bool,
}

/// Asks each listed server to take those shares, all at once, and notes the answers. Who keeps the
/// others waiting, where they suffice, is passed over.
async fn ask(
    sites: &mut Sites,
    wanted: &Wanted,
    timeouts: &Timeouts,
    asking: Asking<'_>,
    requests: BTreeMap<usize, BTreeSet<ShareNum>>,
) {
    let most = match asking {
        Asking::Writers => timeouts.allocate,
        Asking::Whole(_) => timeouts.close,
    };
    let mut round = Round::new(Duty::Store, most, timeouts);
    for (index, shares) in requests {
        let Some(site) = sites.get_mut(index) else { continue };
        let proven = site.contest != Contest::Unknown;
        let whole = matches!(asking, Asking::Whole(_));
        let asked = |shares| Asked { index, shares, proven, whole };
        let place = wanted.place(site, proven);
        match asking {
            Asking::Writers => {
                let answer = within(most, reserve(site, &shares, wanted, place));
                round.ask(&site.server, asked(shares), answer);
            }
            Asking::Whole(all) => {
                for share in shares {
                    let Some(data) = all.get(usize::from(share.0)) else { continue };
                    let answer = within(most, put(site, (share, data.clone()), &place, wanted.si));
                    round.ask(&site.server, asked([share].into()), answer);
                }
            }
        }
    }
    loop {
        let missing = round.open().map(|asked| asked.index).collect();
        let enough = sites.certain_without(&missing) >= wanted.happy
            || round.is_half_done() && suffice_without(sites, &missing, wanted);
        let Some((asked, answer)) = round.next(enough).await else { break };
        if let Some(site) = sites.get_mut(asked.index) {
            note_answer(site, wanted, asked, answer);
        }
    }
    pass_over(sites, round.give_up().map(|asked| asked.index));
}

/// Whether the upload can do without these servers.
fn suffice_without(sites: &Sites, missing: &BTreeSet<usize>, wanted: &Wanted) -> bool {
    sites.reachable_without(missing, wanted.total) >= wanted.happy
}

pub(super) fn pass_over(sites: &mut Sites, late: impl Iterator<Item = usize>) {
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
    place: Place,
) -> CallFuture<Allocated> {
    let (si, size) = (wanted.si, wanted.share_size);
    let shares = shares.iter().copied().collect();
    let Place { lease: LeaseSecrets { renew, cancel }, proven, .. } = place;
    let storage = &site.server.storage;
    match proven {
        None => storage.call(Allocate { si, shares, size, renew, cancel }),
        Some(ueb_hash) => {
            storage.call(AllocateProven { si, shares, size, ueb_hash, renew, cancel })
        }
    }
}

fn put(
    site: &Site,
    (share, data): (ShareNum, Bytes),
    place: &Place,
    si: StorageIndex,
) -> CallFuture<Allocated> {
    let data = Bulk(data);
    let LeaseSecrets { renew, cancel } = place.lease.clone();
    let storage = &site.server.storage;
    match place.proven {
        None => storage.call(Put { si, share, renew, cancel, data }),
        Some(ueb_hash) => storage.call(PutProven { si, share, ueb_hash, renew, cancel, data }),
    }
}

/// Puts this client's lease on shares that were shown and were not asked for.
pub(super) async fn lease_existing(sites: &mut Sites, wanted: &Wanted, timeouts: &Timeouts) {
    let mut round = Round::new(Duty::Store, timeouts.allocate, timeouts);
    let unleased = |site: &Site| !site.held.is_empty() && !site.leased;
    for (index, site) in sites.0.iter().enumerate().filter(|(_, site)| unleased(site)) {
        let call = site.server.storage.call(AddLease {
            si: wanted.si,
            renew: site.lease.renew.clone(),
            cancel: site.lease.cancel.clone(),
        });
        round.ask(&site.server, index, within(timeouts.allocate, call));
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
    asked: Asked,
    answer: Result<Allocated, RemoteError>,
) {
    if asked.proven && site.contest == Contest::Open {
        site.contest = Contest::Asked;
    }
    match answer {
        Ok(allocated) => note_allocated(site, wanted, asked, allocated),
        // The object's own refusal: what it holds, it holds, and what it says that it has it may
        // yet show if it takes no leases either.
        Err(RemoteError::App { code, .. }) if code != code::DISK => {
            site.read_only |= code == code::READ_ONLY;
            if !site.read_only {
                site.claimed.clear();
            }
            site.give_up_writing(Trouble::Refused);
        }
        // An older server, which has no place for proven shares.
        Err(RemoteError::NoSuchMethod) => site.give_up_writing(Trouble::Contested),
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

pub(super) fn trouble(error: RemoteError) -> Trouble {
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
fn note_allocated(site: &mut Site, wanted: &Wanted, asked: Asked, allocated: Allocated) {
    let Asked { shares, proven, whole, .. } = asked;
    site.leased = true;
    site.claimed.retain(|share| !shares.contains(share));
    let mut already = allocated.already;
    // Whole shares were compared with what was sent; proven ones give way.
    already.retain(|share| whole || proven || !site.damaged.contains(share));
    if proven {
        let taken = already.iter().chain(allocated.writers.iter().map(|(share, _)| share));
        site.beside.extend(taken);
    }
    for share in already.into_iter().filter(|share| shares.contains(share)) {
        if whole {
            site.held.insert(share);
        } else if !site.held.contains(&share) {
            // Each place is asked by itself to show what it claims; the other can claim again.
            if site.claims_proven != proven {
                site.claimed.clear();
                site.claims_proven = proven;
            }
            site.claimed.insert(share);
            site.found.insert(share);
        }
    }
    let known = |site: &Site, share: &ShareNum| {
        let stored = site.held.contains(share) || site.claimed.contains(share);
        stored || site.granted.contains_key(share) || site.in_progress.contains(share)
    };
    for (share, writer) in allocated.writers {
        if shares.contains(&share) && !known(site, &share) {
            site.granted.insert(share, writer);
            if allocated.in_progress.contains(&share) {
                site.begun.insert(share);
            }
        }
    }
    for share in allocated.in_progress.into_iter().filter(|share| shares.contains(share)) {
        if !known(site, &share) {
            site.in_progress.insert(share);
        }
    }
    if shares.iter().all(|share| known(site, share)) {
        return;
    }
    // It is full, or something else stands there: what is asked for next tells which.
    match proven {
        true => site.give_up_writing(Trouble::Refused),
        false => site.contest(wanted.ueb_hash.is_some(), Trouble::Refused),
    }
}
