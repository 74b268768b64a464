//! Who is connected, and who is let go when more come than there is room for.
//!
//! ```text
//! no request yet ──▶ its body comes ──▶ this node works ──▶ its answer goes ──▶ no request yet
//!   for the peer        for the peer        for us            for the peer       …is what is waited for
//! ```
//! A new connection is always taken. If that is one too many, the one goes whose peer has let this
//! node wait for longest; those whose request or answer moves go after them, then those that wait for
//! this node, and those of the owner, known by what they showed, last of all. Who has just come has a
//! moment to say what is wanted; if all have just come, those who wait to be accepted wait for that. So whoever asks at once and takes the answer is served, however
//! many others hold a socket and do nothing.

use crate::base::limits::{
    WEB_CONNECTIONS_MAX, WEB_FRESH_TIME, WEB_HEAD_TIME, WEB_KEEP_ALIVE, WEB_MOVED_MIN,
    WEB_STILL_TIME,
};
use crate::base::lock::locked;
use crate::base::peer;
use actix_tls::accept::rustls_0_23::TlsStream;
use rustix::net::{Shutdown, getpeername, getsockname};
use std::any::Any;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Instant;
use tokio::net::TcpStream;

/// All connections of a gateway. Clones share them.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    most: usize,
    started: Instant,
    all: Mutex<All>,
    relieving: AtomicBool,
}

#[derive(Default)]
struct All {
    next: u64,
    open: HashMap<u64, Arc<Connection>>,
}

/// One of them.
pub struct Connection {
    /// A second handle on its socket, by which it is ended.
    socket: Option<OwnedFd>,
    started: Instant,
    /// When its peer last did what it is waited for, in milliseconds.
    moved: AtomicU64,
    /// Bytes that came or went since then.
    bytes: AtomicU64,
    /// Requests for which this node works.
    working: AtomicU32,
    asked: AtomicU32,
    owners: AtomicBool,
    /// Its peer is a program of this node's own user; asked for once, by who wants to know.
    own: OnceLock<bool>,
    /// The server has looked at what came with it.
    seen: AtomicBool,
}

/// The place of a connection; given back when it is dropped.
pub struct Place {
    connection: Arc<Connection>,
    number: u64,
    of: Weak<Inner>,
}

impl Connections {
    /// For a process that may open so many files. A connection takes two, also while it is closing, and the links to the grid,
    /// the disk and the rest of the node need some as well.
    pub fn for_files(files: Option<u64>) -> Self {
        const PART: u64 = 8;
        let most = files.map_or(usize::MAX, |files| (files / PART).max(1) as usize);
        Self::new(most.min(WEB_CONNECTIONS_MAX))
    }

    pub fn new(most: usize) -> Self {
        Self::since(Instant::now(), most)
    }

    fn since(started: Instant, most: usize) -> Self {
        let relieving = AtomicBool::new(false);
        Self(Arc::new(Inner { most, started, all: Mutex::default(), relieving }))
    }

    pub fn most(&self) -> usize {
        self.0.most
    }

    /// Takes what the server accepted; lets another go if it is one too many.
    pub fn accepted(&self, socket: &dyn Any) -> Place {
        let socket = tcp(socket).and_then(|socket| socket.as_fd().try_clone_to_owned().ok());
        let place = self.take(socket);
        let connection = Arc::clone(&place.connection);
        connection.seen.store(false, Relaxed);
        // The server looks at what came as soon as this turn is over.
        actix_rt::spawn(async move {
            tokio::task::yield_now().await;
            connection.seen.store(true, Relaxed);
            connection.moved_now();
        });
        place
    }

    fn take(&self, socket: Option<OwnedFd>) -> Place {
        let started = self.0.started;
        let connection = Arc::new(Connection {
            socket,
            started,
            moved: AtomicU64::new(millis(started)),
            bytes: AtomicU64::new(0),
            working: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            owners: AtomicBool::new(false),
            own: OnceLock::new(),
            seen: AtomicBool::new(true),
        });
        let mut all = self.0.all();
        let number = all.next;
        all.next += 1;
        all.open.insert(number, Arc::clone(&connection));
        if !all.relieve(self.0.most, millis(started)) {
            self.relieve_later();
        }
        Place { connection, number, of: Arc::downgrade(&self.0) }
    }

    /// Goes on letting connections go until there are no more than there may be.
    fn relieve_later(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.0.relieving.swap(true, Relaxed) {
            return;
        }
        let inner = Arc::clone(&self.0);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(WEB_FRESH_TIME / 4).await;
                let mut all = inner.all();
                if all.relieve(inner.most, millis(inner.started)) {
                    // Under the lock, as it is set: who comes next begins anew.
                    return inner.relieving.store(false, Relaxed);
                }
            }
        });
    }

    /// Ends those that have let this node wait for a request for too long. The server itself sees to
    /// those that never began one, not to those that began a further one.
    fn sweep(&self, now: u64) {
        let most = (WEB_KEEP_ALIVE + WEB_HEAD_TIME).as_millis() as u64;
        let all = self.0.all();
        let idle = all.open.values().filter(|one| one.asked.load(Relaxed) == 0);
        idle.filter(|one| now.saturating_sub(one.moved.load(Relaxed)) > most).for_each(|c| c.end());
    }

    /// Sweeps for as long as there is somebody else who knows these connections.
    pub async fn keep_swept(self) {
        let weak = Arc::downgrade(&self.0);
        drop(self);
        loop {
            tokio::time::sleep(WEB_HEAD_TIME).await;
            let Some(inner) = weak.upgrade() else { return };
            let now = millis(inner.started);
            Self(inner).sweep(now);
        }
    }
}

