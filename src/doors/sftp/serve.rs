//! Messages in, answers out.
//!
//! What comes is always read, whether or not answers are taken, up to a bound that no honest client reaches:
//! the same connection also brings word that there is room for more answers. So what is asked for waits here,
//! a few bytes each, and memory for an answer is taken when its turn has come.

use super::super::opened::Opened;
use super::order::{Order, Turn};
use super::packet::{Message, Request, is_init};
use super::reply::{self, Refusal};
use super::room::Room;
use super::session::Session;
use crate::base::budget::{Budget, Share};
use crate::base::limits::{
    SFTP_LOOK_TIME, SFTP_MESSAGE_MAX, SFTP_NAMES_SIZE, SFTP_REQUESTS_MAX, SFTP_SESSION_BYTES_MAX,
    SFTP_STALL_TIME,
};
use crate::base::system::Clock;
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Memory of a session, and of all.
type Held = [Share; 2];

/// An answer on its way, with the memory that it takes if it is long.
type Told = (Vec<u8>, Option<Held>);

/// Serves a client until it goes, or its door does. `room` is what all sessions have together.
pub async fn serve(
    mut input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + 'static,
    (door, clock): (Opened, Clock),
    room: Room,
) -> io::Result<()> {
    let still = door.clone();
    let served = async {
        let Some(output) = timeout(SFTP_STALL_TIME, greet(&mut input, output)).await?? else {
            return Ok(());
        };
        let (answers, told) = mpsc::channel(ANSWERS_MAX);
        let telling = actix_rt::spawn(tell(output, told));
        let own = || Budget::new(SFTP_SESSION_BYTES_MAX);
        let (asked, told) = ([own(), room.asked.clone()], [own(), room.told.clone()]);
        let client = Client { session: Session::new(door, clock, room), answers, room: told };
        let worked = client.work(&mut input, &asked).await;
        drop(client);
        // What was done is told to the end, if it was not the telling that failed.
        worked.and(telling.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into())))
    };
    tokio::select! {
        biased;
        () = gone(&still) => Ok(()),
        served = served => served,
    }
}

/// Hears which version is spoken, and says so; none if nobody is there.
async fn greet<W: AsyncWrite + Unpin>(
    input: &mut (impl AsyncRead + Unpin),
    mut output: W,
) -> io::Result<Option<W>> {
    let Some(length) = length(input).await? else { return Ok(None) };
    if !is_init(body(input, length).await?) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    output.write_all(&reply::version()).await?;
    Ok(Some(output))
}

/// Answers that wait to be sent.
const ANSWERS_MAX: usize = 32;

/// Waits until the door is shut: who is in it is put out then. What they ask for is refused at once.
pub async fn gone(door: &Opened) {
    while door.is_there().is_ok() {
        tokio::time::sleep(SFTP_LOOK_TIME).await;
    }
}

/// How long the next message is; none if there is no other.
async fn length(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<usize>> {
    let mut bytes = [0; 4];
    match input.read_exact(&mut bytes).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
    match length <= SFTP_MESSAGE_MAX {
        true => Ok(Some(length)),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn body(input: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; length];
    timeout(SFTP_STALL_TIME, input.read_exact(&mut bytes)).await??;
    Ok(bytes.into())
}

/// Sends answers in the order in which they come, several at a time where several wait.
async fn tell(output: impl AsyncWrite + Unpin, mut told: mpsc::Receiver<Told>) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(SENT_AT_ONCE, output);
    while let Some((bytes, held)) = told.recv().await {
        timeout(SFTP_STALL_TIME, output.write_all(&bytes)).await??;
        drop((bytes, held));
        if told.is_empty() {
            timeout(SFTP_STALL_TIME, output.flush()).await??;
        }
    }
    output.shutdown().await
}

const SENT_AT_ONCE: usize = 32 << 10;

struct Client {
    session: Session,
    answers: mpsc::Sender<Told>,
    /// The memory of answers: of this session, and of all.
    room: [Budget; 2],
}

impl Client {
    async fn work(
        &self,
        input: &mut (impl AsyncRead + Unpin),
        room: &[Budget; 2],
    ) -> io::Result<()> {
        let (mut order, mut running) = (Order::default(), FuturesUnordered::new());
        let heard = loop {
            let mut next = pin!(next(input, room));
            let next = loop {
                tokio::select! {
                    biased;
                    Some(()) = running.next() => {}
                    () = self.answers.closed() => break Ok(None),
                    next = &mut next, if running.len() < SFTP_REQUESTS_MAX => break next,
                }
            };
            match next {
                Ok(Some((message, held))) => {
                    let touches = message.request.as_ref().map(|asked| self.session.touches(asked));
                    let turn = order.enter(touches.unwrap_or_default());
                    running.push(self.one(message, turn, held));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // Nobody asks any more, or hears. What was asked for is done: who unmounts a directory closes files
        // without waiting.
        while let Some(()) = running.next().await {}
        heard
    }

    async fn one(&self, message: Message, mut turn: Turn, asked: Held) {
        let Message { id, request } = message;
        turn.comes().await;
        let held = match &request {
            Ok(Request::Read { length, .. }) => Some(taken(&self.room, *length).await),
            Ok(Request::List(_)) => Some(taken(&self.room, NAMES_ROOM).await),
            // What is answered in a few bytes waits for no memory: others may wait for what it has.
            _ => None,
        };
        let answer = match request {
            Ok(request) => self.session.answer(request).await,
            Err(error) => Err(Refusal::from(error)),
        };
        drop((turn, asked));
        // Who does not hear it any more has done without.
        let _ = self.answers.send((reply::message(id, answer), held)).await;
    }
}

/// Bytes that count at least of a message.
const SMALL_ROOM: usize = 1 << 10;
/// Bytes of an answer with names, more or less: each stands there twice.
const NAMES_ROOM: usize = 2 * SFTP_NAMES_SIZE;

async fn taken([own, all]: &[Budget; 2], bytes: usize) -> Held {
    let bytes = bytes.max(SMALL_ROOM);
    [own.wait(bytes).await, all.wait(bytes).await]
}

/// The next message, once there is memory for it.
async fn next(
    input: &mut (impl AsyncRead + Unpin),
    room: &[Budget; 2],
) -> io::Result<Option<(Message, Held)>> {
    let Some(length) = length(input).await? else { return Ok(None) };
    let held = taken(room, length).await;
    let message = Message::parse(body(input, length).await?);
    let message = message.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some((message, held)))
}
