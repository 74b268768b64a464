//! Which share goes to which server (`docs/spec/formats-immutable.md` §15.2, steps 4 and 5).
//!
//! Promises: what exists is kept and counted; no share is stored twice by one plan; happiness is as
//! large as the servers allow; a grid with fewer servers than shares is filled evenly; the same
//! input gives the same plan. Servers come in permuted order, shares in ascending order.

use super::happiness::{Matching, servers_of_happiness};
use crate::base::ShareNum;
use std::collections::{BTreeMap, BTreeSet};

/// What a plan needs to know of a server.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// Shares of this file that the server has, or has promised to take.
    pub held: BTreeSet<ShareNum>,
    /// Whether it may be given more.
    pub writable: bool,
}

/// New shares for each candidate, by its place in the list that was planned for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Shares to store; never one that the candidate holds.
    pub new: BTreeMap<usize, BTreeSet<ShareNum>>,
    /// Happiness if all of them get there.
    pub happiness: usize,
}

/// Plans `total` shares over `candidates`, which come in permuted order.
pub fn place(candidates: &[Candidate], total: usize) -> Plan {
    let all: Vec<ShareNum> = (0..=u8::MAX).take(total).map(ShareNum).collect();
    let mut matching = match_held(candidates, &all);
    let mut plan = Plan::default();
    for (server, share) in match_fresh(candidates, &all, &mut matching) {
        plan.new.entry(server).or_default().insert(share);
    }
    spread_homeless(candidates, &all, &mut plan);
    plan.happiness = servers_of_happiness(&after(candidates, &all, &plan));
    plan
}

/// Pairs servers with shares that they hold, read-only servers first: they can be paired in no
/// other way, and a later server never takes a pair away from an earlier one.
fn match_held(candidates: &[Candidate], all: &[ShareNum]) -> Matching<usize> {
    let mut matching = Matching::default();
    let wanted = |index: usize| {
        let held = candidates.get(index).map(|candidate| &candidate.held);
        held.into_iter().flatten().filter(|share| all.contains(share))
    };
    for writable in [false, true] {
        for (index, candidate) in candidates.iter().enumerate() {
            if candidate.writable == writable {
                matching.add(index, wanted);
            }
        }
    }
    matching
}

/// Pairs each writable server that has no pair with a share that has none; shares that nobody holds
/// come first.
fn match_fresh(
    candidates: &[Candidate],
    all: &[ShareNum],
    matching: &mut Matching<usize>,
) -> Vec<(usize, ShareNum)> {
    let unpaired = all.iter().copied().filter(|&share| !matching.has_share(share));
    let (held, homeless): (Vec<_>, Vec<_>) = unpaired.partition(|share| exists(candidates, share));
    let idle = candidates
        .iter()
        .enumerate()
        .filter(|&(index, candidate)| candidate.writable && !matching.has_server(index));
    let fresh: Vec<_> =
        idle.map(|(index, _)| index).zip(homeless.into_iter().chain(held)).collect();
    for &(server, share) in &fresh {
        matching.pair(server, share);
    }
    fresh
}

/// Gives each share that is still nowhere to the writable server with the fewest shares.
fn spread_homeless(candidates: &[Candidate], all: &[ShareNum], plan: &mut Plan) {
    let mut load: BTreeMap<usize, usize> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| candidate.writable)
        .map(|(index, candidate)| {
            (index, candidate.held.len() + plan.new.get(&index).map_or(0, BTreeSet::len))
        })
        .collect();
    for share in all {
        if exists(candidates, share) || plan.new.values().any(|shares| shares.contains(share)) {
            continue;
        }
        let least = load.iter_mut().min_by_key(|(index, count)| (**count, **index));
        let Some((&server, count)) = least else { return };
        *count += 1;
        plan.new.entry(server).or_default().insert(*share);
    }
}

fn exists(candidates: &[Candidate], share: &ShareNum) -> bool {
    candidates.iter().any(|candidate| candidate.held.contains(share))
}

/// Who holds what once the plan has been carried out.
fn after(
    candidates: &[Candidate],
    all: &[ShareNum],
    plan: &Plan,
) -> BTreeMap<usize, BTreeSet<ShareNum>> {
    let wanted = |candidate: &Candidate| {
        candidate.held.iter().copied().filter(|share| all.contains(share)).collect()
    };
    let mut held: BTreeMap<usize, BTreeSet<ShareNum>> =
        candidates.iter().map(wanted).enumerate().collect();
    for (&server, shares) in &plan.new {
        held.entry(server).or_default().extend(shares);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(count: usize) -> Vec<Candidate> {
        vec![Candidate { held: BTreeSet::new(), writable: true }; count]
    }

    fn holding(shares: &[u8], writable: bool) -> Candidate {
        Candidate { held: shares.iter().map(|&n| ShareNum(n)).collect(), writable }
    }

    fn counts(plan: &Plan) -> Vec<usize> {
        let mut counts: Vec<_> = plan.new.values().map(BTreeSet::len).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn ten_servers_get_one_share_each_in_order() {
        let plan = place(&empty(12), 10);
        assert_eq!(plan.happiness, 10);
        for index in 0..10 {
            assert_eq!(plan.new[&index], BTreeSet::from([ShareNum(index as u8)]));
        }
        assert_eq!(plan.new.len(), 10);
    }

    #[test]
    fn three_five_and_nine_servers_are_filled_evenly() {
        for (servers, expected) in
            [(3, vec![3, 3, 4]), (5, vec![2; 5]), (9, vec![1, 1, 1, 1, 1, 1, 1, 1, 2])]
        {
            let plan = place(&empty(servers), 10);
            assert_eq!(counts(&plan), expected, "{servers} servers");
            assert_eq!(plan.happiness, servers);
        }
    }

    #[test]
    fn a_repeated_upload_stores_nothing() {
        let servers: Vec<_> = (0..10).map(|n| holding(&[n], true)).collect();
        let plan = place(&servers, 10);
        assert!(plan.new.is_empty());
        assert_eq!(plan.happiness, 10);
    }

    #[test]
    fn a_server_with_everything_shares_with_empty_ones() {
        let mut servers = vec![holding(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], true)];
        servers.extend(empty(6));
        let plan = place(&servers, 10);
        assert_eq!(plan.happiness, 7);
        assert_eq!(counts(&plan), vec![1; 6]);
        assert!(!plan.new.contains_key(&0));
    }

    #[test]
    fn read_only_servers_count_for_what_they_hold_and_get_nothing() {
        let mut servers = vec![holding(&[0, 1], false), holding(&[1], false), holding(&[], false)];
        servers.extend(empty(2));
        let plan = place(&servers, 4);
        assert_eq!(plan.happiness, 4);
        assert_eq!(plan.new.keys().copied().collect::<Vec<_>>(), vec![3, 4]);
    }

    #[test]
    fn without_a_writable_server_nothing_is_planned() {
        let plan = place(&[holding(&[2], false)], 10);
        assert_eq!((plan.new.len(), plan.happiness), (0, 1));
    }

    #[test]
    fn shares_beyond_the_total_do_not_count_as_wanted() {
        let plan = place(&[holding(&[200], true), holding(&[], true)], 2);
        assert_eq!(plan.happiness, 2);
        assert_eq!(counts(&plan), vec![1, 1]);
    }
}
