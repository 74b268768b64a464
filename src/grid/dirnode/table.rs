//! A directory as one piece of text: the content of the file behind `URI:DIR2-CHK:` and its kin
//! (`docs/spec/formats-mutable.md` §10.1, §10.2).
//!
//! ```text
//! table  = entry*                                                 sorted by name
//! entry  = netstring( netstring(name) ‖ netstring(read cap) ‖ netstring(rwdata) ‖ netstring(JSON) )
//! rwdata = salt 16 ‖ AES-128-CTR(write cap) ‖ mac 32              empty where nothing can change
//! ```
//! The mac is written and, as by all readers since 1.3, not looked at.

use super::names::nfc;
use super::target::without_prefix;
use super::{Child, DirError, Entry, Metadata, Target, Unopened, Unreadable, json};
use crate::base::file::{FileKey, decimal};
use crate::base::hash::{netstring, pair, sha256, tagged, truncated};
use crate::codec::bytes_in::BytesIn;
use crate::codec::crypt;
use std::collections::BTreeMap;

const SALT_TAG: &[u8] = b"allmydata_dirnode_child_rwcap_to_salt_v1";
const KEY_TAG: &[u8] = b"allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1";
const MAC_LEN: usize = 32;
/// Digits of the longest length that a table of [`crate::base::limits::TABLE_MAX`] can hold.
const LENGTH_DIGITS_MAX: usize = 10;

/// Whose table it is, and what its reader or writer may see.
#[derive(Clone, Copy)]
pub enum Kind<'a> {
    /// Of an immutable directory: nothing in it can change, and nothing is hidden in it.
    Immutable,
    /// Of a mutable directory, for who has its write key.
    Writable(&'a [u8; 16]),
    /// Of a mutable directory, for who only reads it.
    Readable,
}

impl Kind<'_> {
    fn is_immutable(self) -> bool {
        matches!(self, Self::Immutable)
    }
}

/// The table of these entries. Where nothing may change, each child must be immutable.
pub fn pack(entries: &[Entry], kind: Kind<'_>) -> Result<Vec<u8>, DirError> {
    let sorted: BTreeMap<String, &Child> =
        entries.iter().map(|entry| (nfc(&entry.name), &entry.child)).collect();
    let mut table = Vec::new();
    for (name, child) in sorted {
        if kind.is_immutable() && !child.target.is_deep_immutable() {
            let why = crate::cap::CapError::NotImmutable.into();
            return Err(DirError::BadChild { name, why });
        }
        table.extend_from_slice(&netstring(&pack_entry(&name, child, kind)));
    }
    Ok(table)
}

fn pack_entry(name: &str, child: &Child, kind: Kind<'_>) -> Vec<u8> {
    let rw = child.target.write_uri().unwrap_or_default();
    let ro = child.target.read_uri().unwrap_or_default();
    let rwdata = match kind {
        Kind::Writable(key) => seal(key, rw.as_bytes()),
        Kind::Immutable | Kind::Readable => Vec::new(),
    };
    let mut entry = netstring(name.as_bytes());
    entry.extend(netstring(without_prefix(&ro, kind.is_immutable()).as_bytes()));
    entry.extend(netstring(&rwdata));
    entry.extend(netstring(json::spell(&child.metadata.map()).as_bytes()));
    entry
}

/// The entries of a table, sorted by name. Children that their place does not allow are left out,
/// as the original does; a table that does not hold together is an error.
pub fn unpack(table: &[u8], kind: Kind<'_>) -> Result<Vec<Entry>, DirError> {
    let (entries, unreadable) = read(table, kind);
    match unreadable.named.first() {
        Some(one) => Err(DirError::Corrupt(one.why)),
        None => Ok(entries),
    }
}

