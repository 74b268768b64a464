//! Reading and changing directories: the calls that a node makes for its user.

use super::change::{Decision, Overtaken, Touched, Was};
use super::directory::{Change, Directory, Seen, Start};
use super::lost::displaced;
use super::place::{Place, State};
use super::{
    Child, ChildError, Condition, DirError, Directories, Entry, Listing, NewEntry, Replace, Target,
    create, metadata, names,
};
use crate::base::hash::{Hash, pair, tagged};
use crate::base::limits::ENTRY_ROOM;
use crate::base::secret::{CancelSecret, RenewSecret};
use crate::cap::{Cap, DirCap};
use crate::tub::Furl;
use crate::vdrive::api::{AddLease, GetHead, HeadNow};
use crate::vdrive::format::RowId;
use futures_util::future::try_join;
use futures_util::stream::BoxStream;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Of version 2: those of version 1 were the same on every server.
const RENEWAL_TAG: &[u8] = b"tahoe_vdrive_lease_renewal_secret_v2";
const CANCEL_TAG: &[u8] = b"tahoe_vdrive_lease_cancel_secret_v2";

impl Directories {
    /// Makes a directory with these children, in one durable step; their metadata stays as it is.
    pub async fn create(&self, children: Vec<Entry>) -> Result<Cap, DirError> {
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        let children = checked(children)?;
        Ok(create::create(self, &furl, (create::fresh(&furl)?, children)).await?.into())
    }

    /// The same with links that are set now.
    pub async fn create_linking(&self, children: Vec<NewEntry>) -> Result<Cap, DirError> {
        let now = self.now();
        self.create(children.iter().map(|child| linked(child, None, now)).collect()).await
    }

    /// The directory that all who have this furl of a vdrive server share. Works offline.
    pub fn global_root(furl: &Furl) -> Result<Cap, DirError> {
        Ok(create::shared(furl)?.into())
    }

    /// The same for the vdrive server in use, made there if it is not there yet.
    pub async fn make_global_root(&self) -> Result<Cap, DirError> {
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        Ok(create::create_shared(self, &furl).await?.into())
    }

    /// All children, and what does not open.
    pub async fn list(&self, dir: &Cap) -> Result<Listing, DirError> {
        self.open(dir)?.list().await
    }

    /// One child, proven to be there or proven not to be, for a change that starts from it.
    pub async fn look(&self, start: impl Into<Start>, name: &str) -> Result<Seen, DirError> {
        let Start { dir, state } = start.into();
        let name = names::normalise(name)?;
        self.open(&dir)?.look(&name, state).await
    }

    /// One child, proven to be there or proven not to be.
    pub async fn get(&self, dir: &Cap, name: &str) -> Result<Option<Child>, DirError> {
        self.look(dir, name).await?.into_child()
    }

    /// Sets links, all or none of them, in one durable step. Answers for each whether it replaced
    /// another. Of links of the same name the last counts. If others set one of them at the same
    /// time this is done after theirs, as far as `replace` allows.
    pub async fn set(
        &self,
        start: impl Into<Start>,
        children: Vec<NewEntry>,
        replace: Replace,
    ) -> Result<Vec<bool>, DirError> {
        self.set_if(start, children, replace, &|_| true).await
    }

