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
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{WRITER_RATE_MIN, WRITER_STILL_TIME};
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
            self.runtime.spawn_blocking(move || drop(upload));
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

/// Whose upload it is: the share, and the digest of the secret that goes on with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub si: StorageIndex,
    pub num: ShareNum,
    pub secret: Hash,
}

/// Uploads that go on for whoever shows their secret, over whatever transport, until they end.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<SessionKey, Session>>>);

impl Sessions {
    /// Has a handle on an upload from now on, in the place of one that had the same secret.
    pub fn keep(&self, key: SessionKey, session: Session) {
        let mut kept = locked(&self.0);
        kept.retain(|_, session| !session.is_over());
        let replaced = kept.insert(key, session);
        drop(kept);
        drop(replaced);
    }

    /// The upload that this secret goes on with.
    pub fn find(&self, key: &SessionKey) -> Option<Session> {
        locked(&self.0).get(key).filter(|session| !session.is_over()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::blake2b;
    use crate::base::limits::UPLOAD_IDLE_TIME;
    use crate::base::rim::Clock;
    use crate::base::secret::{CancelSecret, RenewSecret};
    use crate::disk::Disk;
    use crate::disk::memory::MemoryDisk;
    use crate::storage::{AllocateRequest, LeaseSecrets, ShareStore, Store, StoreConfig};

    const SI: StorageIndex = StorageIndex([1; 16]);

    fn key(secret: &[u8]) -> SessionKey {
        SessionKey { si: SI, num: ShareNum(0), secret: blake2b(secret) }
    }

    /// A store with one upload of ten bytes, on a clock that jumps from event to event.
    fn begun() -> (Arc<Store>, Session) {
        tokio::time::pause();
        let store = Store::open(StoreConfig {
            disk: Disk::new(Arc::new(MemoryDisk::new())),
            clock: Clock::manual(1_700_000_000),
            index_on_disk: false,
            ..StoreConfig::new("/storage")
        });
        let store = store.unwrap();
        assert!(store.wait_indexed(Duration::from_secs(60)));
        let (renew, cancel) = (RenewSecret::new([1; 32]), CancelSecret::new([2; 32]));
        let secrets = LeaseSecrets { renew, cancel };
        let ask = AllocateRequest { si: SI, shares: vec![ShareNum(0)], size: 10, secrets };
        let granted = ShareStore::allocate(store.clone(), &ask, None).unwrap();
        let upload = granted.uploads.into_iter().next().unwrap().1;
        (store, Session::start(Jobs::default(), upload, UPLOAD_IDLE_TIME))
    }

    async fn is_given_up(store: &Store) -> bool {
        for _ in 0..1_000 {
            if store.space().allocated == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[actix_rt::test]
    async fn whoever_shows_the_secret_goes_on_and_nobody_else() {
        let (store, session) = begun();
        let sessions = Sessions::default();
        sessions.keep(key(b"secret"), session.clone());
        session.write(0, Bytes::from_static(b"01234")).await.unwrap();
        // The transport that brought the first half is gone.
        drop(session);
        assert!(sessions.find(&key(b"another")).is_none());
        let elsewhere = SessionKey { num: ShareNum(1), ..key(b"secret") };
        assert!(sessions.find(&elsewhere).is_none());
        let later = sessions.find(&key(b"secret")).unwrap();
        let (write, close) = (later.write(5, Bytes::from_static(b"56789")), later.close());
        assert!(close.await.is_ok() && write.await.is_ok());
        assert_eq!(store.list(&SI).unwrap(), [ShareNum(0)]);
        assert!(sessions.find(&key(b"secret")).is_none(), "it is over");
        assert!(matches!(later.close().await, Err(StoreError::Ended)));
    }

    #[actix_rt::test]
    async fn what_is_held_by_no_secret_ends_with_its_last_handle() {
        let (store, session) = begun();
        let other = session.clone();
        drop(session);
        other.write(0, Bytes::from_static(b"01234")).await.unwrap();
        assert!(store.space().allocated > 0);
        drop(other);
        assert!(is_given_up(&store).await);
    }

    #[actix_rt::test]
    async fn what_stands_still_is_given_up_though_a_secret_leads_to_it() {
        let (store, session) = begun();
        let sessions = Sessions::default();
        sessions.keep(key(b"secret"), session);
        tokio::time::sleep(UPLOAD_IDLE_TIME / 2).await;
        let session = sessions.find(&key(b"secret")).unwrap();
        session.write(0, Bytes::from_static(b"0")).await.unwrap();
        tokio::time::sleep(UPLOAD_IDLE_TIME * 3 / 4).await;
        assert!(sessions.find(&key(b"secret")).is_some(), "it came forward");
        tokio::time::sleep(UPLOAD_IDLE_TIME / 2).await;
        assert!(sessions.find(&key(b"secret")).is_none() && is_given_up(&store).await);
    }
}
