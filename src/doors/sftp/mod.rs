//! SFTP, version 3 with the extensions of OpenSSH: a door as files of another machine.
//!
//! ```text
//! listen      the socket; ssh: who logs in, and with what
//! serve       messages in, answers out; order: which may be worked on beside each other
//! session     what one client has open, and what it asks for
//! reading, writing, directory
//! ─────────────────────────────
//! packet, attributes, reply: how it is written
//! ```
//! A file that is written is taken in, in any order, and stored and linked when it is closed: so it appears
//! whole or not at all, and is durable when `CLOSE` is answered.

mod attributes;
mod directory;
#[cfg(feature = "sftp")]
pub mod listen;
mod order;
pub mod packet;
mod reading;
mod reply;
mod room;
mod serve;
mod session;
#[cfg(feature = "sftp")]
pub mod ssh;
mod writing;

pub use room::Room;
pub use serve::serve;
