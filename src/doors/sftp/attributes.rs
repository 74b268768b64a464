//! What SFTP says of a thing: size, mode and times.
//!
//! ```text
//! FLAGS:u32  [SIZE:u64]  [UID:u32 GID:u32]  [MODE:u32]  [ATIME:u32 MTIME:u32]  [COUNT:u32 pairs]
//! ```
//! Who owns a thing means nothing here: whoever comes through a door may do what the door may.

use super::super::said::Said;
use crate::files::Node;
use crate::grid::dirnode::Child;
use crate::http::date::moment;
use bytes::{Buf, BufMut, Bytes};
use serde_json::{Map, Value};

const SIZE: u32 = 0x01;
const OWNER: u32 = 0x02;
const MODE: u32 = 0x04;
const TIMES: u32 = 0x08;
const MORE: u32 = 0x8000_0000;

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const RIGHTS: u32 = 0o777;
const WRITING: u32 = 0o222;
const DIRECTORY_RIGHTS: u32 = 0o755;
const FILE_RIGHTS: u32 = 0o644;

/// Of what doors keep of a link: `{"mode": RIGHTS}`, where they are not the usual ones.
const PART: &str = "sftp";
const MODE_KEY: &str = "mode";

/// What is said of a thing; what is not said stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    pub size: Option<u64>,
    pub mode: Option<u32>,
    /// When it was read last and when it was changed, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

impl Attributes {
    /// Takes them from the front; none if they are cut off.
    pub fn parse(rest: &mut Bytes) -> Option<Self> {
        let flags = rest.try_get_u32().ok()?;
        let mut this = Self::default();
        if flags & SIZE != 0 {
            this.size = Some(rest.try_get_u64().ok()?);
        }
        if flags & OWNER != 0 {
            rest.try_get_u64().ok()?;
        }
        if flags & MODE != 0 {
            this.mode = Some(rest.try_get_u32().ok()?);
        }
        if flags & TIMES != 0 {
            this.times = Some((rest.try_get_u32().ok()?, rest.try_get_u32().ok()?));
        }
        if flags & MORE != 0 {
            for _ in 0..rest.try_get_u32().ok()?.saturating_mul(2) {
                let length = usize::try_from(rest.try_get_u32().ok()?).ok()?;
                (length <= rest.len()).then(|| rest.advance(length))?;
            }
        }
        Some(this)
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let flag = |is_there: bool, flag| if is_there { flag } else { 0 };
        out.put_u32(
            flag(self.size.is_some(), SIZE)
                | flag(self.mode.is_some(), MODE)
                | flag(self.times.is_some(), TIMES),
        );
        self.size.into_iter().for_each(|size| out.put_u64(size));
        self.mode.into_iter().for_each(|mode| out.put_u32(mode));
        if let Some((read, changed)) = self.times {
            out.put_u32(read);
            out.put_u32(changed);
        }
    }

    /// Of a thing in a directory; of the door's own directory nothing is kept.
    pub fn of(child: Option<&Child>, node: &Node, may_write: bool) -> Self {
        let said = child.map(|child| Said::of(&child.metadata)).unwrap_or_default();
        let (kind, usual, size) = match node {
            Node::Directory(_) => (DIRECTORY, DIRECTORY_RIGHTS, 0),
            Node::File { size, .. } => (FILE, FILE_RIGHTS, *size),
            // There is something, of which nothing can be read.
            Node::Verifier(_) | Node::Unknown | Node::Prohibited(_) => (FILE, 0, 0),
        };
        let rights = if usual == 0 { 0 } else { kept_mode(&said).unwrap_or(usual) };
        let rights = if may_write { rights } else { rights & !WRITING };
        let changed = said.changed().map(seconds);
        Self {
            size: Some(size),
            mode: Some(kind | rights),
            times: changed.map(|changed| (changed, changed)),
        }
    }

    /// Of a file that is being written.
    pub const fn of_new(size: u64, changed: u32) -> Self {
        let mode = Some(FILE | FILE_RIGHTS);
        Self { size: Some(size), mode, times: Some((changed, changed)) }
    }

