//! Why an upload did not succeed, in words that say what to do.

use super::sites::Trouble;
use crate::base::limits::FILE_MAX;
use crate::codec::encode::EncodeError;
use crate::grid::compute::CutOff;
use crate::grid::download::DownloadError;
use std::fmt;
use std::io;

/// An upload that stored nothing that counts. Clones go to everybody who joined it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UploadError {
    /// More bytes than the format's limits allow.
    #[error("the file has {size} bytes; at most {FILE_MAX} can be stored in one file")]
    TooLarge { size: u64 },
    /// The file cannot be cut as wanted, or the encoder refused.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The source could not be read.
    #[error("the file could not be read: {text}")]
    Source { kind: io::ErrorKind, text: String },
    /// The source changed between the two passes; everything written was given up, because one
    /// keystream must not cover two plaintexts.
    #[error("the file changed while it was read; nothing was stored, upload it again")]
    Changed,
    /// Not one server is connected.
    #[error(
        "no storage server is connected; check that the introducer and at least one storage server \
         are running, then try again"
    )]
    NoServers,
    /// Too few servers hold shares.
    #[error(transparent)]
    Unhappy(#[from] Unhappy),
    /// The ciphertext that shares were to be made of again could not be read.
    #[error("{0}")]
    Unread(DownloadError),
    /// The program is going down.
    #[error("the upload was cut off because the node is stopping")]
    CutOff,
}

impl From<CutOff> for UploadError {
    fn from(_: CutOff) -> Self {
        Self::CutOff
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        Self::Source { kind: error.kind(), text: error.to_string() }
    }
}

/// Fewer servers hold distinct shares than were wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhappy {
    /// Servers of happiness reached.
    pub placed: usize,
    /// Servers of happiness wanted.
    pub happy: usize,
    /// Shares that give the file back.
    pub needed: usize,
    /// Servers that were asked.
    pub asked: usize,
    /// What was wrong with some of them.
    pub troubles: Vec<Trouble>,
}

impl std::error::Error for Unhappy {}

impl fmt::Display for Unhappy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { placed, happy, needed, asked, troubles } = self;
        write!(
            f,
            "shares could be placed on only {placed} server{}, {happy} wanted such that any {needed} of \
             them have enough shares to recover the file. Asked {asked}",
            if *placed == 1 { "" } else { "s" }
        )?;
        write!(f, "{}", Troubles(troubles))?;
        f.write_str(
            "; the file is not safely stored: try again when more servers are connected or have \
             room, or ask for fewer in encoding_parameters",
        )
    }
}

/// How many servers had which trouble, each kind behind a semicolon.
pub struct Troubles<'a>(pub &'a [Trouble]);

impl fmt::Display for Troubles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |wanted: fn(&Trouble) -> bool| self.0.iter().filter(|t| wanted(t)).count();
        let kinds = [
            (count(|t| *t == Trouble::Refused), "full or read-only"),
            (count(|t| *t == Trouble::Silent), "did not answer in time"),
            (count(|t| *t == Trouble::Occupied), "busy with another upload of this file"),
            (count(|t| *t == Trouble::Contested), "with something else in the place of its shares"),
            (count(|t| matches!(t, Trouble::Failed(_))), "failed or disconnected"),
        ];
        for (count, what) in kinds.iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {count} {what}")?;
        }
        Ok(())
    }
}
