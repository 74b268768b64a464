//! Why a door did not do something. Each protocol says it in its own words, by the [`Code`].

use crate::base::budget::NoRoom;
use crate::files::FilesError;
use crate::grid::dirnode::DirError;
use crate::grid::{Code, DownloadError, UploadError};
use crate::http::spool::BodyError;
use actix_web::http::StatusCode;

/// What was refused, or went wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DoorError {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("this door was removed, or its time is over")]
    Shut,
    #[error("this door only reads")]
    ReadOnly,
    #[error("this door only adds: nothing is replaced and nothing removed")]
    AppendOnly,
    /// A path that would lead out, or that nothing can have.
    #[error("no path goes like this: {0}")]
    BadPath(&'static str),
    /// The request's conditions do not hold.
    #[error("what is there is not what the request expects; nothing was changed")]
    Unmet,
    /// The directory itself stays, whatever is asked of what is in it.
    #[error("this is the door's own directory, which stays as it is")]
    Root,
    #[error("the directory that it would be in is not there")]
    Orphan,
    #[error("{0}")]
    Bad(String),
}

impl DoorError {
    pub fn code(&self) -> Code {
        match self {
            Self::Files(error) => error.into(),
            Self::Body(BodyError::Busy) => Code::Busy,
            Self::Body(BodyError::TooLarge(_)) => Code::TooLarge,
            Self::Body(BodyError::TooSlow) => Code::TooSlow,
            Self::Body(BodyError::CutOff | BodyError::BadLength)
            | Self::BadPath(_)
            | Self::Bad(_) => Code::BadRequest,
            Self::Body(BodyError::NoSpace) => Code::NoSpace,
            Self::Body(BodyError::Disk) => Code::Internal,
            Self::ReadOnly => Code::ReadOnly,
            Self::AppendOnly | Self::Root | Self::Shut => Code::Forbidden,
            Self::Unmet => Code::Unmet,
            Self::Orphan => Code::NoSuchChild,
        }
    }

    /// The status for clients that know no more than statuses.
    pub fn status(&self) -> StatusCode {
        status(self.code())
    }
}

/// As every HTTP client understands it.
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest
        | Code::EmptyName
        | Code::CapUnknown
        | Code::CapMalformed
        | Code::CapUnsupported
        | Code::CapNotReadOnly
        | Code::CapNotImmutable
        | Code::BadChild
        | Code::NameTooLong => StatusCode::BAD_REQUEST,
        Code::NotFound | Code::NoSuchChild | Code::NotADirectory | Code::NoSuchDirectory => {
            StatusCode::NOT_FOUND
        }
        Code::NotTaken => StatusCode::METHOD_NOT_ALLOWED,
        Code::TokenWanted => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::ReadOnly
        | Code::Immutable
        | Code::VerifyOnly
        | Code::Prohibited
        | Code::NewServer => StatusCode::FORBIDDEN,
        Code::Unmet => StatusCode::PRECONDITION_FAILED,
        Code::InTheWay | Code::Exists | Code::IsADirectory | Code::Conflict | Code::IntoItself => {
            StatusCode::CONFLICT
        }
        Code::Range => StatusCode::RANGE_NOT_SATISFIABLE,
        Code::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NoSpace | Code::ServerFull => StatusCode::INSUFFICIENT_STORAGE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

macro_rules! through_files {
    ($($error:ty),*) => {
        $(impl From<$error> for DoorError {
            fn from(error: $error) -> Self {
                Self::Files(error.into())
            }
        })*
    };
}

through_files!(DirError, DownloadError, UploadError, NoRoom);
