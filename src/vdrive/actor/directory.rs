//! One directory: its calls, in order, and who watches it.

use super::super::error::Result as StoreResult;
use super::super::store::Handle;
use super::super::table::Change;
use super::staging::{Stage, Target};
use super::watch::Watchers;
use super::{Shared, parse, told};
use crate::base::hash::blake2b;
use crate::base::limits::ROW_IDS_MAX;
use crate::tub::{Ref, RemoteError};
use crate::vdrive::api::{
    AddLease, BeginChange, CancelLease, ChangeRows, Changed, Changes, GetHead, GetRows, HeadNow,
    ListRows, Page, RenewLease, Rows, RowsSince, Staging, WatchHead,
};
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture,
};
use tokio::sync::oneshot;

/// Work on the directory that also answers whoever asked for it.
type Job = Box<dyn FnOnce(&Handle) + Send>;
type Answer<T> = ResponseFuture<Result<T, RemoteError>>;

/// A change that was staged.
#[derive(Message)]
#[rtype(result = "Result<Changed, RemoteError>")]
pub(super) struct MakeChange(pub Change);

/// Answers for both facets.
pub(super) struct DirectoryActor {
    shared: Shared,
    handle: Handle,
    queue: Vec<Job>,
    /// A job is with the disk.
    busy: bool,
    pub(super) watchers: Watchers,
}

/// Does the jobs in order; the sequence of the newest head afterwards.
fn perform(handle: &Handle, jobs: Vec<Job>) -> Option<u64> {
    jobs.into_iter().for_each(|job| job(handle));
    let after = handle.with(|directory| {
        directory.compact();
        Ok(directory.table.seq())
    });
    after.ok()
}

impl DirectoryActor {
    pub fn new(shared: Shared, handle: Handle) -> Self {
        Self { shared, handle, queue: Vec::new(), busy: false, watchers: Watchers::default() }
    }

    /// Queues work behind all other, before it returns.
    fn ask<T: Send + 'static>(
        &mut self,
        context: &mut Context<Self>,
        work: impl FnOnce(&Handle) -> StoreResult<T> + Send + 'static,
    ) -> Answer<T> {
        let (answer, answered) = oneshot::channel();
        self.queue.push(Box::new(move |handle| {
            let _ = answer.send(work(handle).map_err(told));
        }));
        self.go_on(context);
        Box::pin(async move { answered.await.unwrap_or(Err(RemoteError::Stopped)) })
    }

    /// Hands the queue to the disk, unless it is busy with the last one.
    fn go_on(&mut self, context: &mut Context<Self>) {
        if self.queue.is_empty() || self.busy {
            return;
        }
        self.busy = true;
        let (jobs, handle) = (std::mem::take(&mut self.queue), self.handle.clone());
        let disk = self.shared.jobs.clone();
        let job = async move { disk.run(move || perform(&handle, jobs)).await };
        context.spawn(job.into_actor(self).map(|done, this, context| {
            this.busy = false;
            if let Some(seq) = done.flatten() {
                this.tell_watchers(seq, context);
            }
            this.go_on(context);
        }));
    }
}

fn refused<T: 'static>(error: RemoteError) -> Answer<T> {
    Box::pin(std::future::ready(Err(error)))
}

impl Actor for DirectoryActor {
    type Context = Context<Self>;
}

impl Handler<GetHead> for DirectoryActor {
    type Result = Answer<HeadNow>;

    fn handle(&mut self, _: GetHead, context: &mut Self::Context) -> Self::Result {
        self.ask(context, |handle| handle.with(|directory| parse::head_now(directory)))
    }
}

impl Handler<GetRows> for DirectoryActor {
    type Result = Answer<Rows>;

    fn handle(&mut self, ask: GetRows, context: &mut Self::Context) -> Self::Result {
        if ask.ids.len() > ROW_IDS_MAX {
            return refused(RemoteError::BadArguments);
        }
        self.ask(context, move |handle| {
            handle.with(|directory| parse::get_rows(directory, &ask.ids))
        })
    }
}

