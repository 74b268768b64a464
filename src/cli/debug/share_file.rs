//! A share in a file: bare, or in the container in which storage servers keep it.

use super::DebugError;
use crate::storage::container::{HEAD_LEN, HEADER_LEN, Header, Kind, LeaseTable, classify};
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where a bare share keeps the offset of its data, and what it always is, by version.
const V1_DATA: (usize, [u8; 4]) = (0x0c, 0x24u32.to_be_bytes());
const V2_DATA: (usize, [u8; 8]) = (0x14, 0x44u64.to_be_bytes());

/// An open share file. Reads are of share bytes, wherever the container puts them.
#[derive(Debug)]
pub struct ShareFile {
    path: PathBuf,
    file: File,
    /// Where the share begins in the file.
    base: u64,
    len: u64,
    container: Option<Header>,
}

impl ShareFile {
    /// Opens a file and finds the share in it. Nothing is checked yet: a damaged file opens as a
    /// share that fails its checks later.
    pub fn open(path: &Path) -> Result<Self, DebugError> {
        let failed = |error| DebugError::file(path, &error);
        let file = File::open(path).map_err(failed)?;
        let file_len = file.metadata().map_err(failed)?.len();
        let mut head = vec![0; HEAD_LEN.min(usize::try_from(file_len).unwrap_or(HEAD_LEN))];
        file.read_exact_at(&mut head, 0).map_err(failed)?;
        let container = match classify(&head, file_len) {
            Kind::Immutable(header) if !is_bare(&head) => Some(header),
            _ => None,
        };
        let (base, len) = container.map_or((0, file_len), |header| (HEADER_LEN, header.data_len));
        Ok(Self { path: path.to_owned(), file, base, len, container })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the share.
    pub const fn len(&self) -> u64 {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The container's header, if there is a container.
    pub const fn container(&self) -> Option<&Header> {
        self.container.as_ref()
    }

    /// Reads share bytes; short past the end. The caller has bounded the range.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, DebugError> {
        let start = range.start.min(self.len);
        let len = range.end.min(self.len).saturating_sub(start);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = self.file.read_exact_at(&mut bytes, self.base.saturating_add(start));
        read.map_err(|error| DebugError::file(&self.path, &error))?;
        Ok(bytes.into())
    }

    /// The leases of the container.
    pub fn leases(&self) -> Result<Option<LeaseTable>, DebugError> {
        let Some(header) = self.container else { return Ok(None) };
        let len = header.file_len() - header.leases_offset();
        let mut area = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = self.file.read_exact_at(&mut area, header.leases_offset());
        read.map_err(|error| DebugError::file(&self.path, &error))?;
        Ok(Some(LeaseTable::from_bytes(header, &area)))
    }
}

/// Both a share and its container begin with 1 or 2; a bare share is told by the offset of its data,
/// which is fixed for each version and no possible value at that place of a container.
fn is_bare(head: &[u8]) -> bool {
    let holds =
        |at: usize, value: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(value));
    match head.first_chunk() {
        Some([0, 0, 0, 1]) => holds(V1_DATA.0, &V1_DATA.1),
        Some([0, 0, 0, 2]) => holds(V2_DATA.0, &V2_DATA.1),
        _ => true,
    }
}
