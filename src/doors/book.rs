//! The doors that there are: a line of JSON each in the node's file `private/doors`.
//!
//! ```text
//! {"name": NAME, "rights": "read" | "append" | "write", "expires": SECONDS | null,
//!  "password": SEALED, "index": INDEX, "signing": SEALED}
//! ```
//! What is sealed is bound to what stands before it, so whoever changes a line shuts its door. A line
//! that says nothing is a door that does not open; the others stay.

use super::secret::{self, Secret, Signing};
use crate::base::limits::{DOOR_NAME_MAX, DOORS_MAX};
use crate::cap::Cap;
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
}

impl Door {
    /// A new door to what a capability names. One that only reads is given what only reads.
    pub fn new(
        (name, cap): (&str, &Cap),
        rights: Rights,
        expires: Option<u64>,
        secret: &Secret,
    ) -> Self {
        let cap = match rights {
            Rights::Read => cap.read_cap(),
            Rights::Append | Rights::Write => cap.clone(),
        };
        let cap = cap.reveal();
        let bound = bound(name, rights, expires);
        Self {
            name: name.to_owned(),
            rights,
            expires,
            password: secret::seal_by_password(&cap, secret.reveal(), &bound),
            index: secret::index(&secret.access_key_id()),
            signing: secret::seal_by_id(&cap, secret, &bound),
        }
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

    /// What it opens to for who signs with its key, which is not checked yet.
    pub fn by_id(&self, access_key_id: &str) -> Option<Signing> {
        secret::open_by_id(&self.signing, access_key_id, &self.bound())
    }

    fn bound(&self) -> String {
        bound(&self.name, self.rights, self.expires)
    }
}

fn bound(name: &str, rights: Rights, expires: Option<u64>) -> String {
    format!("{name}\n{}\n{}", rights.word(), expires.unwrap_or_default())
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
