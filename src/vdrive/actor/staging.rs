//! A change that comes in several calls: collected in memory, made at once.

use super::super::table::Change;
use super::directory::{DirectoryActor, MakeChange};
use super::{Shared, Staged, parse, told};
use crate::base::limits::{ROWS_MAX, STAGED_MAX, STAGING_IDLE_TIME, STAGINGS_MAX};
use crate::tub::{Bulk, Ref, RemoteError, start};
use crate::vdrive::VdriveError;
use crate::vdrive::api::{ChangeOutcome, Changed, Commit, StageRemoved, StageRows, Staging};
use crate::vdrive::format::log::Facts;
use crate::vdrive::format::{Row, RowId};
use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What the change is made to.
pub(super) enum Target {
    New(Facts),
    Change(Addr<DirectoryActor>),
}

/// What was staged so far.
#[derive(Default)]
struct Collected {
    rows: Vec<Row>,
    removed: Vec<RowId>,
    bytes: usize,
    room: Vec<Staged>,
}

pub(super) struct Stage {
    shared: Shared,
    /// Gone once it was committed.
    open: Option<(Target, Collected)>,
    /// Calls so far: a clock that needs no time.
    calls: u64,
    watch: Option<JoinHandle<()>>,
    _count: Arc<()>,
}

/// Nobody called for long, if there were no calls since.
#[derive(Message)]
#[rtype(result = "Option<u64>")]
struct Idle(u64);

impl Stage {
    /// A new staging, unless there are too many.
    pub fn begin(shared: Shared, target: Target) -> Result<Ref<Staging>, RemoteError> {
        if Arc::strong_count(&shared.stagings) > STAGINGS_MAX {
            return Err(RemoteError::Busy);
        }
        let count = shared.stagings.clone();
        let open = Some((target, Collected::default()));
        Ok(Staging::of(start(Self { shared, open, calls: 0, watch: None, _count: count })))
    }

    fn collect(&mut self, bytes: usize) -> Result<&mut Collected, RemoteError> {
        self.calls += 1;
        let room = self.shared.stage(bytes)?;
        let (_, collected) = self.open.as_mut().ok_or(RemoteError::Stopped)?;
        let count = collected.rows.len() + collected.removed.len();
        if collected.bytes.saturating_add(bytes) > STAGED_MAX || count as u64 > ROWS_MAX * 2 {
            return Err(told(VdriveError::TooMuch));
        }
        collected.bytes += bytes;
        collected.room.push(room);
        Ok(collected)
    }
}

impl Actor for Stage {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        // A task of its own: a timer of the context would keep an actor alive that nobody holds.
        let weak = context.address().downgrade();
        self.watch = Some(actix_rt::spawn(async move {
            let mut calls = 0;
            loop {
                actix_rt::time::sleep(STAGING_IDLE_TIME).await;
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
        let rows = parse::rows(bulk)?;
        self.collect(ask.rows.0.len())?.rows.extend(rows);
        Ok(())
    }
}

impl Handler<StageRemoved> for Stage {
    type Result = Result<(), RemoteError>;

    fn handle(&mut self, ask: StageRemoved, _: &mut Context<Self>) -> Self::Result {
        self.collect(ask.removed.len() * 32)?.removed.extend(ask.removed);
        Ok(())
    }
}

impl Handler<Commit> for Stage {
    type Result = ResponseFuture<Result<Changed, RemoteError>>;

    fn handle(&mut self, ask: Commit, _: &mut Context<Self>) -> Self::Result {
        self.calls += 1;
        let (shared, open) = (self.shared.clone(), self.open.take());
        Box::pin(async move {
            let (target, collected) = open.ok_or(RemoteError::Stopped)?;
            let Collected { rows, removed, room, .. } = collected;
            let change = Change::new(parse::head(&ask.head)?, rows, removed).map_err(told)?;
            let done = match target {
                Target::New(facts) => create(shared, facts, change).await,
                Target::Change(directory) => {
                    directory.send(MakeChange(change)).await.map_err(|_| RemoteError::Stopped)?
                }
            };
            drop(room);
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
