//! An upload under way, whatever brings its bytes: its writes and its close, in order, and its end.
//!
//! At most one job is with the disk; what comes meanwhile waits in a queue and goes together in the
//! next job. So `write, write, close` may be sent without waiting, and a small share costs one job.
//!
//! An upload that stands still is given up after a while, and much sooner when others need its place
//! or its room. Else it lasts as long as somebody has a handle on it; [`Sessions`] have one on each
//! upload that whoever shows its secret may go on with.

use super::error::{Result, StoreError};
use super::share_store::ShareUpload;
use crate::base::blocking;
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{
    SESSIONS_LOOK, UPLOAD_KEPT_MIN, UPLOAD_LEFT_TIME, UPLOADS_KEPT_MAX, WRITER_RATE_MIN,
    WRITER_STILL_TIME,
};
use crate::base::lock::locked;
use crate::disk::jobs::Jobs;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

enum Step {
    Write(u64, Bytes),
    Close,
    Abort,
    /// Tells how much was written before.
    Look(oneshot::Sender<u64>),
    /// Ends the upload if others may need what it holds.
    MakeRoom,
}

/// A step and where its answer goes.
type Asked = (Step, oneshot::Sender<Result<()>>);

enum State {
    Idle(Box<dyn ShareUpload>),
    /// The upload is with a job.
    Busy,
    Ended,
}

/// What is known of an upload, and what waits for it.
struct Line {
    state: State,
    queue: Vec<Asked>,
    last: Instant,
    pace: Pace,
    watch: Option<AbortHandle>,
}

struct Inner {
    jobs: Jobs,
    runtime: Handle,
    line: Mutex<Line>,
}

/// A handle on an upload. Clones are on the same; with the last of them it is given up.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

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

impl Session {
    /// Goes on with an upload until nothing has come for `idle`. Within the runtime on which its work
    /// will be.
    pub fn start(jobs: Jobs, upload: Box<dyn ShareUpload>, idle: Duration) -> Self {
        let runtime = Handle::current();
        let pace = Pace::new(upload.size());
        let (state, last) = (State::Idle(upload), Instant::now());
        let line = Mutex::new(Line { state, queue: Vec::new(), last, pace, watch: None });
        let inner = Arc::new(Inner { jobs, runtime, line });
        let watch = inner.runtime.spawn(watch(Arc::downgrade(&inner), idle));
        locked(&inner.line).watch = Some(watch.abort_handle());
        Self(inner)
    }

    /// Writes bytes at `offset` of the share, in the order in which this is called.
    pub fn write(&self, offset: u64, data: Bytes) -> BoxFuture<'static, Result<()>> {
        let mut line = locked(&self.0.line);
        line.pace.came(data.len());
        line.last = Instant::now();
        if let State::Idle(upload) = &mut line.state
            && let Some(done) = upload.write_now(offset, &data)
        {
            return Box::pin(std::future::ready(done));
        }
        answered(self.0.queue(&mut line, Step::Write(offset, data)))
    }

    /// Makes the share durable and visible, once what was written before is.
    pub fn close(&self) -> BoxFuture<'static, Result<()>> {
        self.step(Step::Close)
    }

    /// Gives the upload up.
    pub fn abort(&self) -> BoxFuture<'static, Result<()>> {
        self.step(Step::Abort)
    }

    /// Bytes from the share's beginning on that are written, with all that was asked before.
    pub fn written(&self) -> BoxFuture<'static, Result<u64>> {
        let (tell, told) = oneshot::channel();
        let looked = self.step(Step::Look(tell));
        Box::pin(async move {
            looked.await?;
            told.await.map_err(|_| StoreError::Ended)
        })
    }

    /// Whether so much has come that it is worth going on with it.
    pub fn is_worth_keeping(&self) -> bool {
        let line = locked(&self.0.line);
        !matches!(line.state, State::Ended) && line.pace.came >= UPLOAD_KEPT_MIN
    }

    /// Whether nothing was asked of it for a while.
    fn rests(&self) -> bool {
        locked(&self.0.line).last.elapsed() >= UPLOAD_LEFT_TIME
    }

    fn step(&self, step: Step) -> BoxFuture<'static, Result<()>> {
        let mut line = locked(&self.0.line);
        line.last = Instant::now();
        answered(self.0.queue(&mut line, step))
    }

    /// Whether nothing more can come of it.
    fn is_over(&self) -> bool {
        matches!(locked(&self.0.line).state, State::Ended)
    }
}

fn answered(answer: oneshot::Receiver<Result<()>>) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move { answer.await.unwrap_or(Err(StoreError::Ended)) })
}

impl Inner {
    /// Queues a step behind all others.
    fn queue(self: &Arc<Self>, line: &mut Line, step: Step) -> oneshot::Receiver<Result<()>> {
        let (answer, answered) = oneshot::channel();
        line.queue.push((step, answer));
        self.go_on(line);
        answered
    }

    /// Hands the queue to the disk, unless it is busy with the last one.
    fn go_on(self: &Arc<Self>, line: &mut Line) {
        if line.queue.is_empty() || matches!(line.state, State::Busy) {
            return;
        }
        let steps = std::mem::take(&mut line.queue);
        match std::mem::replace(&mut line.state, State::Busy) {
            State::Idle(upload) => drop(self.runtime.spawn(Arc::clone(self).work(upload, steps))),
            State::Busy | State::Ended => {
                line.state = State::Ended;
                for (_, answer) in steps {
                    let _ = answer.send(Err(StoreError::Ended));
                }
            }
        }
    }

