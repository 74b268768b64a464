//! A source made into batches of share bytes, two stages side by side.
//!
//! ```text
//! hold → read, encrypt, flat hash → encode, block hashes → batch, still with its hold
//!        (in order, worker 1)        (worker 2)
//! ```
//! Both stages wait for their turn on the client's compute workers; a batch begins only when it
//! gets a [`Hold`], so what is in memory is bounded wherever the pipeline is slow.

use super::UploadError;
use super::hold::{Hold, Holds};
use super::input::{Input, encipher};
use crate::base::hash::Hash;
use crate::codec::encode::{
    Batch, Buffers, Coder, Crypttext, Encoder, Encryptor, Finished, Plan, Tally,
};
use crate::grid::compute::Compute;
use crate::grid::tasks::Task;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes hashed for one leaf of a tree: an inner node's two hashes with tag, and its second hash.
const HASH_WORK: usize = 192;

/// What to encode and with what.
pub struct Job {
    pub plan: Plan,
    pub input: Input,
    pub compute: Compute,
    pub holds: Holds,
    pub buffers: Arc<Buffers>,
}

/// What comes out.
pub enum Made {
    Batch(Batch, Arc<Hold>),
    /// Everything has been encoded.
    Finished(Box<Finished>),
}

enum Encrypted {
    Batch(Crypttext, Hold),
    Finished(Hash),
}

/// An encoding under way; dropping it ends it.
pub struct Encoding {
    made: mpsc::Receiver<Result<Made, UploadError>>,
    _tasks: [Task; 2],
}

impl Encoding {
    pub fn start(job: Job) -> Self {
        let (encryptor, coder, tally) =
            Encoder::with_buffers(job.plan, job.input.key().cloned(), &job.buffers).split();
        let (to_coder, from_encryptor) = mpsc::channel(1);
        let (to_sender, made) = mpsc::channel(1);
        let compute = job.compute.clone();
        let geometry = job.plan.geometry();
        let hashes = geometry.segments() as usize * (geometry.params().total() + 1);
        let coding = Coding { coder, tally, compute, hashes };
        let encrypting = Encrypting { job, encryptor: Some(encryptor), offset: 0 };
        let encrypting = Task::spawn(encrypting.run(to_coder));
        let coding = Task::spawn(coding.run(from_encryptor, to_sender));
        Self { made, _tasks: [encrypting, coding] }
    }

    /// The next thing made. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Made, UploadError> {
        self.made.recv().await.unwrap_or(Err(UploadError::CutOff))
    }
}

/// The first stage.
struct Encrypting {
    job: Job,
    encryptor: Option<Encryptor>,
    offset: u64,
}

impl Encrypting {
    async fn run(mut self, out: mpsc::Sender<Result<Encrypted, UploadError>>) {
        loop {
            let made = self.step().await;
            let last = !matches!(made, Ok(Encrypted::Batch(..)));
            if out.send(made).await.is_err() || last {
                return;
            }
        }
    }

    async fn step(&mut self) -> Result<Encrypted, UploadError> {
        let encryptor = self.encryptor.take().ok_or(UploadError::CutOff)?;
        let length = self.job.plan.batch_len(self.offset);
        if length == 0 {
            return self.finish(encryptor);
        }
        let hold = self.job.holds.next(length).await.ok_or(UploadError::CutOff)?;
        let (encryptor, crypttext) = self.next_batch(encryptor, length as usize).await?;
        self.encryptor = Some(encryptor);
        self.offset += length;
        Ok(Encrypted::Batch(crypttext, hold))
    }

    async fn next_batch(
        &mut self,
        mut encryptor: Encryptor,
        length: usize,
    ) -> Result<(Encryptor, Crypttext), UploadError> {
        let offset = self.offset;
        match &mut self.job.input {
            Input::Plaintext { source, hasher, .. } => {
                let (source, taken) = (source.clone(), hasher.take());
                let work = if source.in_memory { length } else { usize::MAX };
                let stage = move || encipher(encryptor, taken, &source, offset);
                let (encryptor, given_back, crypttext) =
                    self.job.compute.run(work, stage).await??;
                *hasher = given_back;
                Ok((encryptor, crypttext))
            }
            Input::Ciphertext(pieces) => {
                let mut bytes = encryptor.buffer().ok_or(UploadError::CutOff)?;
                pieces.fill(&mut bytes).await?;
                let stage = move || encryptor.encrypt(bytes).map(|made| (encryptor, made));
                Ok(self.job.compute.run(length, stage).await??)
            }
        }
    }

    fn finish(&mut self, encryptor: Encryptor) -> Result<Encrypted, UploadError> {
        self.job.input.finish()?;
        Ok(Encrypted::Finished(encryptor.finish()?))
    }
}

/// The second stage.
struct Coding {
    coder: Coder,
    tally: Tally,
    compute: Compute,
    /// Leaves of all trees.
    hashes: usize,
}

impl Coding {
    async fn run(
        mut self,
        mut input: mpsc::Receiver<Result<Encrypted, UploadError>>,
        out: mpsc::Sender<Result<Made, UploadError>>,
    ) {
        loop {
            let made = match input.recv().await {
                Some(Ok(Encrypted::Batch(crypttext, hold))) => self.encode(crypttext, hold).await,
                Some(Ok(Encrypted::Finished(hash))) => {
                    let _ = out.send(self.finish(hash).await).await;
                    return;
                }
                Some(Err(error)) => Err(error),
                None => Err(UploadError::CutOff),
            };
            let failed = made.is_err();
            if out.send(made).await.is_err() || failed {
                return;
            }
        }
    }

    /// Builds the trees.
    async fn finish(self, crypttext: Hash) -> Result<Made, UploadError> {
        let Self { tally, compute, hashes, .. } = self;
        let finished = compute.run(hashes * HASH_WORK, move || tally.finish(crypttext)).await??;
        Ok(Made::Finished(Box::new(finished)))
    }

    async fn encode(&mut self, crypttext: Crypttext, hold: Hold) -> Result<Made, UploadError> {
        let coder = self.coder.clone();
        let work = hold.plaintext();
        let batch = self.compute.run(work, move || coder.encode(crypttext)).await??;
        self.tally.add(&batch.hashes)?;
        Ok(Made::Batch(batch, Arc::new(hold)))
    }
}
