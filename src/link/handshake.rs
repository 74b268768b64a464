//! The three messages that turn a byte stream into a link. Each side's hello rides in them, so that
//! both know the other's limits when the first record arrives.

use super::preamble::{self, PreambleError, Suite};
use super::record::Records;
use snow::{Builder, HandshakeState};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// Bytes of `e` and of an authentication tag.
const KEY: usize = 32;
const TAG: usize = 16;
/// Bytes of hello that a peer may send.
const HELLO_MAX: usize = 256;

/// Why there is no link. None of it is told to the peer, except an unsupported version.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The stream ended or failed.
    #[error("connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The peer speaks another protocol, or is not who the furl names.
    #[error("the peer did not prove the expected key")]
    Handshake,
    /// The peer speaks another version of this protocol.
    #[error("the peer speaks another version of the link protocol")]
    Unsupported,
}

impl From<snow::Error> for LinkError {
    fn from(_: snow::Error) -> Self {
        Self::Handshake
    }
}

/// A finished handshake.
pub struct Established {
    pub records: Records,
    /// The peer's public key, proven.
    pub peer: [u8; 32],
    /// What the peer sent beside its key.
    pub hello: Vec<u8>,
}

/// A key pair for links: the X25519 secret and its public point.
pub struct Keys {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
}

impl Keys {
    pub fn new(secret: Zeroizing<[u8; 32]>, public: [u8; 32]) -> Self {
        Self { secret, public }
    }

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
    Builder::new(pattern).prologue(prologue)?.local_private_key(keys.secret.as_slice())
}

fn prologue(suite: Suite, responder: &[u8; 32]) -> Vec<u8> {
    [preamble::encode(suite).as_slice(), responder].concat()
}

/// Opens a link to the holder of `responder`'s private key.
pub async fn initiate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    keys: &Keys,
    (suite, responder): (Suite, &[u8; 32]),
    hello: &[u8],
) -> Result<Established, LinkError> {
    let prologue = prologue(suite, responder);
    let mut noise =
        builder(suite, keys, &prologue)?.remote_public_key(responder)?.build_initiator()?;
    let mut first = preamble::encode(suite).to_vec();
    append_message(&mut noise, &[], &mut first)?;
    stream.write_all(&first).await?;

    let length = read_length(stream).await?;
    if length.to_be_bytes() == *b"PB" {
        return Err(LinkError::Unsupported);
    }
    let theirs = read_message(stream, &mut noise, length, KEY + TAG).await?;

    let mut last = Vec::new();
    append_message(&mut noise, hello, &mut last)?;
    stream.write_all(&last).await?;
    Ok(Established { records: Records::new(suite, noise)?, peer: *responder, hello: theirs })
}

/// Answers an initiator; says nothing to one that does not know our key.
pub async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    keys: &Keys,
    hello: &[u8],
) -> Result<Established, LinkError> {
    let mut opening = [0; preamble::LENGTH];
    stream.read_exact(&mut opening).await?;
    let suite = match preamble::parse(&opening) {
        Ok(suite) => suite,
        Err(PreambleError::Foreign) => return Err(LinkError::Handshake),
        Err(PreambleError::Unsupported) => {
            stream.write_all(&preamble::encode(Suite::default())).await?;
            return Err(LinkError::Unsupported);
        }
    };
    let prologue = prologue(suite, &keys.public);
    let mut noise = builder(suite, keys, &prologue)?.build_responder()?;
    let length = read_length(stream).await?;
    read_message(stream, &mut noise, length, KEY + TAG).await?;

    let mut answer = Vec::new();
    append_message(&mut noise, hello, &mut answer)?;
    stream.write_all(&answer).await?;

    let length = read_length(stream).await?;
    let theirs = read_message(stream, &mut noise, length, KEY + TAG + TAG).await?;
    let peer = noise.get_remote_static().and_then(|key| key.try_into().ok());
    let peer = peer.ok_or(LinkError::Handshake)?;
    Ok(Established { records: Records::new(suite, noise)?, peer, hello: theirs })
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

async fn read_length<S: AsyncRead + Unpin>(stream: &mut S) -> Result<u16, LinkError> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    Ok(u16::from_be_bytes(length))
}

/// Reads one handshake message and returns its payload.
async fn read_message<S: AsyncRead + Unpin>(
    stream: &mut S,
    noise: &mut HandshakeState,
    length: u16,
    bare: usize,
) -> Result<Vec<u8>, LinkError> {
    let length = usize::from(length);
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
