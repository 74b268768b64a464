//! The leases of a share, and how they change.
//!
//! A share has room for [`LEASES_MAX`] leases that can each be renewed and cancelled by their secrets.
//! Whoever knows a storage index may ask for one, under as many names as they like, so the room can be
//! filled by one; and a lease that was given cannot be taken back to make room for another. So those
//! that come then share one more record, which lasts as long as the longest of them: everybody gets
//! what a lease is for, that the share stays, and nobody can be kept from that. It belongs to nobody,
//! so nobody can cancel it; who asks again extends it.
//!
//! A change of leases is an [`Edit`]: which bytes of the tail become what. Applying one twice, or
//! after half of it was applied, gives the same file, so edits can be journalled and replayed.

use super::{HEADER_LEN, Header, LEASE_LEN, OWNER_SHARED, Version};
use crate::base::hash::{Hash, blake2b};
use crate::base::limits::LEASES_MAX;
use crate::base::secret::{CancelSecret, RenewSecret};
use crate::base::system::random;
use subtle::ConstantTimeEq;

/// Both secrets of a lease. Whoever knows one may renew, the other, cancel.
#[derive(Clone)]
pub struct LeaseSecrets {
    pub renew: RenewSecret,
    pub cancel: CancelSecret,
}

/// A lease record as it is stored; `renew` and `cancel` are plain or hashed as the version has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Lease {
    pub owner: u32,
    pub renew: [u8; 32],
    pub cancel: [u8; 32],
    /// Seconds since 1970.
    pub expires: u32,
}

impl Lease {
    /// A new lease for a container of this version.
    pub fn new(version: Version, owner: u32, secrets: &LeaseSecrets, expires: u32) -> Self {
        let stored = |secret: &[u8; 32]| match version {
            Version::One => *secret,
            Version::Two => blake2b(secret),
        };
        let renew = stored(secrets.renew.reveal());
        Self { owner, renew, cancel: stored(secrets.cancel.reveal()), expires }
    }

    pub fn to_bytes(&self) -> [u8; LEASE_LEN as usize] {
        let mut bytes = [0; LEASE_LEN as usize];
        let fields = self.owner.to_be_bytes().into_iter().chain(self.renew).chain(self.cancel);
        let fields = fields.chain(self.expires.to_be_bytes());
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads one record; `None` unless it is [`LEASE_LEN`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (owner, rest) = bytes.split_first_chunk::<4>()?;
        let (renew, rest) = rest.split_first_chunk::<32>()?;
        let (cancel, rest) = rest.split_first_chunk::<32>()?;
        let expires = u32::from_be_bytes(rest.try_into().ok()?);
        Some(Self { owner: u32::from_be_bytes(*owner), renew: *renew, cancel: *cancel, expires })
    }
}

/// A change of the tail of a share file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Length of the file and number of leases before the change.
    pub old_len: u64,
    pub old_leases: u32,
    pub new_leases: u32,
    /// Where `bytes` go.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

impl Edit {
    /// Offset of the lease area, which no edit moves.
    pub fn leases_offset(&self) -> Option<u64> {
        let offset = self.old_len.checked_sub(LEASE_LEN * u64::from(self.old_leases))?;
        (offset >= HEADER_LEN).then_some(offset)
    }

    /// Length of the file after the change.
    pub fn new_len(&self) -> Option<u64> {
        self.leases_offset()?.checked_add(LEASE_LEN * u64::from(self.new_leases))
    }

    /// Whether the edit stays within the lease area; edits read from disk are checked once.
    pub fn is_sound(&self) -> bool {
        let (Some(start), Some(end)) = (self.leases_offset(), self.new_len()) else {
            return false;
        };
        let bytes = self.bytes.len() as u64;
        let whole = bytes.is_multiple_of(LEASE_LEN)
            && self.offset.wrapping_sub(start).is_multiple_of(LEASE_LEN);
        let fits = self.offset.checked_add(bytes).is_some_and(|to| to <= end);
        whole && fits && self.offset >= start && self.new_leases > 0
    }

    /// Whether a file of this length can be one that the edit was made for, whole or half applied.
    pub fn fits_file(&self, file_len: u64) -> bool {
        let most = LEASE_LEN * u64::from(self.old_leases.max(self.new_leases));
        self.leases_offset().is_some_and(|start| (start..=start + most).contains(&file_len))
    }
}

/// A lease that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// What changes; `None`: it lasts so long already.
    pub edit: Option<Edit>,
    /// When it ends, in seconds since 1970.
    pub expires: u32,
}

/// What removing leases asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cancelled {
    /// No such lease here.
    Nothing,
    /// Apply the edit; so many leases are gone.
    Some(Edit, u32),
    /// That was the last lease: the share goes. So many leases are gone.
    Share(u32),
}

