//! A door that somebody opened: its directory and what is below, with its rights. Whatever a protocol
//! does goes through here, so what a door may not do is refused in one place.

use super::book::{Door, Rights};
use super::error::DoorError;
use super::seen::Seen;
use crate::cap::Cap;
use crate::files::address::nfc;
use crate::files::transfers::begun;
use crate::files::{Address, Files, For, Found, Node, Object, Root, Spot};
use crate::grid::dirnode::{Child, Condition, Entry, Listing, Metadata, Replace, Target};
use crate::grid::upload::UploadOptions;
use crate::grid::{Code, DownloadError, Source};
use crate::http::spool::{Body, Spool};
use crate::vdrive::format::DirectoryId;
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use std::ops::Range;
use std::sync::Arc;

/// What is behind a door.
#[derive(Clone)]
pub struct Opened {
    /// What it is known by, also where another has its name later.
    pub door_id: String,
    pub name: String,
    pub rights: Rights,
    root: Root,
    files: Files,
    spool: Spool,
    /// Whether it is there still.
    still: Still,
    /// Bodies may pause: a backup reads its disk meanwhile.
    patient: bool,
}

/// Asks whether a door is there still.
pub type Still = Arc<dyn Fn() -> bool + Send + Sync>;

/// A piece of a file, or why there is none.
pub type Piece = Result<Bytes, DownloadError>;

impl Opened {
    pub fn new(door: &Door, cap: &Cap, (files, spool): (Files, Spool), still: Still) -> Self {
        let (door_id, name) = (door.id().to_owned(), door.name.clone());
        let (rights, root) = (door.rights, Root::Cap(cap.reveal()));
        let files = files.through(&name);
        Self { door_id, name, rights, root, files, spool, still, patient: true }
    }

    /// The same for somebody whom it was not given to: bodies must come as they do from strangers.
    pub fn hurrying(&self) -> Self {
        Self { patient: false, ..self.clone() }
    }

    /// The same rights in another directory.
    pub fn at(&self, directory: &Cap) -> Self {
        Self { root: Root::Cap(directory.reveal()), ..self.clone() }
    }

    pub const fn files(&self) -> &Files {
        &self.files
    }

    pub const fn spool(&self) -> &Spool {
        &self.spool
    }

    /// What its directory is called, whichever cap leads to it; none of one that never changes.
    pub fn directory_id(&self) -> Option<DirectoryId> {
        match &self.root {
            Root::Cap(cap) => Target::named_by(cap).directory_id(),
            Root::Global | Root::Private => None,
        }
    }

    fn address(&self, path: &[String]) -> Address {
        Address { root: self.root.clone(), path: path.to_vec() }
    }

    /// What is there, or from which name on nothing is.
    pub async fn find(&self, path: &[String], why: For) -> Result<Found, DoorError> {
        Ok(self.files.find(&self.address(path), why).await?)
    }

    /// The same, with where a change of it begins.
    pub async fn look(&self, path: &[String], why: For) -> Result<Seen, DoorError> {
        Ok(Seen::of(self.find(path, why).await?))
    }

    /// What is there, which must be something.
    pub async fn object(&self, path: &[String]) -> Result<Object, DoorError> {
        Ok(self.find(path, For::Reading).await?.there()?)
    }

    /// The same, as far as it can be used.
    pub async fn node(&self, path: &[String]) -> Result<Node, DoorError> {
        Ok(self.files.node(&self.object(path).await?.target))
    }

    /// All children of a directory.
    pub async fn list(&self, path: &[String]) -> Result<Listing, DoorError> {
        let node = self.node(path).await?;
        Ok(self.files.list(&node).await?)
    }

    /// The same for whoever has memory of other listings: with none left, nothing is waited for.
    pub async fn list_now(&self, path: &[String]) -> Result<Listing, DoorError> {
        let files = self.files.without_waiting();
        Self { files, ..self.clone() }.list(path).await
    }

    /// Whether nothing is there.
    pub async fn is_missing(&self, path: &[String]) -> Result<bool, DoorError> {
        Ok(matches!(self.find(path, For::Making).await?, Found::Missing { .. }))
    }

