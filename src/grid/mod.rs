//! What a client does with caps: find servers, place shares, upload, download.
//!
//! ```text
//! Client ─┬─ upload:   key → survey → allocate → encode, send, close → count happiness → cap
//!         └─ open:     find shares → prove k of them → read any range, every block checked
//! ```
//! - [`servers`], [`ServerId`], [`permute`]: who is there, and in which order a file's servers are asked
//! - [`happiness`], [`placement`], [`params`]: when a file is stored well enough, and by what plan
//! - [`source`], [`upload`], [`download`], [`client`], `space`: the work
//! - [`dirnode`]: names for caps; [`prohibited`]: what of all this the owner does not want touched
//! - [`check`], [`verify`], [`repair`]: whether all of a file is there, and making it so again
//! - [`standing`], [`response_time`], [`timeouts`]: who is asked last, who is quick, how long to wait for whom
//! - [`progress`], [`compute`]: how far, on which threads

pub mod check;
pub mod client;
pub mod code;
pub mod compute;
pub mod deep;
pub mod dirnode;
pub mod download;
pub mod happiness;
mod lists;
mod outage;
pub mod params;
pub mod permute;
pub mod placement;
pub mod progress;
pub mod prohibited;
pub mod repair;
pub mod response_time;
mod round;
mod server_id;
pub mod servers;
pub mod source;
mod space;
pub mod standing;
mod stock;
pub(crate) mod tasks;
pub mod timeouts;
pub mod upload;
pub mod verify;
mod write_piece;

pub use check::{CheckError, Checked};
pub use client::{Client, ClientSecrets};
pub use code::Code;
pub use deep::{DeepStats, Missed, Reached, Traversal, Why};
pub use dirnode::{DirError, Directories};
pub use download::{DownloadError, FileReader, ReadStream};
pub use lists::Lists;
pub use params::{BadParams, EncodingParams, ParamsInForce};
pub use prohibited::{Prohibited, Prohibitions};
pub use repair::{Repaired, Unrepaired};
pub use response_time::ResponseTime;
pub use server_id::ServerId;
pub use servers::{Server, ServerPool};
pub use source::{ReadAt, Source};
pub use standing::{Duty, Standing};
pub use upload::{UploadError, UploadOptions, Uploaded};
pub use verify::{Finding, Flaw, Part};
pub use write_piece::WritePiece;
