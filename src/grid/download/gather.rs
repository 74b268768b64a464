//! Getting one thing each from k different shares, however the servers behave.
//!
//! As many shares are asked as are missing. One that answers nothing for a while keeps its chance,
//! but another share is asked beside it; one that fails is replaced; one whose server is busy is
//! replaced too, and asked again after a pause. It ends when k shares answered, or when no share and
//! no server is left to try.

use super::book::{Book, Left, Reserved};
use super::share::{Fault, Share};
use super::{Download, DownloadError};
use crate::base::ShareNum;
use crate::base::limits::BUSY_ROUNDS_MAX;
use crate::grid::standing::Duty;
use crate::tub::RemoteError;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Replacements are waited for so many times shorter, so that a grid half of which hangs costs
/// about one hedge and not one for each share tried.
const HURRY: u32 = 4;

/// A share is late when it takes so many times what its server's line lets expect.
const LATE_FACTOR: u32 = 3;

/// Less than this is no reason to ask another share.
const SLOW_MIN: Duration = Duration::from_millis(50);

/// What one share is asked for.
pub type Question<T> =
    Arc<dyn Fn(Arc<Share>) -> BoxFuture<'static, Result<T, Fault>> + Send + Sync>;

/// One share's answer on its way.
type Answering<T> = BoxFuture<'static, (Arc<Share>, Result<T, Fault>)>;

/// One collection on its way.
pub struct Gathering<'a, T> {
    download: &'a Download,
    question: Question<T>,
    /// What each share is asked for.
    bytes: u64,
    /// Of several collections the lower one goes first.
    order: u64,
    /// Shares that will be asked as soon as their servers have room, unless others look better then.
    reserved: Vec<(Arc<Share>, Reserved)>,
    /// Shares that were asked, whatever came of it.
    tried: Vec<Arc<Share>>,
    /// Shares whose servers were busy, once each time.
    busy: Vec<Arc<Share>>,
    asked: Vec<Asked>,
    answers: FuturesUnordered<Answering<T>>,
    /// By what the patience with a share is divided: where one is late, others may be.
    hurry: u32,
    /// What has been collected.
    pub have: BTreeMap<ShareNum, (Arc<Share>, T)>,
}

/// Whether somebody waits for one collection, and what comes after it waits with it.
#[derive(Default)]
pub struct Awaited {
    is: AtomicBool,
    told: Notify,
}

impl Awaited {
    /// From now on.
    pub fn now(&self) {
        self.is.store(true, Relaxed);
        self.told.notify_one();
    }

    fn is(&self) -> bool {
        self.is.load(Relaxed)
    }
}

/// A share that has not answered yet.
struct Asked {
    share: Arc<Share>,
    since: Instant,
    /// When it is slower than it should be, which matters to who waits.
    slow: Instant,
    /// When it is late.
    due: Instant,
    late: bool,
    /// Another share is asked in its place.
    replaced: bool,
}

impl Asked {
    /// Asked now.
    fn in_time(share: Arc<Share>, since: Instant, (slow, due): (Instant, Instant)) -> Self {
        Self { share, since, slow, due, late: false, replaced: false }
    }

    /// Asked then, and not waited for.
    fn later(share: Arc<Share>, since: Instant) -> Self {
        Self { late: true, replaced: true, ..Self::in_time(share, since, (since, since)) }
    }

    /// When something is done about it next; nothing is about one that is late.
    fn until(&self, awaited: bool) -> Option<Instant> {
        let slow = awaited && !self.replaced;
        (!self.late).then_some(if slow { self.slow } else { self.due })
    }
}

impl<T> Drop for Gathering<'_, T> {
    /// A server that was replaced and has not answered in as much time again is remembered as late.
    fn drop(&mut self) {
        let now = Instant::now();
        for asked in self.asked.iter().filter(|asked| asked.replaced && !asked.late) {
            if now >= asked.slow + (asked.slow - asked.since) {
                self.download.note_late(&asked.share);
            }
        }
    }
}

