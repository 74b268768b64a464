//! Front ends for the programs that people have: each opens a capability, with no more rights than its
//! door has.
//!
//! ```text
//! restic · WebDAV · S3 · SFTP      what each protocol says and wants to hear
//! ───────────────────────────
//! Opened                           a door's directory, with its rights: all changes go through here
//! ───────────────────────────
//! files                            paths, changes, undo
//! ```
//! - [`book`], [`secret`]: the doors that there are, sealed by what only their users know
//! - [`serve`]: who knocks, and at which door; [`request`], [`reply`]: what all protocols share
//! - [`opened`]: what may be done; [`error`]: why it was not
//! - [`s3`], [`dav`], [`restic`], `sftp`: the protocols; [`xml`]: what the first two speak in
//! - [`seen`], [`said`], [`kept`]: what is at a path, and what is kept of it in its link; [`room`]: how much
//!   more there may be

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
mod room;
mod s3;
mod said;
pub mod secret;
mod seen;
pub mod serve;
pub mod sftp;
mod xml;

pub use dav::Locks;
pub use s3::Parts;
pub use serve::{Doorkeeper, Doors, routes};
