//! A change that comes in several calls: collected in memory, made at once.

use super::super::table::Change;
use super::directory::{DirectoryActor, MakeChange};
use super::room::{LetGo, Share, cost};
use super::{Shared, parse, told};
use crate::base::hash::Hash;
use crate::base::limits::{ROWS_MAX, STAGING_IDLE_TIME, STAGING_STILL_TIME};
use crate::base::lock::locked;
use crate::tub::{Bulk, Ref, RemoteError, start};
use crate::vdrive::VdriveError;
use crate::vdrive::api::{ChangeOutcome, Changed, Commit, StageRemoved, StageRows, Staging};
use crate::vdrive::format::log::Facts;
use crate::vdrive::format::{Row, RowId, SignedHead, consent};
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use tokio::task::JoinHandle;

/// What the change is made to.
pub(super) enum Target {
    New(Facts),
    Lost(Box<Lost>),
    Change(Addr<DirectoryActor>),
}

/// A directory that is to come back.
pub(super) struct Lost {
    pub facts: Facts,
    /// The head under which it was copied.
    pub old: SignedHead,
    /// The hash of the head under which it is there, and may be replaced.
    pub over: Option<Hash>,
    /// The writer's, to the head that will be committed.
    pub consent: [u8; 64],
}

/// What was staged so far.
#[derive(Default)]
struct Collected {
    rows: Vec<Row>,
    removed: Vec<RowId>,
}

/// Empty once it was committed, or its memory was needed.
struct Slot(Mutex<Option<(Target, Collected)>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<(Target, Collected)>> {
        locked(&self.0)
    }
}

impl LetGo for Slot {
    fn let_go(&self) {
        *self.lock() = None;
    }
}

pub(super) struct Stage {
    shared: Shared,
    slot: Arc<Slot>,
    /// Gone with what it was for.
    share: Option<Share>,
    /// Calls so far: a clock that needs no time.
    calls: u64,
    watch: Option<JoinHandle<()>>,
}

/// Nobody called for long, if there were no calls since.
#[derive(Message)]
#[rtype(result = "Option<u64>")]
struct Idle(u64);

impl Stage {
    /// A new staging, unless there are too many.
    pub fn begin(shared: Shared, target: Target) -> Result<Ref<Staging>, RemoteError> {
        let slot = Arc::new(Slot(Mutex::new(Some((target, Collected::default())))));
        let holder: Weak<dyn LetGo> = Arc::<Slot>::downgrade(&slot);
        let share = Some(shared.room.begin(holder)?);
        Ok(Staging::of(start(Self { shared, slot, share, calls: 0, watch: None })))
    }

    fn collect(&mut self, rows: Vec<Row>, removed: Vec<RowId>) -> Result<(), RemoteError> {
        self.calls += 1;
        let bytes = rows.iter().map(Row::encoded_len).sum();
        let share = self.share.as_ref().ok_or(RemoteError::Stopped)?;
        share.take(cost(bytes, rows.len(), removed.len()))?;
        let mut slot = self.slot.lock();
        let (_, collected) = slot.as_mut().ok_or(RemoteError::Stopped)?;
        let count = collected.rows.len() + collected.removed.len() + rows.len() + removed.len();
        if count as u64 > ROWS_MAX * 2 {
            return Err(told(VdriveError::TooMuch));
        }
        collected.rows.extend(rows);
        collected.removed.extend(removed);
        Ok(())
    }
}

impl Actor for Stage {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        // A task of its own: a timer of the context would keep an actor alive that nobody holds.
        let weak = context.address().downgrade();
        let room = self.shared.room.clone();
        self.watch = Some(actix_rt::spawn(async move {
            let mut calls = 0;
            let looks = STAGING_IDLE_TIME.as_secs().div_ceil(STAGING_STILL_TIME.as_secs());
            loop {
                for _ in 0..looks {
                    actix_rt::time::sleep(STAGING_STILL_TIME).await;
                    room.calm_down();
                }
                let Some(address) = weak.upgrade() else { return };
                let Ok(Some(now)) = address.send(Idle(calls)).await else { return };
                calls = now;
            }
        }));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }
}

impl Handler<Idle> for Stage {
    type Result = Option<u64>;

    fn handle(&mut self, Idle(calls): Idle, context: &mut Context<Self>) -> Option<u64> {
        if calls == self.calls {
            context.stop();
            return None;
        }
        Some(self.calls)
    }
}

impl Handler<StageRows> for Stage {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, ask: StageRows, _: &mut Context<Self>) -> Self::Result {
        // A copy: the call's own bytes may be a small part of a large receive buffer.
        let bulk = Bulk(Bytes::copy_from_slice(&ask.rows.0));
        self.collect(parse::rows(bulk)?, Vec::new())
    }
}

impl Handler<StageRemoved> for Stage {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, ask: StageRemoved, _: &mut Context<Self>) -> Self::Result {
        self.collect(Vec::new(), ask.removed)
    }
}

impl Handler<Commit> for Stage {
    type Result = ResponseFuture<Result<Changed, RemoteError>>;

    fn handle(&mut self, ask: Commit, _: &mut Context<Self>) -> Self::Result {
        self.calls += 1;
        let (shared, share) = (self.shared.clone(), self.share.take());
        share.iter().for_each(Share::keep);
        let open = self.slot.lock().take();
        Box::pin(async move {
            let (target, Collected { rows, removed }) = open.ok_or(RemoteError::Stopped)?;
            let change = Change::new(parse::head(&ask.head)?, rows, removed).map_err(told)?;
            let done = match target {
                Target::New(facts) => create(shared, facts, change).await,
                Target::Lost(lost) => take_back(shared, *lost, change).await,
                Target::Change(directory) => {
                    directory.send(MakeChange(change)).await.map_err(|_| RemoteError::Stopped)?
                }
            };
            drop(share);
            done
        })
    }
}

/// Makes a directory.
pub(super) async fn create(
    shared: Shared,
    facts: Facts,
    change: Change,
) -> Result<Changed, RemoteError> {
    let store = shared.store;
    let make = move || {
        let outcome = match store.create(&facts, &change)? {
            true => ChangeOutcome::Applied,
            false => ChangeOutcome::AlreadyApplied,
        };
        parse::changed(outcome, change.head)
    };
    shared.jobs.run(make).await.ok_or(RemoteError::Stopped)?.map_err(told)
}

/// Takes a directory back.
async fn take_back(shared: Shared, lost: Lost, change: Change) -> Result<Changed, RemoteError> {
    let store = shared.store;
    let take = move || {
        let Lost { facts, old, over, consent } = lost;
        let (head, known) = (&change.head.head, old.head.directory == facts.id);
        let follows = head.previous == old.head.hash() && head.seq > old.head.seq;
        let is_meant = consent::is_given(&consent, &facts, head);
        if !known || !follows || !is_meant || !old.verify(&facts.verify_key) {
            return Err(VdriveError::BadChange);
        }
        let (outcome, head) = store.take_back(&facts, &change, (old.head.seq, over))?;
        parse::changed(outcome.into(), head)
    };
    shared.jobs.run(take).await.ok_or(RemoteError::Stopped)?.map_err(told)
}
