//! What an upload knows of each server that takes part in it.

use crate::base::ShareNum;
use crate::codec::lease::LeaseSecrets;
use crate::grid::happiness::servers_of_happiness;
use crate::grid::placement::{Candidate, place};
use crate::grid::servers::Server;
use crate::grid::standing::Duty;
use crate::grid::write_piece::SharePiece;
use crate::storage::api::BucketWriter;
use crate::tub::{Ref, RemoteError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Why a server holds less than was hoped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It did not answer in time.
    Silent,
    /// It is read-only, or has no room for a share of this size.
    Refused,
    /// Another client began to write the shares there and has not finished.
    Occupied,
    /// What it says that it has is not this file's, as far as it shows it.
    Contested,
    /// It answered with an error, or the link broke.
    Failed(RemoteError),
}

/// Whether something else stands in a server where the file's shares should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contest {
    /// Not that anybody knew.
    Unknown,
    /// Yes; the index of proven shares is not known before the file's UEB is.
    Waiting,
    /// Yes; from now on it is asked for room among proven shares.
    Open,
    /// It has been asked for that.
    Asked,
}

/// One server and what it has, promised or refused.
pub struct Site {
    pub server: Arc<Server>,
    pub lease: LeaseSecrets,
    /// Shares that are stored there and, once `leased`, carry this client's lease.
    pub held: BTreeSet<ShareNum>,
    /// Shares that it says it has, and has not shown: they are hoped for, and count for nothing.
    pub claimed: BTreeSet<ShareNum>,
    /// Whether it says so of the index of proven shares.
    pub claims_proven: bool,
    /// What it said that it has, and this upload did not write.
    pub found: BTreeSet<ShareNum>,
    /// Shares that were read under the file's own index and are not the file's, whatever it says.
    pub damaged: BTreeSet<ShareNum>,
    /// Shares that it took, or said that it has, among proven ones.
    pub beside: BTreeSet<ShareNum>,
    pub contest: Contest,
    /// Whether the server took the lease for what it holds, or can take none and keeps it anyhow.
    pub leased: bool,
    /// Shares that another client is writing there.
    pub in_progress: BTreeSet<ShareNum>,
    /// Shares that wait for this upload to write them.
    pub granted: BTreeMap<ShareNum, Ref<BucketWriter>>,
    /// Those of them that an earlier upload began.
    pub begun: BTreeSet<ShareNum>,
    /// Shares that this upload is writing now.
    pub writing: BTreeSet<ShareNum>,
    pub writable: bool,
    /// It takes no changes at all, by its own word.
    pub read_only: bool,
    /// It may yet say what it has and takes.
    pub unanswered: bool,
    /// It keeps uploads waiting, or lied lately: it gets shares only where the others do not suffice.
    pub asked_last: bool,
    pub trouble: Option<Trouble>,
}

impl Site {
    /// A server that has been asked and has not answered.
    pub fn asked(server: Arc<Server>, lease: LeaseSecrets) -> Self {
        let asked_last = server.standing.rank(&[Duty::List, Duty::Store]) > 0;
        Self {
            asked_last,
            server,
            lease,
            held: BTreeSet::new(),
            claimed: BTreeSet::new(),
            claims_proven: false,
            found: BTreeSet::new(),
            damaged: BTreeSet::new(),
            beside: BTreeSet::new(),
            contest: Contest::Unknown,
            leased: false,
            in_progress: BTreeSet::new(),
            granted: BTreeMap::new(),
            begun: BTreeSet::new(),
            writing: BTreeSet::new(),
            writable: false,
            read_only: false,
            unanswered: true,
            trouble: Some(Trouble::Silent),
        }
    }

    /// Everything that is, or should soon be, stored there.
    fn expected(&self) -> BTreeSet<ShareNum> {
        let stored = self.held.iter().chain(&self.claimed);
        let coming = self.in_progress.iter().chain(&self.writing).chain(self.granted.keys());
        stored.chain(coming).copied().collect()
    }

    /// Nothing more is asked of this server; what it surely holds still counts.
    pub fn give_up_writing(&mut self, trouble: Trouble) {
        self.writable = false;
        self.trouble = Some(trouble);
    }

    /// The server keeps the others waiting, who suffice: what it has not confirmed does not count.
    pub fn pass_over(&mut self) {
        self.asked_last = true;
        self.trouble = Some(Trouble::Silent);
        self.claimed.clear();
        if !self.leased {
            self.held.clear();
        }
    }

    /// Something else stands where the file's shares should: there is room for them under the index
    /// of proven shares, if that is `known`, or will be.
    pub fn contest(&mut self, known: bool, trouble: Trouble) {
        self.in_progress.clear();
        self.found.retain(|share| self.held.contains(share) || self.claimed.contains(share));
        if self.contest != Contest::Unknown {
            return;
        }
        self.trouble = Some(trouble);
        if self.writable {
            self.contest = if known { Contest::Open } else { Contest::Waiting };
            self.writable = known;
        }
    }

