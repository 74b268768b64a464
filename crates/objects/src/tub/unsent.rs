//! How much of what is written to a socket waits there unsent: what is more urgent cannot go before it.
//!
//! `TCP_NOTSENT_LOWAT` bounds it, but only for who asks before each write whether the socket is writable: a
//! write itself is also taken into the segment begun last, of up to 64 KiB, which at two megabits is a quarter
//! of a second. So each write asks, and brings no more than the line takes in a short time.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::net::{SendFlags, send};
use socket2::SockRef;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// One write brings what the line takes in about so long, and twice as much may wait unsent.
const WRITE_TIME: Duration = Duration::from_millis(10);
/// Within these bounds; at ten gigabits the largest lasts as long as it takes to wake this program.
const AT_ONCE_MIN: usize = 4 << 10;
const AT_ONCE_MAX: usize = 128 << 10;
/// Before the line is known.
const AT_ONCE_FIRST: usize = 16 << 10;

/// What is known of the line that a socket sends on.
pub(super) struct Unsent {
    /// Bytes of one write, a power of two.
    at_once: usize,
    /// Since when the line was never without something to send, and how much it was given.
    since: Instant,
    given: usize,
    last: Instant,
    /// The next write had to wait for the line.
    waited: bool,
}

impl Unsent {
    pub(super) fn of(stream: &TcpStream) -> Self {
        let now = Instant::now();
        let unsent =
            Self { at_once: AT_ONCE_FIRST, since: now, given: 0, last: now, waited: false };
        unsent.tell(stream);
        unsent
    }

    /// Tells the kernel when the socket is writable: with less than half of this unsent. It is a request.
    fn tell(&self, stream: &TcpStream) {
        let most = u32::try_from(self.at_once * 2).unwrap_or(u32::MAX);
        let _ = SockRef::from(stream).set_tcp_notsent_lowat(most);
    }

    /// Writes some of the bytes once the line is about to need them.
    pub(super) fn poll_write(
        &mut self,
        stream: &TcpStream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let some = bytes.get(..self.at_once).unwrap_or(bytes);
        loop {
            ready!(stream.poll_write_ready(context))?;
            let sent = stream.try_io(Interest::WRITABLE, || match is_writable(stream)? {
                true => Ok(send(stream, some, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?),
                false => Err(io::ErrorKind::WouldBlock.into()),
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.waited = true,
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    if self.note(count, Instant::now()) {
                        self.tell(stream);
                    }
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }

    /// Notes what was written; answers whether another amount at once fits the line.
    fn note(&mut self, count: usize, now: Instant) -> bool {
        let before = self.at_once;
        let took = now - self.since;
        if !self.waited && now - self.last > WRITE_TIME {
            // There was nothing to send meanwhile, which says nothing of the line.
            (self.since, self.given) = (now, 0);
        } else if self.waited && took >= WRITE_TIME {
            self.at_once = fitting(self.given, took);
            (self.since, self.given) = (now, 0);
        }
        self.given = self.given.saturating_add(count);
        (self.last, self.waited) = (now, false);
        self.at_once != before
    }
}

/// What a line takes at once that took so long for the `given` bytes.
fn fitting(given: usize, took: Duration) -> usize {
    let bytes = given as u128 * WRITE_TIME.as_micros() / took.as_micros().max(1);
    let bytes = usize::try_from(bytes).unwrap_or(AT_ONCE_MAX).clamp(AT_ONCE_MIN, AT_ONCE_MAX);
    1 << bytes.ilog2()
}

/// Asks the kernel, which from a no on sees to it that a later yes is told.
fn is_writable(stream: &TcpStream) -> io::Result<bool> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    // A signal that comes just now says nothing of the socket.
    Ok(retry_on_intr(|| poll(&mut asked, Some(&at_once)))? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpSocket};

    /// A connection whose second end takes little that it has not read.
    async fn connected() -> (TcpStream, TcpStream) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(1).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn little_waits_unsent_and_all_of_it_comes() {
        const ALL: usize = 3 << 20;
        let (near, mut far) = connected().await;
        let mut unsent = Unsent::of(&near);
        let bytes: Vec<u8> = (0..ALL).map(|at| (at % 251) as u8).collect();
        let mut written = 0;
        let filled = poll_fn(|context| {
            while unsent
                .poll_write(&near, context, &bytes[written..])
                .map_ok(|count| written += count)
                .is_ready()
            {}
            Poll::Ready(written)
        });
        let filled = filled.await;
        let there = rustix::io::ioctl_fionread(&far).unwrap() as usize;
        assert!(filled > there, "the peer takes all that comes: this shows nothing");
        assert!(filled - there <= 2 * AT_ONCE_FIRST, "{} bytes wait unsent", filled - there);

        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.unwrap();
            read
        });
        while written < ALL {
            written += poll_fn(|context| unsent.poll_write(&near, context, &bytes[written..]))
                .await
                .unwrap();
        }
        drop(near);
        assert!(reader.await.unwrap() == bytes);
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error() {
        let (near, far) = connected().await;
        drop(far);
        let mut unsent = Unsent::of(&near);
        let ended = async {
            while poll_fn(|context| unsent.poll_write(&near, context, &[0; 1_000])).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    }

    #[test]
    fn a_write_is_what_the_line_takes_in_its_time() {
        let ms = Duration::from_millis;
        assert_eq!(fitting(250_000, ms(1_000)), AT_ONCE_MIN, "two megabits");
        assert_eq!(fitting(12_500_000, ms(1_000)), 64 << 10, "a hundred");
        assert_eq!(fitting(usize::MAX, ms(1)), AT_ONCE_MAX);
        assert_eq!(fitting(0, ms(0)), AT_ONCE_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_line_that_is_waited_for_says_what_it_takes() {
        let (near, _far) = connected().await;
        let mut unsent = Unsent::of(&near);
        let mut now = Instant::now();
        let mut write = |unsent: &mut Unsent, after: u64, waited: bool| {
            now += Duration::from_millis(after);
            unsent.waited = waited;
            unsent.note(unsent.at_once, now);
            unsent.at_once
        };
        assert_eq!(write(&mut unsent, 1_000, false), AT_ONCE_FIRST, "nothing to send for a second");
        assert_eq!(write(&mut unsent, 4, true), AT_ONCE_FIRST, "too short a time to judge");
        assert_eq!(write(&mut unsent, 6, true), 32 << 10, "32 KiB in ten milliseconds");
        assert_eq!(write(&mut unsent, 80, true), AT_ONCE_MIN, "32 KiB in eighty");
    }
}
