//! One directory on its vdrive server: how to reach it, and what of its answers to believe.

use super::seal::RowKeys;
use super::seen::SeenHead;
use super::{DirError, Directories};
use crate::base::hash::{Hash, sha256};
use crate::base::limits::{DIRECTORY_LOCK_TIME, ROWS_MAX};
use crate::cap::{Cap, DirCap, DirPlace, DirVerifyCap, VdriveCap};
use crate::tub::furl::parse_hints;
use crate::tub::{Call, Furl, Hint, RemoteError, Swissnum, Tub, TubId};
use crate::vdrive::api::{DirectoryReader, DirectoryWriter, GetRows, Rows};
use crate::vdrive::format::{DirectoryId, Head, Row, RowId, SignedHead, Trie};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// A directory on a vdrive server, and what its cap gives.
#[derive(Clone)]
pub(super) struct Place {
    pub cap: Cap,
    pub verify: DirVerifyCap,
    /// Absent for a verify cap.
    pub keys: Option<Arc<RowKeys>>,
    /// Present for a write cap.
    pub signer: Option<Arc<Signer>>,
    pub furl: Furl,
    pub dirs: Directories,
}

/// What only a holder of the write cap has beside the row keys.
pub(super) struct Signer {
    pub pair: Ed25519KeyPair,
    pub write_facet: Swissnum,
}

impl Signer {
    pub fn new(cap: &DirCap) -> Result<Self, DirError> {
        let seed = cap.signing_seed();
        // Any 32 bytes are a seed.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal())
            .map_err(|_| DirError::Corrupt("no signing key"))?;
        Ok(Self { pair, write_facet: Swissnum::new(cap.write_facet()) })
    }

    pub fn verify_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap_or_default()
    }
}

/// What is certain about some rows under one head.
pub(super) struct State {
    pub head: Head,
    /// Proves which of the asked rows are there.
    pub trie: Trie,
    /// Those that are.
    pub rows: HashMap<RowId, Row>,
}

/// Makes sure that a tub may be dialled, and says where.
pub(super) fn hints_of(dirs: &Directories, place: &DirPlace) -> Result<Vec<Hint>, DirError> {
    let tub = TubId(*place.tub());
    if tub == dirs.tub.id() {
        return Ok(Vec::new());
    }
    if let Some(hints) = dirs.known.hints(tub) {
        return Ok(hints);
    }
    if !dirs.allow_new_tubs {
        return Err(DirError::NewTub(tub));
    }
    let hints = parse_hints(place.hints()).map_err(|_| DirError::NewTub(tub))?;
    dirs.known.allow(tub, hints.clone());
    Ok(hints)
}

/// What went wrong with a call to the server of a directory.
pub(super) fn failed(tub: TubId, error: RemoteError) -> DirError {
    match error {
        RemoteError::NoSuchObject => DirError::NoSuchDirectory(tub),
        RemoteError::Disconnected
        | RemoteError::Timeout
        | RemoteError::Busy
        | RemoteError::Stopped => DirError::Unreachable { tub, error },
        error => DirError::Refused(error),
    }
}

impl Place {
    /// The directory of a cap that a vdrive server keeps.
    pub fn of(dirs: &Directories, cap: &Cap) -> Result<Self, DirError> {
        Self::with_hints(dirs, cap, |place| hints_of(dirs, place))
    }

    /// The same for who does not ask its server, whether or not it is known.
    pub fn unasked(dirs: &Directories, cap: &Cap) -> Result<Self, DirError> {
        Self::with_hints(dirs, cap, |_| Ok(Vec::new()))
    }

    fn with_hints(
        dirs: &Directories,
        cap: &Cap,
        hints: impl FnOnce(&DirPlace) -> Result<Vec<Hint>, DirError>,
    ) -> Result<Self, DirError> {
        dirs.grid.permit(cap)?;
        let kept = cap.vdrive().ok_or(DirError::Immutable)?;
        let (keys, signer) = match kept {
            VdriveCap::Write(cap) => {
                (Some(RowKeys::writer(cap)?), Some(Arc::new(Signer::new(cap)?)))
            }
            VdriveCap::Read(cap) => (Some(RowKeys::reader(cap)?), None),
            VdriveCap::Verify(_) => (None, None),
        };
        let verify = kept.verify_cap();
        let hints = hints(verify.place())?;
        let swissnum = Swissnum::new(verify.read_facet());
        let furl = Furl::new(TubId(*verify.place().tub()), hints, swissnum);
        let keys = keys.map(Arc::new);
        Ok(Self { cap: cap.clone(), verify, keys, signer, furl, dirs: dirs.clone() })
    }

    pub fn id(&self) -> &DirectoryId {
        self.verify.directory_id()
    }

    pub fn tub_id(&self) -> TubId {
        self.furl.tub()
    }

    pub fn tub(&self) -> &Tub {
        &self.dirs.tub
    }

    pub fn keys(&self) -> Result<&Arc<RowKeys>, DirError> {
        self.keys.as_ref().ok_or(DirError::NotReadable)
    }

    pub fn signer(&self) -> Result<&Arc<Signer>, DirError> {
        self.signer.as_ref().ok_or(DirError::ReadOnly)
    }

    /// Asks the read facet.
    pub async fn ask<M: Call<DirectoryReader>>(
        &self,
        message: impl Fn() -> M,
    ) -> Result<M::Reply, DirError> {
        let answer = self.dirs.held.readers.call(self.tub(), &self.furl, message).await;
        answer.map_err(|error| self.failed(error))
    }

