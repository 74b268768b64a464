//! The three messages that turn a byte stream into a link. Each side's hello rides in them, so that
//! both know the other's limits when the first record arrives.

use super::noise::resolver;
use super::preamble::{self, Suite};
use super::record::Records;
use snow::{Builder, HandshakeState};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// Bytes of `e` and of an authentication tag.
const KEY: usize = 32;
const TAG: usize = 16;
/// Bytes of hello that a peer may send.
const HELLO_MAX: usize = 256;

/// Why there is no link. None of it is told to the peer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The stream ended or failed.
    #[error("connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The peer speaks another protocol or version, or is not who the furl names.
    #[error("the peer did not prove the expected key")]
    Handshake,
}

impl From<snow::Error> for LinkError {
    fn from(_: snow::Error) -> Self {
        Self::Handshake
    }
}

/// A finished handshake.
pub struct Established {
    /// What seals and opens all that follows.
    pub records: Records,
    /// The peer's public key, proven.
    pub peer: [u8; 32],
    /// What the peer sent beside its key.
    pub hello: Vec<u8>,
    /// A number that this handshake has and hardly any other.
    pub number: u64,
}

/// A key pair for links: the X25519 secret and its public point.
pub struct Keys {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Keys {
    /// The pair of a secret and the public point that belongs to it, which the caller has computed.
    pub fn new(secret: Zeroizing<[u8; 32]>, public: [u8; 32]) -> Self {
        Self { secret, public }
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }
}

fn builder<'a>(
    suite: Suite,
    keys: &'a Keys,
    prologue: &'a [u8],
) -> Result<Builder<'a>, snow::Error> {
    let pattern = suite.pattern().parse()?;
    Builder::with_resolver(pattern, resolver())
        .prologue(prologue)?
        .local_private_key(keys.secret.as_slice())
}

fn prologue(suite: Suite, responder: &[u8; 32]) -> Vec<u8> {
    [preamble::encode(suite).as_slice(), responder].concat()
}

/// Opens a link to the holder of `responder`'s private key. Asked for `hello` once that has answered.
pub async fn initiate<S: AsyncRead + AsyncWrite + Unpin, H: AsRef<[u8]>>(
    stream: &mut S,
    keys: &Keys,
    (suite, responder): (Suite, &[u8; 32]),
    hello: impl FnOnce() -> H,
) -> Result<Established, LinkError> {
    let prologue = prologue(suite, responder);
    let mut noise =
        builder(suite, keys, &prologue)?.remote_public_key(responder)?.build_initiator()?;
    let mut first = preamble::encode(suite).to_vec();
    append_message(&mut noise, &[], &mut first)?;
    stream.write_all(&first).await?;

    let theirs = read_message(stream, &mut noise, KEY + TAG).await?;

    let mut last = Vec::new();
    append_message(&mut noise, hello().as_ref(), &mut last)?;
    stream.write_all(&last).await?;
    established(suite, noise, *responder, theirs)
}

fn established(
    suite: Suite,
    noise: HandshakeState,
    peer: [u8; 32],
    hello: Vec<u8>,
) -> Result<Established, LinkError> {
    let hash = noise.get_handshake_hash().first_chunk();
    let number = u64::from_le_bytes(*hash.ok_or(LinkError::Handshake)?);
    Ok(Established { records: Records::new(suite, noise)?, peer, hello, number })
}

/// Bytes with which every initiator begins: preamble, length, first message.
const OPENING: usize = preamble::LENGTH + 2 + KEY + TAG;

/// An initiator that knows our key. It has not shown its own yet.
pub struct Greeted {
    suite: Suite,
    noise: HandshakeState,
}

/// Reads what every initiator begins with. All of it is read before any of it is judged: whoever does
/// not know our key sees the same silence, for as long, whatever bytes it tries.
pub async fn greeted<S: AsyncRead + Unpin>(
    stream: &mut S,
    keys: &Keys,
) -> Result<Greeted, LinkError> {
    let mut opening = [0; OPENING];
    stream.read_exact(&mut opening).await?;
    let (start, rest) = opening.split_first_chunk().ok_or(LinkError::Handshake)?;
    let (length, message) = rest.split_first_chunk().ok_or(LinkError::Handshake)?;
    let suite = preamble::parse(start).ok_or(LinkError::Handshake)?;
    if usize::from(u16::from_be_bytes(*length)) != message.len() {
        return Err(LinkError::Handshake);
    }
    let prologue = prologue(suite, &keys.public);
    let mut noise = builder(suite, keys, &prologue)?.build_responder()?;
    noise.read_message(message, &mut [0; KEY + TAG])?;
    Ok(Greeted { suite, noise })
}

impl Greeted {
    /// Answers, and reads the key that the initiator then shows.
    pub async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: &mut S,
        hello: &[u8],
    ) -> Result<Established, LinkError> {
        let Self { suite, mut noise } = self;
        let mut answer = Vec::new();
        append_message(&mut noise, hello, &mut answer)?;
        stream.write_all(&answer).await?;

        let theirs = read_message(stream, &mut noise, KEY + TAG + TAG).await?;
        let peer = noise.get_remote_static().and_then(|key| key.try_into().ok());
        let peer = peer.ok_or(LinkError::Handshake)?;
        established(suite, noise, peer, theirs)
    }
}

/// Answers an initiator; says nothing to one that does not know our key.
pub async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    keys: &Keys,
    hello: &[u8],
) -> Result<Established, LinkError> {
    greeted(stream, keys).await?.answer(stream, hello).await
}

/// Appends `u16 length ‖ message` to `out`.
fn append_message(
    noise: &mut HandshakeState,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), LinkError> {
    let mut message = vec![0; payload.len() + 2 * (KEY + TAG)];
    let length = noise.write_message(payload, &mut message)?;
    message.truncate(length);
    let length = u16::try_from(length).map_err(|_| LinkError::Handshake)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&message);
    Ok(())
}

/// Reads one handshake message and returns its payload.
async fn read_message<S: AsyncRead + Unpin>(
    stream: &mut S,
    noise: &mut HandshakeState,
    bare: usize,
) -> Result<Vec<u8>, LinkError> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let length = usize::from(u16::from_be_bytes(length));
    if !(bare..=bare + KEY + TAG + HELLO_MAX).contains(&length) {
        return Err(LinkError::Handshake);
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    let mut payload = vec![0; length];
    let length = noise.read_message(&message, &mut payload)?;
    payload.truncate(length);
    Ok(payload)
}
