//! The one way by which bytes of a stranger's share are taken apart.

/// A cursor over bytes that may be anything. Every read is checked and none panics.
#[derive(Clone, Copy)]
pub struct BytesIn<'a>(&'a [u8]);

/// There were fewer bytes than the format needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bytes are missing")]
pub struct Short;

impl<'a> BytesIn<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }

    /// The bytes before the next `stop`, which is taken too.
    pub fn until(&mut self, stop: u8) -> Result<&'a [u8], Short> {
        let at = self.0.iter().position(|byte| *byte == stop).ok_or(Short)?;
        let taken = self.take(at)?;
        self.take(1)?;
        Ok(taken)
    }
}
