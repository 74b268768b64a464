//! Changes of a directory: from what is there to a signed head over what shall be there.
//!
//! ```text
//! state of the touched rows, with proof ─► decide ─► seal rows, new root, sign ─► send
//!        ▲                                                                        │
//!        └────────── stale: somebody else was first; their rows, with proof ◄─────┘
//! ```
//! `decide` looks at the children that the change touches and at nothing else, so a change that was
//! overtaken merges with everything that it does not touch. If one of its own children was changed
//! by others meanwhile, [`Overtaken`] says what becomes of it. All attempts carry one change id: if
//! an answer is lost, the server knows it again.

use super::directory::Change;
use super::lost::Keeping;
use super::place::{Place, Signer, State, prove};
use super::seen::SeenHead;
use super::{Child, DirError, Entry, Metadata, Target, Unopened, seal::RowKeys};
use crate::base::base32;
use crate::base::budget::Share;
use crate::base::hash::Hash;
use crate::base::limits::{REDOS_MAX, ROW_IDS_MAX, ROWS_MAX, STAGE_BYTES};
use crate::base::system::random;
use crate::tub::{Bulk, Ref, RemoteError};
use crate::vdrive::api::{
    BeginChange, ChangeOutcome, ChangeRows, Changed, Commit, StageRemoved, StageRows, Staging,
};
use crate::vdrive::format::{Head, Row, RowId, SignedHead, Trie};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The children that a change may touch.
pub(super) enum Touched {
    /// By their distinct names, in NFC.
    Names(Vec<String>),
    /// By their distinct row ids.
    Rows(Vec<RowId>),
}

impl Touched {
    /// Their rows.
    fn ids(&self, keys: &RowKeys) -> Arc<[RowId]> {
        match self {
            Self::Names(names) => names.iter().map(|name| keys.row_id(name)).collect(),
            Self::Rows(rows) => rows.as_slice().into(),
        }
    }

    /// What one of them is called when somebody is told of it.
    fn name(&self, at: usize) -> String {
        match self {
            Self::Names(names) => names.get(at).cloned(),
            Self::Rows(rows) => rows.get(at).map(|row| base32::encode(row)),
        }
        .unwrap_or_default()
    }
}

/// What shall become of the touched rows.
#[derive(Default)]
pub(super) struct Decision {
    pub put: Vec<Entry>,
    /// Places in the list of touched rows.
    pub removed: Vec<usize>,
    /// Links that nothing will lead to any more because of it.
    pub lost: Vec<Entry>,
}

/// What is in the place of a touched row.
pub(super) enum Was {
    Nothing,
    Link(Entry),
    /// Something that does not open: it can be replaced and removed.
    Unopened(Unopened),
}

impl Was {
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    pub fn link(&self) -> Option<&Entry> {
        match self {
            Self::Link(entry) => Some(entry),
            Self::Nothing | Self::Unopened(_) => None,
        }
    }

    /// The child that is there; nobody knows what one is that does not open.
    pub fn child(&self) -> Option<Cow<'_, Child>> {
        match self {
            Self::Nothing => None,
            Self::Link(entry) => Some(Cow::Borrowed(&entry.child)),
            Self::Unopened(_) => {
                let target = Target::Unknown { rw: None, ro: None };
                Some(Cow::Owned(Child { target, metadata: Metadata::new() }))
            }
        }
    }
}

/// Decides on a change by the touched children as they are now, in their order.
pub(super) type Decide<'a> = dyn FnMut(&[Was]) -> Result<Decision, DirError> + Send + 'a;

/// What becomes of a change when others change one of its own children first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Overtaken {
    /// It depended on what was there: it is not made, and that is told.
    Reported,
    /// It says what shall be there, whatever was: it is decided once more, on what is there now,
    /// as if it had been asked for a moment later. Overtaken again, that is told.
    DecidedOnce,
}

/// What became of an attempt.
enum Sent {
    /// It is durable.
    Made,
    /// The server says that it is, and that others changed the directory since.
    MadeBefore,
    /// Others were first; what is there now.
    Stale(State),
}

