//! What each thing that can go wrong is in HTTP (`docs/spec/webapi-delta.md` §6). The sentences are the
//! grid's own, after the word by which 1.20's clients know the case.

use super::answer::{Failure, quoted};
use crate::base::budget::NoRoom;
use crate::base::limits::RETRY_SECONDS;
use crate::cap::CapError;
use crate::files::FilesError;
use crate::grid::dirnode::{ChildError, DirError};
use crate::grid::{CheckError, Code, DownloadError, Prohibited, UploadError};
use crate::http::spool::BodyError;
use actix_web::http::{StatusCode, header};

pub const EXISTS: &str =
    "There was already a child by that name, and you asked me to not replace it.";

impl Failure {
    /// 404 for a child that is not there.
    pub fn no_such_child(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("No such child: {name}")).coded(Code::NoSuchChild)
    }

    /// 503 while others have the memory or the places that a request takes.
    pub fn busy() -> Self {
        let text = "This gateway has as much to do as it can. Try again later.";
        let header = Some((header::RETRY_AFTER, RETRY_SECONDS.into()));
        Self { header, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// 412: what is there is not what the request is about.
    pub fn unmet() -> Self {
        let text = "What is there now is not what the request's If-Match or If-None-Match expects; \
                    nothing was changed. Look at it and ask again.";
        Self::new(StatusCode::PRECONDITION_FAILED, text)
    }

    /// 409 for a child that must not be replaced.
    pub fn exists() -> Self {
        Self::new(StatusCode::CONFLICT, EXISTS).coded(Code::Exists)
    }

    /// 409 for a file that does not take the place of a directory, whatever may be replaced.
    pub fn is_directory(name: &str) -> Self {
        let text = format!(
            "There is a directory named {name:?}, and a file does not take its place. Give the file \
             another name, or remove the directory."
        );
        Self::new(StatusCode::CONFLICT, text).coded(Code::Exists)
    }

    /// 400 for a cap that does not do what was asked.
    pub fn cap(error: CapError) -> Self {
        let text = match error {
            CapError::Unknown => "This gateway does not know that kind of cap.",
            CapError::Malformed => {
                "The cap is malformed; compare it with where you copied it from."
            }
            CapError::Unsupported => {
                "This gateway does not handle caps of mutable files and their directories."
            }
            CapError::NotReadOnly => "a write cap stands in a read slot.",
            CapError::NotImmutable => "a cap that must be immutable is not.",
        };
        Self { word: word_of(error), ..Self::bad_request(text).coded(error) }
    }
}

/// What 1.20 calls it when a cap gives more than it may.
const fn word_of(error: CapError) -> &'static str {
    match error {
        CapError::NotImmutable => "MustBeDeepImmutableError: ",
        CapError::NotReadOnly => "MustBeReadonlyError: ",
        CapError::Unknown | CapError::Malformed | CapError::Unsupported => "",
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::Busy => return Self::busy(),
            BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::CutOff | BodyError::BadLength => StatusCode::BAD_REQUEST,
            BodyError::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            BodyError::Disk => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::told(status, "", &error)
    }
}

impl From<Prohibited> for Failure {
    fn from(Prohibited(reason): Prohibited) -> Self {
        let text = format!("Access Prohibited: {reason}");
        Self::new(StatusCode::FORBIDDEN, text).coded(Code::Prohibited)
    }
}

impl From<NoRoom> for Failure {
    fn from(why: NoRoom) -> Self {
        match why {
            NoRoom::NotNow => Self::busy(),
            NoRoom::Never => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "This takes more memory than this gateway gives to all such requests together.",
            )
            .coded(why),
        }
    }
}

impl From<DownloadError> for Failure {
    /// 410 when all who are there have been asked and the file cannot be had; 503 when somebody who may
    /// have it did not answer.
    fn from(error: DownloadError) -> Self {
        let (status, word) = match error {
            DownloadError::Prohibited(prohibited) => return prohibited.into(),
            DownloadError::NoServers | DownloadError::NoShares => {
                (StatusCode::GONE, "NoSharesError: ")
            }
            DownloadError::NotEnoughShares { .. } | DownloadError::Contradiction => {
                (StatusCode::GONE, "NotEnoughSharesError: ")
            }
            DownloadError::Incompatible { .. } | DownloadError::Damaged(_) => {
                (StatusCode::GONE, "")
            }
            DownloadError::BadCap(_) | DownloadError::NotReadable => (StatusCode::BAD_REQUEST, ""),
            DownloadError::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ""),
            DownloadError::NotNow { .. } | DownloadError::CutOff => {
                (StatusCode::SERVICE_UNAVAILABLE, "")
            }
        };
        let code = Code::from(&error);
        Self::told(status, word, &error).coded(code)
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Self {
        let (status, word) = match error {
            UploadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ""),
            UploadError::NoServers => (StatusCode::SERVICE_UNAVAILABLE, "NoServersError: "),
            UploadError::Unhappy(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "UploadUnhappinessError: ")
            }
            UploadError::Unread(error) => return error.into(),
            UploadError::CutOff => (StatusCode::SERVICE_UNAVAILABLE, ""),
            UploadError::Encode(_) | UploadError::Source { .. } | UploadError::Changed => {
                (StatusCode::INTERNAL_SERVER_ERROR, "")
            }
        };
        let code = Code::from(&error);
        Self::told(status, word, &error).coded(code)
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Prohibited(prohibited) => prohibited.into(),
            error => Self::told(StatusCode::BAD_REQUEST, "", &error).coded(&error),
        }
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        let status = match error {
            FilesError::Directory(error) => return error.into(),
            FilesError::Download(error) => return error.into(),
            FilesError::Upload(error) => return error.into(),
            FilesError::Cap(error) => return Self::cap(error),
            FilesError::Prohibited(prohibited) => return prohibited.into(),
            FilesError::NoRoom(why) => return why.into(),
            FilesError::NothingThere => return Self::not_found(),
            FilesError::IsADirectory(ref name) => return Self::is_directory(name),
            FilesError::NoRoot(_) | FilesError::NotKept => StatusCode::NOT_FOUND,
            FilesError::BadAddress
            | FilesError::EmptyName
            | FilesError::NoChildren(_)
            | FilesError::UnknownParent
            | FilesError::NotADirectory
            | FilesError::NoPlace => StatusCode::BAD_REQUEST,
            FilesError::FileInTheWay(_) | FilesError::InAFile(_) | FilesError::NameTaken(_) => {
                StatusCode::CONFLICT
            }
            FilesError::Record(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(status, sentence(&error)).coded(&error)
    }
}

