//! SFTP without SSH: what stands, what is refused, what a session that ends leaves.

use super::house::House;
use bytes::{Buf, BufMut, Bytes};
use std::cell::Cell;
use tahoe::doors::sftp::{Room, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

const MEMORY: usize = 1 << 20;

/// One session.
struct Client {
    stream: DuplexStream,
    room: Room,
    served: JoinHandle<std::io::Result<()>>,
    number: Cell<u32>,
}

/// What came back: a kind and what it says, or a status.
type Answer = Result<(u8, Bytes), u32>;

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

impl Client {
    async fn raw(house: &House, door: &str) -> Self {
        let (stream, other) = duplex(1 << 16);
        let secret = house.secret(door);
        let opened = house.doors.enter(door, |door| door.by_password(secret.reveal())).unwrap();
        let (input, output) = tokio::io::split(other);
        let room = Room::new(MEMORY);
        let served = serve(input, output, (opened, house.clock.clone()), room.clone());
        let served = tokio::task::spawn_local(served);
        Self { stream, room, served, number: Cell::new(0) }
    }

    async fn new(house: &House, door: &str) -> Self {
        let mut this = Self::raw(house, door).await;
        this.send(&[1, 0, 0, 0, 3]).await;
        let (kind, version) = this.receive().await.unwrap();
        assert_eq!((kind, version.slice(..4)), (2, Bytes::from_static(&[0, 0, 0, 3])));
        this
    }

    async fn send(&mut self, message: &[u8]) {
        self.stream.write_all(&string(message)).await.unwrap();
    }

    /// The next message; none at the end.
    async fn receive(&mut self) -> Option<(u8, Bytes)> {
        let length = self.stream.read_u32().await.ok()?;
        let mut message = vec![0; length as usize];
        self.stream.read_exact(&mut message).await.unwrap();
        let mut message = Bytes::from(message);
        Some((message.get_u8(), message))
    }

    async fn ask(&mut self, kind: u8, parts: &[&[u8]]) -> Answer {
        let number = self.number.get() + 1;
        self.number.set(number);
        let mut message = vec![kind];
        message.put_u32(number);
        parts.iter().for_each(|part| message.extend_from_slice(part));
        self.send(&message).await;
        let (kind, mut answer) = self.receive().await.unwrap();
        assert_eq!(answer.get_u32(), number);
        match kind {
            101 => match answer.get_u32() {
                0 => Ok((kind, answer)),
                status => Err(status),
            },
            _ => Ok((kind, answer)),
        }
    }

    async fn open(&mut self, path: &str, flags: u32) -> Result<Bytes, u32> {
        let wanted = [flags.to_be_bytes(), [0; 4]].concat();
        self.ask(3, &[&string(path.as_bytes()), &wanted]).await.map(|(_, handle)| handle)
    }

    async fn write(&mut self, handle: &[u8], at: u64, bytes: &[u8]) -> Answer {
        self.ask(6, &[handle, &at.to_be_bytes(), &string(bytes)]).await
    }

    async fn read(&mut self, handle: &[u8], at: u64, length: u32) -> Result<Vec<u8>, u32> {
        let read = self.ask(5, &[handle, &at.to_be_bytes(), &length.to_be_bytes()]).await;
        read.map(|(_, bytes)| bytes[4..].to_vec())
    }

    /// Size and mode of what is there.
    async fn look(&mut self, path: &str) -> Result<(u64, u32), u32> {
        let (_, mut told) = self.ask(17, &[&string(path.as_bytes())]).await?;
        let flags = told.get_u32();
        assert_eq!(flags & 5, 5);
        Ok((told.get_u64(), told.get_u32()))
    }

    async fn end(self) {
        drop(self.stream);
        // It may not have been told all that it asked for.
        let _ = self.served.await.unwrap();
    }
}

fn local<F: Future<Output = ()>>(test: F) {
    actix_rt::System::new().block_on(test);
}

#[test]
fn a_file_is_there_when_it_is_closed_and_not_before() {
    local(async {
        let house = House::new().await;
        let (mut one, mut other) =
            (Client::new(&house, "all").await, Client::new(&house, "all").await);
        let handle = one.open("new", 0x1a).await.unwrap();
        one.write(&handle, 3, b"def").await.unwrap();
        one.write(&handle, 0, b"abc").await.unwrap();
        assert_eq!(one.look("/new").await, Ok((6, 0o100_644)));
        assert_eq!(other.look("new").await, Err(2));
        one.ask(4, &[&handle]).await.unwrap();
        assert_eq!(other.look("new").await, Ok((6, 0o100_644)));
        let handle = other.open("new", 1).await.unwrap();
        assert_eq!(other.read(&handle, 1, 100).await.unwrap(), b"bcdef");
        assert_eq!(other.read(&handle, 6, 1).await, Err(1));
        assert_eq!(other.ask(4, &[&handle]).await.unwrap().0, 101);
        assert_eq!(other.read(&handle, 0, 1).await, Err(4), "it is closed");
        // A session that ends leaves nothing of what it did not close.
        let half = one.open("half", 0x1a).await.unwrap();
        one.write(&half, 0, b"x").await.unwrap();
        one.end().await;
        assert_eq!(other.look("half").await, Err(2));
        other.end().await;
    });
}

#[test]
fn who_only_reads_what_is_written_stores_nothing_of_it() {
    local(async {
        let house = House::new().await;
        let (mut one, mut other) =
            (Client::new(&house, "all").await, Client::new(&house, "all").await);
        let writes = one.open("new", 0x1a).await.unwrap();
        one.write(&writes, 0, b"half").await.unwrap();
        let reads = one.open("new", 1).await.unwrap();
        assert_eq!(one.read(&reads, 0, 9).await.unwrap(), b"half");
        assert_eq!(one.write(&reads, 0, b"x").await, Err(4));
        one.ask(4, &[&reads]).await.unwrap();
        assert_eq!(other.look("new").await, Err(2), "it is not closed yet");
        one.write(&writes, 4, b" and half").await.unwrap();
        one.ask(4, &[&writes]).await.unwrap();
        assert_eq!(other.look("new").await, Ok((13, 0o100_644)));
        // A file that is open is told as by its name, its time too.
        let reads = other.open("new", 1).await.unwrap();
        let by_name = other.ask(17, &[&string(b"new")]).await.unwrap();
        assert_eq!(other.ask(8, &[&reads]).await.unwrap(), by_name);
        for client in [one, other] {
            client.end().await;
        }
    });
}

#[test]
fn what_cannot_be_renamed_takes_nothing_away() {
    local(async {
        let house = House::new().await;
        let mut client = Client::new(&house, "all").await;
        for path in ["a", "a/empty", "b", "b/full"] {
            client.ask(14, &[&string(path.as_bytes()), &[0; 4]]).await.unwrap();
        }
        let rename = string(b"posix-rename@openssh.com");
        for (from, to) in [("a", "a/empty"), ("a", "b"), ("a/empty", ""), ("", "c")] {
            let paths = [string(from.as_bytes()), string(to.as_bytes())].concat();
            assert!(client.ask(200, &[&rename, &paths]).await.is_err(), "{from} {to}");
        }
        for path in ["a/empty", "b/full"] {
            assert_eq!(client.look(path).await, Ok((0, 0o040_755)), "{path}");
        }
        client.ask(200, &[&rename, &string(b"a"), &string(b"b/full")]).await.unwrap();
        assert_eq!(client.look("b/full/empty").await, Ok((0, 0o040_755)));
        client.end().await;
    });
}

#[test]
fn a_door_does_no_more_than_it_may() {
    local(async {
        let house = House::new().await;
        let mut all = Client::new(&house, "all").await;
        let handle = all.open("there", 0x1a).await.unwrap();
        all.write(&handle, 0, b"x").await.unwrap();
        all.ask(4, &[&handle]).await.unwrap();
        let mut reader = Client::new(&house, "look").await;
        assert_eq!(reader.open("new", 0x1a).await, Err(3));
        assert_eq!(reader.ask(13, &[&string(b"there")]).await, Err(3));
        assert_eq!(reader.look("there").await, Ok((1, 0o100_444)));
        let mut adder = Client::new(&house, "add").await;
        assert_eq!(adder.open("there", 0x1a).await, Err(3));
        assert_eq!(adder.ask(18, &[&string(b"there"), &string(b"x")]).await, Err(3));
        let handle = adder.open("part", 0x1a).await.unwrap();
        adder.ask(4, &[&handle]).await.unwrap();
        adder.ask(18, &[&string(b"part"), &string(b"whole")]).await.unwrap();
        assert_eq!(adder.ask(13, &[&string(b"whole")]).await, Err(3));
        for client in [all, reader, adder] {
            client.end().await;
        }
    });
}

#[test]
fn what_makes_no_sense_is_refused_or_ends_the_session() {
    local(async {
        let house = House::new().await;
        let mut client = Client::new(&house, "all").await;
        for (kind, parts, status) in [
            (99, vec![], 8),
            (3, vec![], 5),
            (17, string(b"a\0b"), 4),
            (4, string(b"?"), 4),
            (200, string(b"exec@nowhere"), 8),
            (19, string(b"link"), 8),
        ] {
            assert_eq!(client.ask(kind, &[&parts]).await, Err(status), "{kind}");
        }
        // A write that would be longer than any file, and one that no disk holds.
        let handle = client.open("long", 0x1a).await.unwrap();
        for at in [u64::MAX, 1 << 60, 1 << 45] {
            assert_eq!(client.write(&handle, at, b"x").await, Err(4), "{at}");
        }
        client.end().await;
        for first in [&[1, 0, 0, 0, 2][..], &[3, 0, 0, 0, 1], &[]] {
            let mut client = Client::raw(&house, "all").await;
            client.send(first).await;
            assert!(client.receive().await.is_none());
            client.end().await;
        }
        let mut client = Client::new(&house, "all").await;
        client.stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
        assert!(client.receive().await.is_none(), "too long");
        client.end().await;
    });
}

#[test]
fn who_takes_no_answers_has_no_more_than_their_memory() {
    local(async {
        let house = House::new().await;
        let mut client = Client::new(&house, "all").await;
        let handle = client.open("large", 0x1a).await.unwrap();
        for at in 0..8 {
            client.write(&handle, at * 100_000, &[at as u8; 100_000]).await.unwrap();
        }
        client.ask(4, &[&handle]).await.unwrap();
        let handle = client.open("large", 1).await.unwrap();
        // Ten times the memory of all sessions, asked for at once.
        let (mut input, mut output) = tokio::io::split(client.stream);
        for number in 0..100u32 {
            let mut message = vec![5];
            message.put_u32(number);
            message.extend_from_slice(&handle);
            message.put_u64(u64::from(number % 8) * 100_000);
            message.put_u32(100_000);
            output.write_all(&string(&message)).await.unwrap();
        }
        let least = || client.room.free() < 100_000;
        for _ in 0..1_000 {
            if least() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert!(least(), "answers wait for {} more bytes", client.room.free());
        // Taken, they come all, in the order of one handle.
        for wanted in 0..100u32 {
            let length = input.read_u32().await.unwrap();
            let mut message = vec![0; length as usize];
            input.read_exact(&mut message).await.unwrap();
            assert_eq!(u32::from_be_bytes(message[1..5].try_into().unwrap()), wanted);
            assert_eq!(message.len(), 9 + 100_000);
            assert!(message[9..].iter().all(|byte| *byte == (wanted % 8) as u8));
        }
        drop((output, input));
        client.served.await.unwrap().unwrap();
        assert_eq!(client.room.free(), MEMORY);
    });
}

#[test]
fn a_write_that_was_refused_spoils_its_file_and_nothing_else() {
    local(async {
        let house = House::with_spool(3 << 20).await;
        let mut client = Client::new(&house, "all").await;
        let handle = client.open("kept", 0x1a).await.unwrap();
        client.write(&handle, 0, b"good").await.unwrap();
        client.ask(4, &[&handle]).await.unwrap();
        // In memory up to a mebibyte, then in a file, and then there is no more room.
        let handle = client.open("kept", 0x1a).await.unwrap();
        let (mut at, piece) = (0, [7; 100_000]);
        while client.write(&handle, at, &piece).await.is_ok() {
            at += piece.len() as u64;
        }
        assert!(at > 1 << 20, "{at}");
        assert_eq!(client.write(&handle, at, b"more").await, Err(4));
        assert_eq!(client.ask(4, &[&handle]).await, Err(4), "it is not stored");
        let handle = client.open("kept", 1).await.unwrap();
        assert_eq!(client.read(&handle, 0, 100).await.unwrap(), b"good");
        // The room is there again.
        let handle = client.open("next", 0x1a).await.unwrap();
        for at in 0..20 {
            client.write(&handle, at * 100_000, &piece).await.unwrap();
        }
        client.ask(4, &[&handle]).await.unwrap();
        assert_eq!(client.look("next").await.unwrap().0, 2_000_000);
        client.end().await;
    });
}

#[test]
fn what_was_closed_is_stored_though_nobody_hears_of_it() {
    local(async {
        let house = House::new().await;
        let mut client = Client::new(&house, "all").await;
        let mut handles = Vec::new();
        for n in 0..10 {
            let handle = client.open(&format!("file-{n}"), 0x1a).await.unwrap();
            client.write(&handle, 0, &[n; 200_000]).await.unwrap();
            handles.push(handle);
        }
        for (number, handle) in (100u32..).zip(&handles) {
            let mut message = vec![4];
            message.put_u32(number);
            message.extend_from_slice(handle);
            client.send(&message).await;
        }
        client.end().await;
        let mut other = Client::new(&house, "all").await;
        for n in 0..10 {
            assert_eq!(other.look(&format!("file-{n}")).await, Ok((200_000, 0o100_644)), "{n}");
        }
        other.end().await;
    });
}