/// As [`unpack`], without what does not hold together: an entry for itself, or all from where the
/// table is cut.
pub fn read(table: &[u8], kind: Kind<'_>) -> (Vec<Entry>, Unreadable) {
    let mut rest = BytesIn::new(table);
    let (mut children, mut unreadable) = (BTreeMap::new(), Unreadable::default());
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        let entry = take_netstring(&mut rest);
        let entry = entry.ok_or(DirError::Corrupt("the table is cut from here on"));
        let cut = entry.is_err();
        match entry.and_then(|entry| unpack_entry(entry, kind)) {
            Ok(found) => children.extend(found),
            Err(error) => unreadable.note(Unopened::entry(number, &error)),
        }
        if cut {
            break;
        }
    }
    (children.into_iter().map(|(name, child)| Entry { name, child }).collect(), unreadable)
}

fn unpack_entry(entry: &[u8], kind: Kind<'_>) -> Result<Option<(String, Child)>, DirError> {
    let mut fields = BytesIn::new(entry);
    let mut field = || take_netstring(&mut fields).ok_or(DirError::Corrupt("an entry is cut"));
    let (name, ro, rwdata, metadata) = (field()?, field()?, field()?, field()?);
    if kind.is_immutable() && !rwdata.is_empty() {
        return Err(DirError::Corrupt("an immutable directory holds a write cap"));
    }
    let name = nfc(text(name, "a name is not UTF-8")?);
    let rw = match kind {
        Kind::Writable(key) => unseal(key, rwdata),
        Kind::Immutable | Kind::Readable => Vec::new(),
    };
    let caps = [&rw, ro].map(|cap| std::str::from_utf8(cap).map(|cap| cap.trim_end_matches(' ')));
    // No cap that anybody knows has other letters.
    let [Ok(rw), Ok(ro)] = caps else { return Ok(None) };
    let Ok(target) = Target::from_caps(Some(rw), Some(ro), kind.is_immutable()) else {
        return Ok(None);
    };
    if kind.is_immutable() && !target.is_deep_immutable() {
        return Ok(None);
    }
    let metadata = parse_metadata(metadata)?;
    Ok(Some((name, Child { target, metadata })))
}

/// A JSON object and nothing else.
pub(super) fn parse_metadata(json: &[u8]) -> Result<Metadata, DirError> {
    let text = std::str::from_utf8(json).ok();
    text.and_then(Metadata::parse).ok_or(DirError::Corrupt("metadata is no JSON object"))
}

fn text<'a>(bytes: &'a [u8], problem: &'static str) -> Result<&'a str, DirError> {
    std::str::from_utf8(bytes).map_err(|_| DirError::Corrupt(problem))
}

fn take_netstring<'a>(rest: &mut BytesIn<'a>) -> Option<&'a [u8]> {
    let digits = rest.until(b':').ok().filter(|digits| digits.len() <= LENGTH_DIGITS_MAX)?;
    let taken = rest.take(usize::try_from(decimal(digits)?).ok()?).ok()?;
    (rest.take(1).ok()? == b",").then_some(taken)
}

fn key_for(write: &[u8; 16], salt: &[u8]) -> FileKey {
    FileKey::new(truncated(pair(KEY_TAG, salt, write)))
}

/// The same bytes each time, so that a table that says the same is the same.
fn seal(write: &[u8; 16], cap: &[u8]) -> Vec<u8> {
    let salt: [u8; 16] = truncated(tagged(SALT_TAG, cap));
    let key = key_for(write, &salt);
    let mut sealed = salt.to_vec();
    let mut text = cap.to_vec();
    crypt::apply(&key, 0, &mut text);
    sealed.append(&mut text);
    let masked = |mask: u8| key.reveal().map(|byte| byte ^ mask);
    let inner = sha256(&[&masked(0x36)[..], &sealed].concat());
    sealed.extend_from_slice(&sha256(&[&masked(0x5c)[..], &inner].concat()));
    sealed
}

fn unseal(write: &[u8; 16], sealed: &[u8]) -> Vec<u8> {
    let Some((salt, rest)) = sealed.split_at_checked(16) else { return Vec::new() };
    let Some((text, _)) = rest.len().checked_sub(MAC_LEN).map(|len| rest.split_at(len)) else {
        return Vec::new();
    };
    let mut cap = text.to_vec();
    crypt::apply(&key_for(write, salt), 0, &mut cap);
    cap
}
