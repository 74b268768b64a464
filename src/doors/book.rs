//! The doors that there are: a line of JSON each in the node's file `private/doors`.
//!
//! ```text
//! {"name": NAME, "rights": "read" | "append" | "write", "expires": SECONDS | null,
//!  "password": SEALED, "index": INDEX, "signing": SEALED, "keys": [{"index": INDEX, "sealed": SEALED}, …]}
//! ```
//! What is sealed is bound to what stands before it, so whoever changes a line shuts its door. A line
//! that says nothing is a door that does not open; the others stay.

use super::secret::{self, Secret, Signing};
use crate::base::limits::{DOOR_NAME_MAX, DOORS_MAX};
use crate::cap::Cap;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

/// In a node's directory.
pub const FILE: &str = "private/doors";

/// What may be done through a door, with all below its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    Read,
    /// Add what is not there, and neither replace nor remove.
    Append,
    Write,
}

impl Rights {
    const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Append => "append",
            Self::Write => "write",
        }
    }
}

/// A door, shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    pub name: String,
    pub rights: Rights,
    /// In seconds since 1970.
    pub expires: Option<u64>,
    password: String,
    index: String,
    signing: String,
    /// Public keys of SSH, by which it opens, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<SealedByKey>,
}

/// A capability, sealed by a public key of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SealedByKey {
    index: String,
    sealed: String,
}

impl Door {
    /// A new door to what a capability names. One that only reads is given what only reads.
    pub fn new(
        (name, cap): (&str, &Cap),
        rights: Rights,
        expires: Option<u64>,
        secret: &Secret,
    ) -> Self {
        let (cap, bound) = (shown(cap, rights), bound(name, rights, expires));
        Self {
            name: name.to_owned(),
            rights,
            expires,
            password: secret::seal_by_password(&cap, secret.reveal(), &bound),
            index: secret::index(&secret.access_key_id()),
            signing: secret::seal_by_id(&cap, secret, &bound),
            keys: Vec::new(),
        }
    }

    /// The same, which opens also for who has the private half of one of these.
    #[must_use]
    pub fn with_keys(mut self, cap: &Cap, keys: &[PublicKey]) -> Self {
        let (cap, bound) = (shown(cap, self.rights), self.bound());
        let seal = |key: &PublicKey| SealedByKey {
            index: secret::key_index(&key.0),
            sealed: secret::seal_by_key(&cap, (&self.index, &key.0), &bound),
        };
        self.keys = keys.iter().map(seal).collect();
        self
    }

    /// How many keys of SSH open it.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// What tells it from every other door.
    pub fn id(&self) -> &str {
        &self.index
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    /// What it opens to, for who knows its password.
    pub fn by_password(&self, password: &str) -> Option<Cap> {
        Cap::parse(&secret::open_by_password(&self.password, password, &self.bound())?).ok()
    }

    /// What it opens to, for who has shown to have the private half of this.
    pub fn by_key(&self, key: &PublicKey) -> Option<Cap> {
        let index = secret::key_index(&key.0);
        let known = self.keys.iter().find(|known| known.index == index)?;
        let opened = secret::open_by_key(&known.sealed, (&self.index, &key.0), &self.bound())?;
        Cap::parse(&opened).ok()
    }

    /// What it opens to for who signs with its key, which is not checked yet.
    pub fn by_id(&self, access_key_id: &str) -> Option<Signing> {
        secret::open_by_id(&self.signing, access_key_id, &self.bound())
    }

    fn bound(&self) -> String {
        bound(&self.name, self.rights, self.expires)
    }
}

/// What is sealed of a capability.
fn shown(cap: &Cap, rights: Rights) -> String {
    match rights {
        Rights::Read => cap.read_cap().reveal(),
        Rights::Append | Rights::Write => cap.reveal(),
    }
}

fn bound(name: &str, rights: Rights, expires: Option<u64>) -> String {
    format!("{name}\n{}\n{}", rights.word(), expires.unwrap_or_default())
}

/// A public key of SSH, as its protocol writes it (RFC 4253 §6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(pub Vec<u8>);

/// Kinds of keys that open doors.
pub const KEY_KINDS: [&str; 4] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];

impl PublicKey {
    /// Of a line such as `ssh-ed25519 AAAA… comment`; none of other kinds.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (kind, text) = (words.next()?, words.next()?);
        let bytes = BASE64.decode(text.as_bytes()).ok()?;
        // The kind stands in the key once more.
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let is_it = rest.get(..length)? == kind.as_bytes() && KEY_KINDS.contains(&kind);
        (is_it && strings(&bytes)? == if kind == "ssh-ed25519" { 2 } else { 3 })
            .then_some(Self(bytes))
    }
}

/// How many strings these bytes are, each with its length before it; none if they end within one.
fn strings(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        bytes = rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..)?;
        count += 1;
    }
    Some(count)
}

/// All doors of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    doors: Vec<Door>,
    /// Lines that say nothing, from 1.
    pub bad: Vec<usize>,
}