    async fn work(self: Arc<Self>, upload: Box<dyn ShareUpload>, steps: Vec<Asked>) {
        let done = self.jobs.run(move || perform(upload, steps)).await;
        let (upload, answers) = done.unwrap_or_default();
        let mut line = locked(&self.line);
        line.state = upload.map_or(State::Ended, State::Idle);
        answers.into_iter().for_each(|answer| answer());
        self.go_on(&mut line);
    }

    /// Looks whether it stands still; false when there is no more to look at.
    fn look(self: &Arc<Self>, idle: Duration) -> bool {
        let mut line = locked(&self.line);
        if line.last.elapsed() >= idle && matches!(line.state, State::Idle(_)) {
            self.give_up(&mut line);
        } else if line.pace.stood_still() && matches!(line.state, State::Idle(_)) {
            drop(self.queue(&mut line, Step::MakeRoom));
        }
        !matches!(line.state, State::Ended)
    }

    /// Ends an upload that is not with a job. One that is ends when the job does, as nobody is left.
    fn give_up(&self, line: &mut Line) {
        if let State::Idle(upload) = std::mem::replace(&mut line.state, State::Ended) {
            drop(blocking::spawn_on(&self.runtime, move || drop(upload)));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut line = locked(&self.line);
        line.watch.take().inspect(AbortHandle::abort);
        self.give_up(&mut line);
    }
}

/// Looks at the clock for a session as long as somebody has it.
async fn watch(session: Weak<Inner>, idle: Duration) {
    let step = (idle / 8).min(WRITER_STILL_TIME / 4);
    loop {
        tokio::time::sleep(step).await;
        if !session.upgrade().is_some_and(|session| session.look(idle)) {
            return;
        }
    }
}

type Upload = Box<dyn ShareUpload>;

/// Takes the steps in order; what is left of the upload, and the answers.
fn perform(upload: Upload, steps: Vec<Asked>) -> (Option<Upload>, Vec<impl FnOnce()>) {
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
            (Step::Look(to), Some(mut open)) => {
                let _ = to.send(open.resume());
                upload = Some(open);
                Ok(())
            }
            (Step::Abort, Some(open)) => {
                drop(open);
                Ok(())
            }
            (Step::MakeRoom, Some(open)) => {
                upload = (!open.is_in_the_way()).then_some(open);
                Ok(())
            }
        };
        answers.push(move || drop(answer.send(outcome)));
    }
    (upload, answers)
}

/// Whose upload it is: the share, its bytes, and the digest of the secret that goes on with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub si: StorageIndex,
    pub num: ShareNum,
    pub size: u64,
    pub secret: Hash,
}

/// Uploads that go on for whoever shows their secret, over whatever transport, until they end.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<SessionKey, Kept>>>);

/// An upload that others may have a handle on, or this has.
struct Kept {
    session: Weak<Inner>,
    /// What keeps it from ending with the last of the others.
    held: Option<Session>,
}

impl Kept {
    /// Nobody else has a handle on it.
    fn is_alone(&self) -> bool {
        self.held.is_some() && self.session.strong_count() == 1
    }

    fn live(&self) -> Option<Session> {
        self.session.upgrade().map(Session).filter(|session| !session.is_over())
    }
}

impl Sessions {
    /// Knows an upload for as long as somebody else has a handle on it, in the place of one that had the
    /// same secret.
    pub fn note(&self, key: SessionKey, session: &Session) {
        self.put(key, session, None);
    }

    /// Has a handle on an upload from now on, likewise.
    pub fn keep(&self, key: SessionKey, session: Session) {
        self.put(key, &session.clone(), Some(session));
    }

    fn put(&self, key: SessionKey, session: &Session, held: Option<Session>) {
        let mut all = locked(&self.0);
        let mut gone = Vec::new();
        if all.len() >= SESSIONS_LOOK {
            gone.extend(all.extract_if(|_, kept| kept.live().is_none()));
        }
        let held = held.filter(|_| all.len() < UPLOADS_KEPT_MAX);
        gone.extend(
            all.insert(key, Kept { session: Arc::downgrade(&session.0), held })
                .map(|kept| (key, kept)),
        );
        drop(all);
        // The last handle of one may be among them.
        drop(gone);
    }

    /// Ends uploads of this share that nobody has a handle on any more, but for who has the key's secret:
    /// another one wants its place.
    pub fn make_way(&self, key: &SessionKey) {
        let is_left = |other: &SessionKey, kept: &Kept| {
            let same_place = (other.si, other.num) == (key.si, key.num);
            same_place && other != key && kept.is_alone()
        };
        let mut all = locked(&self.0);
        let gone: Vec<_> = all.extract_if(|other, kept| is_left(other, kept)).collect();
        drop(all);
        drop(gone);
    }

    /// The upload that this secret goes on with, if whoever was at it has left: nobody else has a handle on
    /// it, or nothing came for a while. Two that have the same secret do not share an upload.
    pub fn find(&self, key: &SessionKey) -> Option<Session> {
        let all = locked(&self.0);
        let kept = all.get(key)?;
        let is_left = kept.is_alone();
        kept.live().filter(|session| is_left || session.rests())
    }
}
