//! A network inside one process, with faults on request.
//!
//! Streams behave as sockets do: bytes in order, back-pressure, an end. A test may delay them, flip
//! bits in them, cut them, stop them or part two groups of nodes; every random choice comes from the
//! seed, so a failure can be had again.

use super::network::BoxStream;
use std::collections::HashMap;
use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Bytes under way in each direction of one stream.
const WINDOW: usize = 256 << 10;
/// Bytes carried at once.
const PIECE: usize = 64 << 10;

/// The same on a link of limited rate, where few bytes may be under way.
const SMALL_PIECE: usize = 4 << 10;

/// What the network does to one stream's bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Added to each piece of data on its way.
    pub latency: Duration,
    /// Bytes a second that each direction of a stream carries; as many as there are if `None`.
    pub rate: Option<NonZeroU32>,
    /// Position, counted over the bytes from the dialler, at which one bit is flipped.
    pub flip_outbound: Option<(u64, u8)>,
    /// The same for bytes to the dialler.
    pub flip_inbound: Option<(u64, u8)>,
    /// The stream ends after so many bytes from the dialler.
    pub cut_outbound: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Condition {
    Up,
    /// Bytes stop; the connection stands (a hung host).
    Stopped,
    /// Connections break and new ones fail (a dead host).
    Down,
}

struct Node {
    incoming: mpsc::UnboundedSender<BoxStream>,
}

struct State {
    nodes: HashMap<String, Node>,
    conditions: HashMap<String, watch::Sender<Condition>>,
    faults: Faults,
    dialled: u64,
}

/// An in-process network; clones are the same network.
#[derive(Clone)]
pub struct LoopbackNet(Arc<Mutex<State>>);

impl Default for LoopbackNet {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            nodes: HashMap::new(),
            conditions: HashMap::new(),
            faults: Faults::default(),
            dialled: 0,
        })))
    }
}

impl LoopbackNet {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies to streams that are dialled from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Streams dialled so far.
    pub fn dialled(&self) -> u64 {
        self.lock().dialled
    }

    /// The host dies: its streams break and new ones are refused.
    pub fn kill(&self, name: &str) {
        self.lock().set(name, Condition::Down);
    }

    /// The host hangs: its streams stand and carry nothing.
    pub fn stop(&self, name: &str) {
        self.lock().set(name, Condition::Stopped);
    }

    /// The host is well again.
    pub fn revive(&self, name: &str) {
        self.lock().set(name, Condition::Up);
    }

    pub(super) fn bind(&self, name: &str) -> mpsc::UnboundedReceiver<BoxStream> {
        let (incoming, receive) = mpsc::unbounded_channel();
        let mut state = self.lock();
        state.nodes.insert(name.to_owned(), Node { incoming });
        state.set(name, Condition::Up);
        receive
    }

    pub(super) fn dial(&self, name: &str) -> io::Result<BoxStream> {
        let mut state = self.lock();
        let condition = state.condition(name);
        let faults = state.faults.clone();
        let node = state.nodes.get(name).ok_or(io::ErrorKind::NotFound)?;
        if *condition.borrow() == Condition::Down {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, near) = duplex(WINDOW);
        let (far, theirs) = duplex(WINDOW);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        node.incoming.send(Box::new(theirs)).map_err(refused)?;
        state.dialled += 1;
        carry(near, far, faults, condition);
        Ok(Box::new(ours))
    }
}

impl State {
    fn set(&mut self, name: &str, condition: Condition) {
        self.sender(name).send_replace(condition);
    }

    fn condition(&mut self, name: &str) -> watch::Receiver<Condition> {
        self.sender(name).subscribe()
    }

    fn sender(&mut self, name: &str) -> &watch::Sender<Condition> {
        let new = || watch::Sender::new(Condition::Up);
        self.conditions.entry(name.to_owned()).or_insert_with(new)
    }
}

/// Carries bytes both ways until either end, or the condition, ends it.
fn carry(
    near: DuplexStream,
    far: DuplexStream,
    faults: Faults,
    condition: watch::Receiver<Condition>,
) {
    let (near_read, near_write) = split(near);
    let (far_read, far_write) = split(far);
    let (latency, rate) = (faults.latency, faults.rate);
    let mut down = condition.clone();
    let outbound = Pump {
        latency,
        rate,
        flip: faults.flip_outbound,
        cut: faults.cut_outbound,
        condition: condition.clone(),
        carried: 0,
    };
    let inbound =
        Pump { latency, rate, flip: faults.flip_inbound, cut: None, condition, carried: 0 };
    actix_rt::spawn(async move {
        tokio::select! {
            () = outbound.run(near_read, far_write) => {}
            () = inbound.run(far_read, near_write) => {}
            _ = down.wait_for(|condition| *condition == Condition::Down) => {}
        }
    });
}

struct Pump {
    latency: Duration,
    rate: Option<NonZeroU32>,
    flip: Option<(u64, u8)>,
    cut: Option<u64>,
    condition: watch::Receiver<Condition>,
    carried: u64,
}

/// Pieces on their way in one direction: what is sent later does not wait for what was sent before.
const PIECES_UNDER_WAY: usize = 16;

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
            let running = |condition: &Condition| *condition != Condition::Stopped;
            if self.condition.wait_for(running).await.is_err() {
                return;
            }
            if let Some(rate) = self.rate {
                let micros = piece.len() as u64 * 1_000_000 / u64::from(rate.get());
                tokio::time::sleep(Duration::from_micros(micros)).await;
            }
            let (count, keep) = (piece.len(), self.mangle(&mut piece));
            let Some(piece) = piece.get(..keep) else { return };
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
