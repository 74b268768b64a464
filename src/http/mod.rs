//! What every front end that speaks HTTP stands on; it knows nothing of what is asked for.
//!
//! - [`webport`], [`tls`], [`listen`]: where it listens, and how
//! - [`connections`], [`watched`]: who is connected, and who is let go when there is no more room
//! - [`spool`]: request bodies on their way in, in memory or in files without a name;
//!   [`scratch`]: files that are written in any order;
//!   [`spill`]: long answers on their way out, the same way
//! - [`archive`]: zip and tar, written and read as streams; pure
//! - [`conditions`], [`range`], [`mime`], [`tag`], [`date`], [`markup`]: conditions, parts, types, tags, dates and texts of what is asked for;
//!   pure

pub mod archive;
pub mod conditions;
pub mod connections;
pub mod date;
mod drain;
pub mod listen;
pub mod markup;
pub mod mime;
pub mod pieces;
pub mod range;
pub mod scratch;
mod spare_file;
pub mod spill;
pub mod spool;
pub mod tag;
pub mod tls;
pub mod watched;
pub mod webport;

pub use listen::{Running, ServeError, Settings};
