//! A network inside one process, with faults on request.
//!
//! Streams behave as sockets do: bytes in order, back-pressure, an end. A test may delay them, flip
//! bits in them, cut them, stop them or part two groups of nodes. It tosses no coin, and tells an
//! observer what it delivers, so that two runs can be compared.

use super::furl::Hint;
use super::network::{BoxStream, Connecting, Listener, Network};
use super::object::BoxFuture;
use crate::base::lock::locked;
use std::collections::{HashMap, HashSet};
use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// Bytes under way in each direction of one stream.
const WINDOW: usize = 256 << 10;

/// The same on a link of limited rate, as sockets keep there.
const SMALL_WINDOW: usize = 16 << 10;
/// Bytes carried at once.
const PIECE: usize = 64 << 10;

/// The same on a link of limited rate, where few bytes may be under way.
const SMALL_PIECE: usize = 4 << 10;

/// What the network does to one stream's bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Added to each piece of data on its way.
    pub latency: Duration,
    /// Bytes a second that all streams between two hosts carry each way; as many as there are if `None`.
    pub rate: Option<NonZeroU32>,
    /// Position, counted over the bytes from the dialler, at which one bit is flipped.
    pub flip_outbound: Option<(u64, u8)>,
    /// The same for bytes to the dialler.
    pub flip_inbound: Option<(u64, u8)>,
    /// The stream ends after so many bytes from the dialler.
    pub cut_outbound: Option<u64>,
}

/// How a host is, or the way between two; the worst of them counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Condition {
    Up,
    /// Bytes stop; the connection stands (a hung host).
    Stopped,
    /// Connections break and new ones fail (a dead host).
    Down,
}

/// Bytes that arrive.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The number of the stream, in the order in which they were dialled.
    pub stream: u64,
    /// The host that sent them,
    pub from: &'a str,
    /// and the one that gets them.
    pub to: &'a str,
    /// As they arrive, flipped bits and all.
    pub bytes: &'a [u8],
}

type Observer = Arc<dyn Fn(&Arrival<'_>) + Send + Sync>;

struct Node {
    incoming: mpsc::UnboundedSender<BoxStream>,
}

/// Until when what was sent one way keeps the line busy, where its rate is limited.
type Line = Arc<Mutex<Option<Instant>>>;

#[derive(Default)]
struct State {
    nodes: HashMap<String, Node>,
    /// Hosts that are not well.
    conditions: HashMap<String, Condition>,
    /// How often each host has died.
    deaths: HashMap<String, u64>,
    /// Between the two nothing passes, whoever dialled.
    parted: HashSet<(String, String)>,
    faults: Faults,
    /// By who sends to whom.
    lines: HashMap<(String, String), Line>,
    dialled: u64,
    observer: Option<Observer>,
    /// Those whose host waits for another address.
    readdressed: HashMap<String, Arc<Notify>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Conditions may be others now. Who waits is told in order, so that a run can be had again.
    changed: Arc<Notify>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_waiters();
    }
}

/// An in-process network; clones are the same network, seen from the same host.
#[derive(Clone, Default)]
pub struct LoopbackNet {
    shared: Arc<Shared>,
    host: String,
}