/// The rows that a change touches, as they were when it was decided.
struct Own<'a> {
    touched: &'a Touched,
    ids: Arc<[RowId]>,
    hashes: Vec<Option<Hash>>,
    /// How many times it may be decided once more.
    again: u8,
}

impl<'a> Own<'a> {
    fn of(state: &State, touched: &'a Touched, ids: &Arc<[RowId]>) -> Result<Self, DirError> {
        let hashes = ids.iter().map(|id| state.hash(id)).collect::<Result<_, _>>()?;
        Ok(Self { touched, ids: ids.clone(), hashes, again: 1 })
    }

    /// Fails if one of them is another one now and that is to be told.
    fn compare(&mut self, state: &State, overtaken: Overtaken) -> Result<(), DirError> {
        let now = Self::of(state, self.touched, &self.ids)?;
        let mut pairs = self.hashes.iter().zip(&now.hashes);
        let Some(at) = pairs.position(|(was, is)| was != is) else { return Ok(()) };
        if overtaken == Overtaken::Reported || self.again == 0 {
            return Err(DirError::Conflict(self.touched.name(at)));
        }
        *self = Self { again: self.again - 1, ..now };
        Ok(())
    }
}

impl Place {
    /// Makes a change, and keeps what it takes away.
    pub async fn make(&self, change: Change, decide: &mut Decide<'_>) -> Result<(), DirError> {
        let mut keeping = Keeping::new(&self.dirs, &self.cap);
        let outcome = self.attempt(change, decide, &mut keeping).await;
        keeping.forget().await;
        if outcome.is_ok() {
            self.dirs.changed.note(&self.verify);
        }
        outcome
    }

    async fn attempt(
        &self,
        Change { touched, overtaken, start }: Change,
        decide: &mut Decide<'_>,
        keeping: &mut Keeping<'_>,
    ) -> Result<(), DirError> {
        let (signer, keys) = (self.signer()?.clone(), self.keys()?.clone());
        let ids = &touched.ids(&keys);
        let _lock = self.lock().await?;
        let change = random();
        let (mut state, mut room, again) = self.begin(start, ids).await?;
        let mut own = Own { again, ..Own::of(&state, &touched, ids)? };
        for attempt in 0..REDOS_MAX {
            let (opener, own_ids) = (keys.clone(), ids.clone());
            let open = move || before(&opener, &state, &own_ids).map(|before| (state, before));
            let (now, before) = self.dirs.on_rows(ids.len(), open).await?;
            let mut decision = decide(&before)?;
            own.compare(&now, overtaken)?;
            if attempt > 0 {
                own.again = own.again.min(1);
            }
            if decision.put.is_empty() && decision.removed.is_empty() {
                return Ok(());
            }
            let lost = std::mem::take(&mut decision.lost);
            let kept = keeping.keep(lost, !decision.put.is_empty()).await;
            kept.map_err(DirError::NotKept)?;
            let (keys, signer, rows) = (keys.clone(), signer.clone(), decision.put.len());
            let gone = decision.removed.iter().filter_map(|at| ids.get(*at)).copied().collect();
            let seal = move || Next::after(&now, (&decision.put, gone), change, (&keys, &signer));
            let next = self.dirs.on_rows(rows, seal).await?;
            let sent = self.send(&next).await;
            if !matches!(sent, Ok(Sent::Stale(_))) {
                keeping.made();
            }
            match sent? {
                Sent::Made => return Ok(()),
                Sent::MadeBefore => {
                    drop(room);
                    return next.is_followed(&self.state(ids).await?.0);
                }
                Sent::Stale(newer) if newer.covers(ids) => state = Arc::new(newer),
                Sent::Stale(_) => {
                    // What it was for is gone, and the whole directory may take more than half of all.
                    drop(room.take());
                    (state, room) = self.state(ids).await?;
                }
            }
        }
        Err(DirError::TooManyRedos)
    }

    /// The state that a change is first decided on, and how many times it may be decided once more.
    async fn begin(
        &self,
        seen: Option<Arc<State>>,
        ids: &[RowId],
    ) -> Result<(Arc<State>, Option<Share>, u8), DirError> {
        match self.current(seen, ids) {
            // What was seen may be old, so the first that is found out of others is no haste of theirs.
            Some(state) => Ok((state, None, 2)),
            None => self.state(ids).await.map(|(state, room)| (state, room, 1)),
        }
    }