    /// As [`Self::set`], if that holds of each of the links that are replaced or new.
    pub async fn set_if(
        &self,
        start: impl Into<Start>,
        children: Vec<NewEntry>,
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<Vec<bool>, DirError> {
        let Start { dir, state } = start.into();
        let place = self.open_to_change(&dir)?;
        let children: Vec<NewEntry> =
            children.into_iter().map(checked_new).collect::<Result<_, _>>()?;
        let places: Vec<&str> = children.iter().map(|child| child.name.as_str()).collect();
        let mut last: HashMap<&str, &NewEntry> = HashMap::new();
        last.extend(children.iter().map(|child| (child.name.as_str(), child)));
        let mut names: Vec<String> = last.keys().map(|name| (*name).to_owned()).collect();
        names.sort();
        let now = self.now();
        let decide = |before: &[Was]| {
            let mut decision = Decision::default();
            let mut replaced = HashMap::new();
            for (name, old) in names.iter().zip(before) {
                let Some(new) = last.get(name.as_str()) else { continue };
                if !holds(old.child().as_deref()) {
                    return Err(DirError::Unmet(name.clone()));
                }
                may_replace(name, old, replace)?;
                replaced.insert(name.clone(), old.is_there());
                let link = linked(new, old.link(), now);
                decision.lost.extend(displaced(old.link(), &link.child.target));
                decision.put.push(link);
            }
            Ok((decision, replaced))
        };
        let change = of_names(names.clone(), Overtaken::DecidedOnce, state);
        let replaced = place.changed(change, decide).await?;
        Ok(places.iter().map(|name| replaced.get(*name) == Some(&true)).collect())
    }

    /// Removes a link and answers what it was, if it opens; not one that others are just changing.
    pub async fn unlink(&self, dir: &Cap, name: &str) -> Result<Child, DirError> {
        let name = names::normalise(name)?;
        let place = self.open_to_change(dir)?;
        let change = of_names(vec![name.clone()], Overtaken::Reported, None);
        place.changed(change, |before| removal(&name, before.first())).await
    }

    /// Removes those of these links that are there, in one step, and answers their names; none if
    /// others are just changing one.
    pub async fn unlink_all(&self, dir: &Cap, names: &[String]) -> Result<Vec<String>, DirError> {
        let place = self.open_to_change(dir)?;
        let names: BTreeSet<_> =
            names.iter().map(|name| names::normalise(name)).collect::<Result<_, _>>()?;
        let names = Vec::from_iter(names);
        let gone = |before: &[Was]| {
            let mut decision = Decision::default();
            let mut gone = Vec::new();
            for (at, (name, was)) in names.iter().zip(before).enumerate() {
                if was.is_there() {
                    decision.removed.push(at);
                    decision.lost.extend(was.link().cloned());
                    gone.push(name.clone());
                }
            }
            Ok((decision, gone))
        };
        place.changed(of_names(names.clone(), Overtaken::Reported, None), gone).await
    }

    /// As [`Self::unlink`], if that holds of the link; of one that others are just changing, if it
    /// holds of what they make of it.
    pub async fn unlink_if(
        &self,
        dir: &Cap,
        name: &str,
        holds: Condition<'_>,
    ) -> Result<Child, DirError> {
        let name = names::normalise(name)?;
        let place = self.open_to_change(dir)?;
        let change = of_names(vec![name.clone()], Overtaken::DecidedOnce, None);
        let gone = |before: &[Was]| {
            let (decision, child) = removal(&name, before.first())?;
            match holds(Some(&child)) {
                true => Ok((decision, child)),
                false => Err(DirError::Unmet(name.clone())),
            }
        };
        place.changed(change, gone).await
    }

    /// Removes rows that do not open, in one step; how many of them there were. A row that opens is a
    /// child and stays, as do all with it.
    pub async fn remove_rows(&self, dir: &Cap, rows: &[RowId]) -> Result<usize, DirError> {
        let place = self.open_to_change(dir)?;
        let ids: Vec<RowId> = BTreeSet::from_iter(rows).into_iter().copied().collect();
        let gone = |before: &[Was]| {
            let mut removed = Vec::new();
            for (at, (was, row)) in before.iter().zip(&ids).enumerate() {
                match was {
                    Was::Nothing => {}
                    Was::Unopened(_) => removed.push(at),
                    Was::Link(entry) => {
                        return Err(DirError::Opens { row: *row, name: entry.name.clone() });
                    }
                }
            }
            let count = removed.len();
            Ok((Decision { removed, ..Decision::default() }, count))
        };
        let touched = Touched::Rows(ids.clone());
        let change = Change { touched, overtaken: Overtaken::Reported, start: None };
        place.changed(change, gone).await
    }

    /// Moves a link: within a directory in one step; between two it is in both for a moment, never
    /// in neither, and if somebody changes it meanwhile it stays in both and that is told.
    pub async fn relink<F: Into<Start>, T: Into<Start>>(
        &self,
        from: (F, &str),
        to: (T, &str),
        replace: Replace,
    ) -> Result<(), DirError> {
        let (from, to) = ((from.0.into(), from.1), (to.0.into(), to.1));
        let (old_name, new_name) = (names::normalise(from.1)?, names::normalise(to.1)?);
        let source = self.open_to_change(&from.0.dir)?;
        let target = self.open_to_change(&to.0.dir)?;
        if source.id() != target.id() {
            let (from, to) = ((from.0.state, &*old_name), (to.0.state, &*new_name));
            return self.carry((&*source, from), (&*target, to), replace).await;
        }
        if old_name == new_name {
            let found = source.look(&old_name, from.0.state).await?.into_child()?;
            return found.map(drop).ok_or(DirError::NoSuchChild(old_name));
        }
        let names = vec![old_name.clone(), new_name.clone()];
        let now = self.now();
        let rename = |before: &[Was]| match before {
            [Was::Link(entry), old] => {
                may_replace(&new_name, old, replace)?;
                let link = linked(&named(&new_name, &entry.child), old.link(), now);
                let lost = displaced(old.link(), &link.child.target).into_iter().collect();
                Ok((Decision { put: vec![link], removed: vec![0], lost }, ()))
            }
            [Was::Unopened(one), _] => Err(DirError::Unreadable(*one)),
            _ => Err(DirError::NoSuchChild(old_name.clone())),
        };
        source.changed(of_names(names, Overtaken::Reported, None), rename).await
    }

    /// Moves a link between two directories.
    async fn carry(
        &self,
        (source, (from, old_name)): (&dyn Directory, (Option<Arc<State>>, &str)),
        (target, (to, new_name)): (&dyn Directory, (Option<Arc<State>>, &str)),
        replace: Replace,
    ) -> Result<(), DirError> {
        let looks = (source.look(old_name, from), target.look(new_name, to));
        let (old, new) = try_join(looks.0, looks.1).await?;
        let child = old.child()?.ok_or_else(|| DirError::NoSuchChild(old_name.to_owned()))?.clone();
        if target.id().is_some() && target.id() == child.target.directory_id() {
            return Err(DirError::IntoItself(old_name.to_owned()));
        }
        self.set(new, vec![named(new_name, &child)], replace).await?;
        let gone = |before: &[Was]| match removal(old_name, before.first())? {
            // It is in the other directory by now.
            (decision, now) if now == child => Ok((Decision { lost: Vec::new(), ..decision }, ())),
            _ => Err(DirError::Conflict(old_name.to_owned())),
        };
        let change = of_names(vec![old_name.to_owned()], Overtaken::Reported, old.state);
        source.changed(change, gone).await
    }

    /// The directory's sequence number now and each time it changes, until the server is lost. Those
    /// that nobody took in time are skipped.
    pub async fn watch(&self, dir: &Cap) -> Result<BoxStream<'static, u64>, DirError> {
        self.open(dir)?.watch().await
    }