impl Inner {
    fn all(&self) -> MutexGuard<'_, All> {
        locked(&self.all)
    }
}

impl All {
    /// Lets connections go until there are at most so many; false if the others have just come.
    fn relieve(&mut self, most: usize, now: u64) -> bool {
        while self.open.len() > most {
            let idlest = self.idlest(now).and_then(|number| self.open.remove(&number));
            let Some(idlest) = idlest else { return false };
            idlest.end();
        }
        true
    }

    /// The one that goes first; none while it would be one that is served, and others have just come.
    fn idlest(&self, now: u64) -> Option<u64> {
        let still = WEB_STILL_TIME.as_millis() as u64;
        let age = |one: &Connection| now.saturating_sub(one.moved.load(Relaxed));
        let fresh = |one: &Connection| {
            let idle = one.asked.load(Relaxed) == 0;
            !one.seen.load(Relaxed) || idle && age(one) < WEB_FRESH_TIME.as_millis() as u64
        };
        let working = |one: &Connection| one.working.load(Relaxed) > 0;
        let moving = |one: &Connection| one.asked.load(Relaxed) > 0 && age(one) < still;
        let rank = |one: &Connection| {
            (one.owners.load(Relaxed), working(one), moving(one), one.moved.load(Relaxed))
        };
        let waiting = self.open.iter().filter(|(_, one)| !fresh(one));
        let (number, first) = waiting.min_by_key(|(number, one)| (rank(one), **number))?;
        let served = working(first) || moving(first) || first.owners.load(Relaxed);
        let some_are_fresh = self.open.values().any(|one| fresh(one));
        (!served || !some_are_fresh).then_some(*number)
    }
}

impl Connection {
    /// Its peer did something.
    fn moved_now(&self) {
        self.moved.store(millis(self.started), Relaxed);
        self.bytes.store(0, Relaxed);
    }

    /// Where it comes from, and where it goes.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let socket = self.socket.as_ref()?;
        let theirs = getpeername(socket).ok()??.try_into().ok()?;
        Some((theirs, getsockname(socket).ok()?.try_into().ok()?))
    }

    /// The server finds it closed, and gives everything up that it has for it.
    fn end(&self) {
        if let Some(socket) = &self.socket {
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
        }
    }
}

impl Place {
    /// A request came whole, up to its body; it is served until what this answers is dropped.
    pub fn served(&self, owners: bool) -> Served {
        let connection = Arc::clone(&self.connection);
        connection.owners.fetch_or(owners, Relaxed);
        connection.asked.fetch_add(1, Relaxed);
        connection.working.fetch_add(1, Relaxed);
        connection.moved_now();
        Served { connection, ours: AtomicBool::new(true) }
    }

