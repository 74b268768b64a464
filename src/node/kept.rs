//! What a node must not lose, and how its folder shows that it was there.
//!
//! Keys are made at the first start and never again: a new one in place of one that was lost would cut
//! off whoever was given the old. So all that a node needs is looked for before anything is made, and
//! made before anything else is written that would show that the node has run. What is missing then is
//! told, with the file that gives it away; the owner restores it, or says by [`CONFIRMED`] that the node
//! shall go on with new ones.

use super::basedir::{Basedir, BasedirError, Role};
use super::config::Config;
use crate::base::base32;
use crate::base::system::random;
use crate::tub::Furl;

/// The owner's word that what was lost may be made anew. It holds once.
pub const CONFIRMED: &str = "new_keys_confirmed";

/// A file that is made once.
pub struct Kept {
    pub name: &'static str,
    /// Files that are there only if this one was.
    witnesses: &'static [&'static str],
    /// What a new one would do.
    cost: &'static str,
    /// What is in a new one; none where another part of the node makes it.
    make: Option<fn() -> String>,
}

/// Before the key of a node's identity.
pub const PREFIX: &str = "priv-v0-";

pub const IDENTITY: Kept = Kept {
    name: "private/node.identity",
    witnesses: &[
        "my_nodeid",
        "introducer.furl",
        "vdrive.furl",
        "control.furl",
        "announcement.sequence",
        "vdrive/dirs",
    ],
    cost: "with another key this would be another node: no furl and no directory cap that was given \
           away would lead to it, and its leases would be nobody's",
    make: Some(|| format!("{PREFIX}{}", thirty_two_bytes())),
};
pub const CONVERGENCE: Kept = Kept {
    name: "private/convergence",
    witnesses: &["control.furl"],
    cost: "with another secret all files would get other caps and be stored once more",
    make: Some(thirty_two_bytes),
};
pub const LEASE_MASTER: Kept = Kept {
    name: "private/secret",
    witnesses: &["control.furl"],
    cost: "with another secret no lease of this node could be renewed or cancelled",
    make: Some(thirty_two_bytes),
};
pub const INTRODUCER: Kept = Kept {
    name: "private/introducer.swissnum",
    witnesses: &["introducer.furl"],
    cost: "with another secret introducer.furl would be another, and all who have it cut off",
    make: Some(thirty_two_bytes),
};
/// The file that clients of a vdrive server copy.
pub const VDRIVE_FURL: &str = "vdrive.furl";
pub const VDRIVE: Kept = Kept {
    name: "private/vdrive.swissnum",
    witnesses: &[VDRIVE_FURL, "vdrive/dirs"],
    cost: "with another secret vdrive.furl would be another, and all who have it cut off",
    make: Some(thirty_two_bytes),
};
pub const STORAGE: Kept = Kept {
    name: "private/storage.swissnum",
    witnesses: &["announcement.sequence"],
    cost: "with another secret nobody would reach its storage before the introducer tells the new furl",
    make: Some(thirty_two_bytes),
};
/// Only programs of this machine have its furl, and they read it from a file: deleting it revokes that.
pub const CONTROL: Kept = Kept {
    name: "private/control.swissnum",
    witnesses: &[],
    cost: "with another secret control.furl would be another",
    make: Some(thirty_two_bytes),
};
/// As with [`CONTROL`].
pub const TOKEN: Kept = Kept {
    name: "private/api_auth_token",
    witnesses: &[],
    cost: "with another token programs that know this one would be refused",
    make: Some(thirty_two_bytes),
};
/// The owner's directory. Its server makes it, and then its witness is written.
pub const PRIVATE_ROOT: Kept = Kept {
    name: "my_vdrive.uri",
    witnesses: &[PRIVATE_ROOT_ID],
    cost: "another directory would be empty, and nothing would lead to what is in the old one",
    make: None,
};
/// The public name of the owner's directory.
pub const PRIVATE_ROOT_ID: &str = "private/my_vdrive.id";
/// Furls that people copied say at which port a node is.
const INTRODUCER_PORT: Kept = Kept {
    name: "introducer.port",
    witnesses: &["introducer.furl"],
    cost: "at another port nobody who has introducer.furl would reach it",
    make: None,
};
const VDRIVE_PORT: Kept = Kept {
    name: "vdrive.port",
    witnesses: &["vdrive.furl"],
    cost: "at another port nobody who has vdrive.furl would reach it",
    make: None,
};

fn thirty_two_bytes() -> String {
    base32::encode(&random::<32>())
}

/// Makes what a new node needs, or says what an old one has lost; then nothing was made.
pub fn prepare(basedir: &Basedir, config: &Config) -> Result<(), BasedirError> {
    let needed = needed(basedir, config)?;
    let confirmed = basedir.flag(CONFIRMED)?;
    if !confirmed {
        needed.iter().try_for_each(|kept| kept.check(basedir, config.role))?;
    }
    for kept in &needed {
        let absent = basedir.read(kept.name)?.is_none();
        match kept.make {
            Some(make) if absent => basedir.write_secret(kept.name, &make())?,
            Some(_) => basedir.hide(kept.name)?,
            None if confirmed && absent => {
                basedir.remove(kept.name)?;
                basedir.remove(PRIVATE_ROOT_ID)?;
            }
            None => {}
        }
    }
    basedir.remove(CONFIRMED)
}

