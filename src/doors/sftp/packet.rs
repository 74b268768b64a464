//! Messages of SFTP, version 3 (draft-ietf-secsh-filexfer-02), and the extensions that OpenSSH adds to it.
//!
//! ```text
//! message  = LENGTH:u32  TYPE:u8  ID:u32  …      LENGTH counts what stands behind it
//! string   = LENGTH:u32  bytes
//! ```

use super::super::error::DoorError;
use super::super::opened;
use super::attributes::Attributes;
use crate::base::limits::{PATH_MAX, SFTP_DATA_MAX, SFTP_PATH_MAX};
use bytes::{Buf, Bytes};

/// What [`Request::Open`] wants, as bits.
pub mod flags {
    pub const READ: u32 = 0x01;
    pub const WRITE: u32 = 0x02;
    pub const APPEND: u32 = 0x04;
    pub const CREATE: u32 = 0x08;
    pub const TRUNCATE: u32 = 0x10;
    pub const EXCLUSIVE: u32 = 0x20;
}

/// The extensions that there are, and their versions.
pub const EXTENSIONS: [(&str, &str); 7] = [
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("copy-data", "1"),
];

/// Names from the door's directory on.
pub type Path = Vec<String>;

/// Something that was opened.
pub type HandleId = u32;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Open {
        path: Path,
        flags: u32,
        said: Attributes,
    },
    Close(HandleId),
    Read {
        handle: HandleId,
        at: u64,
        length: usize,
    },
    Write {
        handle: HandleId,
        at: u64,
        bytes: Bytes,
    },
    /// Nothing here is a link, so looking at a link and following it are the same.
    Look(Path),
    LookAtHandle(HandleId),
    Say {
        path: Path,
        said: Attributes,
    },
    SayOfHandle {
        handle: HandleId,
        said: Attributes,
    },
    OpenDirectory(Path),
    List(HandleId),
    Remove(Path),
    MakeDirectory(Path),
    RemoveDirectory(Path),
    /// The one way to write a path.
    RealPath(Path),
    Rename {
        from: Path,
        to: Path,
        overwrite: bool,
    },
    /// How much more there may be; the same wherever it is asked.
    Room,
    Store(HandleId),
    Limits,
    Copy {
        from: HandleId,
        from_at: u64,
        length: u64,
        to: HandleId,
        to_at: u64,
    },
}

/// Why a message is no request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoRequest {
    #[error("the message makes no sense")]
    Malformed,
    #[error("this is not done here")]
    Unsupported,
    #[error("nothing is open that is called so")]
    NoHandle,
    #[error(transparent)]
    Path(#[from] DoorError),
}

/// A message after the first.
#[derive(Debug)]
pub struct Message {
    pub id: u32,
    pub request: Result<Request, NoRequest>,
}

const INIT: u8 = 1;

/// Whether this is the first message of a client of version 3 or later.
pub fn is_init(mut message: Bytes) -> bool {
    message.try_get_u8() == Ok(INIT) && message.try_get_u32().is_ok_and(|version| version >= 3)
}

impl Message {
    /// None of what has not even an id to be answered with.
    pub fn parse(mut message: Bytes) -> Option<Self> {
        let kind = message.try_get_u8().ok()?;
        let id = message.try_get_u32().ok()?;
        let mut rest = Rest(message);
        let request = request(kind, &mut rest);
        // What stands behind a request is for those who know more.
        Some(Self { id, request })
    }
}

fn request(kind: u8, rest: &mut Rest) -> Result<Request, NoRequest> {
    Ok(match kind {
        3 => Request::Open { path: rest.path()?, flags: rest.u32()?, said: rest.attributes()? },
        4 => Request::Close(rest.handle()?),
        5 => Request::Read {
            handle: rest.handle()?,
            at: rest.u64()?,
            length: usize::try_from(rest.u32()?).unwrap_or(SFTP_DATA_MAX).min(SFTP_DATA_MAX),
        },
        6 => Request::Write { handle: rest.handle()?, at: rest.u64()?, bytes: rest.last_string()? },
        7 | 17 => Request::Look(rest.path()?),
        8 => Request::LookAtHandle(rest.handle()?),
        9 => Request::Say { path: rest.path()?, said: rest.attributes()? },
        10 => Request::SayOfHandle { handle: rest.handle()?, said: rest.attributes()? },
        11 => Request::OpenDirectory(rest.path()?),
        12 => Request::List(rest.handle()?),
        13 => Request::Remove(rest.path()?),
        14 => Request::MakeDirectory(rest.path()?),
        15 => Request::RemoveDirectory(rest.path()?),
        16 => Request::RealPath(rest.path()?),
        18 => Request::Rename { from: rest.path()?, to: rest.path()?, overwrite: false },
        200 => extended(&rest.string()?, rest)?,
        _ => return Err(NoRequest::Unsupported),
    })
}

fn extended(name: &[u8], rest: &mut Rest) -> Result<Request, NoRequest> {
    Ok(match name {
        b"posix-rename@openssh.com" => {
            Request::Rename { from: rest.path()?, to: rest.path()?, overwrite: true }
        }
        b"statvfs@openssh.com" => rest.path().map(|_| Request::Room)?,
        b"fstatvfs@openssh.com" => rest.handle().map(|_| Request::Room)?,
        b"fsync@openssh.com" => Request::Store(rest.handle()?),
        b"lsetstat@openssh.com" => Request::Say { path: rest.path()?, said: rest.attributes()? },
        b"limits@openssh.com" => Request::Limits,
        b"copy-data" => Request::Copy {
            from: rest.handle()?,
            from_at: rest.u64()?,
            length: rest.u64()?,
            to: rest.handle()?,
            to_at: rest.u64()?,
        },
        _ => return Err(NoRequest::Unsupported),
    })
}

