//! One byte stream over several: for a long line, where one lost packet holds up one of them and not all,
//! and where each begins with the few packets that a system lets a young stream send.
//!
//! ```text
//! run = number u32 LE ‖ length u16 LE ‖ bytes        (1 ≤ length ≤ 8,186)
//! ```
//! A run goes over whichever strand takes it, and runs are read in the order of their numbers, which go up
//! by one from 0 in each direction. All runs of a strand have rising numbers, so the next run is at the
//! head of some strand or not there yet, and what came too early waits in the system's buffers.
//!
//! It hides nothing and proves nothing: what it carries are records, which are sealed in one order for the
//! whole link. Whoever changes a number or a length on the way costs the link, as with any byte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;

/// Bytes of a run's head.
const HEAD: usize = 6;
/// Bytes of a run, which is 8 KiB with its head: few enough that a strand that has lost its pace holds up
/// little.
const RUN_MAX: usize = (8 << 10) - HEAD;

/// How far a run may be before its turn: far more than all buffers on the way hold.
const EARLY_MAX: u32 = 1 << 24;

/// Streams that are one.
pub struct Braid<S> {
    strands: Vec<Strand<S>>,
    joining: UnboundedReceiver<S>,
    incoming: Incoming,
    outgoing: Outgoing,
}

struct Strand<S> {
    stream: S,
    head: [u8; HEAD],
    /// Bytes of the head that are there.
    begun: usize,
    /// It says nothing more.
    over: bool,
}

/// What is read.
#[derive(Default)]
struct Incoming {
    next: u32,
    /// The strand of the run that is being read, and its missing bytes.
    run: Option<(usize, usize)>,
    /// Why a strand says nothing more; others may have said more before.
    failed: Option<io::ErrorKind>,
}

/// What is written.
#[derive(Default)]
struct Outgoing {
    next: u32,
    /// A run with its head.
    run: Vec<u8>,
    /// The strand that took its beginning, and how much it took.
    begun: Option<(usize, usize)>,
    /// The strand that is asked first.
    turn: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Braid<S> {
    /// A braid that begins with one strand; whoever sends others on the channel adds them. Both ends add a
    /// stream before either sends a run on it.
    pub fn new(first: S, joining: UnboundedReceiver<S>) -> Self {
        let (incoming, outgoing) = (Incoming::default(), Outgoing::default());
        Self { strands: vec![Strand::new(first)], joining, incoming, outgoing }
    }

    /// The strand at whose head the next run is, and the run's length; none if all are over.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<(usize, usize)>>> {
        let (mut waits, mut held) = (false, false);
        for (at, strand) in self.strands.iter_mut().enumerate() {
            match strand.poll_head(cx) {
                Poll::Pending => waits = true,
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(error)) => {
                    strand.over = true;
                    self.incoming.failed = Some(error.kind());
                }
                Poll::Ready(Ok(Some((number, length)))) => {
                    let early = number.wrapping_sub(self.incoming.next);
                    if early > EARLY_MAX {
                        return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                    }
                    if early == 0 {
                        strand.begun = 0;
                        self.incoming.next = number.wrapping_add(1);
                        return Poll::Ready(Ok(Some((at, length))));
                    }
                    held = true;
                }
            }
        }
        match self.incoming.failed {
            Some(failed) => Poll::Ready(Err(failed.into())),
            None if waits => Poll::Pending,
            // What is missing was on a strand that has ended.
            None if held => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            None => Poll::Ready(Ok(None)),
        }
    }
}

impl<S: AsyncRead + Unpin> Strand<S> {
    fn new(stream: S) -> Self {
        Self { stream, head: [0; HEAD], begun: 0, over: false }
    }

