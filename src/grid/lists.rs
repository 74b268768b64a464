//! Questions to one server what it has, those of a moment in one call: many files that are looked at at
//! once cost a few calls a round trip, and not one each.

use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{INDEXES_MAX, LISTS_AT_ONCE};
use crate::base::lock::locked;
use crate::grid::timeouts::within;
use crate::storage::api::{ListManyShares, ListShares, Storage};
use crate::tub::{Ref, RemoteError};
use futures_util::future::join_all;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

type Answer = Result<Vec<ShareNum>, RemoteError>;

/// The questions to one server. Clones are to the same.
#[derive(Clone, Default)]
pub struct Lists(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Question>,
    /// Calls under way.
    flying: usize,
    /// The server takes questions one by one only.
    older: bool,
}

struct Question {
    si: StorageIndex,
    answer: oneshot::Sender<Answer>,
}

impl Lists {
    /// Which shares the server says it has. A call of which there is no answer in `time` is given up.
    pub async fn ask(&self, storage: Ref<Storage>, si: StorageIndex, time: Duration) -> Answer {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut queue = locked(&self.0);
            queue.waiting.push(Question { si, answer });
            let begins = queue.flying < LISTS_AT_ONCE;
            queue.flying += usize::from(begins);
            begins
        };
        if begins {
            tokio::spawn(self.clone().fly(storage, time));
        }
        answered.await.unwrap_or(Err(RemoteError::Stopped))
    }

    /// Puts questions until none is left.
    async fn fly(self, storage: Ref<Storage>, time: Duration) {
        loop {
            // What is asked in the same moment comes along.
            tokio::task::yield_now().await;
            let Some((questions, older)) = self.next() else { return };
            let (indexes, askers): (Vec<_>, Vec<_>) =
                questions.into_iter().map(|question| (question.si, question.answer)).unzip();
            let answers = match indexes.len() > 1 && !older {
                true => self.many(&storage, indexes, time).await,
                false => one_by_one(&storage, indexes, time).await,
            };
            for (asker, answer) in askers.into_iter().zip(answers) {
                // Who does not listen any more has given up.
                let _ = asker.send(answer);
            }
        }
    }

    /// What is asked next. If it is nothing, there is one call less under way.
    fn next(&self) -> Option<(Vec<Question>, bool)> {
        let mut queue = locked(&self.0);
        queue.waiting.retain(|question| !question.answer.is_closed());
        let count = queue.waiting.len().min(INDEXES_MAX);
        if count == 0 {
            queue.flying -= 1;
            return None;
        }
        Some((queue.waiting.drain(..count).collect(), queue.older))
    }

    async fn many(
        &self,
        storage: &Ref<Storage>,
        indexes: Vec<StorageIndex>,
        time: Duration,
    ) -> Vec<Answer> {
        let call = storage.call(ListManyShares { indexes: indexes.clone() });
        match within(time, call).await {
            Ok(lists) if lists.len() == indexes.len() => lists.into_iter().map(Ok).collect(),
            Ok(_) => vec![Err(RemoteError::BadArguments); indexes.len()],
            Err(RemoteError::NoSuchMethod) => {
                locked(&self.0).older = true;
                one_by_one(storage, indexes, time).await
            }
            // It may have failed of one of them alone.
            Err(RemoteError::App { .. }) => one_by_one(storage, indexes, time).await,
            Err(error) => vec![Err(error); indexes.len()],
        }
    }
}

async fn one_by_one(
    storage: &Ref<Storage>,
    indexes: Vec<StorageIndex>,
    time: Duration,
) -> Vec<Answer> {
    let ask = |si| within(time, storage.call(ListShares { si }));
    join_all(indexes.into_iter().map(ask)).await
}
