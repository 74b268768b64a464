//! One question to many servers, none of which is waited for much longer than the others took.
//!
//! Whoever asks says after each answer whether those in hand suffice. Until then all are waited for;
//! from then on only for a small multiple of the time that it took to come so far
//! ([`Timeouts::in_company`]), and for servers that were late before only a third of it more. What is
//! learnt so of a server goes into its [`Standing`](super::standing::Standing).

use super::servers::Server;
use super::standing::Duty;
use super::timeouts::Timeouts;
use crate::tub::RemoteError;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

type Answer<T> = Result<T, RemoteError>;

/// Questions on their way, each with a tag of the asker's.
pub struct Round<K, T> {
    duty: Duty,
    /// The longest time that those not yet here get when the others suffice.
    most: Duration,
    timeouts: Timeouts,
    began: Instant,
    asked: usize,
    open: BTreeMap<usize, Open<K>>,
    answers: FuturesUnordered<BoxFuture<'static, (usize, Answer<T>)>>,
    /// What it took until the answers sufficed.
    sufficed: Option<Duration>,
}

/// A question that was not answered yet.
struct Open<K> {
    tag: K,
    server: Arc<Server>,
    /// It kept others waiting before this question.
    late_before: bool,
}

impl<K, T: Send + 'static> Round<K, T> {
    pub fn new(duty: Duty, most: Duration, timeouts: &Timeouts) -> Self {
        Self {
            duty,
            most,
            timeouts: timeouts.clone(),
            began: Instant::now(),
            asked: 0,
            open: BTreeMap::new(),
            answers: FuturesUnordered::new(),
            sufficed: None,
        }
    }

    /// Adds a question that was put to `server`; its `answer` has a limit of its own.
    pub fn ask(
        &mut self,
        server: &Arc<Server>,
        tag: K,
        answer: impl Future<Output = Answer<T>> + Send + 'static,
    ) {
        let number = self.asked;
        self.asked += 1;
        let late_before = server.standing.is_late(self.duty);
        let answer = match late_before {
            true => self.heard_anyhow(server, answer),
            false => answer.boxed(),
        };
        self.open.insert(number, Open { tag, server: Arc::clone(server), late_before });
        self.answers.push(answer.map(move |answer| (number, answer)).boxed());
    }

    /// An answer that is noted even when nobody waits for it any more: how else should a server that is
    /// well again be known?
    fn heard_anyhow(
        &self,
        server: &Arc<Server>,
        answer: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> BoxFuture<'static, Answer<T>> {
        let (server, duty) = (Arc::clone(server), self.duty);
        let in_time = self.began + self.timeouts.jitter;
        let heard = tokio::spawn(async move {
            let answer = answer.await;
            if is_reply(&answer) && Instant::now() <= in_time {
                server.standing.note_prompt(duty);
            }
            answer
        });
        async move { heard.await.unwrap_or(Err(RemoteError::Stopped)) }.boxed()
    }

    /// The next answer. None if nobody is left, or nobody who is worth waiting for when the answers in
    /// hand are `enough`. Safe to drop and call again.
    pub async fn next(&mut self, enough: bool) -> Option<(K, Answer<T>)> {
        let (number, answer) = match enough {
            true => timeout_at(self.deadline(), self.answers.next()).await.ok()??,
            false => self.answers.next().await?,
        };
        let open = self.open.remove(&number)?;
        match &answer {
            Err(RemoteError::Timeout) => open.server.standing.note_late(self.duty),
            answer if is_reply(answer) && self.is_in_time() => {
                open.server.standing.note_prompt(self.duty);
            }
            _ => {}
        }
        Some((open.tag, answer))
    }

    fn deadline(&mut self) -> Instant {
        let took = *self.sufficed.get_or_insert(self.began.elapsed());
        match self.open.values().all(|open| open.late_before) {
            true => self.began + took + took / 3,
            false => self.began + self.timeouts.in_company(took, self.most),
        }
    }

    fn is_in_time(&self) -> bool {
        let elapsed = self.began.elapsed();
        self.sufficed.is_none_or(|took| elapsed <= self.timeouts.in_company(took, self.most))
    }

    /// Whether at least half of those asked have answered, so that it can be said what is usual.
    pub fn is_half_done(&self) -> bool {
        self.open.len() * 2 <= self.asked
    }

    /// What it took until the answers sufficed; until now if they did not yet.
    pub fn took(&self) -> Duration {
        self.sufficed.unwrap_or_else(|| self.began.elapsed())
    }

    /// Tags of the questions that are not answered.
    pub fn open(&self) -> impl Iterator<Item = &K> {
        self.open.values().map(|open| &open.tag)
    }

    /// Notes that all who have not answered were not waited for; they may answer yet.
    pub fn note_late(&self) {
        for open in self.open.values() {
            tracing::debug!(server = %open.server, duty = ?self.duty, "keeps others waiting");
            open.server.standing.note_late(self.duty);
        }
    }

    /// Lets go of all who have not answered.
    pub fn forget(&mut self) {
        self.open.clear();
        self.answers.clear();
    }

    /// Ends the round; the tags of those who were not waited for.
    pub fn give_up(self) -> impl Iterator<Item = K> {
        self.note_late();
        self.open.into_values().map(|open| open.tag)
    }
}

/// Whether the server itself said something.
fn is_reply<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Ok(_) | Err(RemoteError::App { .. }))
}
