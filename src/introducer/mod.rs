//! Who is in the grid: nodes announce their services here and hear of everybody else's.
//!
//! - [`api`]: the messages; read it first
//! - [`announcement`]: the signed statement a node makes about one of its services
//! - [`succession`]: how it proves that it goes on as another node; [`certificate`]: with what
//! - [`book`]: a bounded list of the newest announcement of each tub, pure data
//! - [`actor`]: the introducer itself; [`overview`]: who is there, for its owner
//! - [`client`]: a node's side, which follows one introducer for as long as the node runs
//!
//! The introducer is a convenience, not an authority. It can hide announcements and repeat old
//! ones, but it cannot forge them (they are signed by the key that is the tub id), cannot bring an
//! old one back over a newer one (they carry a sequence number, and a [`book::Book`] keeps the
//! highest), and cannot make a list grow without bound. Nobody needs it once a list is known.
//!
//! Nothing here opens a file: what is to be remembered is handed to the node.

pub mod actor;
pub mod announcement;
pub mod api;
pub mod book;
mod certificate;
pub mod client;
#[doc(hidden)]
pub mod fuzz;
pub mod overview;
pub mod succession;

pub use actor::{Introducer, SetParameters};
pub use announcement::{Announcement, AnnouncementError, Fields, contested};
pub use api::GridParameters;
pub use book::{Book, Change};
pub use client::{Follower, Listener};
pub use overview::{Announced, Look, Overview, Subscribed};
pub use succession::Succession;