    /// Puts what can be kept into what is said of a link.
    pub fn keep(&self, said: &mut Said, is_directory: bool) {
        if let Some((_, changed)) = self.times {
            said.set_changed(f64::from(changed));
        }
        let Some(mode) = self.mode else { return };
        let usual = if is_directory { DIRECTORY_RIGHTS } else { FILE_RIGHTS };
        let mut part = said.part(PART).and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        match mode & RIGHTS {
            rights if rights == usual => drop(part.shift_remove(MODE_KEY)),
            rights => drop(part.insert(MODE_KEY.to_owned(), rights.into())),
        }
        said.set_part(PART, part);
    }

    /// What is said later counts.
    pub fn then(self, later: Self) -> Self {
        Self {
            size: later.size.or(self.size),
            mode: later.mode.or(self.mode),
            times: later.times.or(self.times),
        }
    }

    /// As `ls -l` writes it, for who shows that.
    pub fn line(&self, name: &str) -> String {
        let mode = self.mode.unwrap_or_default();
        let letter = |(bit, letter)| if mode & bit != 0 { letter } else { '-' };
        let bits = (0..9).map(|n| 0o400 >> n);
        let rights: String = bits.zip("rwxrwxrwx".chars()).map(letter).collect();
        let kind = if self.is_directory() { 'd' } else { '-' };
        // Some programs read this line, and want a date.
        let (_, changed) = self.times.unwrap_or_default();
        let changed = moment(f64::from(changed)).map(|moment| moment.date().to_string());
        let changed = changed.unwrap_or_default();
        format!("{kind}{rights} 1 - - {:>12} {changed} {name}", self.size.unwrap_or_default())
    }

    pub fn is_directory(&self) -> bool {
        self.mode.is_some_and(|mode| mode & DIRECTORY != 0)
    }
}

fn kept_mode(said: &Said) -> Option<u32> {
    let mode = said.part(PART)?.get(MODE_KEY)?.as_u64()?;
    u32::try_from(mode).ok().map(|mode| mode & RIGHTS)
}

fn seconds(time: f64) -> u32 {
    // What is before or after what can be said is said as near as can be.
    time.clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Cap, LitCap};
    use crate::grid::dirnode::{Metadata, Target};

    #[test]
    fn what_is_written_is_read_and_the_rest_is_passed_over() {
        for some in [
            Attributes::default(),
            Attributes { size: Some(u64::MAX), ..Attributes::default() },
            Attributes { size: None, mode: Some(0o755), times: Some((1, 2)) },
        ] {
            let mut out = Vec::new();
            some.write(&mut out);
            out.push(9);
            let mut rest = Bytes::from(out);
            assert_eq!((Attributes::parse(&mut rest), rest.len()), (Some(some), 1));
        }
        let more = [
            &(OWNER | MODE | MORE).to_be_bytes()[..],
            &[0; 8],
            &7u32.to_be_bytes(),
            &[0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 0],
        ]
        .concat();
        let parsed = Attributes::parse(&mut Bytes::from(more.clone())).unwrap();
        assert_eq!(parsed, Attributes { mode: Some(7), ..Attributes::default() });
        for length in 0..more.len() {
            assert_eq!(Attributes::parse(&mut Bytes::copy_from_slice(&more[..length])), None);
        }
        let endless = [&MORE.to_be_bytes()[..], &u32::MAX.to_be_bytes()].concat();
        assert_eq!(Attributes::parse(&mut Bytes::from(endless)), None);
    }

    #[test]
    fn a_link_keeps_times_and_unusual_modes() {
        let cap = Cap::from(LitCap::new(b"abc".to_vec()));
        let node = Node::File { cap: cap.clone(), size: 3 };
        let shown = |metadata: &Metadata, may_write| {
            let target = Target::Known(cap.clone());
            let child = Child { target, metadata: metadata.clone() };
            Attributes::of(Some(&child), &node, may_write)
        };
        let mut said = Said::default();
        let sent = Attributes { mode: Some(0o100_755), times: Some((5, 6)), size: None };
        sent.keep(&mut said, false);
        let kept = said.clone().metadata();
        let wanted = Attributes { size: Some(3), mode: Some(0o100_755), times: Some((6, 6)) };
        assert_eq!(shown(&kept, true), wanted);
        assert_eq!(shown(&kept, false).mode, Some(0o100_555));
        assert_eq!(wanted.line("a b"), "-rwxr-xr-x 1 - -            3 1970-01-01 a b");
        Attributes { mode: Some(0o644), ..Attributes::default() }.keep(&mut said, false);
        assert_eq!(said.part("sftp"), None);
        assert_eq!(shown(&said.metadata(), true).mode, Some(0o100_644));
    }
}
