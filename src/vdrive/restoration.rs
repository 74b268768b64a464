//! Directories that come back: whole, from a writer who has a copy, where the server has lost them.
//!
//! What is there in a state that is as new as the copy stays as it is. An older one gives way if it is
//! served past damage, or if the writer has seen it and taken over what is to stay.

use super::directory::{Directory, End, Outcome, new_path, open_new, pieces, short};
use super::error::{Result, VdriveError};
use super::format::log::{Facts, Record, Salt};
use super::format::{Row, SignedHead};
use super::store::Store;
use super::table::{Change, Table};
use crate::base::hash::Hash;
use crate::base::limits::WHOLE_PIECE;
use crate::base::system::random;
use crate::disk::Cache;
use std::sync::Arc;

/// What stands in the place of a directory that is to come back.
enum Standing {
    /// Nothing, or nothing that counts any more.
    Lost,
    /// It is there, under this head.
    There(SignedHead),
    /// It was there, and was replaced.
    Replaced,
}

impl Store {
    /// Takes a directory back, durably, in the state of `change`, which has all its rows. They were copied
    /// under a head of this sequence; one that is there under the head of this hash is replaced if it is
    /// older. What became of it, and the head that the directory has now.
    pub(super) fn take_back(
        self: &Arc<Self>,
        facts: &Facts,
        change: &Change,
        (seq, over): (u64, Option<Hash>),
    ) -> Result<(Outcome, SignedHead)> {
        Table::judge_whole(facts, change)?;
        let _making = self.making(&facts.id);
        let handle = self.directory(&facts.id);
        let standing = handle.with(|directory| {
            let head = directory.head()?;
            if directory.facts != *facts {
                return Err(VdriveError::Exists);
            }
            if head == change.head || head.head.seq >= seq {
                directory.settle()?;
                return Ok(Standing::There(head));
            }
            match directory.end {
                End::Salvaged => Ok(Standing::Lost),
                _ if over == Some(head.head.hash()) => {
                    replace(directory, facts, change)?;
                    Ok(Standing::Replaced)
                }
                _ => Ok(Standing::There(head)),
            }
        });
        match standing {
            Ok(Standing::There(head)) if head == change.head => {
                return Ok((Outcome::AlreadyApplied, head));
            }
            Ok(Standing::There(head)) => return Ok((Outcome::Stale, head)),
            Ok(Standing::Replaced) => {}
            Ok(Standing::Lost) | Err(VdriveError::NoSuchDirectory | VdriveError::Corrupt) => {
                self.claim(facts)?;
                self.write_new(facts, |salt| whole_file(facts, salt, change, None))?;
                handle.load_again();
                // Leases that it had are in the lost log.
                handle.note_lease_end(None);
            }
            Err(error) => return Err(error),
        }
        let seq = change.head.head.seq;
        tracing::warn!(id = short(&facts.id), seq, "a directory was brought back by its writer");
        Ok((Outcome::Applied, change.head))
    }
}

/// Puts the new state in the place of one that is sound, whose leases stay. Until it has its name durably,
/// the old one counts.
fn replace(directory: &mut Directory, facts: &Facts, change: &Change) -> Result<()> {
    let new = new_path(&directory.path);
    let file = open_new(&directory.disk, &new)?;
    let log = whole_file(facts, Salt(random()), change, Some(directory));
    file.write_at(&log, 0, Cache::Keep)?;
    file.sync()?;
    // From here on the old file may have lost its name, so it is no place for changes.
    directory.end = End::Replaced;
    directory.disk.rename_over(&new, &directory.path)?;
    match directory.path.parent() {
        Some(folder) => Ok(directory.disk.sync_dir(folder)?),
        None => Ok(()),
    }
}

/// The log of a directory that begins with this state, and with the leases of another.
fn whole_file(
    facts: &Facts,
    salt: Salt,
    change: &Change,
    leases_of: Option<&Directory>,
) -> Vec<u8> {
    let mut bytes = facts.header(salt);
    let mut add = |record: Record| {
        let sealed = record.seal(salt, bytes.len() as u64);
        bytes.extend(sealed);
    };
    for piece in pieces(WHOLE_PIECE, change.rows.values()) {
        add(Record::Rows(Row::encode_all(piece)));
    }
    let head = change.head;
    let (known_since, recent) = (head.head.seq, vec![head.head.change]);
    add(Record::Whole { head: Box::new(head), known_since, recent });
    let leases = leases_of.into_iter().flat_map(|directory| &directory.table.leases);
    for (renew, lease) in leases {
        add(Record::Lease { renew: *renew, cancel: lease.cancel, end: lease.end });
    }
    bytes
}
