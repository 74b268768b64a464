//! What a tub said to a hostile peer.

use std::collections::VecDeque;
use tahoe::link::Records;
use tahoe::link::record::Opened;
use tahoe::tub::frame::{Head, PREFIX, Reason};
use tahoe::tub::{RemoteError, codec};

/// One answer, with what it brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub id: u32,
    pub error: Option<RemoteError>,
    /// The reply as it is encoded.
    pub reply: Vec<u8>,
    pub bulk: Vec<u8>,
}

/// Counts of what came back, and the last answers of it.
#[derive(Default)]
pub struct Heard {
    pub bytes: u64,
    pub frames: u64,
    pub pings: u64,
    pub pongs: u64,
    pub accepted: u64,
    pub calls: u64,
    pub releases: u64,
    pub answers: u64,
    /// The goodbye, if one was said.
    pub goodbye: Option<Reason>,
    /// The stream is over.
    pub ended: bool,
    /// The last [`KEPT`] answers.
    pub last_answers: VecDeque<Answer>,
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

/// Answers that are kept; a flood gets more than anybody wants to see.
const KEPT: usize = 1_024;

impl Heard {
    /// Takes in bytes of the stream; none mean its end.
    pub(super) fn take(&mut self, records: &mut Records, bytes: &[u8]) {
        self.ended |= bytes.is_empty();
        self.bytes += bytes.len() as u64;
        self.sealed.extend_from_slice(bytes);
        let mut used = 0;
        while let Ok(Some(Opened { plain, end })) = records.open(&mut self.sealed[used..], 0) {
            self.plain.extend_from_slice(&self.sealed[used..used + plain]);
            used += end;
        }
        self.sealed.drain(..used);
        while let Some(frame) = self.next_frame() {
            self.note(&frame);
        }
    }

    /// Body and bulk of the next frame that is whole.
    fn next_frame(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let prefix: [u8; PREFIX] = self.plain.get(..PREFIX)?.try_into().unwrap();
        let lengths = u64::from_le_bytes(prefix);
        let (body, bulk) = ((lengths & u64::from(u32::MAX)) as usize, (lengths >> 32) as usize);
        let end = PREFIX + body + bulk;
        let frame = self.plain.get(PREFIX..end)?;
        let frame = (frame[..body].to_vec(), frame[body..].to_vec());
        self.plain.drain(..end);
        Some(frame)
    }

    fn note(&mut self, (body, bulk): &(Vec<u8>, Vec<u8>)) {
        self.frames += 1;
        let (head, reply) = codec::decode_prefix::<Head>(body).expect("a head");
        match head {
            Head::Call { .. } => self.calls += 1,
            Head::Release { .. } => self.releases += 1,
            Head::Accepted => self.accepted += 1,
            Head::Ping => self.pings += 1,
            Head::Pong => self.pongs += 1,
            Head::Bye(reason) => self.goodbye = Some(reason),
            // No hello of ours says that it understands them.
            Head::Keep { .. } | Head::Forget { .. } => panic!("asked to keep an answer"),
            Head::Return { id, error } => {
                self.answers += 1;
                self.last_answers.truncate(KEPT - 1);
                let answer = Answer { id, error, reply: reply.to_vec(), bulk: bulk.clone() };
                self.last_answers.push_front(answer);
            }
        }
    }

    /// The answer to call `id`, if it came lately.
    pub fn answer(&self, id: u32) -> Option<&Answer> {
        self.last_answers.iter().find(|answer| answer.id == id)
    }
}
