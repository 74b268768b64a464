//! What is in folders, kept out of memory: of a tree of any size only where each folder's list begins
//! is held.
//!
//! The file has no name and nobody else may read it; it is made where temporary files are made, and
//! only once there is much to keep.

use crate::base::limits::FOLDERS_IN_MEMORY;
use std::io::{self, Read, Seek, SeekFrom, Write};
use tempfile::SpooledTempFile;

pub struct Spool {
    file: SpooledTempFile,
    end: u64,
}

/// Where something is.
#[derive(Clone, Copy)]
pub struct Span {
    begin: u64,
    len: usize,
}

impl Spool {
    pub fn new() -> Self {
        Self { file: SpooledTempFile::new(FOLDERS_IN_MEMORY), end: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Span> {
        let span = Span { begin: self.end, len: bytes.len() };
        self.file.seek(SeekFrom::Start(span.begin))?;
        self.file.write_all(bytes)?;
        self.end += bytes.len() as u64;
        Ok(span)
    }

    pub fn get(&mut self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; span.len];
        self.file.seek(SeekFrom::Start(span.begin))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_from_memory_and_from_the_file() {
        let mut spool = Spool::new();
        let piece = |number: u8| vec![number; FOLDERS_IN_MEMORY / 4];
        let spans: Vec<_> = (0..6).map(|number| spool.push(&piece(number)).unwrap()).collect();
        assert!(spool.file.is_rolled());
        for (number, span) in (0..6).zip(spans).rev() {
            assert!(spool.get(span).unwrap() == piece(number));
        }
    }
}