/// The leases of one share.
#[derive(Clone)]
pub struct LeaseTable {
    pub header: Header,
    pub leases: Vec<Lease>,
}

impl LeaseTable {
    /// Reads the lease area; a short last record is left out.
    pub fn from_bytes(header: Header, area: &[u8]) -> Self {
        let leases = area.chunks_exact(LEASE_LEN as usize).filter_map(Lease::from_bytes).collect();
        Self { header, leases }
    }

    fn digest(&self, stored: &[u8; 32]) -> Hash {
        digest(self.header.version, stored)
    }

    /// The digests (BLAKE2b-256) of each lease's renew and cancel secret.
    pub fn digests(&self) -> impl Iterator<Item = (Hash, Hash)> {
        self.leases.iter().map(|lease| (self.digest(&lease.renew), self.digest(&lease.cancel)))
    }

    /// When the last of these leases with that renew digest ends.
    pub fn expires(&self, renew: &Hash) -> Option<u32> {
        let mine = |lease: &&Lease| bool::from(self.digest(&lease.renew).ct_eq(renew));
        self.leases.iter().filter(mine).map(|lease| lease.expires).max()
    }

    /// When the last lease ends; `None` without leases.
    pub fn latest(&self) -> Option<u32> {
        self.leases.iter().map(|lease| lease.expires).max()
    }

    /// When the first lease ends; `None` without leases.
    pub fn earliest(&self) -> Option<u32> {
        self.leases.iter().map(|lease| lease.expires).min()
    }

    fn edit(&mut self, first: usize, new_leases: usize) -> Edit {
        let old = self.header;
        self.header.leases = new_leases as u32;
        let changed = self.leases.get(first..).unwrap_or_default();
        Edit {
            old_len: old.file_len(),
            old_leases: old.leases,
            new_leases: self.header.leases,
            offset: old.leases_offset() + LEASE_LEN * first as u64,
            bytes: changed.iter().flat_map(Lease::to_bytes).collect(),
        }
    }

    /// Extends the lease with this renew digest. `None`: there is none.
    pub fn renew(&mut self, renew: &Hash, expires: u32) -> Option<Given> {
        let version = self.header.version;
        self.extend(|lease| digest(version, &lease.renew).ct_eq(renew).into(), expires)
    }

    /// Extends the first such lease.
    fn extend(&mut self, is_it: impl Fn(&Lease) -> bool, expires: u32) -> Option<Given> {
        let index = self.leases.iter().position(is_it)?;
        let lease = self.leases.get_mut(index)?;
        if expires <= lease.expires {
            return Some(Given { edit: None, expires: lease.expires });
        }
        lease.expires = expires;
        let bytes = lease.to_bytes().to_vec();
        let mut edit = self.edit(index, self.leases.len());
        edit.bytes = bytes;
        Some(Given { edit: Some(edit), expires })
    }

    /// Extends the lease with this renew secret, or appends one; or extends the one that is shared by
    /// those for which there is no room.
    pub fn add_or_renew(&mut self, owner: u32, secrets: &LeaseSecrets, expires: u32) -> Given {
        if let Some(given) = self.renew(&blake2b(secrets.renew.reveal()), expires) {
            return given;
        }
        if self.leases.len() < LEASES_MAX {
            return self.append(Lease::new(self.header.version, owner, secrets, expires));
        }
        self.share_one(expires)
    }

    /// Lets one more have part in the lease that belongs to nobody.
    fn share_one(&mut self, expires: u32) -> Given {
        let shared = self.extend(|lease| lease.owner == OWNER_SHARED, expires);
        shared.unwrap_or_else(|| {
            let (renew, cancel) = (random(), random());
            self.append(Lease { owner: OWNER_SHARED, renew, cancel, expires })
        })
    }

    fn append(&mut self, lease: Lease) -> Given {
        let expires = lease.expires;
        self.leases.push(lease);
        Given { edit: Some(self.edit(self.leases.len() - 1, self.leases.len())), expires }
    }

    /// Takes over the leases of another share in this one's place; those for which there is no room
    /// share one. This share's version hashes secrets.
    pub fn inherit(&mut self, other: &Self) {
        for lease in &other.leases {
            let (renew, cancel) = (other.digest(&lease.renew), other.digest(&lease.cancel));
            if self.renew(&renew, lease.expires).is_some() {
                continue;
            }
            if lease.owner == OWNER_SHARED || self.leases.len() >= LEASES_MAX {
                self.share_one(lease.expires);
            } else {
                self.append(Lease { renew, cancel, ..lease.clone() });
            }
        }
    }

    /// Removes every lease with this cancel digest; later ones move up.
    pub fn cancel(&mut self, cancel: &Hash) -> Cancelled {
        let version = self.header.version;
        self.remove(|lease| digest(version, &lease.cancel).ct_eq(cancel).into())
    }

