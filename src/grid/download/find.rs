//! Looking for shares: servers are asked along the ring, a few at once, until the download has what
//! it wants.
//!
//! The first questions go to a few servers more than are needed; every [`Patience::find_more`]
//! without success some more are asked beside them, up to a bound. A server that has not answered
//! after [`Patience::find`] no longer counts. Looking pauses while nothing is wanted and goes on when
//! a share turns out bad or slow.

use super::book::Book;
use super::share::Found;
use crate::base::limits::{FIND_OUTSTANDING_MAX, SHARES_MAX};
use crate::base::{ShareNum, StorageIndex};
use crate::grid::patience::{Patience, within};
use crate::grid::servers::Server;
use crate::storage::api::{OpenBucket, Opened};
use crate::tub::RemoteError;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What to look for and where.
pub struct Search {
    pub si: StorageIndex,
    /// All servers, in permuted order.
    pub servers: Vec<Arc<Server>>,
    /// Bytes of each share that come with the answer.
    pub head: u32,
    /// How many servers to ask first.
    pub burst: usize,
    pub patience: Patience,
}

struct Answer {
    server: Arc<Server>,
    opened: Result<Opened, RemoteError>,
    took: Duration,
}

/// Runs until every server has been asked; notes in `book` what they say.
pub async fn find(search: Search, book: Arc<Book>) {
    let burst = search.burst.clamp(1, FIND_OUTSTANDING_MAX);
    let mut allowed = burst;
    let mut waiting = FuturesUnordered::new();
    let mut unasked = search.servers.iter();
    loop {
        while waiting.len() < allowed && book.wants_more() {
            let Some(server) = unasked.next() else { break };
            waiting.push(ask(Arc::clone(server), &search));
        }
        if waiting.is_empty() && unasked.len() == 0 {
            return book.nobody_left();
        }
        tokio::select! {
            biased;
            Some(answer) = waiting.next() => note(&book, &search, answer),
            () = book.wanted(), if !book.wants_more() => {}
            () = tokio::time::sleep(search.patience.find_more), if !waiting.is_empty() => {
                allowed = (allowed + burst).min(FIND_OUTSTANDING_MAX);
                book.looked_for_a_while();
            }
        }
    }
}

async fn ask(server: Arc<Server>, search: &Search) -> Answer {
    let asked = Instant::now();
    let call = server.storage.call(OpenBucket { si: search.si, head: search.head });
    let opened = within(search.patience.find, call).await;
    Answer { server, opened, took: asked.elapsed() }
}

fn note(book: &Book, search: &Search, answer: Answer) {
    let Answer { server, opened, took } = answer;
    match opened {
        Ok(opened) => {
            for found in shares(&server, search, opened, took) {
                book.add(found);
            }
        }
        Err(error) => tracing::debug!(%server, %error, "a server did not say what it has"),
    }
    book.answered();
}

/// Takes an answer apart. Heads stand one after the other in the order of the shares; a share whose
/// head was left out for want of room has none.
fn shares(server: &Arc<Server>, search: &Search, opened: Opened, took: Duration) -> Vec<Found> {
    let Opened { shares, heads } = opened;
    let mut heads = heads.0;
    let lengths = Opened::head_lengths(shares.iter().map(|share| share.length), search.head);
    let mut seen: BTreeSet<ShareNum> = BTreeSet::new();
    let mut found = Vec::new();
    for (share, head_len) in shares.into_iter().zip(lengths).take(SHARES_MAX) {
        let head = heads.split_to(heads.len().min(head_len));
        if seen.insert(share.num) {
            found.push(Found {
                server: Arc::clone(server),
                num: share.num,
                length: share.length,
                reader: share.reader,
                head,
                took,
            });
        }
    }
    found
}