    /// The directory's sequence number: its server is there and shows a state that was signed.
    pub async fn version(&self, dir: &Cap) -> Result<u64, DirError> {
        Ok(self.newest(dir).await?.0)
    }

    /// The same, and the hash of that state.
    pub async fn newest(&self, dir: &Cap) -> Result<(u64, Hash), DirError> {
        let place = Place::of(self, dir)?;
        let asked = place.before_asking();
        let now: HeadNow = place.ask(|| GetHead {}).await?;
        let head = place.believe(asked, &now.verify_key, &now.head)?;
        Ok((head.seq, head.hash()))
    }

    /// Adds or renews this node's lease on the directory; when it ends, in seconds since 1970. Its
    /// secrets are good for the directory's own server only: a cap may name any tub for it.
    pub async fn add_lease(&self, dir: &Cap) -> Result<u64, DirError> {
        let place = Place::of(self, dir)?;
        let master = self.grid.secrets.lease.reveal();
        let here = pair(b"tahoe_vdrive_lease_place_v1", place.id(), &place.tub_id().0);
        let secret = |tag| pair(tag, &tagged(tag, master), &here);
        let (renew, cancel) = (secret(RENEWAL_TAG), secret(CANCEL_TAG));
        let message =
            || AddLease { renew: RenewSecret::new(renew), cancel: CancelSecret::new(cancel) };
        place.ask(message).await
    }

