//! A network on which all streams together carry no more than so many bytes a second: for who has a line
//! together with others and leaves them some of it.
//!
//! Each stream takes its turn at once and waits for the next until what it took is paid for by time, that
//! of all others among it. So who has little to say hardly waits, and no stream keeps others from theirs;
//! what is in a hurry on a link goes before the rest of that link.

use super::furl::Hint;
use super::network::{BoxStream, Connecting, Listener, Network};
use super::object::BoxFuture;
use crate::base::lock::locked;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What was not used of the line is lost, but for what passes in so long.
const BURST_TIME: Duration = Duration::from_millis(100);
/// What a stream takes at once.
const TURN: usize = 4 << 10;

/// Bytes a second each way; none is as many as there are. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    up: Arc<Mutex<Meter>>,
    down: Arc<Mutex<Meter>>,
}

impl Rates {
    /// From now on.
    pub fn set(&self, up: Option<u64>, down: Option<u64>) {
        for (meter, rate) in [(&self.up, up), (&self.down, down)] {
            let mut meter = locked(meter);
            if meter.rate != rate {
                *meter = Meter { rate, ..Meter::default() };
            }
        }
    }

    /// The network with these rates for all of its streams.
    pub fn over(&self, network: Arc<dyn Network>) -> Arc<dyn Network> {
        Arc::new(Metered { network, rates: self.clone() })
    }
}

/// What may pass one way.
#[derive(Debug, Default)]
struct Meter {
    rate: Option<u64>,
    /// Up to when all that passed has been paid for by time.
    paid: Option<Instant>,
}

impl Meter {
    /// So many bytes passed; until when whoever took them waits.
    fn charge(&mut self, bytes: usize) -> Option<Instant> {
        let (rate, now) = (self.rate?, Instant::now());
        let earliest = now.checked_sub(BURST_TIME).unwrap_or(now);
        let paid = self.paid.map_or(earliest, |paid| paid.max(earliest)) + time_of(bytes, rate);
        self.paid = Some(paid);
        (paid > now).then_some(paid)
    }
}

fn time_of(bytes: usize, rate: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64)
}

/// See the module.
struct Metered {
    network: Arc<dyn Network>,
    rates: Rates,
}

impl Network for Metered {
    fn dial<'a>(&'a self, hint: &'a Hint) -> Connecting<'a> {
        Box::pin(async move { Ok(metered(self.network.dial(hint).await?, &self.rates)) })
    }

    fn listen(&self, hint: &Hint) -> io::Result<(Box<dyn Listener>, Hint)> {
        let (listener, hint) = self.network.listen(hint)?;
        Ok((Box::new(MeteredListener { listener, rates: self.rates.clone() }), hint))
    }

    fn readdressed(&self) -> BoxFuture<()> {
        self.network.readdressed()
    }
}

struct MeteredListener {
    listener: Box<dyn Listener>,
    rates: Rates,
}

impl Listener for MeteredListener {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async { Ok(metered(self.listener.accept().await?, &self.rates)) })
    }
}

fn metered(stream: BoxStream, rates: &Rates) -> BoxStream {
    let gate = |meter: &Arc<Mutex<Meter>>| Gate { meter: meter.clone(), until: None };
    Box::new(MeteredStream { stream, up: gate(&rates.up), down: gate(&rates.down) })
}

/// One direction of one stream.
struct Gate {
    meter: Arc<Mutex<Meter>>,
    until: Option<Pin<Box<Sleep>>>,
}

impl Gate {
    /// How many of so many bytes may pass, when it is this stream's turn.
    fn poll(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        if let Some(until) = &mut self.until {
            ready!(until.as_mut().poll(cx));
            self.until = None;
        }
        let limited = locked(&self.meter).rate.is_some();
        Poll::Ready(if limited { wanted.min(TURN) } else { wanted })
    }

    /// So many of them did.
    fn passed(&mut self, bytes: usize) {
        if bytes > 0 {
            let until = locked(&self.meter).charge(bytes);
            self.until = until.map(|until| Box::pin(sleep_until(until)));
        }
    }
}