impl Book {
    /// Of what the file says.
    pub fn parse(text: &str) -> Self {
        let mut book = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Door>(line) {
                Ok(door) if is_name(&door.name) && book.doors.len() < DOORS_MAX => {
                    book.doors.push(door);
                }
                _ => book.bad.push(number),
            }
        }
        book
    }

    pub fn doors(&self) -> &[Door] {
        &self.doors
    }

    pub fn named(&self, name: &str) -> Option<&Door> {
        self.doors.iter().find(|door| door.name == name)
    }

    /// By what signed requests begin with.
    pub fn with_id(&self, access_key_id: &str) -> Option<&Door> {
        let index = secret::index(access_key_id);
        self.doors.iter().find(|door| door.index == index)
    }
}

/// A line of the file.
pub fn line(door: &Door) -> String {
    serde_json::to_string(door).unwrap_or_default()
}

/// The file without the door of this name; none if it has no such door. Lines that say nothing stay.
pub fn without(text: &str, name: &str) -> Option<String> {
    let is_it =
        |line: &&str| serde_json::from_str::<Door>(line).is_ok_and(|door| door.name == name);
    let left: Vec<&str> = text.lines().filter(|line| !is_it(line)).collect();
    (left.len() < text.lines().count()).then(|| left.join("\n"))
}

/// Names stand in addresses, in files of other programs and before a colon.
pub fn is_name(name: &str) -> bool {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=DOOR_NAME_MAX).contains(&name.len())
        && name.chars().all(fine)
        && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::LitCap;

    fn door(name: &str, rights: Rights, expires: Option<u64>) -> (Door, Secret, Cap) {
        let (secret, cap) = (Secret::new(), Cap::from(LitCap::new(b"x".to_vec())));
        (Door::new((name, &cap), rights, expires, &secret), secret, cap)
    }

    #[test]
    fn a_door_opens_by_its_secret_alone_and_with_its_own_rights() {
        let (door, secret, cap) = door("photos", Rights::Append, Some(9));
        let book = Book::parse(&line(&door));
        let found = book.named("photos").unwrap();
        assert_eq!(found.by_password(secret.reveal()).as_ref(), Some(&cap));
        assert!(found.by_password("another").is_none());
        let id = secret.access_key_id();
        assert_eq!(book.with_id(&id).unwrap().by_id(&id).unwrap().cap, cap.reveal());
        assert!(book.with_id(&id.to_lowercase()).is_none());
        assert!(!found.is_over(8) && found.is_over(9));

        for (was, is) in [("append", "write"), ("9", "99"), ("photos", "other")] {
            let text = line(&door).replacen(was, is, 1);
            let changed = Book::parse(&text).doors().first().unwrap().clone();
            assert_ne!(changed, door);
            assert!(changed.by_password(secret.reveal()).is_none(), "{was}");
            assert!(changed.by_id(&id).is_none(), "{was}");
        }
    }

    #[test]
    fn a_door_opens_by_keys_that_are_not_kept() {
        let line_of = |seed: u8| {
            let mut bytes = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
            bytes.extend_from_slice(&[seed; 32]);
            format!("ssh-ed25519 {} me@here", BASE64.encode(&bytes))
        };
        let [mine, other] = [1, 2].map(|seed| PublicKey::parse(&line_of(seed)).unwrap());
        for rights in [Rights::Read, Rights::Write] {
            let (door, _, cap) = door("a", rights, None);
            let door = door.with_keys(&cap, std::slice::from_ref(&mine));
            assert_eq!(door.by_key(&mine), Some(cap));
            assert_eq!((door.by_key(&other), door.key_count()), (None, 1));
            let kept = line(&door);
            assert_eq!(Book::parse(&kept).doors(), [door]);
            assert!(!kept.contains(line_of(1).split(' ').nth(1).unwrap()));
            let changed = Book::parse(&kept.replacen("\"a\"", "\"b\"", 1));
            assert_eq!(changed.named("b").unwrap().by_key(&mine), None);
        }
        for bad in ["", "ssh-ed25519", "ssh-ed25519 ????", "ssh-rsa AAAAB3NzaC1yc2E="] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
        assert_eq!(PublicKey::parse(&line_of(1).replacen("ed25519", "ed25518", 1)), None);
        let cut = BASE64.encode(&mine.0[..40]);
        assert_eq!(PublicKey::parse(&format!("ssh-ed25519 {cut}")), None);
    }

    #[test]
    fn what_is_kept_gives_nothing_away() {
        let (door, secret, cap) = door("photos", Rights::Write, None);
        let kept = line(&door);
        for text in [secret.reveal(), &secret.access_key_id(), &secret.secret_access_key()] {
            assert!(!kept.contains(text));
        }
        assert!(!kept.contains(&cap.reveal()));
    }

    #[test]
    fn lines_that_say_nothing_stay_and_shut_nobody_out() {
        let (one, ..) = door("one", Rights::Read, None);
        let (two, ..) = door("two", Rights::Write, None);
        let text = format!("{}\nnonsense\n\n{}\n", line(&one), line(&two));
        let book = Book::parse(&text);
        assert_eq!(book.doors(), [one.clone(), two.clone()]);
        assert_eq!(book.bad, [2]);
        assert_eq!(without(&text, "three"), None);
        assert_eq!(without(&text, "one").unwrap(), format!("nonsense\n\n{}", line(&two)));
    }

    #[test]
    fn names_are_words_of_addresses() {
        for good in ["a", "my-photos_2.b", "A1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a b", "a/b", "a:b", "ä", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