    /// What was seen, if it says what is certain about all of these ids and nothing newer is known.
    pub fn current(&self, seen: Option<Arc<State>>, ids: &[RowId]) -> Option<Arc<State>> {
        let newest = self.before_asking();
        let is_newest = |head: &Head| {
            newest
                .is_none_or(|(seq, hash)| head.seq > seq || head.seq == seq && head.hash() == hash)
        };
        seen.filter(|state| {
            state.head.directory == *self.id() && is_newest(&state.head) && state.covers(ids)
        })
    }

    /// What is certain about all of these ids; the whole directory where they are too many to ask.
    async fn state(&self, ids: &[RowId]) -> Result<(Arc<State>, Option<Share>), DirError> {
        if ids.len() <= ROW_IDS_MAX {
            let state = self.rows(ids).await?;
            if state.covers(ids) {
                return Ok((Arc::new(state), None));
            }
        }
        // Who changes has room already, and so must not wait for more.
        match self.all(Duration::ZERO).await {
            Ok((state, room)) => Ok((Arc::new(state), Some(room))),
            Err(DirError::NoRoom(_)) if ids.len() > ROW_IDS_MAX => Err(DirError::TooManyAtOnce),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, next: &Next) -> Result<Sent, DirError> {
        let asked = self.before_asking();
        let size: usize = next.rows.iter().map(Row::encoded_len).sum();
        if size > STAGE_BYTES || next.removed.len() > ROW_IDS_MAX {
            let answer = self.send_staged(next).await;
            return self.judge(asked, answer?, next);
        }
        let (head, rows) = (next.head(), Row::encode_all(&next.rows));
        let message = || ChangeRows {
            head: head.clone(),
            rows: Bulk(rows.clone()),
            removed: next.removed.clone(),
        };
        self.judge(asked, self.tell(message).await?, next)
    }

    async fn send_staged(&self, next: &Next) -> Result<Changed, DirError> {
        let staging = self.tell(|| BeginChange {}).await?;
        let committed = match stage(&staging, next).await {
            // The staging went with its link. The change id tells whether it was committed.
            Err(RemoteError::Disconnected | RemoteError::Stopped) => {
                let staging = self.tell(|| BeginChange {}).await?;
                stage(&staging, next).await
            }
            outcome => outcome,
        };
        committed.map_err(|error| self.failed(error))
    }

    /// What the server says, as far as it can be checked.
    fn judge(
        &self,
        asked: Option<SeenHead>,
        answer: Changed,
        next: &Next,
    ) -> Result<Sent, DirError> {
        let key = self.signer()?.verify_key();
        let head = self.believe(asked, &key, &answer.head)?;
        match answer.outcome {
            ChangeOutcome::Applied | ChangeOutcome::AlreadyApplied if head == next.signed.head => {
                Ok(Sent::Made)
            }
            ChangeOutcome::Applied => Err(DirError::Forged("it applied another change")),
            // Its answer was lost and others came after it. Earlier attempts were answered `Stale`
            // and can never be made, so it is this one.
            ChangeOutcome::AlreadyApplied if head.seq > next.signed.head.seq => {
                Ok(Sent::MadeBefore)
            }
            ChangeOutcome::AlreadyApplied => {
                Err(DirError::Forged("its head lacks a change that it says it made"))
            }
            ChangeOutcome::Stale => {
                let rows = Row::decode_all(answer.rows.0);
                let rows = rows.map_err(|_| DirError::Forged("its rows are malformed"))?;
                prove(head, rows, &answer.proof.0).map(Sent::Stale)
            }
        }
    }
}

/// A change that is ready to be sent.
pub(super) struct Next {
    pub signed: SignedHead,
    pub rows: Vec<Row>,
    pub removed: Vec<RowId>,
}

impl Next {
    /// The first state of a directory.
    pub fn first(head: Head, rows: Vec<Row>, pair: &ring::signature::Ed25519KeyPair) -> Self {
        Self { signed: SignedHead::sign(head, pair), rows, removed: Vec::new() }
    }

