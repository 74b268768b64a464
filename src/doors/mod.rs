//! Front ends for the programs that people have: each opens a capability, with no more rights than its
//! door has.
//!
//! ```text
//! restic · WebDAV · S3      what each protocol says and wants to hear
//! ─────────────────────
//! Opened                    a door's directory, with its rights: all changes go through here
//! ─────────────────────
//! files                     paths, changes, undo
//! ```
//! - [`book`], [`secret`]: the doors that there are, sealed by what only their users know
//! - [`serve`]: who knocks, and at which door; [`request`], [`reply`]: what all protocols share
//! - [`opened`]: what may be done; [`error`]: why it was not
//! - [`s3`], [`dav`], [`restic`]: the protocols; [`xml`]: what the first two speak in
//! - [`kept`]: what is kept of a thing in its link

pub mod book;
mod dav;
pub mod error;
pub mod fuzz;
mod hashed;
mod kept;
pub mod opened;
mod reply;
mod request;
mod restic;
mod s3;
pub mod secret;
pub mod serve;
mod xml;

pub use dav::Locks;
pub use s3::Parts;
pub use serve::{Doorkeeper, Doors, routes};
