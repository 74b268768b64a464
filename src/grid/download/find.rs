//! Looking for shares: servers are asked along the ring, a few at once, until the download has what
//! it wants.
//!
//! The first questions go to as many servers as shares are needed, to a spare one, and to one more
//! for each answer that brought nothing; every [`Patience::find_more`] without success some more are
//! asked beside them, up to a bound. Among servers that usually answer within [`Patience::spare`] the
//! spare one is asked only when that has passed: asked at once, it would be a fourth of the work of
//! reading a small file from three servers. A server that has not answered
//! after [`Patience::find`] no longer counts. Looking pauses while nothing is wanted and goes on when
//! a share turns out bad or slow; a server that came back after its link was lost is asked again.

use super::book::Book;
use super::share::Found;
use crate::base::limits::{BUSY_ROUNDS_MAX, FIND_OUTSTANDING_MAX, SHARES_MAX};
use crate::base::{ShareNum, StorageIndex};
use crate::grid::patience::{Patience, within};
use crate::grid::servers::{Server, ServerPool};
use crate::storage::api::{OpenBucket, Opened};
use crate::tub::RemoteError;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Servers asked at first beyond those that are needed: some have no share, some are slow.
const SPARE_QUESTIONS: usize = 1;

/// What to look for and where.
pub struct Search {
    pub si: StorageIndex,
    pub pool: ServerPool,
    /// Bytes of each share that come with the answer.
    pub head: u32,
    /// Shares that are needed, and so servers to ask first.
    pub needed: usize,
    pub patience: Patience,
}

struct Answer {
    server: Arc<Server>,
    opened: Result<Opened, RemoteError>,
    took: Duration,
}

/// Servers that have not been asked, in permuted order.
#[derive(Default)]
struct Unasked {
    next: VecDeque<Arc<Server>>,
    /// All that were ever taken in; a server that reconnected is another one.
    known: Vec<Arc<Server>>,
}

impl Unasked {
    /// Takes in servers that have come since.
    fn refill(&mut self, search: &Search) {
        for server in search.pool.in_order(&search.si) {
            if !self.known.iter().any(|known| Arc::ptr_eq(known, &server)) {
                self.known.push(Arc::clone(&server));
                self.next.push_back(server);
            }
        }
    }

    /// Whether the first `count` servers usually answer within `time`.
    fn begins_with_near(&self, count: usize, time: Duration) -> bool {
        self.next.iter().take(count).all(|server| server.pace.is_within(time))
    }
}

/// Runs as long as the file is open; notes in `book` what servers say, and when none is left.
pub async fn find(search: Search, book: Arc<Book>) {
    let mut waiting = FuturesUnordered::new();
    let mut unasked = Unasked::default();
    unasked.refill(&search);
    let near = unasked.begins_with_near(search.needed, search.patience.spare);
    let burst = (search.needed + SPARE_QUESTIONS).clamp(1, FIND_OUTSTANDING_MAX);
    let mut allowed = if near { search.needed.min(burst) } else { burst };
    let mut pause =
        search.patience.find_more.min(if near { search.patience.spare } else { Duration::MAX });
    loop {
        while waiting.len() + book.good_shares() < allowed && book.wants_more() {
            let Some(server) = unasked.next.pop_front() else { break };
            waiting.push(ask(server, &search));
        }
        if waiting.is_empty() && unasked.next.is_empty() {
            more_may_come(&search, &book).await;
            unasked.refill(&search);
            continue;
        }
        tokio::select! {
            biased;
            Some(answer) = waiting.next() => note(&book, &search, answer),
            () = book.wanted(), if !book.wants_more() => {}
            () = tokio::time::sleep(pause), if !waiting.is_empty() => {
                pause = search.patience.find_more;
                allowed = (allowed + burst).min(FIND_OUTSTANDING_MAX);
                book.looked_for_a_while();
            }
        }
    }
}

/// Everybody has been asked: waits until it is worth looking at the pool again.
async fn more_may_come(search: &Search, book: &Book) {
    match book.next_round() {
        Some(round) => tokio::time::sleep(search.patience.again * 2_u32.pow(round)).await,
        None => {
            book.nobody_left();
            book.wanted().await;
        }
    }
}

async fn ask(server: Arc<Server>, search: &Search) -> Answer {
    let mut round = 0;
    loop {
        let asked = server.pace.time();
        let call = server.storage.call(OpenBucket { si: search.si, head: search.head });
        let opened = within(search.patience.find, call).await;
        if !matches!(opened, Err(RemoteError::Busy)) || round == BUSY_ROUNDS_MAX {
            let took = asked.elapsed();
            drop(asked);
            return Answer { server, opened, took };
        }
        drop(asked);
        tokio::time::sleep(search.patience.again * 2_u32.pow(round)).await;
        round += 1;
    }
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
