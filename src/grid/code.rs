//! A stable code for everything that can be refused, for programs to tell cases apart by. Sentences are
//! for people and may change; codes do not.

use super::dirnode::{ChildError, DirError};
use super::{CheckError, DownloadError, UploadError};
use crate::base::budget::NoRoom;
use crate::cap::CapError;
use crate::tub::RemoteError;
use crate::vdrive::api::code as vdrive;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it travels.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// Arguments that say nothing, or contradict each other.
    BadRequest = "bad-request";
    /// An address with an empty name in it.
    EmptyName = "empty-name";
    /// An address at which there is nothing.
    NotFound = "not-found";
    /// A method, or a value of `t`, that the address does not take.
    NotTaken = "not-taken";
    /// It is for the owner.
    TokenWanted = "token-wanted";
    /// Whoever asks may not, whatever they show.
    Forbidden = "forbidden";
    /// What is there is not as the request's conditions say.
    Unmet = "unmet";
    /// It is not the right time or state for this.
    InTheWay = "in-the-way";
    /// A range beyond the end of the file.
    Range = "range";
    /// A body that comes too slowly.
    TooSlow = "too-slow";
    /// More than is taken at once, or ever.
    TooLarge = "too-large";
    /// There is no room on the gateway's disk.
    NoSpace = "no-space";
    /// The gateway has as much to do as it can.
    Busy = "busy";
    /// Something broke inside.
    Internal = "internal";
    /// What another server did is wrong.
    ServerFault = "server-fault";
    /// What is asked for is not there any more, or not for now.
    Gone = "gone";

    /// A kind of cap that is not known.
    CapUnknown = "cap-unknown";
    /// A cap that is cut off or mistyped.
    CapMalformed = "cap-malformed";
    /// A cap of a mutable file.
    CapUnsupported = "cap-unsupported";
    /// A write cap where only reading may be given.
    CapNotReadOnly = "cap-not-read-only";
    /// Something mutable where all must stay as it is.
    CapNotImmutable = "cap-not-immutable";
    /// A child that cannot be linked.
    BadChild = "bad-child";

    /// There is no child of that name, or what was deleted is not kept any more.
    NoSuchChild = "no-such-child";
    /// There is one, and it is not to be replaced.
    Exists = "exists";
    /// A file, or something else, stands where a directory is needed.
    NotADirectory = "not-a-directory";
    /// A directory stands where a file is to go.
    IsADirectory = "is-a-directory";
    /// The cap only reads.
    ReadOnly = "read-only";
    /// The directory never changes.
    Immutable = "immutable";
    /// The cap only verifies.
    VerifyOnly = "verify-only";
    /// Somebody else changed the same child at the same time.
    Conflict = "conflict";
    /// A directory was to be moved into itself.
    IntoItself = "into-itself";
    /// The server shows an older state than was seen.
    Rollback = "rollback";
    /// A name that is too long.
    NameTooLong = "name-too-long";
    /// What stands there does not open.
    Unreadable = "unreadable";
    /// There is no server to make directories on, or no such directory of this node yet.
    NoVdrive = "no-vdrive";
    /// The directory's server is not reached.
    DirectoryAway = "directory-away";
    /// The directory's server does not have it.
    NoSuchDirectory = "no-such-directory";
    /// A server that only the cap names.
    NewServer = "new-server";
    /// The disk of the directory's server is full.
    ServerFull = "server-full";
    /// The directory's file is damaged.
    DirectoryDamaged = "directory-damaged";
    /// An older state of a damaged directory is served, and takes no changes.
    DirectorySalvaged = "directory-salvaged";

    /// No storage server is connected.
    NoServers = "no-servers";
    /// Nobody who answered has a share.
    NoShares = "no-shares";
    /// Too few shares, and all were asked.
    NotEnoughShares = "not-enough-shares";
    /// Too few shares, and some who may have more did not answer.
    NotNow = "not-now";
    /// Shares are there, and contradict the cap.
    Contradiction = "contradiction";
    /// Shares of a later version.
    Incompatible = "incompatible";
    /// The file was damaged when it was stored.
    Damaged = "damaged";
    /// Too few servers hold shares.
    Unhappy = "unhappy";
    /// The owner does not want it touched.
    Prohibited = "prohibited";
}

impl Code {
    /// What was read; none for one of a later version.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl From<CapError> for Code {
    fn from(error: CapError) -> Self {
        match error {
            CapError::Unknown => Self::CapUnknown,
            CapError::Malformed => Self::CapMalformed,
            CapError::Unsupported => Self::CapUnsupported,
            CapError::NotReadOnly => Self::CapNotReadOnly,
            CapError::NotImmutable => Self::CapNotImmutable,
        }
    }
}

impl From<NoRoom> for Code {
    fn from(error: NoRoom) -> Self {
        match error {
            NoRoom::NotNow => Self::Busy,
            NoRoom::Never => Self::TooLarge,
        }
    }
}

