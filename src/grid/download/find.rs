//! Looking for shares: servers are asked along the ring, a few at once, until the download has what
//! it wants.
//!
//! The first questions go to as many servers as shares are needed, to a spare one, and to one more
//! for each answer that brought nothing; every [`Timeouts::find_more`] without success some more are
//! asked beside them, up to a bound. Among servers that usually answer within [`Timeouts::spare`] the
//! spare one is asked only when that has passed: asked at once, it would be a fourth of the work of
//! reading a small file from three servers. A server that has not answered after [`Timeouts::find`]
//! no longer counts. One that answers nothing in several times what others took is remembered as late
//! and asked last by the next downloads. Looking pauses while nothing is wanted and goes on when
//! a share turns out bad or slow; a server that came back after its link was lost is asked again.
//!
//! Once all were asked for what is under the file's own index, and that is not enough or something else
//! stands there, they are asked for its proven shares, which have an index of their own.

use super::Trace;
use super::book::Book;
use super::share::Found;
use crate::base::limits::{BUSY_ROUNDS_MAX, COMPANY_FACTOR, FIND_OUTSTANDING_MAX, SHARES_MAX};
use crate::base::{ShareNum, StorageIndex};
use crate::grid::servers::{Server, ServerPool};
use crate::grid::standing::Duty;
use crate::grid::timeouts::{Timeouts, within};
use crate::storage::api::{OpenAndRead, OpenBucket, OpenShare, Opened, cut};
use crate::tub::{CallFuture, RemoteError};
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// Servers asked at first beyond those that are needed: some have no share, some are slow.
const SPARE_QUESTIONS: usize = 1;

/// What to look for and where.
pub struct Search {
    pub si: StorageIndex,
    /// Where proven shares are kept on servers that have something else under the file's own index.
    pub beside: StorageIndex,
    pub pool: ServerPool,
    /// Bytes of each share that come with the answer.
    pub head: u32,
    /// What near servers are asked for at once instead, if that is more: (offset, length) in each
    /// share. Further away more servers are asked than needed, and each would send as much.
    pub early: Vec<(u64, u32)>,
    /// Shares that are needed, and so servers to ask first.
    pub needed: usize,
    /// The file is worth to be read from all servers that are not near.
    pub large: bool,
    pub timeouts: Timeouts,
    pub trace: Trace,
}

impl Search {
    /// What to ask of servers that are near.
    fn at_once(&self) -> Asked {
        if self.early.is_empty() {
            Asked::Head(self.head)
        } else {
            Asked::Ranges(self.early.clone())
        }
    }
}

/// The longest that an answer of one search took, in microseconds; 0 while there is none.
#[derive(Default)]
struct Usual(AtomicU64);

/// A question on its way. Dropped without an answer, in vain for several times what others took, it
/// leaves word that the server was late.
struct Waiting<'a> {
    server: &'a Server,
    usual: &'a Usual,
    since: Instant,
    /// Nobody is late who was not waited for so long.
    least: Duration,
    answered: bool,
}

impl<'a> Waiting<'a> {
    fn new(server: &'a Server, usual: &'a Usual, least: Duration) -> Self {
        Self { server, usual, since: Instant::now(), least, answered: false }
    }

    /// It answered; what that took is usual if it is no error, which takes no time.
    fn answered(mut self, took: Duration, usual: bool) {
        self.answered = true;
        if usual {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
            self.usual.0.fetch_max(micros, Relaxed);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let others = self.usual.0.load(Relaxed);
        let late = Duration::from_micros(others).saturating_mul(COMPANY_FACTOR).max(self.least);
        if !self.answered && others > 0 && self.since.elapsed() >= late {
            self.server.standing.note_late(Duty::Read);
        }
    }
}

struct Answer {
    server: Arc<Server>,
    si: StorageIndex,
    asked: Asked,
    opened: Result<Opened, RemoteError>,
    took: Duration,
}

/// What a server was asked to send of each share.
#[derive(Clone)]
enum Asked {
    Head(u32),
    Ranges(Vec<(u64, u32)>),
}

impl Asked {
    fn call(&self, si: StorageIndex, server: &Server) -> CallFuture<Opened> {
        match self {
            Self::Head(head) => server.storage.call(OpenBucket { si, head: *head }),
            Self::Ranges(ranges) => server.storage.call(OpenAndRead { si, ranges: ranges.clone() }),
        }
    }

