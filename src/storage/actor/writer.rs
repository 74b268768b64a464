//! One upload: its writes and its close, in order.
//!
//! At most one job is with the disk; what comes meanwhile waits in a queue and goes together in the
//! next job. So `write, write, close` may be sent without waiting, and a small share costs one job.
//!
//! An upload that stands still is aborted after a while, and much sooner when others need its place
//! or its room.

use super::server::Shared;
use super::told;
use crate::base::limits::{WRITER_RATE_MIN, WRITER_STILL_TIME};
use crate::storage::api::{Abort, Close, Write};
use crate::storage::{StoreError, Upload};
use crate::tub::RemoteError;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, ResponseFuture, WrapFuture};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

type Answer = Result<(), RemoteError>;

enum Step {
    Write(u64, Bytes),
    Close,
    Abort,
    /// Ends the upload if others may need what it holds.
    MakeRoom,
}

/// A step and where its answer goes.
type Asked = (Step, oneshot::Sender<Answer>);

enum State {
    Idle(Box<Upload>),
    /// The upload is with a job.
    Busy,
    Ended,
}

pub(super) struct Writer {
    shared: Shared,
    state: State,
    queue: Vec<Asked>,
    last: Instant,
    pace: Pace,
    watch: Option<JoinHandle<()>>,
}

/// Whether an upload comes forward.
struct Pace {
    size: u64,
    /// Bytes that came; not more than the share has, so that repeating some is no progress.
    came: u64,
    /// When it was last looked at, and how many had come then.
    looked: (Instant, u64),
}

impl Pace {
    fn new(size: u64) -> Self {
        Self { size, came: 0, looked: (Instant::now(), 0) }
    }

    fn came(&mut self, bytes: usize) {
        self.came = self.size.min(self.came.saturating_add(bytes as u64));
    }

    /// True each time that it has stood still for [`WRITER_STILL_TIME`].
    fn stood_still(&mut self) -> bool {
        let (since, before) = self.looked;
        let time = since.elapsed();
        if time < WRITER_STILL_TIME {
            return false;
        }
        self.looked = (Instant::now(), self.came);
        self.came - before < WRITER_RATE_MIN * time.as_secs()
    }
}

/// Time to see whether the upload is idle.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct LookAtClock;

/// Takes the steps in order; what is left of the upload, and the answers.
fn perform(upload: Box<Upload>, steps: Vec<Asked>) -> (Option<Box<Upload>>, Vec<impl FnOnce()>) {
    let mut upload = Some(upload);
    let mut answers = Vec::with_capacity(steps.len());
    for (step, answer) in steps {
        let outcome = match (step, upload.take()) {
            (_, None) => Err(StoreError::Ended),
            (Step::Write(offset, data), Some(mut open)) => {
                let outcome = open.write(offset, &data);
                upload = Some(open);
                outcome
            }
            (Step::Close, Some(open)) => open.close(),
            (Step::Abort, Some(open)) => {
                open.abort();
                Ok(())
            }
            (Step::MakeRoom, Some(open)) => {
                if open.is_in_the_way() {
                    open.abort()
                } else {
                    upload = Some(open)
                }
                Ok(())
            }
        };
        answers.push(move || drop(answer.send(outcome.map_err(told))));
    }
    (upload, answers)
}

impl Writer {
    pub fn new(shared: Shared, upload: Upload) -> Self {
        let pace = Pace::new(upload.size());
        let state = State::Idle(Box::new(upload));
        Self { shared, state, queue: Vec::new(), last: Instant::now(), pace, watch: None }
    }

    /// Takes a step of the peer's.
    fn step(&mut self, step: Step, context: &mut Context<Self>) -> ResponseFuture<Answer> {
        self.last = Instant::now();
        let answered = self.queue(step, context);
        Box::pin(async move { answered.await.unwrap_or(Err(RemoteError::Stopped)) })
    }

    /// Queues a step behind all others.
    fn queue(&mut self, step: Step, context: &mut Context<Self>) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        self.queue.push((step, answer));
        self.go_on(context);
        answered
    }

    /// Hands the queue to the disk, unless it is busy with the last one.
    fn go_on(&mut self, context: &mut Context<Self>) {
        if self.queue.is_empty() || matches!(self.state, State::Busy) {
            return;
        }
        let steps = std::mem::take(&mut self.queue);
        let upload = match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle(upload) => upload,
            State::Busy | State::Ended => {
                self.state = State::Ended;
                for (_, answer) in steps {
                    let _ = answer.send(Err(told(StoreError::Ended)));
                }
                return;
            }
        };
        let jobs = self.shared.jobs.clone();
        let job = async move { jobs.run(move || perform(upload, steps)).await };
        context.spawn(job.into_actor(self).map(|done, this, context| {
            let (upload, answers) = done.unwrap_or_default();
            this.state = upload.map_or(State::Ended, State::Idle);
            answers.into_iter().for_each(|answer| answer());
            this.go_on(context);
        }));
    }

    /// Aborts an upload that is not with a job. One that is, is aborted when the job ends.
    fn give_up(&mut self) {
        if matches!(self.state, State::Busy) {
            return;
        }
        if let State::Idle(upload) = std::mem::replace(&mut self.state, State::Ended) {
            spawn_blocking(move || upload.abort());
        }
    }
}

impl Actor for Writer {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        // A task of its own: a timer of the context would keep an actor alive that nobody holds.
        let step = (self.shared.options.upload_idle / 8).min(WRITER_STILL_TIME / 4);
        let weak = context.address().downgrade();
        self.watch = Some(actix_rt::spawn(async move {
            loop {
                actix_rt::time::sleep(step).await;
                let Some(address) = weak.upgrade() else { return };
                address.do_send(LookAtClock);
            }
        }));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.watch.take().inspect(|watch| watch.abort());
        self.give_up();
    }
}

impl Handler<LookAtClock> for Writer {
    type Result = ();

    fn handle(&mut self, _: LookAtClock, context: &mut Self::Context) {
        if self.last.elapsed() >= self.shared.options.upload_idle {
            self.give_up();
        } else if self.pace.stood_still() && matches!(self.state, State::Idle(_)) {
            drop(self.queue(Step::MakeRoom, context));
        }
    }
}

impl Handler<Write> for Writer {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, write: Write, context: &mut Self::Context) -> Self::Result {
        let Write { offset, data } = write;
        self.pace.came(data.0.len());
        if let State::Idle(upload) = &mut self.state
            && let Some(done) = upload.write_now(offset, &data.0)
        {
            self.last = Instant::now();
            return Box::pin(std::future::ready(done.map_err(told)));
        }
        self.step(Step::Write(offset, data.0), context)
    }
}

impl Handler<Close> for Writer {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, _: Close, context: &mut Self::Context) -> Self::Result {
        self.step(Step::Close, context)
    }
}

impl Handler<Abort> for Writer {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, _: Abort, context: &mut Self::Context) -> Self::Result {
        self.step(Step::Abort, context)
    }
}