impl From<&DownloadError> for Code {
    fn from(error: &DownloadError) -> Self {
        match error {
            DownloadError::NoServers => Self::NoServers,
            DownloadError::NoShares => Self::NoShares,
            DownloadError::NotEnoughShares { .. } => Self::NotEnoughShares,
            DownloadError::NotNow { .. } => Self::NotNow,
            DownloadError::Contradiction => Self::Contradiction,
            DownloadError::Incompatible { .. } => Self::Incompatible,
            DownloadError::Damaged(_) => Self::Damaged,
            DownloadError::BadCap(_) => Self::CapMalformed,
            DownloadError::NotReadable => Self::VerifyOnly,
            DownloadError::Range { .. } => Self::Range,
            DownloadError::Prohibited(_) => Self::Prohibited,
            DownloadError::CutOff => Self::Busy,
        }
    }
}

impl From<&UploadError> for Code {
    fn from(error: &UploadError) -> Self {
        match error {
            UploadError::TooLarge { .. } => Self::TooLarge,
            UploadError::NoServers => Self::NoServers,
            UploadError::Unhappy(_) => Self::Unhappy,
            UploadError::Unread(error) => error.into(),
            UploadError::CutOff => Self::Busy,
            UploadError::Encode(_) | UploadError::Source { .. } | UploadError::Changed => {
                Self::Internal
            }
        }
    }
}

impl From<&CheckError> for Code {
    fn from(error: &CheckError) -> Self {
        match error {
            CheckError::NoShares => Self::BadRequest,
            CheckError::BadCap(_) => Self::CapMalformed,
            CheckError::Prohibited(_) => Self::Prohibited,
        }
    }
}

impl From<&DirError> for Code {
    fn from(error: &DirError) -> Self {
        match error {
            DirError::NoSuchChild(_) => Self::NoSuchChild,
            DirError::Exists(_) => Self::Exists,
            DirError::NotADirectory(_) => Self::NotADirectory,
            DirError::ReadOnly => Self::ReadOnly,
            DirError::Immutable => Self::Immutable,
            DirError::NotReadable => Self::VerifyOnly,
            DirError::NotKept(_) => Self::NoSpace,
            DirError::Conflict(_) | DirError::TooManyRedos => Self::Conflict,
            DirError::Unmet(_) => Self::Unmet,
            DirError::IntoItself(_) => Self::IntoItself,
            DirError::Rollback { .. } => Self::Rollback,
            DirError::NoVdrive | DirError::NotItsServer(_) => Self::NoVdrive,
            DirError::Unreachable { .. } => Self::DirectoryAway,
            DirError::NoSuchDirectory(_) => Self::NoSuchDirectory,
            DirError::NewTub(_) => Self::NewServer,
            DirError::Refused(error) => refused(error),
            DirError::Forged(_) => Self::ServerFault,
            DirError::Corrupt(_) | DirError::Unreadable(_) => Self::Unreadable,
            DirError::Opens { .. } => Self::InTheWay,
            DirError::NameTooLong => Self::NameTooLong,
            DirError::TooBig(_) | DirError::TooManyAtOnce => Self::TooLarge,
            DirError::NoRoom(why) => (*why).into(),
            DirError::BadChild { why, .. } => match why {
                ChildError::Constraint(error) => (*error).into(),
                ChildError::UnknownWrite | ChildError::Nothing => Self::BadChild,
            },
            DirError::Prohibited(_) => Self::Prohibited,
            DirError::Download(error) => error.into(),
            DirError::Upload(error) => error.into(),
            DirError::CutOff => Self::Busy,
            DirError::Record(_) => Self::Internal,
        }
    }
}

/// What a vdrive server says of itself.
fn refused(error: &RemoteError) -> Code {
    match error.code() {
        Some(vdrive::NO_SPACE) => Code::ServerFull,
        Some(vdrive::CORRUPT) => Code::DirectoryDamaged,
        Some(vdrive::SALVAGED) => Code::DirectorySalvaged,
        _ => Code::ServerFault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_words_and_each_is_one_case() {
        let texts: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            let is_word = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(code.as_str().chars().all(is_word), "{code:?}");
        }
        assert_eq!(Code::parse("Exists"), None);
    }

    #[test]
    fn what_a_vdrive_server_says_is_told_apart() {
        for (number, code) in [
            (vdrive::NO_SPACE, Code::ServerFull),
            (vdrive::CORRUPT, Code::DirectoryDamaged),
            (vdrive::SALVAGED, Code::DirectorySalvaged),
            (vdrive::DISK, Code::ServerFault),
        ] {
            let error = DirError::Refused(RemoteError::app(number, "whatever it says"));
            assert_eq!(Code::from(&error), code);
        }
    }
}