    /// Number and length of the run that comes next on this strand; none if it is over.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<(u32, usize)>>> {
        while self.begun < HEAD && !self.over {
            let mut room = ReadBuf::new(self.head.get_mut(self.begun..).unwrap_or_default());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
            let count = room.filled().len();
            self.begun += count;
            self.over = count == 0;
        }
        if self.over {
            let whole = self.begun == 0;
            return Poll::Ready(whole.then_some(None).ok_or(io::ErrorKind::UnexpectedEof.into()));
        }
        let [a, b, c, d, e, f] = self.head;
        let length = usize::from(u16::from_le_bytes([e, f]));
        let sound = (1..=RUN_MAX).contains(&length);
        let head = sound.then(|| Some((u32::from_le_bytes([a, b, c, d]), length)));
        Poll::Ready(head.ok_or(io::ErrorKind::InvalidData.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Braid<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while let Poll::Ready(Some(stream)) = this.joining.poll_recv(cx) {
            this.strands.push(Strand::new(stream));
        }
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (at, missing) = match this.incoming.run {
            Some(run) => run,
            None => match ready!(this.poll_next(cx))? {
                Some(run) => run,
                None => return Poll::Ready(Ok(())),
            },
        };
        this.incoming.run = Some((at, missing));
        let strand = this.strands.get_mut(at).ok_or(io::ErrorKind::InvalidData)?;
        let room = missing.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut strand.stream).poll_read(cx, &mut part))?;
        let count = part.filled().len();
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        buffer.advance(count);
        this.incoming.run = (missing > count).then_some((at, missing - count));
        Poll::Ready(Ok(()))
    }
}

impl Outgoing {
    /// Makes a run of the front of `bytes`.
    fn prepare(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(..RUN_MAX).unwrap_or(bytes);
        self.run.clear();
        self.run.extend_from_slice(&self.next.to_le_bytes());
        self.run.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        self.run.extend_from_slice(bytes);
    }