    pub fn takes_more(&self) -> bool {
        self.writable && !self.asked_last
    }

    /// The server is out of reach: nothing there counts.
    pub fn forget(&mut self, trouble: Trouble) {
        self.held.clear();
        self.claimed.clear();
        self.in_progress.clear();
        self.granted.clear();
        self.begun.clear();
        self.writing.clear();
        self.give_up_writing(trouble);
    }
}

/// All servers of one upload, in permuted order.
pub struct Sites(pub Vec<Site>);

/// The right to write one share.
pub struct Granted {
    pub site: usize,
    pub share: ShareNum,
    pub writer: Ref<BucketWriter>,
    pub piece: SharePiece,
    /// An earlier upload began it.
    pub begun: bool,
    /// Bytes of it that the server has.
    pub written: u64,
}

impl Sites {
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidate =
            |site: &Site| Candidate { held: site.expected(), writable: site.takes_more() };
        self.0.iter().map(candidate).collect()
    }

    /// Happiness if everything under way succeeds.
    pub fn hoped_for(&self) -> usize {
        servers_of_happiness(&self.0.iter().map(Site::expected).enumerate().collect())
    }

    /// Happiness if every server that takes shares, or may still say so, takes and keeps them.
    pub fn reachable(&self, total: usize) -> usize {
        let mut candidates = self.candidates();
        for (candidate, site) in candidates.iter_mut().zip(&self.0) {
            let may_take = site.unanswered || site.contest == Contest::Waiting;
            candidate.writable |= site.writable || may_take;
        }
        place(&candidates, total).happiness
    }

    /// The index of proven shares is known from now on.
    pub fn know_proven(&mut self) {
        for site in self.0.iter_mut().filter(|site| site.contest == Contest::Waiting) {
            (site.contest, site.writable) = (Contest::Open, true);
        }
    }

    /// Whether shares are to be placed beside something else that stands in their way.
    pub fn is_contested(&self, total: usize) -> bool {
        let open = |(index, _): (&usize, _)| {
            self.0.get(*index).is_some_and(|site| site.contest == Contest::Open)
        };
        place(&self.candidates(), total).new.iter().any(open)
    }

    /// Whether some servers wait for the index of proven shares.
    pub fn waits_for_proven(&self) -> bool {
        self.0.iter().any(|site| site.contest == Contest::Waiting)
    }

    /// Happiness that can be had without these servers and without those that are asked last.
    pub fn reachable_without(&self, left_out: &BTreeSet<usize>, total: usize) -> usize {
        let mut candidates = self.candidates();
        for (index, candidate) in candidates.iter_mut().enumerate() {
            if left_out.contains(&index) {
                *candidate = Candidate::default();
            }
        }
        place(&candidates, total).happiness
    }

    /// Happiness of what is stored for certain on others than these servers.
    pub fn certain_without(&self, left_out: &BTreeSet<usize>) -> usize {
        let others = self.0.iter().enumerate().filter(|(index, _)| !left_out.contains(index));
        servers_of_happiness(&others.map(|(index, site)| (index, site.held.clone())).collect())
    }

    /// Happiness of what is stored for certain, and of these shares too.
    pub fn certain_with(&self, more: &[(usize, ShareNum)]) -> usize {
        let mut held: BTreeMap<usize, BTreeSet<ShareNum>> =
            self.0.iter().map(|site| site.held.clone()).enumerate().collect();
        for &(index, share) in more {
            held.entry(index).or_default().insert(share);
        }
        servers_of_happiness(&held)
    }

    /// Those that were to be asked last are asked from now on like the others; whether there are any.
    pub fn recall(&mut self) -> bool {
        let mut recalled = false;
        for site in self.0.iter_mut().filter(|site| site.writable && site.asked_last) {
            (site.asked_last, site.trouble, recalled) = (false, None, true);
        }
        recalled
    }

    /// Happiness of what is stored for certain.
    pub fn certain(&self) -> usize {
        self.certain_without(&BTreeSet::new())
    }

    /// Share numbers that are stored somewhere for certain.
    pub fn stored(&self) -> BTreeSet<ShareNum> {
        self.0.iter().flat_map(|site| &site.held).copied().collect()
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut Site> {
        self.0.get_mut(index)
    }

    /// Takes every granted writer; its share counts as being written from now on.
    pub fn take_writers(&mut self) -> Vec<Granted> {
        let mut writers = Vec::new();
        for (index, site) in self.0.iter_mut().enumerate() {
            let near = site.server.is_near();
            let piece = || site.server.write_piece.of_share(near);
            for (share, writer) in std::mem::take(&mut site.granted) {
                site.writing.insert(share);
                let begun = site.begun.remove(&share);
                let piece = piece();
                writers.push(Granted { site: index, share, writer, piece, begun, written: 0 });
            }
        }
        writers
    }

    /// Whether another client is writing shares of this file.
    pub fn waits_for_others(&self) -> bool {
        self.0.iter().any(|site| !site.in_progress.is_empty())
    }
}