impl LoopbackNet {
    /// The network as the host `name` sees it: what is dialled from there has its fate.
    pub fn at(&self, name: &str) -> Self {
        Self { shared: self.shared.clone(), host: name.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.shared.changed.notify_waiters();
    }

    /// Applies to streams that are dialled from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Tells `observer` what arrives on streams that are dialled from now on, just before it does.
    pub fn observe(&self, observer: impl Fn(&Arrival<'_>) + Send + Sync + 'static) {
        self.lock().observer = Some(Arc::new(observer));
    }

    /// Streams dialled so far.
    pub fn dialled(&self) -> u64 {
        self.lock().dialled
    }

    /// The host dies: its streams break and new ones are refused.
    pub fn kill(&self, name: &str) {
        self.change(|state| {
            state.conditions.insert(name.to_owned(), Condition::Down);
            state.break_streams(name);
        });
    }

    /// The host hangs: its streams stand and carry nothing.
    pub fn stop(&self, name: &str) {
        self.change(|state| {
            state.conditions.insert(name.to_owned(), Condition::Stopped);
        });
    }

    /// The host is well again.
    pub fn revive(&self, name: &str) {
        self.change(|state| {
            state.conditions.remove(name);
        });
    }

    /// The way between two hosts breaks: their streams stand and carry nothing, and new ones are
    /// refused.
    pub fn part(&self, one: &str, other: &str) {
        self.change(|state| {
            state.parted.insert(pair(one, other));
        });
    }

    /// The way between two hosts is whole again, and their streams go on.
    pub fn heal(&self, one: &str, other: &str) {
        self.change(|state| {
            state.parted.remove(&pair(one, other));
        });
    }

    /// The host gets another address: its streams break, and new ones go.
    pub fn readdress(&self, name: &str) {
        self.change(|state| {
            state.break_streams(name);
            state.conditions.remove(name);
            state.readdressed.entry(name.to_owned()).or_default().notify_waiters();
        });
    }

    fn bind(&self, name: &str) -> Arrivals {
        let (incoming, receive) = mpsc::unbounded_channel();
        self.change(|state| {
            state.nodes.insert(name.to_owned(), Node { incoming });
            state.conditions.remove(name);
        });
        Arrivals(receive)
    }

    fn connect(&self, name: &str) -> io::Result<BoxStream> {
        let mut state = self.lock();
        let node = state.nodes.get(name).ok_or(io::ErrorKind::NotFound)?;
        if state.parted.contains(&pair(&self.host, name)) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        if state.between(&self.host, name) == Condition::Down {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let window = if state.faults.rate.is_some() { SMALL_WINDOW } else { WINDOW };
        let (ours, near) = duplex(window);
        let (far, theirs) = duplex(window);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        node.incoming.send(Box::new(theirs)).map_err(refused)?;
        state.dialled += 1;
        let way = Way {
            net: Arc::downgrade(&self.shared),
            ends: (self.host.clone(), name.to_owned()),
            deaths: state.deaths(&self.host, name),
            changed: self.shared.changed.clone(),
            stream: state.dialled,
            observer: state.observer.clone(),
            lines: [state.line(&self.host, name), state.line(name, &self.host)],
        };
        carry(near, far, state.faults.clone(), way);
        Ok(Box::new(ours))
    }
}

/// `loop:` hints, inside this process.
impl Network for LoopbackNet {
    fn dial<'a>(&'a self, hint: &'a Hint) -> Connecting<'a> {
        let stream = match hint {
            Hint::Loop(name) => self.connect(name),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        Box::pin(std::future::ready(stream))
    }

    fn listen(&self, hint: &Hint) -> io::Result<(Box<dyn Listener>, Hint)> {
        match hint {
            Hint::Loop(name) => Ok((Box::new(self.bind(name)), hint.clone())),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn readdressed(&self) -> BoxFuture<()> {
        let readdressed = self.lock().readdressed.entry(self.host.clone()).or_default().clone();
        Box::pin(readdressed.notified_owned())
    }
}

/// Streams that were dialled to one host.
struct Arrivals(mpsc::UnboundedReceiver<BoxStream>);

impl Listener for Arrivals {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some(stream) => Ok(stream),
                None => std::future::pending().await,
            }
        })
    }
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.min(other).to_owned(), one.max(other).to_owned())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deaths(&self, one: &str, other: &str) -> u64 {
        [one, other].iter().filter_map(|host| self.deaths.get(*host)).sum()
    }

    /// No stream of the host outlives this, nor what was on its way.
    fn break_streams(&mut self, host: &str) {
        *self.deaths.entry(host.to_owned()).or_default() += 1;
        self.lines.retain(|(from, to), _| from != host && to != host);
    }

    fn line(&mut self, from: &str, to: &str) -> Line {
        self.lines.entry((from.to_owned(), to.to_owned())).or_default().clone()
    }

    /// How the way between two hosts is.
    fn between(&self, one: &str, other: &str) -> Condition {
        let of = |host| self.conditions.get(host).copied().unwrap_or(Condition::Up);
        let worse = of(one).max(of(other));
        if self.parted.contains(&pair(one, other)) { worse.max(Condition::Stopped) } else { worse }
    }
}

/// One stream's way through the network.
#[derive(Clone)]
struct Way {
    net: Weak<Shared>,
    ends: (String, String),
    /// Of its ends, when it was dialled; no stream outlives one, however short.
    deaths: u64,
    changed: Arc<Notify>,
    stream: u64,
    observer: Option<Observer>,
    /// Outbound and inbound.
    lines: [Line; 2],
}

impl Way {
    /// A network that is gone carries nothing.
    fn condition(&self) -> Condition {
        let Some(net) = self.net.upgrade() else { return Condition::Down };
        let (one, other) = (&self.ends.0, &self.ends.1);
        let state = net.lock();
        if state.deaths(one, other) == self.deaths {
            state.between(one, other)
        } else {
            Condition::Down
        }
    }

