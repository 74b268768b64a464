//! New directories: keys from nothing, and a first head over the first rows.

use super::change::{Next, stage};
use super::place::{Signer, failed};
use super::seal::RowKeys;
use super::{DirError, Directories, Entry};
use crate::base::hash::{blake2b, sha256, tagged, truncated};
use crate::base::limits::STAGE_BYTES;
use crate::base::secret::Secret;
use crate::base::system::random;
use crate::cap::{DirCap, DirPlace};
use crate::tub::{Bulk, Furl, Hint, RemoteError};
use crate::vdrive::api::{BeginDirectory, ChangeOutcome, Changed, CreateDirectory};
use crate::vdrive::format::{Head, Row, Trie};

const GLOBAL_ROOT_TAG: &[u8] = b"tahoe_vdrive_swissnum_to_global_root_v1";

/// What a server is told of a new directory.
struct Birth {
    id: [u8; 32],
    verify_key: [u8; 32],
    read_facet: [u8; 32],
    write_facet: [u8; 32],
    next: Next,
}

/// The cap of a directory that is to be made on the vdrive server of `furl`.
pub(super) fn fresh(furl: &Furl) -> Result<DirCap, DirError> {
    Ok(DirCap::new(place(furl)?, Secret::new(random())))
}

/// Makes a directory of a fresh cap with these children, which are checked, on the vdrive server of
/// `furl`.
pub(super) async fn create(
    dirs: &Directories,
    furl: &Furl,
    (cap, children): (DirCap, Vec<Entry>),
) -> Result<DirCap, DirError> {
    let (rows, born) = (children.len(), cap.clone());
    let birth = dirs.on_rows(rows, move || birth(&born, &children, random())).await?;
    let answer = send(dirs, furl, &birth).await.map_err(|error| failed(furl.tub(), error))?;
    let ours = answer.head == birth.next.head();
    match answer.outcome {
        ChangeOutcome::Applied | ChangeOutcome::AlreadyApplied if ours => {
            let head = birth.next.signed.head;
            dirs.seen.note(&birth.id, None, (head.seq, head.hash()))?;
            dirs.changed.note(&cap.verify_cap());
            Ok(cap)
        }
        _ => Err(DirError::Forged("it made another directory")),
    }
}

/// The directory that everybody shares who has the furl of a vdrive server: its write key is a hash
/// of the furl's secret, so nobody needs to be told of it.
pub(super) fn shared(furl: &Furl) -> Result<DirCap, DirError> {
    let key = tagged(GLOBAL_ROOT_TAG, furl.swissnum().reveal());
    Ok(DirCap::new(place(furl)?, Secret::new(key)))
}

/// Makes sure that the server has it. Everybody who makes it makes the same, bit for bit, so that
/// it is made once.
pub(super) async fn create_shared(dirs: &Directories, furl: &Furl) -> Result<DirCap, DirError> {
    let cap = shared(furl)?;
    let birth = birth(&cap, &[], truncated(tagged(GLOBAL_ROOT_TAG, b"first change")))?;
    let answer = send(dirs, furl, &birth).await.map_err(|error| failed(furl.tub(), error))?;
    match answer.outcome {
        ChangeOutcome::Applied | ChangeOutcome::AlreadyApplied => Ok(cap),
        ChangeOutcome::Stale => Err(DirError::Forged("it made another directory")),
    }
}

fn place(furl: &Furl) -> Result<DirPlace, DirError> {
    let hints: Vec<String> = furl.hints().iter().map(Hint::to_string).collect();
    let place = DirPlace::new(furl.tub().0, hints.join(","));
    // Hints that no cap can carry are left out; the tub is found by its id.
    place.or_else(|| DirPlace::new(furl.tub().0, "")).ok_or(DirError::NoVdrive)
}

fn birth(cap: &DirCap, children: &[Entry], change: [u8; 16]) -> Result<Birth, DirError> {
    const FIRST: u64 = 1;
    let (keys, signer, verify) = (RowKeys::writer(cap)?, Signer::new(cap)?, cap.verify_cap());
    let rows: Vec<Row> =
        children.iter().map(|entry| keys.seal(entry, FIRST)).collect::<Result<_, _>>()?;
    let head = Head {
        directory: *verify.directory_id(),
        seq: FIRST,
        previous: [0; 32],
        root: Trie::of(rows.iter().map(|row| (row.id, row.hash()))).root(),
        rows: rows.len() as u64,
        change,
    };
    let verify_key = signer.verify_key();
    debug_assert_eq!(sha256(&verify_key), *verify.verify_hash());
    Ok(Birth {
        id: *verify.directory_id(),
        verify_key,
        read_facet: blake2b(&verify.read_facet()),
        write_facet: blake2b(signer.write_facet.reveal()),
        next: Next::first(head, rows, &signer.pair),
    })
}

async fn send(dirs: &Directories, furl: &Furl, birth: &Birth) -> Result<Changed, RemoteError> {
    let (services, tub) = (&dirs.held.services, &dirs.tub);
    let Birth { id, verify_key, read_facet, write_facet, next } = birth;
    let (id, verify_key) = (*id, *verify_key);
    let (read_facet, write_facet) = (*read_facet, *write_facet);
    let size: usize = next.rows.iter().map(Row::encoded_len).sum();
    if size <= STAGE_BYTES {
        let (head, rows) = (next.head(), Row::encode_all(&next.rows));
        let message = || {
            let (head, rows) = (head.clone(), Bulk(rows.clone()));
            CreateDirectory { id, verify_key, read_facet, write_facet, head, rows }
        };
        return services.call(tub, furl, message).await;
    }
    let begin = || BeginDirectory { id, verify_key, read_facet, write_facet };
    let staging = services.call(tub, furl, begin).await?;
    match stage(&staging, next).await {
        Err(RemoteError::Disconnected | RemoteError::Stopped) => {
            let staging = services.call(tub, furl, begin).await?;
            stage(&staging, next).await
        }
        outcome => outcome,
    }
}