    /// Takes what the server has now as the newest, although something newer was seen. Answers the
    /// sequence numbers (seen, got).
    pub async fn accept_rollback(&self, dir: &Cap) -> Result<(u64, u64), DirError> {
        let place = Place::of(self, dir)?;
        let now: HeadNow = place.ask(|| GetHead {}).await?;
        let head = place.check(&now.verify_key, &now.head)?.head;
        let seen = self.seen.accept(place.id(), head.seq, head.hash())?;
        Ok((seen.unwrap_or(head.seq), head.seq))
    }
}

/// A change of the children of these names.
fn of_names(names: Vec<String>, overtaken: Overtaken, start: Option<Arc<State>>) -> Change {
    Change { touched: Touched::Names(names), overtaken, start }
}

/// A child as it is linked under a name.
fn named(name: &str, child: &Child) -> NewEntry {
    let Child { target, metadata } = child.clone();
    NewEntry { name: name.to_owned(), target, metadata: Some(metadata) }
}

/// The memory that an entry takes, more or less.
pub(super) fn room_of(entry: &Entry) -> usize {
    entry.name.len() + entry.child.metadata.text().len() + ENTRY_ROOM
}

/// The removal of a child, if it is there.
fn removal(name: &str, before: Option<&Was>) -> Result<(Decision, Child), DirError> {
    let child = before.and_then(Was::child);
    let child = child.ok_or_else(|| DirError::NoSuchChild(name.to_owned()))?.into_owned();
    let lost = before.and_then(Was::link).cloned().into_iter().collect();
    Ok((Decision { removed: vec![0], lost, ..Decision::default() }, child))
}

/// What does not open keeps nobody from putting something in its place, unless nothing is to be
/// replaced.
fn may_replace(name: &str, old: &Was, replace: Replace) -> Result<(), DirError> {
    match (old, replace) {
        (Was::Unopened(one), Replace::No) => Err(DirError::Unreadable(*one)),
        (Was::Nothing | Was::Unopened(_), _) | (Was::Link(_), Replace::Yes) => Ok(()),
        (Was::Link(old), Replace::OnlyFiles) if !old.child.target.is_directory() => Ok(()),
        (Was::Link(_), Replace::No | Replace::OnlyFiles) => Err(DirError::Exists(name.to_owned())),
    }
}

/// A link as it will be stored at `now`.
pub(super) fn linked(new: &NewEntry, old: Option<&Entry>, now: f64) -> Entry {
    let old = old.map(|old| &old.child.metadata);
    let metadata = metadata::updated(old, new.metadata.clone(), now);
    let target = match metadata::forbids_writing(&metadata) {
        true => new.target.read_only(),
        false => new.target.clone(),
    };
    Entry { name: new.name.clone(), child: Child { target, metadata } }
}

/// With names in NFC, each once, the last of a name counting; and targets that may be linked.
pub(super) fn checked(children: Vec<Entry>) -> Result<Vec<Entry>, DirError> {
    let mut by_name = std::collections::BTreeMap::new();
    for Entry { name, child } in children {
        let name = names::normalise(&name)?;
        let target = linkable(&name, &child.target)?;
        by_name.insert(name, Child { target, metadata: child.metadata });
    }
    Ok(by_name.into_iter().map(|(name, child)| Entry { name, child }).collect())
}

fn checked_new(new: NewEntry) -> Result<NewEntry, DirError> {
    let name = names::normalise(&new.name)?;
    let target = linkable(&name, &new.target)?;
    Ok(NewEntry { name, target, metadata: new.metadata })
}

/// The target as it may be linked.
fn linkable(name: &str, target: &Target) -> Result<Target, DirError> {
    let checked = match target {
        Target::Known(cap) if cap.is_verifier() => Err(ChildError::Nothing),
        Target::Known(_) => return Ok(target.clone()),
        Target::Unknown { rw: None, ro: None } => Err(ChildError::Nothing),
        Target::Unknown { rw, ro } => Target::from_caps(rw.as_deref(), ro.as_deref(), false),
    };
    checked.map_err(|why| DirError::BadChild { name: name.to_owned(), why })
}

/// The cap of a directory that was just made.
pub(super) fn child_of(cap: DirCap) -> Target {
    Target::Known(cap.into())
}