fn needed(basedir: &Basedir, config: &Config) -> Result<Vec<&'static Kept>, BasedirError> {
    let mut needed = vec![&IDENTITY];
    match config.role {
        Role::Introducer if basedir.flag("no_vdrive")? => {
            needed.extend([&INTRODUCER, &INTRODUCER_PORT]);
        }
        Role::Introducer => needed.extend([&INTRODUCER, &INTRODUCER_PORT, &VDRIVE]),
        Role::Vdrive => needed.extend([&VDRIVE, &VDRIVE_PORT]),
        Role::Client => {
            needed.extend([&CONVERGENCE, &LEASE_MASTER, &CONTROL, &PRIVATE_ROOT]);
            needed.extend(config.storage.is_some().then_some(&STORAGE));
            needed.extend(config.webport.is_some().then_some(&TOKEN));
        }
    }
    Ok(needed)
}

impl Kept {
    /// An error if it was there and is not now. An empty file is never one that was just made: values
    /// are written as a whole.
    fn check(&self, basedir: &Basedir, role: Role) -> Result<(), BasedirError> {
        if basedir.read(self.name)?.is_some() {
            return Ok(());
        }
        let empty = basedir.join(self.name).exists();
        let witness = self.witnesses.iter().find(|name| is_witness(basedir, role, name));
        if !empty && witness.is_none() {
            return Ok(());
        }
        Err(self.lost(basedir, witness.copied()))
    }

    fn lost(&self, basedir: &Basedir, witness: Option<&'static str>) -> BasedirError {
        let empty = basedir.join(self.name).exists();
        let state = if empty { "is empty" } else { "is missing" };
        BasedirError::Lost { file: basedir.join(self.name), state, witness, cost: self.cost }
    }

    /// What the file says; it is there since [`prepare`].
    pub fn read(&self, basedir: &Basedir) -> Result<String, BasedirError> {
        basedir.read(self.name)?.ok_or_else(|| self.lost(basedir, None))
    }
}

/// Whether a file shows that the node has run. Furls may be those of others, and a node of another
/// program may have left files of the same names; one that became empty was there all the same.
fn is_witness(basedir: &Basedir, role: Role, name: &str) -> bool {
    let copied = match name {
        "introducer.furl" => role != Role::Introducer,
        "vdrive.furl" => role == Role::Client,
        _ => false,
    };
    if copied || !basedir.join(name).exists() {
        return false;
    }
    let says = |is_ours: fn(&str) -> bool| match basedir.read(name) {
        Ok(text) => text.is_none_or(|text| is_ours(&text)),
        Err(_) => false,
    };
    match name {
        "my_nodeid" => says(|text| base32::decode_array::<32>(text).is_ok()),
        _ if name.ends_with(".furl") => says(|text| Furl::parse(text).is_ok()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::basedir::Synced;
    use std::fs;

    fn node(dir: &tempfile::TempDir, role: Role) -> Basedir {
        Basedir::create(&dir.path().join("n"), role, Synced::Each).unwrap()
    }

    fn prepared(node: &Basedir) -> Result<(), BasedirError> {
        prepare(node, &Config::read(node).unwrap())
    }

    #[test]
    fn a_first_start_that_was_cut_off_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir, Role::Client);
        node.write_secret(IDENTITY.name, &IDENTITY.make.unwrap()()).unwrap();
        prepared(&node).unwrap();
        let made = CONVERGENCE.read(&node).unwrap();
        prepared(&node).unwrap();
        assert_eq!(made, CONVERGENCE.read(&node).unwrap());
    }

    #[test]
    fn nothing_is_made_where_something_was_lost() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir, Role::Client);
        fs::write(node.join(LEASE_MASTER.name), "").unwrap();
        let lost = prepared(&node);
        assert!(matches!(lost, Err(BasedirError::Lost { witness: None, .. })), "{lost:?}");
        assert!(!node.join(IDENTITY.name).exists());
        node.write(CONFIRMED, "").unwrap();
        prepared(&node).unwrap();
        assert!(LEASE_MASTER.read(&node).is_ok() && !node.join(CONFIRMED).exists());
    }

    #[test]
    fn what_others_wrote_shows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir, Role::Client);
        let furl = format!("pb+xk1://{}@tcp:127.0.0.1:1/{}", "a".repeat(52), "a".repeat(52));
        node.write("introducer.furl", &furl).unwrap();
        node.write("vdrive.furl", &furl).unwrap();
        node.write("my_nodeid", "3vqgjqyyo4yyxbdqwwfvnbv7xqv6jhiw").unwrap();
        node.write("control.furl", "pb://old@127.0.0.1:1/control").unwrap();
        prepared(&node).unwrap();
    }

    #[test]
    fn an_emptied_witness_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(&dir, Role::Client);
        node.write("my_nodeid", "").unwrap();
        assert!(matches!(prepared(&node), Err(BasedirError::Lost { .. })));
    }
}
