//! Connections to a node's own gateway in the clear: used only once what listens there has proven that it
//! knows the node's token ([`crate::gateway::proof`]).

use crate::base::system::random;
use crate::gateway::proof::Challenge;
use std::fmt;
use std::io::{self, Read, Write};
use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport, TransportAdapter};

/// More than a gateway says before its proof, and the proof.
const ANSWER_MAX: usize = 4_096;

/// Asks every new connection for its proof.
pub struct Proven {
    pub token: String,
    /// The gateway's address, as the node's file says.
    pub address: String,
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(…)")
    }
}

/// What listens at the address knows no token, or not that of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not show that it knows this node's token")]
pub struct NotProven;

impl<In: Transport> Connector<In> for Proven {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else { return Ok(None) };
        let mut sock = TransportAdapter::new(transport, details.current_time.clone());
        sock.set_timeout(details.timeout);
        let host = details.uri.authority().map_or("", |authority| authority.as_str());
        self.prove(&mut sock, host)?;
        Ok(Some(sock.into_inner().boxed()))
    }
}

impl Proven {
    fn prove(&self, stream: &mut (impl Read + Write), host: &str) -> io::Result<()> {
        let challenge = Challenge(random());
        let path = challenge.path();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n\r\n")?;
        let answer = answer(stream)?;
        let proof = body(&answer).unwrap_or_default();
        if challenge.is_met_by(proof, &self.token, &self.address) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, NotProven))
    }
}

/// A whole answer, or what came until it ended or was too long.
fn answer(stream: &mut impl Read) -> io::Result<String> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 512]);
    while !is_whole(&answer) && answer.len() < ANSWER_MAX {
        match stream.read(&mut buffer)? {
            0 => break,
            read => answer.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    body.len() >= length(head)
}

/// The body of a success.
fn body(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    (head.starts_with("HTTP/1.1 200 ") && body.len() == length(head)).then(|| body.trim())
}

/// What the head of an answer says of its body.
fn length(head: &str) -> usize {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with what it was given, in pieces, and takes what it is told.
    struct Peer {
        says: Box<dyn Fn(&str) -> String>,
        told: Vec<u8>,
        said: Option<io::Cursor<Vec<u8>>>,
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.told.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let told = String::from_utf8_lossy(&self.told).into_owned();
            let said = self.said.get_or_insert_with(|| io::Cursor::new((self.says)(&told).into()));
            let piece = buffer.len().min(7);
            said.read(&mut buffer[..piece])
        }
    }

    const ADDRESS: &str = "http://127.0.0.1:8123";

    fn proves(says: impl Fn(&str) -> String + 'static) -> Option<io::ErrorKind> {
        let proven = Proven { token: "token".into(), address: ADDRESS.into() };
        let mut peer = Peer { says: Box::new(says), told: Vec::new(), said: None };
        let error = proven.prove(&mut peer, "127.0.0.1:8123").err().map(|error| error.kind());
        let told = String::from_utf8(peer.told).unwrap();
        assert!(!told.contains("token") && told.starts_with("GET /login?prove="), "{told}");
        error
    }

    /// A right answer under a token.
    fn right(told: &str, token: &str) -> String {
        let text = told.split(['=', ' ']).nth(2).unwrap();
        let proof = Challenge::parse(text).unwrap().proof(token, ADDRESS);
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{proof}", proof.len())
    }

    #[test]
    fn only_who_knows_the_token_is_told_more() {
        assert_eq!(proves(|told| right(told, "token")), None);
        let denied = Some(io::ErrorKind::PermissionDenied);
        assert_eq!(proves(|told| right(told, "other")), denied);
        assert_eq!(proves(|told| right(told, "token").replace("200", "404")), denied);
        assert_eq!(proves(|told| right(told, "token").replace("content", "x")), denied);
        assert_eq!(proves(|_| String::new()), denied);
        assert_eq!(proves(|told| told.to_owned()), denied, "an echo");
        assert_eq!(proves(|_| "x".repeat(ANSWER_MAX * 2)), denied);
    }
}