    /// Bytes that came of each of these shares.
    fn lengths(&self, shares: &[OpenShare]) -> Vec<usize> {
        let lengths = shares.iter().map(|share| share.length);
        match self {
            Self::Head(head) => Opened::head_lengths(lengths, *head),
            Self::Ranges(ranges) => Opened::range_lengths(lengths, ranges),
        }
    }

    /// Takes apart what came of one share of `length` bytes.
    fn parts(&self, length: u64, mut bytes: Bytes) -> Vec<(u64, Bytes)> {
        match self {
            Self::Head(_) => vec![(0, bytes)],
            Self::Ranges(ranges) => {
                let part = |range: &(u64, u32)| {
                    let len = cut(*range, length) as usize;
                    (range.0, bytes.split_to(len.min(bytes.len())))
                };
                ranges.iter().map(part).collect()
            }
        }
    }
}

/// Questions that have not been put, in permuted order.
#[derive(Default)]
struct Unasked {
    next: VecDeque<(Arc<Server>, StorageIndex)>,
    /// All that were ever taken in; a server that reconnected is another one.
    known: Vec<Arc<Server>>,
    /// Those that said what they have under the file's own index: who is silent is not asked twice.
    answered: Vec<Arc<Server>>,
    /// Of so many of these it was also wanted to know what they have beside.
    beside: usize,
}

impl Unasked {
    /// Takes in servers that have come since.
    fn refill(&mut self, search: &Search) {
        for server in search.pool.best_first(&search.si, &[Duty::Read]) {
            if !self.known.iter().any(|known| Arc::ptr_eq(known, &server)) {
                self.known.push(Arc::clone(&server));
                self.next.push_back((server, search.si));
            }
        }
    }

    /// What stands under the file's own index is not enough: proven shares are asked for first.
    fn look_beside(&mut self, search: &Search) {
        let new = self.answered.get(self.beside..).unwrap_or_default();
        for server in new.iter().rev() {
            self.next.push_front((Arc::clone(server), search.beside));
        }
        self.beside = self.answered.len();
    }

