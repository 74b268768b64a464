//! Objects over links.
//!
//! A [`Tub`] holds objects; a [`Furl`] names one and is the permission to use it; a [`Ref`] is a
//! live reference, the same type whether its object is an actor in this process or in another one.
//! [`remote_interface!`](crate::remote_interface) declares what an object answers to.
//!
//! Promises: whoever lacks the swissnum of an object, or a reference that somebody handed over,
//! cannot tell that it exists; calls to one object keep their order; what a peer makes this process
//! hold is bounded by credits that are checked on arrival, and a peer that breaks them is cut off;
//! dropping the last reference, or losing the link that held it, stops the object.
//!
//! Knows nothing of what the objects do.
//!
//! What stands on what, from the ground up; those of one line know each other:
//!
//! - `error`, `codec`, `furl`, `budget`, `frame`, `parser`: words, bytes, and how many of them.
//! - `progress`, `traffic`, `closing`: how far a call has come, and whether its link has ended.
//! - `object`: what answers messages.
//! - `carrier`, `payload`, `export`, `live`: references without their interfaces. A connection carries
//!   values, a value takes references along, a reference leads to an object here or beyond a connection.
//! - `lazy`: such a reference that is found when it is used. `sturdy`: which object has which swissnum.
//! - `wire`: how values of each type become payloads, and payloads values.
//! - `interface`, `call`, `refs`, `promise`: references with their interfaces. What may be called, a call,
//!   a reference to call, and one that is called before it is there.
//! - `crossing`: how these cross a connection. `forward`: weaker ones out of others. `plumbing`, `declare`:
//!   interfaces out of a few lines.
//! - `network`, `loopback`: where hints lead. `identity`, `options`: who a tub is, and how it behaves.
//! - `conn`, `peers`, `inner`: a connection, those of a tub, and what they share. They carry references
//!   and know nothing of interfaces.
//! - `accept`, `dial`: how connections come to be. `reconnect`: a reference for as long as it is wanted.
//! - `tub`: the face of it all.

mod accept;
mod addresses;
mod budget;
mod call;
mod carrier;
mod closing;
pub mod codec;
mod conn;
mod crossing;
mod declare;
mod dial;
mod error;
mod export;
mod forward;
pub mod frame;
pub mod furl;
#[doc(hidden)]
pub mod fuzz;
pub mod identity;
mod inner;
mod interface;
mod lazy;
mod live;
mod loopback;
mod metered;
mod network;
mod object;
mod options;
mod parser;
mod payload;
mod peers;
#[doc(hidden)]
pub mod plumbing;
mod progress;
mod promise;
mod prompt;
mod reconnect;
mod refs;
mod strands;
mod sturdy;
mod traffic;
#[allow(clippy::module_inception, reason = "the tub is what the module is about")]
mod tub;
#[cfg(target_os = "linux")]
mod unsent;
mod wire;

pub use call::CallFuture;
pub use error::RemoteError;
pub use export::Export;
pub use forward::{Forward, Revoker};
pub use furl::{Furl, FurlError, Hint, Swissnum, SwissnumDigest, TubId};
pub use identity::Identity;
pub use interface::{Call, Interface, MethodInfo};
pub use loopback::{Arrival, Faults, LoopbackNet};
pub use metered::Rates;
pub use network::{BoxStream, Connecting, Listener, Network, Stream, Tcp};
pub use object::{AnyMessage, BoxFuture, Delivery, Object, failed, start};
pub use options::{Limits, TubOptions};
pub use payload::{Incoming, Outgoing};
pub use progress::Progress;
pub use promise::Promise;
pub use reconnect::Reconnector;
pub use refs::{Disconnected, Ref, Watch};
pub use sturdy::Restorer;
pub use tub::Tub;
pub use wire::{Bulk, Wire};
