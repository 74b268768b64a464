//! A door that somebody opened: its directory and what is below, with its rights. Whatever a protocol
//! does goes through here, so what a door may not do is refused in one place.

use super::book::Rights;
use super::error::DoorError;
use crate::base::limits::PATH_MAX;
use crate::cap::Cap;
use crate::files::address::nfc;
use crate::files::{Address, Files, For, Found, Node, Object, Root, Spot};
use crate::grid::dirnode::{Child, Condition, Listing, Metadata, Replace, Target};
use crate::grid::upload::UploadOptions;
use crate::grid::{Code, DownloadError, Source};
use crate::http::spool::{Body, Content, Spool};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use std::ops::Range;

/// What is behind a door.
#[derive(Clone)]
pub struct Opened {
    pub name: String,
    pub rights: Rights,
    root: Root,
    files: Files,
    spool: Spool,
}

/// A piece of a file, or why there is none.
pub type Piece = Result<Bytes, DownloadError>;

impl Opened {
    pub fn new((name, cap): (&str, &Cap), rights: Rights, files: Files, spool: Spool) -> Self {
        Self { name: name.to_owned(), rights, root: Root::Cap(cap.reveal()), files, spool }
    }

    pub const fn files(&self) -> &Files {
        &self.files
    }

    pub const fn spool(&self) -> &Spool {
        &self.spool
    }

    fn address(&self, path: &[String]) -> Address {
        Address { root: self.root.clone(), path: path.to_vec() }
    }

    /// What is there, or from which name on nothing is.
    pub async fn find(&self, path: &[String], why: For) -> Result<Found, DoorError> {
        Ok(self.files.find(&self.address(path), why).await?)
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

    /// A part of a file, once its first piece is known to be good.
    pub async fn read(
        &self,
        node: &Node,
        part: Range<u64>,
    ) -> Result<impl Stream<Item = Piece> + 'static, DoorError> {
        let mut content = Box::pin(self.files.read(node, part.clone()).await?);
        let first = match content.next().await {
            Some(Ok(first)) => first,
            Some(Err(error)) => return Err(error.into()),
            None => Bytes::new(),
        };
        let rest = content.inspect(|piece| {
            if let Err(error) = piece {
                tracing::warn!(%error, "a download broke off");
            }
        });
        Ok(stream::once(async { Ok(first) }).chain(rest))
    }

    /// Takes a body in, before anything is stored or changed; refuses at once where nothing may be.
    pub async fn receive<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        announced: Option<u64>,
    ) -> Result<Body, DoorError> {
        self.may_add()?;
        let hasher = || self.files.grid().body_hasher().ok();
        // Who opened a door is no stranger: a backup may pause while it reads its disk.
        Ok(self.spool.bodies_of(true).receive(body, announced, &hasher).await?)
    }

    /// Stores a body; its cap when it is safe on enough servers.
    pub async fn store(&self, body: Body) -> Result<Cap, DoorError> {
        let (source, digest) = match &body.content {
            Content::Memory(bytes) => (Source::bytes(bytes.clone()), None),
            Content::File { file, size, digest } => {
                (Source::spool(file.clone(), *size), digest.clone())
            }
        };
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
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append | Rights::Write => Ok(()),
        }
    }

    /// Whether anything may be taken away.
    pub fn may_remove(&self) -> Result<(), DoorError> {
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append => Err(DoorError::AppendOnly),
            Rights::Write => Ok(()),
        }
    }

    /// What a link may take the place of.
    fn may_replace(&self) -> Result<Replace, DoorError> {
        match self.rights {
            Rights::Read => Err(DoorError::ReadOnly),
            Rights::Append => Ok(Replace::No),
            Rights::Write => Ok(Replace::Yes),
        }
    }
}

/// The names of a path that is decoded, in the one spelling of all that look the same. Nothing that a
/// path leads up or nowhere by is a name here; a slash at the end says nothing.
pub fn path(text: &str) -> Result<Vec<String>, DoorError> {
    let text = text.strip_prefix('/').unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = text.split('/').map(name).collect::<Result<_, _>>()?;
    if names.len() > PATH_MAX {
        return Err(DoorError::BadPath("it has too many names"));
    }
    Ok(names)
}

/// One name.
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
    fn no_path_leads_out() {
        assert_eq!(path("/a/b%2f/").unwrap(), ["a", "b%2f"]);
        assert_eq!(path("u\u{308}").unwrap(), ["\u{fc}"]);
        assert!(path("").unwrap().is_empty() && path("/").unwrap().is_empty());
        for bad in ["..", "a/../b", "a/./b", "a//b", "//", "a\0b", "/./"] {
            assert!(matches!(path(bad), Err(DoorError::BadPath(_))), "{bad:?}");
        }
        assert!(path(&"a/".repeat(PATH_MAX + 1)).is_err());
    }
}