/// What has not been read yet of a message.
struct Rest(Bytes);

impl Rest {
    fn u32(&mut self) -> Result<u32, NoRequest> {
        self.0.try_get_u32().map_err(|_| NoRequest::Malformed)
    }

    fn u64(&mut self) -> Result<u64, NoRequest> {
        self.0.try_get_u64().map_err(|_| NoRequest::Malformed)
    }

    fn string(&mut self) -> Result<Bytes, NoRequest> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        match length <= self.0.len() {
            true => Ok(self.0.split_to(length)),
            false => Err(NoRequest::Malformed),
        }
    }

    /// A string that is kept, and that would keep all of its message. Some clients send more than they mean.
    fn last_string(&mut self) -> Result<Bytes, NoRequest> {
        let string = self.string()?;
        Ok(if self.0.is_empty() { string } else { Bytes::copy_from_slice(&string) })
    }

    fn handle(&mut self) -> Result<HandleId, NoRequest> {
        let bytes: Result<[u8; 4], _> = self.string()?.as_ref().try_into();
        bytes.map(HandleId::from_be_bytes).map_err(|_| NoRequest::NoHandle)
    }

    fn path(&mut self) -> Result<Path, NoRequest> {
        let bytes = self.string()?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| DoorError::BadPath("names here are written in UTF-8"))?;
        Ok(path(text)?)
    }

    fn attributes(&mut self) -> Result<Attributes, NoRequest> {
        Attributes::parse(&mut self.0).ok_or(NoRequest::Malformed)
    }
}

/// A path as it is written in this protocol, where all begin at the door's directory. Two dots lead up, and
/// from the door's directory nowhere.
fn path(text: &str) -> Result<Path, DoorError> {
    let mut names = Path::new();
    if text.len() > SFTP_PATH_MAX {
        return Err(DoorError::BadPath("it is too long"));
    }
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(opened::name(name)?),
        }
        if names.len() > PATH_MAX {
            return Err(DoorError::BadPath("it has too many names"));
        }
    }
    Ok(names)
}

/// A path, written in the one way that there is.
pub fn written(path: &[String]) -> String {
    format!("/{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
    }

    fn parsed(kind: u8, parts: &[&[u8]]) -> Result<Request, NoRequest> {
        let mut message = vec![kind, 0, 0, 0, 9];
        parts.iter().for_each(|part| message.extend_from_slice(part));
        let message = Message::parse(message.into()).unwrap();
        assert_eq!(message.id, 9);
        message.request
    }

    fn with(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, text);
        out
    }

    #[test]
    fn no_path_leads_out() {
        for (written, wanted) in [
            ("", ""),
            (".", ""),
            ("/", ""),
            ("/a//b/./c/", "a/b/c"),
            ("a/../../../b", "b"),
            ("..", ""),
            ("/..%2f", "..%2f"),
        ] {
            assert_eq!(path(written).unwrap().join("/"), wanted, "{written}");
        }
        assert!(path("a\0b").is_err());
        assert!(path(&"a/".repeat(PATH_MAX + 1)).is_err());
        let known = parsed(17, &[&with("/u\u{308}/..//x".as_bytes())]).unwrap();
        assert_eq!(known, Request::Look(vec!["x".to_owned()]));
        assert!(matches!(parsed(17, &[&with(b"\xff")]), Err(NoRequest::Path(_))));
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_no_request() {
        let read =
            [&with(&[0, 0, 0, 7])[..], &5u64.to_be_bytes(), &u32::MAX.to_be_bytes()].concat();
        let wanted = Request::Read { handle: 7, at: 5, length: SFTP_DATA_MAX };
        assert_eq!(parsed(5, &[&read]).unwrap(), wanted);
        for length in 0..read.len() {
            assert!(parsed(5, &[&read[..length]]).is_err(), "{length}");
        }
        assert!(matches!(parsed(4, &[&with(b"abcde")]), Err(NoRequest::NoHandle)));
        assert!(matches!(parsed(4, &[&[255; 8]]), Err(NoRequest::Malformed)));
        assert!(matches!(parsed(99, &[]), Err(NoRequest::Unsupported)));
        assert!(matches!(parsed(200, &[&with(b"exec")]), Err(NoRequest::Unsupported)));
        assert!(Message::parse(Bytes::from_static(&[5, 0, 0])).is_none());
    }

    #[test]
    fn every_extension_that_is_told_is_known() {
        for (name, _) in EXTENSIONS {
            let mut words = with(name.as_bytes());
            words.extend_from_slice(&[0; 64]);
            assert!(!matches!(parsed(200, &[&words]), Err(NoRequest::Unsupported)), "{name}");
        }
    }

    #[test]
    fn only_a_greeting_begins() {
        assert!(is_init(Bytes::from_static(&[1, 0, 0, 0, 3])));
        assert!(is_init(Bytes::from_static(&[1, 0, 0, 0, 6, 1])));
        assert!(!is_init(Bytes::from_static(&[1, 0, 0, 0, 2])));
        assert!(!is_init(Bytes::from_static(&[2, 0, 0, 0, 3])));
    }
}
