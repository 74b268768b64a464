//! Why something was not done.

use crate::base::budget::NoRoom;
use crate::cap::CapError;
use crate::grid::dirnode::DirError;
use crate::grid::{Code, DownloadError, Prohibited, UploadError};

/// What was refused, or went wrong; `Code::from` tells programs which case it is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FilesError {
    #[error(transparent)]
    Directory(#[from] DirError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Cap(#[from] CapError),
    #[error("the owner of this node prohibits it: {0}")]
    Prohibited(#[from] Prohibited),
    /// Memory, now or ever.
    #[error("there is no memory for it: {0}")]
    NoRoom(#[from] NoRoom),
    /// No root has this name.
    #[error("there is nothing at this address")]
    NothingThere,
    #[error("the address is not percent-encoded UTF-8")]
    BadAddress,
    #[error("the address has an empty name in it, as between two slashes")]
    EmptyName,
    /// A root that is not known yet.
    #[error("this node has no {0} directory yet")]
    NoRoot(&'static str),
    /// A name stands behind a file.
    #[error("files have no children, so none is named {0:?}")]
    NoChildren(String),
    /// A directory would be made where a file stands.
    #[error("the directory {0:?} cannot be made: a file is in the way")]
    FileInTheWay(String),
    /// The same, below a file that a cap names.
    #[error("the directory {0:?} cannot be made: what it would be in is a file")]
    InAFile(String),
    /// A name stands behind a cap of a kind that is not known.
    #[error("what the capability names is unknown here, and so are its children")]
    UnknownParent,
    /// A directory is wanted.
    #[error("this is not a directory")]
    NotADirectory,
    /// A file does not take the place of a directory.
    #[error("{0:?} is a directory, and a file does not take its place")]
    IsADirectory(String),
    /// What a cap names stands nowhere, so nothing can be put in its place, and it cannot be removed.
    #[error("what a capability names has no place of its own; address it by a name in a directory")]
    NoPlace,
    /// What was deleted is not kept any more, or never was.
    #[error("this cannot be put back any more")]
    NotKept,
    /// Something has the name of what would be put back.
    #[error("there is something named {0:?} again; rename it first")]
    NameTaken(String),
    /// The record of what was deleted cannot be written.
    #[error("it could not be forgotten: {0}")]
    Record(String),
}

impl FilesError {
    /// A child of that name is there, and was not to be replaced.
    pub fn exists(name: &str) -> Self {
        DirError::Exists(name.to_owned()).into()
    }
}

impl From<&FilesError> for Code {
    fn from(error: &FilesError) -> Self {
        match error {
            FilesError::Directory(error) => error.into(),
            FilesError::Download(error) => error.into(),
            FilesError::Upload(error) => error.into(),
            FilesError::Cap(error) => (*error).into(),
            FilesError::Prohibited(_) => Self::Prohibited,
            FilesError::NoRoom(why) => (*why).into(),
            FilesError::NothingThere => Self::NotFound,
            FilesError::BadAddress | FilesError::UnknownParent | FilesError::NoPlace => {
                Self::BadRequest
            }
            FilesError::EmptyName => Self::EmptyName,
            FilesError::NoRoot(_) => Self::NoVdrive,
            FilesError::NoChildren(_) | FilesError::NotADirectory => Self::NotADirectory,
            FilesError::FileInTheWay(_) | FilesError::InAFile(_) | FilesError::NameTaken(_) => {
                Self::InTheWay
            }
            FilesError::IsADirectory(_) => Self::Exists,
            FilesError::NotKept => Self::NoSuchChild,
            FilesError::Record(_) => Self::NoSpace,
        }
    }
}