/// What 1.20 says of it, where programs compare that; else what it says itself.
fn sentence(error: &FilesError) -> String {
    match error {
        FilesError::EmptyName => {
            "The webapi does not allow empty pathname components, i.e. a double slash".to_owned()
        }
        FilesError::NoChildren(name) => format!("Files have no children named {}.", quoted(name)),
        FilesError::FileInTheWay(name) => {
            format!("Unable to create directory {}: a file was in the way.", quoted(name))
        }
        FilesError::InAFile(name) => format!(
            "Cannot create directory {}, because its parent is a file, not a directory.",
            quoted(name)
        ),
        error => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            format!("{}{}.", first.unwrap_or_default(), letters.as_str())
        }
    }
}

impl From<DirError> for Failure {
    fn from(error: DirError) -> Self {
        let (status, word) = match error {
            DirError::NoSuchChild(name) => return Self::no_such_child(&name),
            DirError::Exists(_) => return Self::exists(),
            DirError::Unmet(_) => return Self::unmet(),
            DirError::Prohibited(prohibited) => return prohibited.into(),
            DirError::NoRoom(why) => return why.into(),
            DirError::Download(error) => return error.into(),
            DirError::Upload(error) => return error.into(),
            DirError::BadChild { ref name, why } => return bad_child(name, why),
            DirError::NewTub(_) => {
                let text = format!("{error}; the argument allow-new-tub=1 says so.");
                let failure = Self::new(StatusCode::FORBIDDEN, text).coded(&error);
                return Self { asks_leave: true, ..failure };
            }
            DirError::NotADirectory(_) | DirError::NotReadable | DirError::NameTooLong => {
                (StatusCode::BAD_REQUEST, "")
            }
            DirError::ReadOnly | DirError::Immutable => {
                (StatusCode::FORBIDDEN, "NotWriteableError: ")
            }
            DirError::Conflict(_)
            | DirError::IntoItself(_)
            | DirError::Opens { .. }
            | DirError::Rollback { .. } => (StatusCode::CONFLICT, ""),
            DirError::TooManyRedos
            | DirError::NoVdrive
            | DirError::NotItsServer(_)
            | DirError::Unreachable { .. }
            | DirError::CutOff => (StatusCode::SERVICE_UNAVAILABLE, ""),
            DirError::NoSuchDirectory(_) | DirError::Corrupt(_) | DirError::Unreadable(_) => {
                (StatusCode::GONE, "UnrecoverableFileError: ")
            }
            DirError::Refused(_) | DirError::Forged(_) => (StatusCode::BAD_GATEWAY, ""),
            DirError::TooBig(_) | DirError::TooManyAtOnce => (StatusCode::PAYLOAD_TOO_LARGE, ""),
            DirError::NotKept(_) => (StatusCode::INSUFFICIENT_STORAGE, ""),
            DirError::Record(_) => (StatusCode::INTERNAL_SERVER_ERROR, ""),
        };
        let code = Code::from(&error);
        Self::told(status, word, &error).coded(code)
    }
}

fn bad_child(name: &str, why: ChildError) -> Failure {
    let name = quoted(name);
    let (word, code, text) = match why {
        ChildError::UnknownWrite => (
            "MustNotBeUnknownRWError: ",
            Code::BadChild,
            format!(
                "an operation to add a child named {name} to a directory was given an unknown cap in \
                 a write slot: {why}."
            ),
        ),
        ChildError::Constraint(error @ (CapError::NotImmutable | CapError::NotReadOnly)) => {
            let needed = if error == CapError::NotImmutable { "immutable" } else { "read-only" };
            let text = format!(
                "a cap passed to this operation for the child named {name}, needed to be {needed} but \
                 was not."
            );
            (word_of(error), error.into(), text)
        }
        ChildError::Constraint(_) | ChildError::Nothing => {
            ("", Code::BadChild, format!("the child {name} cannot be linked: {why}."))
        }
    };
    Failure { word, ..Failure::bad_request(text).coded(code) }
}
