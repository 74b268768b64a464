//! Answers, as SFTP writes them.

use super::super::error::DoorError;
use super::super::room::Room;
use super::attributes::Attributes;
use super::packet::{EXTENSIONS, HandleId, NoRequest};
use crate::base::limits::{SFTP_DATA_MAX, SFTP_HANDLES_MAX, SFTP_MESSAGE_MAX};
use crate::grid::Code;
use bytes::{BufMut, Bytes};

/// The version that is spoken here.
const VERSION: u32 = 3;
/// Bytes of a block, of which room is told.
const BLOCK: u64 = 4096;
/// Bytes of a name.
const NAME_MAX: u64 = 255;
const READ_ONLY: u64 = 1;

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok = 0,
    End = 1,
    NoSuchFile = 2,
    Denied = 3,
    Failure = 4,
    BadMessage = 5,
    Unsupported = 8,
}

/// Why something was not done.
#[derive(Debug)]
pub struct Refusal {
    pub status: Status,
    text: String,
}

impl Refusal {
    pub fn said(text: &str) -> Self {
        Self { status: Status::Failure, text: text.to_owned() }
    }

    /// There is nothing more.
    pub fn end() -> Self {
        Self { status: Status::End, text: "that was all".to_owned() }
    }

    pub fn no_handle() -> Self {
        NoRequest::NoHandle.into()
    }
}

impl<E: Into<DoorError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        let error = error.into();
        let status = match error.code() {
            Code::NotFound
            | Code::NoSuchChild
            | Code::NoSuchDirectory
            | Code::NotADirectory
            | Code::EmptyName => Status::NoSuchFile,
            Code::Forbidden
            | Code::ReadOnly
            | Code::Immutable
            | Code::VerifyOnly
            | Code::Prohibited
            | Code::NewServer => Status::Denied,
            _ => Status::Failure,
        };
        Self { status, text: error.to_string() }
    }
}

impl From<NoRequest> for Refusal {
    fn from(error: NoRequest) -> Self {
        let text = error.to_string();
        let status = match error {
            NoRequest::Malformed => Status::BadMessage,
            NoRequest::Unsupported => Status::Unsupported,
            NoRequest::NoHandle => Status::Failure,
            NoRequest::Path(error) => return error.into(),
        };
        Self { status, text }
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub enum Answer {
    Done,
    Handle(HandleId),
    Data(Bytes),
    /// Names, each as it is and as a line for people.
    Names(Vec<(String, String, Attributes)>),
    Attributes(Attributes),
    Room {
        left: Room,
        may_write: bool,
    },
    Limits,
}

/// An answer as it is sent.
pub fn message(id: u32, answer: Result<Answer, Refusal>) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(0);
    match answer {
        Err(Refusal { status, text }) => self::status(&mut out, id, (status, &text)),
        Ok(Answer::Done) => status(&mut out, id, (Status::Ok, "")),
        Ok(Answer::Handle(handle)) => {
            begin(&mut out, 102, id);
            string(&mut out, &handle.to_be_bytes());
        }
        Ok(Answer::Data(bytes)) => {
            out.reserve(bytes.len() + 9);
            begin(&mut out, 103, id);
            string(&mut out, &bytes);
        }
        Ok(Answer::Names(names)) => {
            begin(&mut out, 104, id);
            out.put_u32(length(names.len()));
            for (name, line, attributes) in names {
                string(&mut out, name.as_bytes());
                string(&mut out, line.as_bytes());
                attributes.write(&mut out);
            }
        }
        Ok(Answer::Attributes(attributes)) => {
            begin(&mut out, 105, id);
            attributes.write(&mut out);
        }
        Ok(Answer::Room { left, may_write }) => {
            begin(&mut out, 201, id);
            numbers(&mut out, &of_room(left, may_write));
        }
        Ok(Answer::Limits) => {
            begin(&mut out, 201, id);
            let [message, data, handles] =
                [SFTP_MESSAGE_MAX, SFTP_DATA_MAX, SFTP_HANDLES_MAX].map(|most| most as u64);
            numbers(&mut out, &[message, data, data, handles]);
        }
    }
    with_length(out)
}

/// The first message, which says what is spoken here.
pub fn version() -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(0);
    out.put_u8(2);
    out.put_u32(VERSION);
    for (name, version) in EXTENSIONS {
        string(&mut out, name.as_bytes());
        string(&mut out, version.as_bytes());
    }
    with_length(out)
}

/// In the order of `statvfs`.
fn of_room(Room { available, used }: Room, may_write: bool) -> [u64; 11] {
    let blocks = available.saturating_add(used) / BLOCK;
    let free = available / BLOCK;
    let flag = if may_write { 0 } else { READ_ONLY };
    [BLOCK, BLOCK, blocks, free, free, 0, 0, 0, 0, flag, NAME_MAX]
}

fn status(out: &mut Vec<u8>, id: u32, (status, text): (Status, &str)) {
    begin(out, 101, id);
    out.put_u32(status as u32);
    string(out, text.as_bytes());
    string(out, b"en");
}

fn begin(out: &mut Vec<u8>, kind: u8, id: u32) {
    out.put_u8(kind);
    out.put_u32(id);
}

fn numbers(out: &mut Vec<u8>, all: &[u64]) {
    all.iter().for_each(|one| out.put_u64(*one));
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32(length(bytes.len()));
    out.extend_from_slice(bytes);
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn with_length(mut out: Vec<u8>) -> Vec<u8> {
    let behind = length(out.len().saturating_sub(4)).to_be_bytes();
    out.iter_mut().zip(behind).for_each(|(place, byte)| *place = byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_as_the_draft_has_them() {
        assert_eq!(
            message(7, Ok(Answer::Done)),
            [&[0, 0, 0, 19, 101, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2][..], b"en"]
                .concat()
        );
        assert_eq!(
            message(1, Ok(Answer::Data(Bytes::from_static(b"ab")))),
            [0, 0, 0, 11, 103, 0, 0, 0, 1, 0, 0, 0, 2, b'a', b'b']
        );
        assert_eq!(
            message(1, Ok(Answer::Handle(5))),
            [0, 0, 0, 13, 102, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 5]
        );
        let denied = message(1, Err(DoorError::ReadOnly.into()));
        assert_eq!(denied.get(9..13), Some(&[0, 0, 0, 3][..]));
        let ended = message(1, Err(Refusal::end()));
        assert_eq!(ended.get(9..13), Some(&[0, 0, 0, 1][..]));
        assert!(version().starts_with(&[0, 0, 0, 195, 2, 0, 0, 0, 3, 0, 0, 0, 24, b'p']));
    }

    #[test]
    fn room_is_told_in_blocks() {
        let room = Room { available: 10 * BLOCK + 1, used: 5 * BLOCK };
        let wanted = [BLOCK, BLOCK, 15, 10, 10, 0, 0, 0, 0, 0, NAME_MAX];
        assert_eq!(of_room(room, true), wanted);
        assert_eq!(of_room(room, false)[9], READ_ONLY);
    }
}