struct MeteredStream {
    stream: BoxStream,
    up: Gate,
    down: Gate,
}

impl AsyncRead for MeteredStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = buffer.remaining();
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let taken = ready!(this.down.poll(cx, room));
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(taken));
        let read = Pin::new(&mut this.stream).poll_read(cx, &mut part);
        let count = part.filled().len();
        buffer.advance(count);
        this.down.passed(count);
        read
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        }
        let taken = ready!(this.up.poll(cx, bytes.len()));
        let part = bytes.get(..taken).unwrap_or(bytes);
        let written = Pin::new(&mut this.stream).poll_write(cx, part);
        if let Poll::Ready(Ok(count)) = &written {
            this.up.passed(*count);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// How long it takes to carry so many bytes over each of some streams at once, by a rate up or down.
    async fn time_for(bytes: usize, streams: usize, up: Option<u64>, down: Option<u64>) -> f64 {
        let rates = Rates::default();
        rates.set(up, down);
        let began = Instant::now();
        let carry = |_| {
            let (one, other) = duplex(64 << 10);
            let mut one = metered(Box::new(one), &rates);
            let mut other = metered(Box::new(other), &rates);
            async move {
                let sent = vec![7; bytes];
                let mut came = vec![0; bytes];
                let (wrote, read) = tokio::join!(one.write_all(&sent), other.read_exact(&mut came));
                assert!(wrote.is_ok() && read.is_ok() && came == sent);
            }
        };
        futures_util::future::join_all((0..streams).map(carry)).await;
        began.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn all_streams_together_keep_to_the_rate_whatever_it_is() {
        for rate in [4_000, 10_000, 300_000, 50_000_000] {
            for streams in [1, 3] {
                for (up, down) in [(Some(rate), None), (None, Some(rate))] {
                    let bytes = (rate as usize * 10).min(5_000_000);
                    let took = time_for(bytes, streams, up, down).await;
                    let wanted = (bytes * streams) as f64 / rate as f64;
                    // The last turns are not waited for; timers have a millisecond.
                    let free = (TURN * streams) as f64 / rate as f64 + 0.2;
                    let (least, most) = (wanted - free, wanted * 1.2 + 0.1);
                    assert!((least..most).contains(&took), "{rate} {streams}: {took} {wanted}");
                }
            }
        }
        assert!(time_for(1_000_000, 2, None, None).await < 0.01);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_little_does_not_wait_for_those_who_send_much() {
        let rates = Rates::default();
        rates.set(Some(100_000), None);
        for busy in 0..10 {
            let (one, mut other) = duplex(1 << 10);
            let mut one = metered(Box::new(one), &rates);
            tokio::spawn(async move { one.write_all(&vec![busy; 10_000_000]).await });
            tokio::spawn(async move { other.read_to_end(&mut Vec::new()).await });
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (one, mut other) = duplex(1 << 10);
        let mut one = metered(Box::new(one), &rates);
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let began = Instant::now();
            one.write_all(&[7; 200]).await.unwrap();
            other.read_exact(&mut [0; 200]).await.unwrap();
            assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_holds_from_when_it_is_set() {
        let rates = Rates::default();
        let (one, mut other) = duplex(1 << 20);
        let mut one = metered(Box::new(one), &rates);
        one.write_all(&[7; 100_000]).await.unwrap();
        rates.set(Some(10_000), None);
        let began = Instant::now();
        one.write_all(&[7; 50_000]).await.unwrap();
        assert!(began.elapsed() > Duration::from_secs(4));
        rates.set(None, None);
        let began = Instant::now();
        one.write_all(&[7; 500_000]).await.unwrap();
        // Once the last turn is paid for.
        assert!(began.elapsed() < Duration::from_millis(500));
        let mut came = vec![0; 650_000];
        other.read_exact(&mut came).await.unwrap();
    }
}