    /// Whether the first `count` servers usually answer within `time`.
    fn begins_with_near(&self, count: usize, time: Duration) -> bool {
        self.next.iter().take(count).all(|(server, _)| server.response_time.is_within(time))
    }
}

/// What is allowed until the first pause.
struct Beginning {
    /// Servers that have shares or have not answered.
    allowed: usize,
    pause: Duration,
    asked: Asked,
}

fn begin(search: &Search, unasked: &Unasked, book: &Book) -> Beginning {
    let burst = burst(search);
    if unasked.begins_with_near(search.needed, search.timeouts.spare) {
        let allowed = search.needed.min(burst);
        return Beginning { allowed, pause: search.timeouts.spare, asked: search.at_once() };
    }
    if search.large {
        book.widen();
    }
    let asked = Asked::Head(search.head);
    Beginning { allowed: burst, pause: search.timeouts.find_more, asked }
}

/// Servers that are asked at once.
fn burst(search: &Search) -> usize {
    (search.needed + SPARE_QUESTIONS).clamp(1, FIND_OUTSTANDING_MAX)
}

/// Runs as long as the file is open; notes in `book` what servers say, and when none is left.
pub async fn find(search: Search, book: Arc<Book>) {
    let usual = Usual::default();
    let mut waiting = FuturesUnordered::new();
    let mut unasked = Unasked::default();
    unasked.refill(&search);
    let Beginning { mut allowed, mut pause, mut asked } = begin(&search, &unasked, &book);
    loop {
        let all_asked = waiting.is_empty() && unasked.next.is_empty();
        if book.wants_more() && book.looks_beside(all_asked) {
            unasked.look_beside(&search);
            book.open_beside(false);
        }
        if book.is_wide() {
            allowed = FIND_OUTSTANDING_MAX;
        }
        while waiting.len() + book.good_shares() < allowed && book.wants_more() {
            let Some(question) = unasked.next.pop_front() else { break };
            waiting.push(ask(question, &search, asked.clone(), &usual));
        }
        if waiting.is_empty() && unasked.next.is_empty() {
            more_may_come(&search, &book).await;
            unasked.refill(&search);
            continue;
        }
        tokio::select! {
            biased;
            Some(answer) = waiting.next() => {
                if answer.si == search.si && answer.opened.is_ok() {
                    unasked.answered.push(Arc::clone(&answer.server));
                    book.open_beside(true);
                }
                note(&book, answer);
            }
            () = book.wanted(), if !book.wants_more() => {}
            () = tokio::time::sleep(pause), if !waiting.is_empty() => {
                pause = search.timeouts.find_more;
                asked = Asked::Head(search.head);
                allowed = (allowed + burst(&search)).min(FIND_OUTSTANDING_MAX);
                book.looked_for_a_while();
            }
        }
    }
}

/// Everybody has been asked: waits until it is worth looking at the pool again.
async fn more_may_come(search: &Search, book: &Book) {
    match book.next_round() {
        Some(round) => tokio::time::sleep(search.timeouts.again * 2_u32.pow(round)).await,
        None => {
            book.nobody_left(search.pool.away());
            book.wanted().await;
        }
    }
}

async fn ask(
    (server, si): (Arc<Server>, StorageIndex),
    search: &Search,
    mut asked: Asked,
    usual: &Usual,
) -> Answer {
    let mut round = 0;
    loop {
        let (opened, took) = ask_once((&server, si), search, &asked, usual).await;
        if matches!((&opened, &asked), (Err(RemoteError::NoSuchMethod), Asked::Ranges(_))) {
            asked = Asked::Head(search.head);
            continue;
        }
        if !matches!(opened, Err(RemoteError::Busy)) || round == BUSY_ROUNDS_MAX {
            return Answer { server, si, asked, opened, took };
        }
        tokio::time::sleep(search.timeouts.again * 2_u32.pow(round)).await;
        round += 1;
    }
}

/// One question and how long its answer took.
async fn ask_once(
    (server, si): (&Server, StorageIndex),
    search: &Search,
    asked: &Asked,
    usual: &Usual,
) -> (Result<Opened, RemoteError>, Duration) {
    let Timeouts { find, spare, .. } = search.timeouts;
    let (waiting, since) = (Waiting::new(server, usual, spare), Instant::now());
    let timed = server.response_time.time();
    let answer = within(find, asked.call(si, server)).await;
    let shares = answer.as_ref().ok();
    let shares = shares.map(|opened| opened.shares.iter().take(SHARES_MAX).map(|share| share.num));
    search.trace.asked(server, since, shares.map(Iterator::collect));
    match answer {
        Err(RemoteError::Timeout) => (Err(RemoteError::Timeout), find),
        answer => {
            let took = timed.answered();
            waiting.answered(took, answer.is_ok());
            (answer, took)
        }
    }
}

fn note(book: &Book, answer: Answer) {
    let Answer { server, si, asked, opened, took } = answer;
    match opened {
        Ok(opened) => {
            book.heard(server.id);
            for found in shares((&server, si), &asked, opened, took) {
                book.add(found);
            }
        }
        Err(error) => {
            tracing::debug!(%server, %error, "a server did not say what it has");
            if error == RemoteError::Timeout {
                server.standing.note_late(Duty::Read);
            }
            if matches!(error, RemoteError::Timeout | RemoteError::Busy) {
                book.silent(server.id);
            }
        }
    }
    book.answered();
}

/// The shares in an answer to [`OpenBucket`].
pub fn shares_at(place: (&Arc<Server>, StorageIndex), head: u32, opened: Opened) -> Vec<Found> {
    shares(place, &Asked::Head(head), opened, Duration::ZERO)
}

/// Takes an answer apart. What came of the shares stands one after the other in their order; one that
/// was left out for want of room has nothing.
fn shares(
    (server, si): (&Arc<Server>, StorageIndex),
    asked: &Asked,
    opened: Opened,
    took: Duration,
) -> Vec<Found> {
    let Opened { shares, heads } = opened;
    let mut heads = heads.0;
    let lengths = asked.lengths(&shares);
    let mut seen: BTreeSet<ShareNum> = BTreeSet::new();
    let mut found = Vec::new();
    for (share, length) in shares.into_iter().zip(lengths).take(SHARES_MAX) {
        let bytes = heads.split_to(heads.len().min(length));
        if seen.insert(share.num) {
            found.push(Found {
                server: Arc::clone(server),
                si,
                num: share.num,
                length: share.length,
                reader: share.reader,
                parts: asked.parts(share.length, bytes),
                took,
            });
        }
    }
    found
}
