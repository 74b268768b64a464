//! Files as shares: what may be computed about an immutable file without any input or output.
//!
//! ```text
//! plaintext ─ key ─→ ciphertext ─ segments ─→ blocks, k of N ─→ shares, each with hash trees
//! ```
//! The formats are those of `docs/spec/formats-immutable.md`, byte for byte. Nothing here opens a file or
//! a socket, and nothing here names a capability: it is given keys, hashes and counts. All bytes of
//! a share are a stranger's until they are verified, and a stranger's number decides no allocation.
//!
//! - [`encode`]: a plaintext, batch by batch, into the bytes of every share
//! - [`decode`]: which bytes of a share to read, and verified plaintext from any k shares
//! - [`verify`]: the verdict on one whole share
//! - [`geometry`], [`layout`], [`ueb`], [`hashtree`], [`chain`]: the format's parts
//! - [`crypt`], [`convergence`], [`lease`]: what is derived from secrets
//! - [`erasure`] over [`kernel`], [`many`], [`multi_buffer`], [`stepped`]: the heavy arithmetic

pub mod bytes_in;
pub mod chain;
pub mod convergence;
pub mod crypt;
pub mod decode;
pub mod encode;
pub mod erasure;
#[doc(hidden)]
pub mod fuzz;
pub mod geometry;
pub mod gf;
pub mod hashtree;
pub mod kernel;
pub mod layout;
pub mod lease;
pub mod many;
pub mod multi_buffer;
pub mod stepped;
pub mod tags;
pub mod ueb;
pub mod verify;

pub use crate::base::file::{FileFacts, FileKey, Params};
pub use geometry::{Geometry, SegmentNum};
