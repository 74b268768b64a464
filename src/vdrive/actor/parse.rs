//! Arguments of calls, parsed once into what the store takes, and its results into answers.

use super::super::directory::{Directory, Outcome};
use super::super::error::{Result as StoreResult, VdriveError};
use super::super::table::Change;
use crate::base::limits::{PROOF_MAX, ROW_IDS_MAX};
use crate::tub::{Bulk, RemoteError};
use crate::vdrive::api::{ChangeOutcome, Changed, Changes, HeadNow, Page, Rows};
use crate::vdrive::format::{Row, RowId, SignedHead};
use bytes::Bytes;

/// A head as it came.
pub fn head(bytes: &[u8]) -> Result<SignedHead, RemoteError> {
    SignedHead::from_bytes(bytes).map_err(|_| RemoteError::BadArguments)
}

/// Rows as they came.
pub fn rows(bulk: Bulk) -> Result<Vec<Row>, RemoteError> {
    Row::decode_all(bulk.0).map_err(|_| RemoteError::BadArguments)
}

/// A whole change as it came in one call.
pub fn change(signed: &[u8], bulk: Bulk, removed: Vec<RowId>) -> Result<Change, RemoteError> {
    Change::new(head(signed)?, rows(bulk)?, removed).map_err(super::told)
}

/// The newest head of a directory.
pub fn head_now(directory: &Directory) -> StoreResult<HeadNow> {
    let head = directory.head()?.to_bytes().to_vec();
    Ok(HeadNow { verify_key: directory.facts.verify_key, head })
}

/// A proof for as many of the ids as one answer holds: all of them, unless somebody chose ids to
/// make it long.
fn proof(directory: &Directory, ids: &[RowId]) -> Bytes {
    let mut ids = ids;
    loop {
        let proof = directory.table.trie.prove(ids).to_bytes();
        if proof.len() <= PROOF_MAX || ids.is_empty() {
            return proof.into();
        }
        ids = ids.get(..ids.len() / 2).unwrap_or_default();
    }
}

/// Rows of some ids, proven.
pub fn get_rows(directory: &Directory, ids: &[RowId]) -> StoreResult<Rows> {
    let HeadNow { verify_key, head } = head_now(directory)?;
    let (rows, proof) = (Bulk(directory.rows(ids)?), Bulk(proof(directory, ids)));
    Ok(Rows { verify_key, head, rows, proof })
}

/// Some rows in the order of their ids.
pub fn list_rows(directory: &Directory, after: Option<RowId>, limit: u32) -> StoreResult<Page> {
    let HeadNow { verify_key, head } = head_now(directory)?;
    let page = directory.page(0, after, limit as usize)?;
    Ok(Page { verify_key, head, rows: Bulk(page.rows), more: page.more })
}

/// What changed.
pub fn rows_since(
    directory: &Directory,
    seq: u64,
    after: Option<RowId>,
    limit: u32,
) -> StoreResult<Changes> {
    let HeadNow { verify_key, head } = head_now(directory)?;
    let page = directory.page(seq, after, limit as usize)?;
    let removed = directory.removed_since(seq);
    let complete = removed.is_some();
    let first = removed.filter(|_| after.is_none()).unwrap_or_default();
    let removed = Bulk(first.concat().into());
    Ok(Changes { verify_key, head, rows: Bulk(page.rows), more: page.more, removed, complete })
}

/// Makes a change and answers for it.
pub fn make_change(directory: &mut Directory, change: &Change) -> StoreResult<Changed> {
    match directory.change(change)? {
        Outcome::Stale => stale(directory, change),
        outcome => changed(outcome.into(), directory.head()?),
    }
}

impl From<Outcome> for ChangeOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied => Self::Applied,
            Outcome::AlreadyApplied => Self::AlreadyApplied,
            Outcome::Stale => Self::Stale,
        }
    }
}

/// The answer to a change that was made.
pub fn changed(outcome: ChangeOutcome, head: SignedHead) -> Result<Changed, VdriveError> {
    let head = head.to_bytes().to_vec();
    Ok(Changed { outcome, head, rows: Bulk::default(), proof: Bulk::default() })
}

fn stale(directory: &Directory, change: &Change) -> StoreResult<Changed> {
    let ids: Vec<RowId> = change.touched().take(ROW_IDS_MAX).copied().collect();
    let Rows { head, rows, proof, .. } = get_rows(directory, &ids)?;
    Ok(Changed { outcome: ChangeOutcome::Stale, head, rows, proof })
}