impl Handler<ListRows> for DirectoryActor {
    type Result = Answer<Page>;

    fn handle(&mut self, ask: ListRows, context: &mut Self::Context) -> Self::Result {
        let ListRows { after, limit } = ask;
        self.ask(context, move |handle| {
            handle.with(|directory| parse::list_rows(directory, after, limit))
        })
    }
}

impl Handler<RowsSince> for DirectoryActor {
    type Result = Answer<Changes>;

    fn handle(&mut self, ask: RowsSince, context: &mut Self::Context) -> Self::Result {
        let RowsSince { seq, after, limit } = ask;
        self.ask(context, move |handle| {
            handle.with(|directory| parse::rows_since(directory, seq, after, limit))
        })
    }
}

impl Handler<WatchHead> for DirectoryActor {
    type Result = Answer<HeadNow>;

    fn handle(&mut self, ask: WatchHead, context: &mut Self::Context) -> Self::Result {
        if let Err(error) = self.watch(ask.watcher, context) {
            return refused(error);
        }
        self.ask(context, |handle| handle.with(|directory| parse::head_now(directory)))
    }
}

impl Handler<AddLease> for DirectoryActor {
    type Result = Answer<u64>;

    fn handle(&mut self, ask: AddLease, context: &mut Self::Context) -> Self::Result {
        let (renew, cancel) = (blake2b(ask.renew.reveal()), blake2b(ask.cancel.reveal()));
        self.ask(context, move |handle| {
            let now = handle.now();
            change_leases(handle, |directory| directory.add_lease(renew, cancel, now))
        })
    }
}

impl Handler<RenewLease> for DirectoryActor {
    type Result = Answer<u64>;

    fn handle(&mut self, ask: RenewLease, context: &mut Self::Context) -> Self::Result {
        let renew = blake2b(ask.renew.reveal());
        self.ask(context, move |handle| {
            let now = handle.now();
            change_leases(handle, |directory| directory.renew_lease(renew, now))
        })
    }
}

impl Handler<CancelLease> for DirectoryActor {
    type Result = Answer<()>;

    fn handle(&mut self, ask: CancelLease, context: &mut Self::Context) -> Self::Result {
        let cancel = blake2b(ask.cancel.reveal());
        self.ask(context, move |handle| {
            change_leases(handle, |directory| directory.cancel_lease(cancel))
        })
    }
}

/// Changes leases, and what the index says of them.
fn change_leases<T>(
    handle: &Handle,
    work: impl FnOnce(&mut super::super::directory::Directory) -> StoreResult<T>,
) -> StoreResult<T> {
    let (done, end) = handle.with(|directory| Ok((work(directory)?, directory.lease_end())))?;
    handle.note_lease_end(end);
    Ok(done)
}

impl Handler<ChangeRows> for DirectoryActor {
    type Result = Answer<Changed>;

    fn handle(&mut self, ask: ChangeRows, context: &mut Self::Context) -> Self::Result {
        match parse::change(&ask.head, ask.rows, ask.removed) {
            Ok(change) => self.handle(MakeChange(change), context),
            Err(error) => refused(error),
        }
    }
}

impl Handler<MakeChange> for DirectoryActor {
    type Result = Answer<Changed>;

    fn handle(
        &mut self,
        MakeChange(change): MakeChange,
        context: &mut Self::Context,
    ) -> Self::Result {
        self.ask(context, move |handle| {
            handle.with(|directory| parse::make_change(directory, &change))
        })
    }
}

impl Handler<BeginChange> for DirectoryActor {
    type Result = Result<Ref<Staging>, RemoteError>;

    fn handle(&mut self, _: BeginChange, context: &mut Self::Context) -> Self::Result {
        Stage::begin(self.shared.clone(), Target::Change(context.address()))
    }
}
