//! A proper link, and no manners.

use super::heard::Heard;
use super::{Answer, PATIENCE, address, socket, words};
use std::net::SocketAddr;
use tahoe::base::limits::RECORD_PLAIN_MAX;
use tahoe::link::{Established, Records, Sealed, Suite, initiate, respond};
use tahoe::tub::frame::{Head, Hello, Target};
use tahoe::tub::{Furl, Identity, TubId, codec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One end of a link that says whatever it is told to.
pub struct Rogue {
    pub heard: Heard,
    stream: TcpStream,
    records: Records,
    peer: TubId,
    calls: u32,
    listens: bool,
}

/// A hello that lets the other side make so many calls of so many bytes.
pub const fn hello(calls: u32, call_bytes: u32) -> Hello {
    Hello { version: 1, incarnation: 1, calls, call_bytes, features: 0 }
}

fn encoded(hello: &Hello) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(hello, &mut bytes).unwrap();
    bytes
}

impl Rogue {
    /// A link to the tub of a furl, under an identity of its own.
    pub async fn dial(furl: &Furl) -> Self {
        Self::dial_as(&Identity::random(), furl, &hello(1, 1)).await
    }

    pub async fn dial_as(identity: &Identity, furl: &Furl, hello: &Hello) -> Self {
        let link = Self::try_dial(identity, (address(furl), furl.tub()), hello).await;
        link.expect("a link")
    }

    /// A link to a tub of which only address and key are known; `None` if it cannot be had.
    pub async fn try_dial(
        identity: &Identity,
        (to, tub): (SocketAddr, TubId),
        hello: &Hello,
    ) -> Option<Self> {
        let mut stream = socket(to).await.ok()?;
        let (suite, hello) = (Suite::default(), encoded(hello));
        let link = initiate(&mut stream, identity.keys(), (suite, &tub.0), || &hello);
        let link = tokio::time::timeout(PATIENCE * 2, link).await.ok()?.ok()?;
        Some(Self::new(stream, link))
    }

    /// The link that the next tub opens which dials `listener`; it must take us for `identity`.
    pub async fn accept(listener: &TcpListener, identity: &Identity, hello: &Hello) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let link = respond(&mut stream, identity.keys(), &encoded(hello)).await.unwrap();
        let mut this = Self::new(stream, link);
        assert!(this.say(&words::bare(&Head::Accepted)).await);
        this
    }

    fn new(stream: TcpStream, link: Established) -> Self {
        let Established { records, peer, .. } = link;
        let (heard, peer) = (Heard::default(), TubId(peer));
        Self { heard, stream, records, peer, calls: 0, listens: false }
    }

    pub const fn peer(&self) -> TubId {
        self.peer
    }

    /// From now on reads what comes while it speaks.
    pub const fn listen(&mut self) {
        self.listens = true;
    }

    /// A number for a call that it has not had yet.
    pub const fn next_id(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    /// Says whole or partial frames, in records as long as they may be; false once the other side has
    /// hung up.
    pub async fn say(&mut self, plain: &[u8]) -> bool {
        self.say_in(&[RECORD_PLAIN_MAX], plain).await
    }

    /// The same in records of these lengths, over and over.
    pub async fn say_in(&mut self, lengths: &[usize], plain: &[u8]) -> bool {
        let sealed = self.sealed(lengths, plain);
        self.say_unsealed(sealed.as_slice()).await
    }

    /// What frames become on the wire, to be said later.
    pub fn sealed(&mut self, lengths: &[usize], mut plain: &[u8]) -> Sealed {
        let mut sealed = Sealed::default();
        for length in lengths.iter().cycle() {
            let (record, later) = plain.split_at(plain.len().min(*length));
            self.records.seal(record, &mut sealed).unwrap();
            plain = later;
            if plain.is_empty() {
                break;
            }
        }
        sealed
    }

    /// Says bytes on the stream as they are: what was sealed before, or what no record is.
    pub async fn say_unsealed(&mut self, mut bytes: &[u8]) -> bool {
        let (mut reader, mut writer) = self.stream.split();
        let mut buffer = [0; 16 << 10];
        while !bytes.is_empty() {
            let listens = self.listens && !self.heard.ended;
            let piece = async {
                tokio::select! {
                    written = writer.write(bytes) => written.map(Ok),
                    read = reader.read(&mut buffer), if listens => read.map(Err),
                }
            };
            match tokio::time::timeout(PATIENCE, piece).await {
                Ok(Ok(Ok(written @ 1..))) => bytes = &bytes[written..],
                Ok(Ok(Err(read))) => self.heard.take(&mut self.records, &buffer[..read]),
                _ => return false,
            }
        }
        true
    }

    /// Calls `method` of `interface` of an object, and waits for no answer.
    pub async fn call(
        &mut self,
        target: Target,
        method: (u32, u16),
        (arguments, bulk): (&[u8], &[u8]),
    ) -> Option<u32> {
        let id = self.next_id();
        let call = words::frame(&words::call(id, target, method), arguments, bulk);
        self.say(&call).await.then_some(id)
    }

    /// The same, and what the other side answers, if it does in time.
    pub async fn ask(
        &mut self,
        target: Target,
        method: (u32, u16),
        arguments: (&[u8], &[u8]),
    ) -> Option<Answer> {
        let id = self.call(target, method, arguments).await?;
        self.hears(|heard| heard.answer(id).is_some()).await;
        self.heard.answer(id).cloned()
    }

    /// Reads until `done`; false if it never came to that.
    pub async fn hears(&mut self, done: impl Fn(&Heard) -> bool) -> bool {
        let mut buffer = [0; 16 << 10];
        while !done(&self.heard) && !self.heard.ended {
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let Ok(read) = read else { return false };
            self.heard.take(&mut self.records, &buffer[..read.unwrap_or(0)]);
        }
        done(&self.heard)
    }

    /// Whether the other side ends the link; reads whatever it still sends.
    pub async fn is_cut_off(&mut self) -> bool {
        self.hears(|heard| heard.ended).await
    }

    /// The raw stream, for what no word here says.
    pub const fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}