    /// Whether the peer is a program of this machine that the node's own user runs. A proxy is
    /// another user's, as a rule, and so is whoever else has an account here.
    pub fn is_own(&self) -> bool {
        *self.connection.own.get_or_init(|| {
            let ends = self.connection.ends();
            ends.is_some_and(|(theirs, ours)| peer::is_own(theirs, ours))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(all) = self.of.upgrade() {
            all.all().open.remove(&self.number);
        }
    }
}

/// A request that is being served.
pub struct Served {
    connection: Arc<Connection>,
    ours: AtomicBool,
}

impl Served {
    /// Says who is waited for from now on: this node, or the peer.
    pub fn turn(&self, ours: bool) {
        match (self.ours.swap(ours, Relaxed), ours) {
            (false, true) => drop(self.connection.working.fetch_add(1, Relaxed)),
            (true, false) => drop(self.connection.working.fetch_sub(1, Relaxed)),
            _ => {}
        }
    }

    /// So many bytes came or were taken. Few of them, again and again, are no reason to stay.
    pub fn moved(&self, bytes: usize) {
        let all = self.connection.bytes.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        if all >= WEB_MOVED_MIN {
            self.connection.moved_now();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.turn(false);
        self.connection.asked.fetch_sub(1, Relaxed);
        self.connection.moved_now();
    }
}

/// The TCP connection in what a server accepted.
fn tcp(socket: &dyn Any) -> Option<&TcpStream> {
    match socket.downcast_ref::<TcpStream>() {
        Some(plain) => Some(plain),
        None => socket.downcast_ref::<TlsStream<TcpStream>>().map(|tls| tls.get_ref().0),
    }
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With these times of last movement, in milliseconds.
    fn moved(places: &[&Place], times: &[u64]) {
        for (place, time) in places.iter().zip(times) {
            place.connection.moved.store(*time, Relaxed);
        }
    }

    fn has(all: &Connections, place: &Place) -> bool {
        all.0.all().open.contains_key(&place.number)
    }

    /// So many places, of a gateway that has run for a minute.
    fn old(most: usize) -> Connections {
        Connections::since(Instant::now().checked_sub(6 * WEB_STILL_TIME).unwrap(), most)
    }

    #[test]
    fn what_moves_stays_while_others_are_idle() {
        let all = old(2);
        let [moving, still] = [0; 2].map(|_| all.take(None));
        let (_one, _two) = (moving.served(false), still.served(false));
        _one.turn(false);
        _two.turn(false);
        let now = millis(all.0.started);
        moved(&[&moving, &still], &[now - 1, now - WEB_STILL_TIME.as_millis() as u64]);
        let idle = all.take(None);
        assert!(!has(&all, &still), "its request came, and then no more");
        moved(&[&idle], &[now - WEB_FRESH_TIME.as_millis() as u64]);
        let more = all.take(None);
        assert!(has(&all, &moving) && has(&all, &more) && !has(&all, &idle));
    }

    #[test]
    fn the_idlest_goes_and_the_owner_stays() {
        let all = old(4);
        let places: Vec<Place> = (0..4).map(|_| all.take(None)).collect();
        let [owner, working, old, young] = &places[..] else { panic!("four") };
        let shown = owner.served(true);
        drop(shown);
        let served = working.served(false);
        moved(&[owner, working, old, young], &[0, 1, 5, 9]);
        let mut more = vec![all.take(None)];
        assert!(!has(&all, old) && has(&all, young) && has(&all, &more[0]));
        moved(&[&more[0]], &[20]);
        more.push(all.take(None));
        assert!(!has(&all, young), "of those that are idle the one that is for longest");
        // It is waited for its body now, and not for this node.
        served.turn(false);
        moved(&[working, &more[1]], &[1, 30]);
        more.push(all.take(None));
        assert!(!has(&all, working) && has(&all, &more[0]) && has(&all, &more[1]));
        for _ in 0..20 {
            let last = all.take(None);
            moved(&[&last], &[40]);
            more.push(last);
        }
        assert!(has(&all, owner) && all.0.all().open.len() == 4);
        drop(more);
        assert_eq!(all.0.all().open.len(), 1, "places are given back");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_just_come_has_a_moment() {
        let all = old(2);
        let mut places: Vec<Place> = (0..5).map(|_| all.take(None)).collect();
        let _served = places[1].served(false);
        places.push(all.take(None));
        assert!(places.iter().all(|place| has(&all, place)), "the one that is served too");
        drop(places.pop());
        let now = millis(all.0.started) - WEB_FRESH_TIME.as_millis() as u64;
        moved(&places.iter().collect::<Vec<_>>(), &[now - 5, now - 4, now - 3, now - 2, now - 1]);
        while all.0.relieving.load(Relaxed) {
            tokio::time::sleep(WEB_FRESH_TIME).await;
        }
        let left: Vec<bool> = places.iter().map(|place| has(&all, place)).collect();
        assert_eq!(left, [false, true, false, false, true]);
        places.clear();
        assert!(all.0.all().open.is_empty());
    }

    #[test]
    fn a_byte_now_and_then_is_no_movement() {
        let all = Connections::new(1);
        let place = all.take(None);
        let served = place.served(false);
        moved(&[&place], &[u64::MAX]);
        served.moved(WEB_MOVED_MIN as usize - 1);
        assert_eq!(place.connection.moved.load(Relaxed), u64::MAX);
        served.moved(1);
        assert!(place.connection.moved.load(Relaxed) < u64::MAX);
    }

    #[test]
    fn places_follow_the_files_that_may_be_open() {
        let most = |files| Connections::for_files(files).most();
        assert_eq!((most(Some(256)), most(Some(1)), most(Some(0))), (32, 1, 1));
        assert_eq!((most(Some(1 << 20)), most(None)), (WEB_CONNECTIONS_MAX, WEB_CONNECTIONS_MAX));
    }

    #[test]
    fn a_further_request_that_does_not_come_ends_its_connection() {
        use std::io::Read;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peers = [0; 2].map(|_| {
            let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (peer, listener.accept().unwrap().0)
        });
        let all = Connections::new(9);
        let take =
            |socket: &std::net::TcpStream| all.take(socket.as_fd().try_clone_to_owned().ok());
        let [idle, busy] = peers.each_ref().map(|(_, accepted)| take(accepted));
        let _served = busy.served(false);
        let most = (WEB_KEEP_ALIVE + WEB_HEAD_TIME).as_millis() as u64;
        moved(&[&idle, &busy], &[0, 0]);
        peers[0].0.set_nonblocking(true).unwrap();
        all.sweep(most);
        assert!(peers[0].0.read(&mut [0]).is_err(), "still open");
        all.sweep(most + 1);
        peers[0].0.set_nonblocking(false).unwrap();
        assert_eq!(peers[0].0.read(&mut [0]).unwrap(), 0);
        peers[1].0.set_nonblocking(true).unwrap();
        assert!(peers[1].0.read(&mut [0]).is_err(), "this node works for it");
    }
}
