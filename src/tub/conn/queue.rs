//! What waits to leave on a link.
//!
//! Two lanes. Calls and releases leave in order and wait for the peer's credits. Replies, pings and
//! goodbyes leave at once: were they to wait for credits too, two peers that are full towards each
//! other would never move again.

use super::lock;
use crate::tub::error::RemoteError;
use crate::tub::frame::OutFrame;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

struct Lanes {
    urgent: VecDeque<OutFrame>,
    /// Calls with their cost, releases without.
    calls: VecDeque<(OutFrame, bool)>,
    calls_left: u32,
    bytes_left: usize,
    /// Calls that have left, and credits that came: what does not change has come to a halt.
    moves: u64,
    /// Calls that were ever queued, and those of them that have left.
    queued: u64,
    taken: u64,
    /// Bytes of replies that wait in `urgent`.
    reply_bytes: usize,
    finished: bool,
}

impl Lanes {
    fn has_credit(&self, call: &OutFrame) -> bool {
        self.calls_left > 0 && self.bytes_left >= call.length
    }
}

pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    /// The peer's whole byte credit: a larger call would wait for ever.
    byte_credit: usize,
    wake: Notify,
}

impl Queue {
    pub fn new(calls: u32, bytes: u32) -> Self {
        let byte_credit = bytes as usize;
        let lanes = Lanes {
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            calls_left: calls,
            bytes_left: byte_credit,
            moves: 0,
            queued: 0,
            taken: 0,
            reply_bytes: 0,
            finished: false,
        };
        Self { lanes: Mutex::new(lanes), byte_credit, wake: Notify::new() }
    }

    /// Answers how many calls leave before this one.
    pub fn push_call(&self, frame: OutFrame) -> Result<u64, RemoteError> {
        if frame.length > self.byte_credit {
            return Err(RemoteError::TooBig);
        }
        self.push(|lanes| {
            lanes.calls.push_back((frame, true));
            lanes.queued += 1;
            lanes.queued - 1
        })
    }

    pub fn push_release(&self, frame: OutFrame) {
        let _ = self.push(|lanes| lanes.calls.push_back((frame, false)));
    }

    pub fn push_urgent(&self, frame: OutFrame) {
        let _ = self.push(|lanes| {
            lanes.reply_bytes += frame.length;
            lanes.urgent.push_back(frame);
        });
    }

    fn push<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let mut lanes = lock(&self.lanes);
        if lanes.finished {
            return Err(RemoteError::Disconnected);
        }
        let added = add(&mut lanes);
        drop(lanes);
        self.wake.notify_one();
        Ok(added)
    }

    /// The peer has answered a call of `bytes`.
    pub fn credit(&self, bytes: usize) {
        let mut lanes = lock(&self.lanes);
        lanes.calls_left += 1;
        lanes.bytes_left += bytes;
        lanes.moves += 1;
        let waiting = !lanes.calls.is_empty();
        drop(lanes);
        if waiting {
            self.wake.notify_one();
        }
    }

    /// Bytes of replies that the peer has not taken yet.
    pub fn reply_bytes(&self) -> usize {
        lock(&self.lanes).reply_bytes
    }

    /// While a call waits for credit: a number that changes when a call leaves or credit comes.
    pub fn waiting(&self) -> Option<u64> {
        let lanes = lock(&self.lanes);
        let (frame, is_call) = lanes.calls.front()?;
        (*is_call && !lanes.has_credit(frame)).then_some(lanes.moves)
    }

    /// Calls that [`Self::take`] has given out.
    pub fn taken(&self) -> u64 {
        lock(&self.lanes).taken
    }

    /// Takes no more; answers the numbers of the calls that never left.
    pub fn give_up(&self) -> Vec<u32> {
        let mut lanes = lock(&self.lanes);
        lanes.finished = true;
        let calls = std::mem::take(&mut lanes.calls);
        drop(lanes);
        calls.into_iter().filter_map(|(frame, _)| frame.call).collect()
    }

    /// Takes no more; what waits still leaves if the link holds.
    pub fn finish(&self) {
        lock(&self.lanes).finished = true;
        self.wake.notify_one();
    }

    /// Takes no more, and drops what waits.
    pub fn end(&self) {
        let dropped = {
            let mut lanes = lock(&self.lanes);
            lanes.finished = true;
            lanes.reply_bytes = 0;
            (std::mem::take(&mut lanes.urgent), std::mem::take(&mut lanes.calls))
        };
        drop(dropped);
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`. Answers false when the queue
    /// has been finished and is empty.
    pub fn take(&self, out: &mut Vec<OutFrame>, bytes_max: usize) -> bool {
        let mut guard = lock(&self.lanes);
        let lanes = &mut *guard;
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = lanes.urgent.pop_front()
        {
            lanes.reply_bytes = lanes.reply_bytes.saturating_sub(frame.length);
            bytes += frame.length;
            out.push(frame);
        }
        while bytes < bytes_max
            && let Some((frame, is_call)) = lanes.calls.front()
        {
            if *is_call && !lanes.has_credit(frame) {
                break;
            }
            if *is_call {
                lanes.calls_left -= 1;
                lanes.bytes_left -= frame.length;
                lanes.moves += 1;
                lanes.taken += 1;
            }
            bytes += frame.length;
            out.extend(lanes.calls.pop_front().map(|(frame, _)| frame));
        }
        !(lanes.finished && out.is_empty())
    }

    pub async fn wait(&self) {
        self.wake.notified().await;
    }
}
