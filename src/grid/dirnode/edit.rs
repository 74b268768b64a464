//! Reading and changing directories: the calls that a node makes for its user.

use super::change::{Decision, Overtaken, Touched, Was};
use super::lost::displaced;
use super::place::Place;
use super::seal::RowKeys;
use super::{
    Child, ChildError, Condition, DirError, Directories, Entry, Listing, NewEntry, Replace, Target,
    Unopened, Unreadable, create, fixed, metadata, names,
};
use crate::base::base32;
use crate::base::hash::{pair, tagged};
use crate::base::limits::ENTRY_ROOM;
use crate::base::secret::{CancelSecret, RenewSecret};
use crate::cap::{Cap, DirCap};
use crate::tub::Furl;
use crate::vdrive::api::{AddLease, GetHead, HeadNow};
use crate::vdrive::format::{Row, RowId};
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
        Ok(Cap::Dir(create::create(self, &furl, children).await?))
    }

    /// The directory that all who have this furl of a vdrive server share. Works offline.
    pub fn global_root(furl: &Furl) -> Result<Cap, DirError> {
        Ok(Cap::Dir(create::shared(furl)?))
    }

    /// The same for the vdrive server in use, made there if it is not there yet.
    pub async fn make_global_root(&self) -> Result<Cap, DirError> {
        let furl = self.vdrive().ok_or(DirError::NoVdrive)?;
        Ok(Cap::Dir(create::create_shared(self, &furl).await?))
    }

    /// All children, and what does not open.
    pub async fn list(&self, dir: &Cap) -> Result<Listing, DirError> {
        if let Some((entries, unreadable, room)) = fixed::entries(self, dir).await? {
            let (size, room) = (dir.size().unwrap_or(0), Arc::new(room));
            return Ok(Listing {
                entries,
                unreadable,
                writable: false,
                mutable: false,
                size,
                room,
            });
        }
        let place = self.readable(dir)?;
        let keys = place.keys()?.clone();
        let (rows, mut room) = place.listed(self.wait).await?;
        let size = rows.iter().map(|row| row.encoded_len() as u64).sum();
        let opened = self.on_rows(rows.len(), move || Ok(open_all(&keys, rows))).await?;
        let (entries, unreadable) = opened;
        room.resize(entries.iter().map(room_of).sum::<usize>().min(room.bytes()))?;
        let (writable, room) = (dir.is_writable(), Arc::new(room));
        Ok(Listing { entries, unreadable, writable, mutable: true, size, room })
    }

    /// One child, proven to be there or proven not to be.
    pub async fn get(&self, dir: &Cap, name: &str) -> Result<Option<Child>, DirError> {
        let name = names::normalise(name)?;
        if let Some((entries, unreadable, _room)) = fixed::entries(self, dir).await? {
            let found = entries.into_iter().find(|entry| entry.name == name);
            return match (found, unreadable.named.first()) {
                (Some(entry), _) => Ok(Some(entry.child)),
                (None, None) => Ok(None),
                // It may be what does not open.
                (None, Some(one)) => Err(DirError::Unreadable(*one)),
            };
        }
        let place = self.readable(dir)?;
        let keys = place.keys()?;
        let id = keys.row_id(&name);
        let state = place.rows(&[id]).await?;
        let Some(row) = state.row(&id)? else { return Ok(None) };
        match keys.open(row) {
            Ok(entry) => Ok(Some(entry.child)),
            Err(error) => Err(DirError::Unreadable(Unopened::row(&id, &error))),
        }
    }

    /// Sets links, all or none of them, in one durable step. Answers for each whether it replaced
    /// another. Of links of the same name the last counts. If others set one of them at the same
    /// time this is done after theirs, as far as `replace` allows.
    pub async fn set(
        &self,
        dir: &Cap,
        children: Vec<NewEntry>,
        replace: Replace,
    ) -> Result<Vec<bool>, DirError> {
        self.set_if(dir, children, replace, &|_| true).await
    }

    /// As [`Self::set`], if that holds of each of the links that are replaced or new.
    pub async fn set_if(
        &self,
        dir: &Cap,
        children: Vec<NewEntry>,
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<Vec<bool>, DirError> {
        let place = self.writable(dir)?;
        let children: Vec<NewEntry> =
            children.into_iter().map(checked_new).collect::<Result<_, _>>()?;
        let places: Vec<&str> = children.iter().map(|child| child.name.as_str()).collect();
        let mut last: HashMap<&str, &NewEntry> = HashMap::new();
        last.extend(children.iter().map(|child| (child.name.as_str(), child)));
        let mut names: Vec<String> = last.keys().map(|name| (*name).to_owned()).collect();
        names.sort();
        let now = self.now();
        let replaced = place
            .change(&names, Overtaken::DecidedOnce, |before| {
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
            })
            .await?;
        Ok(places.iter().map(|name| replaced.get(*name) == Some(&true)).collect())
    }

    /// Removes a link and answers what it was, if it opens; not one that others are just changing.
    pub async fn unlink(&self, dir: &Cap, name: &str) -> Result<Child, DirError> {
        let name = names::normalise(name)?;
        let place = self.writable(dir)?;
        let names = [name.clone()];
        let gone = |before: &Vec<_>| removal(&name, before.first());
        place.change(&names, Overtaken::Reported, gone).await
    }

    /// Removes those of these links that are there, in one step, and answers their names; none if
    /// others are just changing one.
    pub async fn unlink_all(&self, dir: &Cap, names: &[String]) -> Result<Vec<String>, DirError> {
        let place = self.writable(dir)?;
        let names: BTreeSet<_> =
            names.iter().map(|name| names::normalise(name)).collect::<Result<_, _>>()?;
        let names = Vec::from_iter(names);
        let gone = |before: &Vec<Was>| {
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
        place.change(&names, Overtaken::Reported, gone).await
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
        let place = self.writable(dir)?;
        let names = [name.clone()];
        let gone = |before: &Vec<_>| {
            let (decision, child) = removal(&name, before.first())?;
            match holds(Some(&child)) {
                true => Ok((decision, child)),
                false => Err(DirError::Unmet(name.clone())),
            }
        };
        place.change(&names, Overtaken::DecidedOnce, gone).await
    }

    /// Removes rows that do not open, in one step; how many of them there were. A row that opens is a
    /// child and stays, as do all with it.
    pub async fn remove_rows(&self, dir: &Cap, rows: &[RowId]) -> Result<usize, DirError> {
        let place = self.writable(dir)?;
        let ids: BTreeSet<RowId> = rows.iter().copied().collect();
        let names = ids.iter().map(|id| base32::encode(id)).collect();
        let touched = Touched { ids: ids.into_iter().collect(), names };
        let gone = |before: &Vec<Was>| {
            let mut removed = Vec::new();
            for (at, (was, row)) in before.iter().zip(touched.ids.iter()).enumerate() {
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
        place.change_rows(&touched, Overtaken::Reported, gone).await
    }

    /// Moves a link: within a directory in one step; between two it is in both for a moment, never
    /// in neither, and if somebody changes it meanwhile it stays in both and that is told.
    pub async fn relink(
        &self,
        from: (&Cap, &str),
        to: (&Cap, &str),
        replace: Replace,
    ) -> Result<(), DirError> {
        let (old_name, new_name) = (names::normalise(from.1)?, names::normalise(to.1)?);
        let (source, target) = (self.writable(from.0)?, self.writable(to.0)?);
        let moved = |child: &Child| NewEntry {
            name: new_name.clone(),
            target: child.target.clone(),
            metadata: Some(child.metadata.clone()),
        };
        let now = self.now();
        if source.id() != target.id() {
            let child = self.get(from.0, &old_name).await?;
            let child = child.ok_or_else(|| DirError::NoSuchChild(old_name.clone()))?;
            if target.is_of(&child.target) {
                return Err(DirError::IntoItself(old_name));
            }
            self.set(to.0, vec![moved(&child)], replace).await?;
            let names = [old_name.clone()];
            let gone = |before: &Vec<_>| match removal(&old_name, before.first())? {
                // It is in the other directory by now.
                (decision, now) if now == child => {
                    Ok((Decision { lost: Vec::new(), ..decision }, ()))
                }
                _ => Err(DirError::Conflict(old_name.clone())),
            };
            return source.change(&names, Overtaken::Reported, gone).await;
        }
        if old_name == new_name {
            let found = self.get(from.0, &old_name).await?;
            return found.map(drop).ok_or(DirError::NoSuchChild(old_name));
        }
        let names = [old_name.clone(), new_name.clone()];
        let rename = |before: &Vec<Was>| match before.as_slice() {
            [Was::Link(entry), old] => {
                may_replace(&new_name, old, replace)?;
                let link = linked(&moved(&entry.child), old.link(), now);
                let lost = displaced(old.link(), &link.child.target).into_iter().collect();
                Ok((Decision { put: vec![link], removed: vec![0], lost }, ()))
            }
            [Was::Unopened(one), _] => Err(DirError::Unreadable(*one)),
            _ => Err(DirError::NoSuchChild(old_name.clone())),
        };
        source.change(&names, Overtaken::Reported, rename).await
    }

    /// The directory's sequence number now and each time it changes, until the server is lost. Those
    /// that nobody took in time are skipped.
    pub async fn watch(&self, dir: &Cap) -> Result<BoxStream<'static, u64>, DirError> {
        Place::of(self, dir)?.watch().await
    }

    /// The directory's sequence number: its server is there and shows a state that was signed.
    pub async fn version(&self, dir: &Cap) -> Result<u64, DirError> {
        let place = Place::of(self, dir)?;
        let asked = place.before_asking();
        let now: HeadNow = place.ask(|| GetHead {}).await?;
        Ok(place.believe(asked, &now.verify_key, &now.head)?.seq)
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
        let head = place.check(&now.verify_key, &now.head)?;
        let seen = self.seen.accept(place.id(), head.seq, head.hash())?;
        Ok((seen.unwrap_or(head.seq), head.seq))
    }

    fn readable(&self, dir: &Cap) -> Result<Place, DirError> {
        match dir {
            Cap::Dir(_) | Cap::DirRead(_) => Place::of(self, dir),
            cap if cap.is_verifier() => Err(DirError::NotReadable),
            _ => Err(DirError::NotADirectory(String::new())),
        }
    }

    fn writable(&self, dir: &Cap) -> Result<Place, DirError> {
        match dir {
            Cap::Dir(_) => Place::of(self, dir),
            Cap::DirRead(_) | Cap::DirVerify(_) => Err(DirError::ReadOnly),
            Cap::DirLit(_) | Cap::DirChk(_) | Cap::DirChkVerify(_) => Err(DirError::Immutable),
            _ => Err(DirError::NotADirectory(String::new())),
        }
    }
}

/// The memory that an entry takes, more or less.
pub(super) fn room_of(entry: &Entry) -> usize {
    entry.name.len() + entry.child.metadata.text().len() + ENTRY_ROOM
}

/// Each row is let go when it is opened.
fn open_all(keys: &Arc<RowKeys>, rows: Vec<Row>) -> (Vec<Entry>, Unreadable) {
    let (mut entries, mut unreadable) = (Vec::new(), Unreadable::default());
    for row in rows {
        match keys.open(&row) {
            Ok(entry) => entries.push(entry),
            Err(error) => unreadable.note(Unopened::row(&row.id, &error)),
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    (entries, unreadable)
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
fn linked(new: &NewEntry, old: Option<&Entry>, now: f64) -> Entry {
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
    Target::Known(Cap::Dir(cap))
}