    /// Removes every lease that is over, going by its end in seconds since 1970.
    pub fn expire(&mut self, is_over: impl Fn(u32) -> bool) -> Cancelled {
        self.remove(|lease| is_over(lease.expires))
    }

    fn remove(&mut self, going: impl Fn(&Lease) -> bool) -> Cancelled {
        let Some(first) = self.leases.iter().position(&going) else {
            return Cancelled::Nothing;
        };
        let before = self.leases.len();
        self.leases.retain(|lease| !going(lease));
        let gone = (before - self.leases.len()) as u32;
        if self.leases.is_empty() {
            return Cancelled::Share(gone);
        }
        Cancelled::Some(self.edit(first, self.leases.len()), gone)
    }
}

/// The BLAKE2b-256 of a secret as a container of this version stores it.
fn digest(version: Version, stored: &[u8; 32]) -> Hash {
    match version {
        Version::One => blake2b(stored),
        Version::Two => *stored,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HEAD_LEN, Kind, classify};
    use super::*;
    use proptest::prelude::*;

    fn secrets(n: u8) -> LeaseSecrets {
        LeaseSecrets { renew: RenewSecret::new([n; 32]), cancel: CancelSecret::new([!n; 32]) }
    }

    fn empty(version: Version) -> LeaseTable {
        let header = Header { version, leases: 0, data_len: 5 };
        LeaseTable { header, leases: Vec::new() }
    }

    /// What the file becomes.
    fn apply(file: &mut Vec<u8>, edit: &Edit) {
        assert!(edit.is_sound());
        assert!(edit.fits_file(file.len() as u64));
        file.resize(edit.new_len().unwrap() as usize, 0);
        let at = edit.offset as usize;
        file[at..at + edit.bytes.len()].copy_from_slice(&edit.bytes);
        file[8..12].copy_from_slice(&edit.new_leases.to_be_bytes());
    }

    fn reread(file: &[u8]) -> LeaseTable {
        let Kind::Immutable(header) =
            classify(&file[..file.len().min(HEAD_LEN)], file.len() as u64)
        else {
            panic!("not a share")
        };
        LeaseTable::from_bytes(header, &file[header.leases_offset() as usize..])
    }

    #[test]
    fn a_share_takes_as_many_leases_as_allowed_and_those_beyond_share_one() {
        for version in [Version::One, Version::Two] {
            let mut table = empty(version);
            let numbered = |n: usize| {
                let mut renew = [0; 32];
                renew[..8].copy_from_slice(&n.to_be_bytes());
                LeaseSecrets { renew: RenewSecret::new(renew), ..secrets(1) }
            };
            for n in 0..LEASES_MAX {
                assert!(table.add_or_renew(0, &numbered(n), 9).edit.is_some());
                assert_eq!(table.leases.len(), n + 1);
            }
            let known = table.add_or_renew(0, &numbered(0), 10);
            assert!(known.edit.is_some() && table.leases.len() == LEASES_MAX, "it is extended");
            for (n, asked, ends) in [(1, 20, 20), (2, 30, 30), (3, 25, 30), (2, 31, 31)] {
                let given = table.add_or_renew(0, &numbered(LEASES_MAX + n), asked);
                assert_eq!((given.expires, given.edit.is_some()), (ends, asked == ends));
                assert_eq!(table.leases.len(), LEASES_MAX + 1);
                assert_eq!(table.latest(), Some(ends));
            }
            let all = table.cancel(&blake2b(&[!1; 32]));
            assert!(matches!(all, Cancelled::Some(_, count) if count as usize == LEASES_MAX));
            assert_eq!(table.latest(), Some(31), "nobody can cancel what is shared");
        }
    }

    #[test]
    fn renewing_with_another_cancel_secret_keeps_the_lease_and_gives_no_right_to_cancel() {
        for version in [Version::One, Version::Two] {
            let (old, mut table) = (secrets(1), empty(version));
            table.add_or_renew(1, &old, 100);
            let new = LeaseSecrets { cancel: secrets(2).cancel, ..old.clone() };
            let edit = table.add_or_renew(1, &new, 200).edit.unwrap();
            assert_eq!((edit.old_leases, edit.new_leases, table.leases[0].expires), (1, 1, 200));
            assert_eq!(table.cancel(&blake2b(new.cancel.reveal())), Cancelled::Nothing);
            assert_eq!(table.cancel(&blake2b(old.cancel.reveal())), Cancelled::Share(1));
        }
    }

    #[test]
    fn no_lease_is_lost_when_a_share_takes_the_place_of_another() {
        let numbered = |n: u32| {
            let mut renew = [0; 32];
            renew[..4].copy_from_slice(&n.to_be_bytes());
            LeaseSecrets { renew: RenewSecret::new(renew), ..secrets(1) }
        };
        let most = LEASES_MAX as u32;
        for version in [Version::One, Version::Two] {
            // The last of the leases that come in are the first for which there is no room.
            for others in [most - 1, most, most + 1] {
                let mut old = empty(version);
                for n in 1..=others {
                    old.add_or_renew(0, &numbered(n), 100 + n);
                }
                let mut new = empty(Version::Two);
                new.add_or_renew(0, &numbered(0), 50);
                new.inherit(&old);
                let one_more = usize::from(others >= most);
                assert_eq!(new.leases.len(), LEASES_MAX + one_more);
                assert_eq!(new.header.leases as usize, new.leases.len());
                for n in 1..most {
                    assert_eq!(new.expires(&blake2b(numbered(n).renew.reveal())), Some(100 + n));
                }
                assert_eq!(new.latest(), Some(100 + others));
            }
        }
    }

    #[test]
    fn a_lease_that_both_shares_have_lasts_as_long_as_it_did_on_either() {
        for (own, others) in [(50, 60), (60, 50)] {
            let (mut old, mut new) = (empty(Version::One), empty(Version::Two));
            old.add_or_renew(0, &secrets(1), others);
            new.add_or_renew(0, &secrets(1), own);
            new.inherit(&old);
            assert_eq!((new.leases.len(), new.latest()), (1, Some(60)));
        }
    }

    #[test]
    fn a_lease_is_never_shortened() {
        let mut table = empty(Version::One);
        table.add_or_renew(1, &secrets(1), 100);
        let kept = Given { edit: None, expires: 100 };
        assert_eq!(table.add_or_renew(1, &secrets(1), 100), kept);
        assert_eq!(table.add_or_renew(1, &secrets(1), 99), kept);
        assert_eq!(table.expires(&blake2b(&[1; 32])), Some(100));
    }

    #[test]
    fn renewing_does_not_give_cancelling() {
        let mut table = empty(Version::Two);
        table.add_or_renew(1, &secrets(1), 100);
        assert_eq!(table.cancel(&blake2b(&[1; 32])), Cancelled::Nothing);
        assert_eq!(table.cancel(&blake2b(&[!1; 32])), Cancelled::Share(1));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8, u32),
        Cancel(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u8..6, 1u32..1000).prop_map(|(n, expires)| Step::Add(n, expires)),
            (0u8..6).prop_map(Step::Cancel),
        ]
    }

    proptest! {
        /// Against a plain list of (secret, expiry); replaying any suffix of the edits changes nothing.
        #[test]
        fn any_sequence_of_changes_leaves_the_file_a_list_would(
            steps in prop::collection::vec(step(), 1..40), one: bool, replay in 0usize..40
        ) {
            let version = if one { Version::One } else { Version::Two };
            let mut file = Header { version, leases: 0, data_len: 5 }.to_bytes().to_vec();
            file.extend(b"share");
            let mut model: Vec<(u8, u32)> = Vec::new();
            let mut edits = Vec::new();
            for step in steps {
                let mut table = reread(&file);
                match step {
                    Step::Add(n, expires) => {
                        match model.iter_mut().find(|(m, _)| *m == n) {
                            Some((_, old)) => *old = expires.max(*old),
                            None => model.push((n, expires)),
                        }
                        if let Some(edit) = table.add_or_renew(1, &secrets(n), expires).edit {
                            apply(&mut file, &edit);
                            edits.push(edit);
                        }
                    }
                    Step::Cancel(n) => match table.cancel(&blake2b(&[!n; 32])) {
                        Cancelled::Some(edit, 1) => {
                            model.retain(|(m, _)| *m != n);
                            apply(&mut file, &edit);
                            edits.push(edit);
                        }
                        Cancelled::Share(1) => prop_assert!(model.len() == 1 && model[0].0 == n),
                        other => {
                            prop_assert_eq!(other, Cancelled::Nothing);
                            prop_assert!(model.iter().all(|(m, _)| *m != n));
                        }
                    },
                }
            }
            let before = file.clone();
            for edit in &edits[edits.len().saturating_sub(replay)..] {
                let len = edit.new_len().unwrap() as usize;
                file.resize(len, 0);
                let at = edit.offset as usize;
                file[at..at + edit.bytes.len()].copy_from_slice(&edit.bytes);
                file[8..12].copy_from_slice(&edit.new_leases.to_be_bytes());
            }
            prop_assert_eq!(&file[..17], &before[..17]);
            let table = reread(&file);
            let held: Vec<u32> = table.leases.iter().map(|lease| lease.expires).collect();
            prop_assert_eq!(held, model.iter().map(|(_, e)| *e).collect::<Vec<_>>());
            for (n, expires) in model {
                prop_assert_eq!(table.expires(&blake2b(&[n; 32])), Some(expires));
            }
        }
    }
}