    /// A part of a file, once its first piece is known to be good.
    pub async fn read(
        &self,
        node: &Node,
        part: Range<u64>,
    ) -> Result<impl Stream<Item = Piece> + 'static, DoorError> {
        let content = begun(self.files.read(node, part).await?).await?;
        let still = Arc::clone(&self.still);
        Ok(content.map(move |piece| match still() {
            true => piece,
            false => Err(DownloadError::CutOff),
        }))
    }

    /// Takes a body in, before anything is stored or changed; refuses at once where nothing may be.
    pub async fn receive<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        announced: Option<u64>,
    ) -> Result<Body, DoorError> {
        self.may_add()?;
        let hasher = || self.files.grid().body_hasher().ok();
        Ok(self.spool.bodies_of(self.patient).receive(body, announced, &hasher).await?)
    }

    /// Stores a body; its cap when it is safe on enough servers.
    pub async fn store(&self, body: Body) -> Result<Cap, DoorError> {
        let (source, digest) = body.content.source();
        let options = UploadOptions { digest, ..UploadOptions::default() };
        Ok(self.files.store(source, options).await?.cap)
    }

    /// The same of what is put together of several.
    pub async fn store_source(&self, source: Source) -> Result<Cap, DoorError> {
        Ok(self.files.store(source, UploadOptions::default()).await?.cap)
    }

    /// Links a file at a path, with directories that are missing on the way, if that holds of what is
    /// there; whether it replaced another. A directory is never replaced.
    pub async fn put(
        &self,
        spot: Spot,
        (cap, metadata): (Cap, Metadata),
        holds: Condition<'_>,
    ) -> Result<bool, DoorError> {
        let replace = self.may_replace()?;
        let linked = self.files.link_file(spot.saying(metadata), cap, replace, holds).await;
        linked.map_err(|error| match (self.rights, DoorError::from(error)) {
            (Rights::Append, error) if error.code() == Code::Exists => DoorError::AppendOnly,
            (_, error) => error,
        })
    }

    /// Links whatever it is, in place of anything.
    pub async fn link(
        &self,
        spot: Spot,
        (target, metadata): (Target, Metadata),
        replace: Replace,
        holds: Condition<'_>,
    ) -> Result<bool, DoorError> {
        let replace = match self.may_replace()? {
            Replace::No => Replace::No,
            _ => replace,
        };
        Ok(self.files.link(spot.saying(metadata), target, replace, holds).await?)
    }

    /// Where something is to go; the directories above it must be there, unless they are to be made.
    pub async fn spot(&self, path: &[String]) -> Result<Spot, DoorError> {
        self.may_add()?;
        if path.is_empty() {
            return Err(DoorError::Root);
        }
        Ok(Spot::of(self.find(path, For::Making).await?)?)
    }

    /// Makes a directory, and those above it; it may be there already.
    pub async fn make_dirs(&self, path: &[String]) -> Result<Cap, DoorError> {
        self.may_add()?;
        let found = self.find(path, For::Making).await?;
        Ok(self.files.make_dir(found, None).await?)
    }

    /// A new directory with these children, which is linked nowhere yet.
    pub async fn new_directory(&self, children: Vec<Entry>) -> Result<Cap, DoorError> {
        self.may_add()?;
        Ok(self.files.directories().create(children).await?)
    }

    /// Removes what is there, if that holds of it; what it was.
    pub async fn remove(
        &self,
        path: &[String],
        holds: Option<Condition<'_>>,
    ) -> Result<Child, DoorError> {
        self.may_remove()?;
        if path.is_empty() {
            return Err(DoorError::Root);
        }
        Ok(self.files.delete(&self.address(path), holds).await?)
    }

    /// Removes a directory with nothing in it, if that holds of it; whether it was so.
    pub async fn remove_empty(
        &self,
        path: &[String],
        holds: Condition<'_>,
    ) -> Result<bool, DoorError> {
        let is_empty =
            |listing: &Listing| listing.entries.is_empty() && listing.unreadable.count == 0;
        if !is_empty(&self.list(path).await?) {
            return Ok(false);
        }
        let removed = self.remove(path, Some(holds)).await?;
        // Something may have come while it went.
        if let Some(cap) = removed.target.known()
            && !is_empty(&self.at(cap).list(&[]).await?)
        {
            self.put_back(path, removed).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Puts back what was removed, if nothing took its place.
    pub async fn put_back(&self, path: &[String], child: Child) -> Result<(), DoorError> {
        let Child { target, metadata } = child;
        self.link(self.spot(path).await?, (target, metadata), Replace::No, &|_| true).await?;
        Ok(())
    }

    /// Moves what is there.
    pub async fn relocate(
        &self,
        from: &[String],
        to: &[String],
        replace: Replace,
    ) -> Result<(), DoorError> {
        self.may_remove()?;
        let ((name, above), (new_name, to)) = match (from.split_last(), to.split_last()) {
            (Some(from), Some(to)) => (from, to),
            _ => return Err(DoorError::Root),
        };
        let source = self.files.dir(&self.address(above)).await?;
        let elsewhere = (above != to).then(|| self.address(to));
        Ok(self.files.relocate((&source, name), (elsewhere.as_ref(), new_name), replace).await?)
    }

    /// The same for who may remove what they added.
    pub fn removing(&self) -> Self {
        let rights = match self.rights {
            Rights::Append => Rights::Write,
            other => other,
        };
        Self { rights, ..self.clone() }
    }

    /// Whether anything may be added.
    pub fn may_add(&self) -> Result<(), DoorError> {
        self.is_there()?;
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append | Rights::Write => Ok(()),
        }
    }

    /// Whether anything may be taken away.
    pub fn may_remove(&self) -> Result<(), DoorError> {
        self.is_there()?;
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append => Err(DoorError::AppendOnly),
            Rights::Write => Ok(()),
        }
    }

    /// Refuses everything at a door that was removed, or whose time is over, whatever had begun.
    pub fn is_there(&self) -> Result<(), DoorError> {
        match (self.still)() {
            true => Ok(()),
            false => Err(DoorError::Shut),
        }
    }

    /// What a link may take the place of.
    fn may_replace(&self) -> Result<Replace, DoorError> {
        self.is_there()?;
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append => Ok(Replace::No),
            Rights::Write => Ok(Replace::Yes),
        }
    }
}

/// One name, in the one spelling of all that look the same. Nothing that a path leads up or nowhere by is a
/// name here.
pub fn name(text: &str) -> Result<String, DoorError> {
    match text {
        "" => Err(DoorError::BadPath("a name in it is empty")),
        "." | ".." => Err(DoorError::BadPath("a dot leads nowhere here")),
        _ if text.contains(['/', '\0']) => Err(DoorError::BadPath("no name has such a letter")),
        _ => Ok(nfc(text)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        assert_eq!(name("u\u{308}").unwrap(), "\u{fc}");
        assert_eq!(name("b%2f").unwrap(), "b%2f");
        for bad in ["", ".", "..", "a/b", "/", "a\0b"] {
            assert!(matches!(name(bad), Err(DoorError::BadPath(_))), "{bad:?}");
        }
    }
}