    /// Gives the run to one of the strands; answers which, and how much it took.
    fn poll_begin<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        strands: &mut [Strand<S>],
    ) -> Poll<io::Result<(usize, usize)>> {
        let mut any = false;
        for offset in 0..strands.len() {
            let at = (self.turn + offset) % strands.len();
            let Some(strand) = strands.get_mut(at).filter(|strand| !strand.over) else { continue };
            any = true;
            if let Poll::Ready(count) = Pin::new(&mut strand.stream).poll_write(cx, &self.run) {
                self.turn = at + 1;
                return Poll::Ready(count.map(|count| (at, count)));
            }
        }
        match any {
            true => Poll::Pending,
            false => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Braid<S> {
    /// A run that has begun goes on with the next call, whose bytes must begin with the same.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { strands, outgoing, .. } = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let (at, mut taken) = match outgoing.begun {
            Some(begun) => begun,
            None => {
                outgoing.prepare(bytes);
                ready!(outgoing.poll_begin(cx, strands))?
            }
        };
        let strand = strands.get_mut(at).ok_or(io::ErrorKind::InvalidData)?;
        while let Some(rest @ [_, ..]) = outgoing.run.get(taken..) {
            outgoing.begun = Some((at, taken));
            let count = ready!(Pin::new(&mut strand.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            taken += count;
        }
        outgoing.begun = None;
        outgoing.next = outgoing.next.wrapping_add(1);
        Poll::Ready(Ok(outgoing.run.len() - HEAD))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for strand in &mut self.get_mut().strands {
            ready!(Pin::new(&mut strand.stream).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for strand in &mut self.get_mut().strands {
            ready!(Pin::new(&mut strand.stream).poll_shutdown(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seeded::{self, Rng};
    use futures_util::FutureExt;
    use futures_util::future::join;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    type End = (Braid<DuplexStream>, UnboundedSender<DuplexStream>);

    /// Both ends of a braid of one strand that holds so many bytes on their way.
    fn pair(room: usize) -> (End, End) {
        let (near, far) = duplex(room);
        let end = |stream| {
            let (joining, joined) = unbounded_channel();
            (Braid::new(stream, joined), joining)
        };
        (end(near), end(far))
    }

    fn add((_, near): &End, (_, far): &End, room: usize) {
        let (one, other) = duplex(room);
        near.send(one).unwrap();
        far.send(other).unwrap();
    }

    /// A run of this number, of so many bytes.
    fn run(number: u32, length: usize) -> Vec<u8> {
        let head = [number.to_le_bytes().as_slice(), &(length as u16).to_le_bytes()].concat();
        [head, vec![7; length]].concat()
    }

    /// What is read of strands that say this and end.
    fn read(strands: &[Vec<u8>]) -> Option<io::Result<usize>> {
        let ended = |said: &Vec<u8>| {
            let (mut near, far) = duplex(said.len().max(1));
            near.write_all(said).now_or_never().unwrap().unwrap();
            far
        };
        let (joining, joined) = unbounded_channel();
        let mut streams = strands.iter().map(ended);
        let mut braid = Braid::new(streams.next().unwrap(), joined);
        streams.for_each(|stream| joining.send(stream).unwrap());
        let mut all = Vec::new();
        braid.read_to_end(&mut all).now_or_never()
    }

    #[tokio::test]
    async fn bytes_come_in_order_however_much_each_strand_holds() {
        for (seed, rooms) in [(1, [64, 64, 64]), (2, [7, 9_000, 300]), (3, [100_000, 5, 20_000])] {
            let (mut near, mut far) = pair(rooms[0]);
            let data = seeded::bytes(seed, 300_000);
            let mut rng = Rng::new(seed);
            // Two strands join on the way, first where it is written, long before where it is read.
            let (one, other) = (duplex(rooms[1]), duplex(rooms[2]));
            near.1.send(one.0).unwrap();
            assert!(near.0.read(&mut [0]).now_or_never().is_none());
            let write = async {
                let mut rest = data.as_slice();
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at(1 + rng.below(rest.len().min(30_000)));
                    near.0.write_all(piece).await.unwrap();
                    rest = later;
                }
                near.0.shutdown().await.unwrap();
            };
            let mut read = vec![0; 1_000];
            let reading = async {
                far.0.read_exact(&mut read).await.unwrap();
                far.1.send(one.1).unwrap();
                far.1.send(other.1).unwrap();
                far.0.read_to_end(&mut read).await.unwrap();
            };
            drop(other.0);
            join(write, reading).await;
            assert!(read == data, "{rooms:?}");
        }
    }

    #[tokio::test]
    async fn what_one_strand_does_not_take_goes_over_another() {
        let (mut near, mut far) = pair(HEAD + RUN_MAX);
        add(&near, &far, 100_000);
        // Whoever reads finds out who has joined.
        assert!(near.0.read(&mut [0]).now_or_never().is_none());
        for number in 0..4 {
            near.0.write_all(&[number; RUN_MAX]).now_or_never().unwrap().unwrap();
        }
        let mut read = vec![0; 4 * RUN_MAX];
        far.0.read_exact(&mut read).await.unwrap();
        assert!(read.chunks(RUN_MAX).zip(0..).all(|(run, number)| *run == [number; RUN_MAX]));
    }

    #[test]
    fn what_is_no_run_and_what_had_its_turn_ends_it() {
        let kind =
            |strands: &[Vec<u8>]| read(strands).map(|read| read.map_err(|error| error.kind()));
        let twice = |numbers: [u32; 2]| numbers.map(|number| run(number, 3)).concat();
        assert_eq!(kind(&[run(0, 5)]), Some(Ok(5)));
        assert_eq!(kind(&[run(1, RUN_MAX), run(0, 1)]), Some(Ok(RUN_MAX + 1)));
        assert_eq!(kind(&[vec![], run(0, 1)]), Some(Ok(1)), "over before it said anything");
        let (invalid, cut) = (io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(&[run(1, 5), vec![]]), Some(Err(cut)), "nobody brings the first");
        let broken = [run(2, 5), [run(0, 4), run(1, 1)[..3].to_vec()].concat()];
        assert_eq!(kind(&broken), Some(Err(cut)));
        for wrong in
            [run(0, 0), run(0, RUN_MAX + 1), run(u32::MAX, 3), twice([0, 0]), twice([1, 0])]
        {
            let mut strands = vec![wrong, run(0, 3)];
            if strands[0].starts_with(&[0; 4]) {
                strands.pop();
            }
            assert_eq!(kind(&strands), Some(Err(invalid)));
        }
        for length in 1..HEAD + 3 {
            assert_eq!(kind(&[run(0, 3)[..length].to_vec()]), Some(Err(cut)), "{length}");
        }
    }
}