    /// The furl of the write facet.
    pub fn write_furl(&self) -> Result<Furl, DirError> {
        let (tub, hints) = (self.furl.tub(), self.furl.hints().to_vec());
        Ok(Furl::new(tub, hints, self.signer()?.write_facet.clone()))
    }

    /// Asks the write facet.
    pub async fn tell<M: Call<DirectoryWriter>>(
        &self,
        message: impl Fn() -> M,
    ) -> Result<M::Reply, DirError> {
        let answer = self.dirs.held.writers.call(self.tub(), &self.write_furl()?, message).await;
        answer.map_err(|error| self.failed(error))
    }

    pub fn failed(&self, error: RemoteError) -> DirError {
        failed(self.tub_id(), error)
    }

    /// At most one change of a directory at a time leaves this node; others of the node wait, rather
    /// than making each other stale.
    pub async fn lock(&self) -> Result<OwnedMutexGuard<()>, DirError> {
        let lock = self.dirs.locks.acquire(self.id(), DIRECTORY_LOCK_TIME).await;
        lock.ok_or_else(|| self.failed(RemoteError::Timeout))
    }

    /// What is known before a question is sent; see [`Self::believe`].
    pub fn before_asking(&self) -> Option<SeenHead> {
        self.dirs.seen.before_asking(self.id())
    }

    /// A head, if it is signed by the one who may, of this directory, and not older than what was
    /// seen before it was asked for.
    pub fn believe(
        &self,
        asked: Option<SeenHead>,
        verify_key: &[u8; 32],
        head: &[u8],
    ) -> Result<Head, DirError> {
        Ok(self.believe_signed(asked, verify_key, head)?.head)
    }

    /// As [`Self::believe`]; the head with its signature.
    pub fn believe_signed(
        &self,
        asked: Option<SeenHead>,
        verify_key: &[u8; 32],
        head: &[u8],
    ) -> Result<SignedHead, DirError> {
        let signed = self.check(verify_key, head)?;
        let SignedHead { head, .. } = &signed;
        self.dirs.seen.note(self.id(), asked, (head.seq, head.hash()))?;
        Ok(signed)
    }

    /// As [`Self::believe`], whatever was seen.
    pub fn check(&self, verify_key: &[u8; 32], head: &[u8]) -> Result<SignedHead, DirError> {
        if sha256(verify_key) != *self.verify.verify_hash() {
            return Err(DirError::Forged("its key is another one"));
        }
        let signed = SignedHead::from_bytes(head);
        let signed = signed.map_err(|_| DirError::Forged("its head is malformed"))?;
        if !signed.verify(verify_key) {
            return Err(DirError::Forged("the signature of its head is wrong"));
        }
        if signed.head.directory != *self.id() {
            return Err(DirError::Forged("its head is of another directory"));
        }
        if signed.head.rows > ROWS_MAX {
            return Err(DirError::Forged("its head has more rows than there may be"));
        }
        Ok(signed)
    }

    /// The rows of these ids as they are now, as far as there are such rows.
    pub async fn rows(&self, ids: &[RowId]) -> Result<State, DirError> {
        let asked = self.before_asking();
        let answer: Rows = self.ask(|| GetRows { ids: ids.to_vec() }).await?;
        let head = self.believe(asked, &answer.verify_key, &answer.head)?;
        let rows = Row::decode_all(answer.rows.0);
        let rows = rows.map_err(|_| DirError::Forged("its rows are malformed"))?;
        prove(head, rows, &answer.proof.0)
    }
}

/// Rows that belong to `head` by `proof`, and no others.
pub(super) fn prove(head: Head, rows: Vec<Row>, proof: &[u8]) -> Result<State, DirError> {
    let trie = Trie::from_bytes(proof).map_err(|_| DirError::Forged("its proof is malformed"))?;
    if trie.root() != head.root {
        return Err(DirError::Forged("its proof is of other rows than its head"));
    }
    let mut state = State { head, trie, rows: HashMap::new() };
    for row in rows {
        state.add(row)?;
    }
    Ok(state)
}

impl State {
    fn add(&mut self, row: Row) -> Result<(), DirError> {
        if self.trie.get(&row.id) != Ok(Some(row.hash())) || row.seq > self.head.seq {
            return Err(DirError::Forged("one of its rows is not proven"));
        }
        self.rows.insert(row.id, row);
        Ok(())
    }

    /// What it says of one row, without whatever else came along: it may be held for long.
    pub fn only(mut self, id: &RowId) -> Self {
        let row = self.rows.remove(id).map(|row| (*id, row.apart()));
        Self { trie: self.trie.prove(&[*id]), rows: row.into_iter().collect(), head: self.head }
    }

    /// The row's hash, `None` if there is certainly no such row.
    pub fn hash(&self, id: &RowId) -> Result<Option<Hash>, DirError> {
        self.trie.get(id).map_err(|_| DirError::Forged("its proof leaves a row open"))
    }

    /// The row; fails if it is there and was not sent.
    pub fn row(&self, id: &RowId) -> Result<Option<&Row>, DirError> {
        match (self.hash(id)?, self.rows.get(id)) {
            (None, _) => Ok(None),
            (Some(_), Some(row)) => Ok(Some(row)),
            (Some(_), None) => Err(DirError::Forged("a row that is proven is missing")),
        }
    }

    /// Whether each of these is proven one way or the other, and sent if it is there.
    pub fn covers(&self, ids: &[RowId]) -> bool {
        ids.iter().all(|id| match self.trie.get(id) {
            Ok(None) => true,
            Ok(Some(_)) => self.rows.contains_key(id),
            Err(_) => false,
        })
    }
}