    /// The head after links are put in and rows taken out, signed, with the rows that it brings.
    fn after(
        state: &State,
        (put, removed): (&[Entry], Vec<RowId>),
        change: [u8; 16],
        (keys, signer): (&RowKeys, &Signer),
    ) -> Result<Self, DirError> {
        let seq =
            state.head.seq.checked_add(1).ok_or(DirError::Corrupt("its version overflows"))?;
        let rows: Vec<Row> =
            put.iter().map(|entry| keys.seal(entry, seq)).collect::<Result<_, _>>()?;
        let (root, count) = after(state, &rows, &removed)?;
        let directory = state.head.directory;
        let previous = state.head.hash();
        let head = Head { directory, seq, previous, root, rows: count, change };
        Ok(Self { signed: SignedHead::sign(head, &signer.pair), rows, removed })
    }

    pub fn head(&self) -> Vec<u8> {
        self.signed.to_bytes().to_vec()
    }

    /// Fails unless each row of a later state is as this change left it, or was changed after it.
    fn is_followed(&self, state: &State) -> Result<(), DirError> {
        let put = self.rows.iter().map(|row| (&row.id, Some(row.hash())));
        for (id, ours) in put.chain(self.removed.iter().map(|id| (id, None))) {
            let later = state.row(id)?.is_none_or(|row| row.seq > self.signed.head.seq);
            if !later && state.hash(id)? != ours {
                return Err(DirError::Forged("it dropped a change that it says it made"));
            }
        }
        Ok(())
    }
}

/// Stages a change piece by piece and commits it.
pub(super) async fn stage(staging: &Ref<Staging>, next: &Next) -> Result<Changed, RemoteError> {
    for rows in pieces(&next.rows) {
        staging.call(StageRows { rows: Bulk(rows) }).await?;
    }
    for removed in next.removed.chunks(ROW_IDS_MAX) {
        staging.call(StageRemoved { removed: removed.to_vec() }).await?;
    }
    staging.call(Commit { head: next.head() }).await
}

/// Rows in pieces that a call can carry, each made when the one before is away.
fn pieces(rows: &[Row]) -> impl Iterator<Item = Bytes> {
    let mut rows = rows.iter().peekable();
    std::iter::from_fn(move || {
        let mut piece = Vec::new();
        rows.next()?.encode(&mut piece);
        while let Some(row) = rows.next_if(|row| piece.len() + row.encoded_len() <= STAGE_BYTES) {
            row.encode(&mut piece);
        }
        Some(piece.into())
    })
}

fn before(keys: &RowKeys, state: &State, ids: &[RowId]) -> Result<Vec<Was>, DirError> {
    ids.iter().map(|id| was(keys, state, id)).collect()
}

/// What is in the place of a row.
pub(super) fn was(keys: &RowKeys, state: &State, id: &RowId) -> Result<Was, DirError> {
    Ok(match state.row(id)?.map(|row| keys.open(row)) {
        None => Was::Nothing,
        Some(Ok(entry)) => Was::Link(entry),
        Some(Err(error)) => Was::Unopened(Unopened::row(id, &error)),
    })
}

/// Root and number of rows after a change, from what is proven of the rows that it touches.
fn after(state: &State, rows: &[Row], removed: &[RowId]) -> Result<(Hash, u64), DirError> {
    let mut count = state.head.rows;
    for row in rows {
        count = count.saturating_add(u64::from(state.hash(&row.id)?.is_none()));
    }
    for id in removed {
        let there = u64::from(state.hash(id)?.is_some());
        count = count.checked_sub(there).ok_or(DirError::Forged("it has fewer rows than rows"))?;
    }
    if count > ROWS_MAX {
        return Err(DirError::TooBig("the rows of a directory"));
    }
    let mut trie: Trie = state.trie.clone();
    let put = rows.iter().map(|row| (row.id, row.hash()));
    trie.change(put, removed).map_err(|_| DirError::Forged("its proof leaves a row open"))?;
    Ok((trie.root(), count))
}