impl<'a, T: Send + 'static> Gathering<'a, T> {
    /// Each answer will be about so many bytes.
    pub fn new(download: &'a Download, question: Question<T>, (bytes, order): (u64, u64)) -> Self {
        Self {
            download,
            question,
            bytes,
            order,
            reserved: Vec::new(),
            tried: Vec::new(),
            busy: Vec::new(),
            asked: Vec::new(),
            answers: FuturesUnordered::new(),
            hurry: 1,
            have: BTreeMap::new(),
        }
    }

    fn book(&self) -> &'a Arc<Book> {
        &self.download.book
    }

    /// Asks until k shares have answered.
    pub async fn fill(&mut self, awaited: &Awaited) -> Result<(), DownloadError> {
        let needed = self.download.facts.params.needed();
        loop {
            let changed = self.book().changed();
            self.ask_missing(needed, awaited.is());
            if self.have.len() >= needed {
                return Ok(());
            }
            let none = self.asked.is_empty() && self.reserved.is_empty();
            if none && self.book().is_exhausted() {
                return Err(self.download.too_few());
            }
            let hedge = self.next_hedge(awaited.is());
            tokio::select! {
                biased;
                Some((share, answer)) = self.answers.next() => self.note(share, answer),
                () = changed => {}
                () = awaited.told.notified() => {}
                () = until(hedge) => self.give_others_a_chance(awaited.is()),
            }
        }
    }

    /// Takes back a share whose answer turned out wrong.
    pub fn reject(&mut self, num: ShareNum, fault: Fault) {
        if let Some((share, _)) = self.have.remove(&num) {
            self.download.blame(&share, fault);
        }
    }

    fn ask_missing(&mut self, needed: usize, awaited: bool) {
        if !self.book().is_ready() && !self.book().is_exhausted() {
            return;
        }
        self.reserved.clear();
        loop {
            let prompt = self.asked.iter().filter(|asked| !asked.replaced);
            let prompt = prompt.map(|asked| &asked.share);
            let prompt = prompt.chain(self.reserved.iter().map(|(share, _)| share));
            let prompt: Vec<Arc<Share>> = prompt.cloned().collect();
            if self.have.len() + prompt.len() >= needed {
                return;
            }
            let taken: BTreeSet<ShareNum> =
                self.have.keys().copied().chain(prompt.iter().map(|share| share.num())).collect();
            let busy: Vec<Arc<Share>> =
                self.have.values().map(|(share, _)| Arc::clone(share)).chain(prompt).collect();
            let (tried, order) = (&self.tried, self.order);
            let left = Left { taken: &taken, tried, busy: &busy, order };
            let Some(share) = self.book().choose(&left, self.bytes) else { return };
            // Nobody knows when a server that has much to bring will have room; who waits asks it.
            if awaited
                || share.is_meant_for(self.order)
                || self.book().may_ask(&share, self.bytes, self.order)
            {
                self.ask(share);
            } else {
                let reserved = self.book().reserve(&share, self.bytes, self.order);
                self.reserved.push((share, reserved));
            }
        }
    }

    fn ask(&mut self, share: Arc<Share>) {
        self.tried.push(Arc::clone(&share));
        share.is_asked();
        let since = Instant::now();
        let expected = self.book().wait(&share, self.bytes);
        let late = (self.download.hedge_after() / self.hurry).max(expected * LATE_FACTOR);
        let (due, slow) = (since + late, since + late.min(expected * 3 / 2 + SLOW_MIN));
        self.asked.push(Asked::in_time(Arc::clone(&share), since, (slow, due)));
        let under_way = self.book().asked(&share, self.bytes);
        let answer = (self.question)(Arc::clone(&share));
        self.answers.push(Box::pin(async move {
            let answer = answer.await;
            if answer.is_ok() {
                under_way.came();
            }
            (share, answer)
        }));
    }

    fn note(&mut self, share: Arc<Share>, answer: Result<T, Fault>) {
        let asked = self.asked.iter().position(|asked| Arc::ptr_eq(&asked.share, &share));
        let asked = asked.map(|index| self.asked.swap_remove(index));
        match answer {
            Ok(answer) => {
                if let Some(Asked { since, late, .. }) = asked {
                    self.download.reward(&share, since.elapsed());
                    if !late {
                        share.server().standing.note_prompt(Duty::Read);
                    }
                }
                self.have.entry(share.num()).or_insert((share, answer));
            }
            Err(Fault::Remote(RemoteError::Busy)) => self.ask_again_later(share),
            Err(fault) => self.download.blame(&share, fault),
        }
    }

    /// A busy server's answer is not waited for, but may come in time if others fail.
    fn ask_again_later(&mut self, share: Arc<Share>) {
        self.book().slow(&share);
        let round = self.busy.iter().filter(|busy| Arc::ptr_eq(busy, &share)).count() as u32;
        if round == BUSY_ROUNDS_MAX {
            return;
        }
        self.busy.push(Arc::clone(&share));
        let since = Instant::now() + self.download.timeouts.again * 2_u32.pow(round);
        self.asked.push(Asked::later(Arc::clone(&share), since));
        let question = Arc::clone(&self.question);
        self.answers.push(Box::pin(async move {
            tokio::time::sleep_until(since).await;
            let answer = question(Arc::clone(&share)).await;
            (share, answer)
        }));
    }

    /// When something is to be done about a share that has not answered.
    fn next_hedge(&self, awaited: bool) -> Option<Instant> {
        self.asked.iter().filter_map(|asked| asked.until(awaited)).min()
    }

    fn give_others_a_chance(&mut self, awaited: bool) {
        let now = Instant::now();
        for asked in &mut self.asked {
            if asked.until(awaited).is_none_or(|until| until > now) {
                continue;
            }
            let late = asked.due <= now;
            if !late && !self.download.book.may_fetch_twice(self.bytes) {
                // It is waited for until it is late.
                asked.slow = asked.due;
                continue;
            }
            asked.replaced = true;
            // Before that, its line may have been slower than usual for a moment.
            if late {
                asked.late = true;
                self.hurry = HURRY;
                self.download.note_late(&asked.share);
            }
        }
    }
}

/// At that time, or never.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
