//! Archives as bytes: what is in them, and how that is written and read. Pure, and of no grid.
//!
//! - [`zip`], [`tar`]: written one member after the other, never going back
//! - [`untar`]: read as the bytes come, within limits; `records`, `number`: its parts
//! - [`path`]: which names may stand in an archive, and which of an archive's are taken

#[doc(hidden)]
pub mod fuzz;
mod number;
pub mod path;
mod records;
pub mod tar;
pub mod untar;
pub mod zip;

/// Something that is written into an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Names with slashes between, as [`path::within`] makes them of such as may stand there.
    pub path: String,
    pub kind: Kind,
    /// When it was changed, in seconds since 1970, if that is known.
    pub time: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Directory,
    /// Of so many bytes, which follow.
    File(u64),
}

impl Entry {
    /// As both formats have it: a directory ends with a slash.
    fn name(&self) -> String {
        match self.kind {
            Kind::Directory => format!("{}/", self.path),
            Kind::File(_) => self.path.clone(),
        }
    }

    pub const fn size(&self) -> u64 {
        match self.kind {
            Kind::Directory => 0,
            Kind::File(size) => size,
        }
    }
}
