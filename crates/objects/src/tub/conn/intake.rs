//! Ciphertext that has come and is not opened yet.

use crate::base::limits::RECORD_PLAIN_MAX;
use crate::link::record::sealed_len;
use crate::tub::frame::Violation;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// After so long without anything to read or to write, a link is quiet.
pub(super) const QUIET_TIME: Duration = Duration::from_secs(1);

/// Read at once on a link on which little comes: most of its life a link needs no more.
pub(super) const INTAKE_FIRST: usize = 4 << 10;
/// The same at most: the longest record.
const INTAKE_MAX: usize = sealed_len(RECORD_PLAIN_MAX);

/// The front of a stream, up to one record that is not whole. Its memory follows what comes.
pub(super) struct Intake {
    buffer: Vec<u8>,
    have: usize,
}

impl Default for Intake {
    fn default() -> Self {
        Self { buffer: vec![0; INTAKE_FIRST], have: 0 }
    }
}

impl Intake {
    /// Reads up to `at_once` bytes. Answers false at the end of the stream.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        at_once: usize,
    ) -> bool {
        if self.have == 0 && self.buffer.len() > INTAKE_FIRST {
            let read = self.read_some(stream, at_once);
            if let Ok(has_come) = tokio::time::timeout(QUIET_TIME, read).await {
                return has_come;
            }
            *self = Self::default();
        }
        self.read_some(stream, at_once).await
    }

    async fn read_some(&mut self, stream: &mut (impl AsyncRead + Unpin), at_once: usize) -> bool {
        let room = self.buffer.get_mut(self.have..).unwrap_or_default();
        let length = room.len().min(at_once);
        let count = read(stream, room.get_mut(..length).unwrap_or_default()).await;
        self.have += count.unwrap_or(0);
        if self.have == self.buffer.len() {
            self.buffer.resize((2 * self.have).min(INTAKE_MAX), 0);
        }
        count.is_some()
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.have).unwrap_or_default()
    }

    /// Drops the first `used` bytes, no more than there are.
    pub(super) fn drop_front(&mut self, used: usize) {
        self.buffer.copy_within(used..self.have, 0);
        self.have -= used;
    }

    /// Holds the beginning of a record instead of what it held.
    pub(super) fn put(&mut self, begun: &[u8]) -> Result<(), Violation> {
        if begun.len() >= self.buffer.len() {
            self.buffer.resize(INTAKE_MAX, 0);
        }
        self.buffer.get_mut(..begun.len()).ok_or(Violation)?.copy_from_slice(begun);
        self.have = begun.len();
        Ok(())
    }
}

/// Some bytes of the stream; `None` at its end, which a failure is too.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), room: &mut [u8]) -> Option<usize> {
    stream.read(room).await.ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// Reads until so many bytes are there.
    async fn fill(intake: &mut Intake, stream: &mut (impl AsyncRead + Unpin), length: usize) {
        while intake.bytes().len() < length {
            assert!(intake.read(stream, usize::MAX).await);
        }
    }

    #[actix_rt::test]
    async fn memory_follows_what_comes_and_is_given_back_when_the_link_is_quiet() {
        let (mut near, mut far) = tokio::io::duplex(2 * INTAKE_MAX);
        let record: Vec<u8> = (0..INTAKE_MAX).map(|place| (place % 251) as u8).collect();
        let mut intake = Intake::default();
        far.write_all(&record).await.unwrap();
        fill(&mut intake, &mut near, INTAKE_MAX).await;
        assert!(*intake.bytes() == record && intake.buffer.len() == INTAKE_MAX);
        intake.drop_front(INTAKE_MAX - 2);
        assert_eq!(*intake.bytes(), record[INTAKE_MAX - 2..]);
        intake.drop_front(2);
        tokio::time::pause();
        let later = async {
            tokio::time::sleep(2 * QUIET_TIME).await;
            far.write_all(b"later").await.unwrap();
        };
        let (has_come, ()) = tokio::join!(intake.read(&mut near, usize::MAX), later);
        assert!(has_come && *intake.bytes() == *b"later");
        assert_eq!(intake.buffer.len(), INTAKE_FIRST);
        drop(far);
        assert!(!intake.read(&mut near, usize::MAX).await);
    }

    #[actix_rt::test]
    async fn few_bytes_take_little_and_no_more_is_read_than_asked_for() {
        let (mut near, mut far) = tokio::io::duplex(INTAKE_MAX);
        let mut intake = Intake::default();
        far.write_all(&[7; INTAKE_FIRST]).await.unwrap();
        assert!(intake.read(&mut near, 100).await);
        assert_eq!((intake.bytes().len(), intake.buffer.len()), (100, INTAKE_FIRST));
        fill(&mut intake, &mut near, INTAKE_FIRST - 1).await;
        assert!(intake.buffer.len() <= 2 * INTAKE_FIRST);
    }

    #[test]
    fn the_beginning_of_a_record_has_room_for_the_rest() {
        for length in [0, INTAKE_FIRST - 1, INTAKE_FIRST, INTAKE_MAX - 1] {
            let mut intake = Intake::default();
            intake.put(&vec![7; length]).unwrap();
            assert_eq!(*intake.bytes(), vec![7; length]);
            assert!(intake.buffer.len() > length);
        }
        assert!(Intake::default().put(&[7; INTAKE_MAX + 1]).is_err());
    }
}