    /// When so many bytes have come through, behind all that were sent that way before.
    fn turn(&self, inbound: bool, bytes: usize, rate: NonZeroU32) -> Instant {
        let [outbound_line, inbound_line] = &self.lines;
        let mut busy = locked(if inbound { inbound_line } else { outbound_line });
        let micros = bytes as u64 * 1_000_000 / u64::from(rate.get());
        let now = Instant::now();
        let until = busy.map_or(now, |until| until.max(now)) + Duration::from_micros(micros);
        *busy = Some(until);
        until
    }

    fn tell(&self, inbound: bool, bytes: &[u8]) {
        let Some(observer) = &self.observer else { return };
        let (dialler, dialled) = (self.ends.0.as_str(), self.ends.1.as_str());
        let (from, to) = if inbound { (dialled, dialler) } else { (dialler, dialled) };
        observer(&Arrival { stream: self.stream, from, to, bytes });
    }

    /// Waits until the condition is as asked.
    async fn until(&self, right: impl Fn(Condition) -> bool) {
        loop {
            // Before the look: a change after it is not missed.
            let changed = self.changed.notified();
            if right(self.condition()) {
                return;
            }
            changed.await;
        }
    }
}

/// Carries bytes both ways until either end, or the condition, ends it.
fn carry(near: DuplexStream, far: DuplexStream, faults: Faults, way: Way) {
    let (near_read, near_write) = split(near);
    let (far_read, far_write) = split(far);
    let (latency, rate) = (faults.latency, faults.rate);
    let down = way.clone();
    let outbound = Pump {
        latency,
        rate,
        flip: faults.flip_outbound,
        cut: faults.cut_outbound,
        way: way.clone(),
        inbound: false,
        carried: 0,
    };
    let inbound = Pump {
        latency,
        rate,
        flip: faults.flip_inbound,
        cut: None,
        way,
        inbound: true,
        carried: 0,
    };
    actix_rt::spawn(async move {
        tokio::select! {
            biased;
            () = outbound.run(near_read, far_write) => {}
            () = inbound.run(far_read, near_write) => {}
            () = down.until(|condition| condition == Condition::Down) => {}
        }
    });
}

struct Pump {
    latency: Duration,
    rate: Option<NonZeroU32>,
    flip: Option<(u64, u8)>,
    cut: Option<u64>,
    way: Way,
    /// To the dialler.
    inbound: bool,
    carried: u64,
}

/// Pieces on their way in one direction: what is sent later does not wait for what was sent before.
const PIECES_UNDER_WAY: usize = 64;

/// Takes pieces as they are written, and notes when each is to arrive.
async fn depart(
    mut from: ReadHalf<DuplexStream>,
    (latency, piece): (Duration, usize),
    sent: mpsc::Sender<(Instant, Vec<u8>)>,
) {
    let mut buffer = vec![0; piece];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let piece = buffer.get(..count).unwrap_or_default().to_vec();
        if sent.send((Instant::now() + latency, piece)).await.is_err() {
            return;
        }
    }
}

impl Pump {
    async fn run(self, from: ReadHalf<DuplexStream>, to: WriteHalf<DuplexStream>) {
        let (sent, arriving) = mpsc::channel(PIECES_UNDER_WAY);
        let piece = if self.rate.is_some() { SMALL_PIECE } else { PIECE };
        let way = (self.latency, piece);
        tokio::join!(depart(from, way, sent), self.arrive(arriving, to));
    }

    /// Delivers each piece when its time has come.
    async fn arrive(
        mut self,
        mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
        mut to: WriteHalf<DuplexStream>,
    ) {
        while let Some((due, mut piece)) = arriving.recv().await {
            if !self.latency.is_zero() {
                tokio::time::sleep_until(due).await;
            }
            self.way.until(|condition| condition != Condition::Stopped).await;
            if let Some(rate) = self.rate {
                tokio::time::sleep_until(self.way.turn(self.inbound, piece.len(), rate)).await;
            }
            let (count, keep) = (piece.len(), self.mangle(&mut piece));
            let Some(piece) = piece.get(..keep) else { return };
            self.way.tell(self.inbound, piece);
            if to.write_all(piece).await.is_err() || keep < count {
                return;
            }
        }
    }

    /// Flips and cuts as asked; answers how many bytes still go through.
    fn mangle(&mut self, piece: &mut [u8]) -> usize {
        let start = self.carried;
        self.carried += piece.len() as u64;
        if let Some((position, bit)) = self.flip
            && let Some(offset) = position.checked_sub(start)
            && let Some(byte) = usize::try_from(offset).ok().and_then(|at| piece.get_mut(at))
        {
            *byte ^= 1 << (bit % 8);
        }
        let left = self.cut.map_or(u64::MAX, |cut| cut.saturating_sub(start));
        piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))
    }
}
