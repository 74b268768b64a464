//! Objects in other processes, reached by those who were given them, and by nobody else.
//!
//! A program makes an object and gets a *furl* for it, one line of text. Whoever has that line can call
//! the object, from wherever it can be reached; who has not cannot even tell that it exists. There are
//! no accounts, no lists of who may do what: a reference is the permission, it can be passed on as an
//! argument, and made weaker before that. What passes between processes is encrypted and proven under
//! keys that the furls carry.
//!
//! # An interface
//!
//! What an object answers to is declared once, for both sides. A method has a number, which never
//! changes, arguments, and a reply:
//!
//! ```
//! tahoe_objects::remote_interface! {
//!     /// Counts.
//!     pub interface Counter = "example.counter.v1" {
//!         /// The count, with `more` in it.
//!         0 => Count { more: u64 } -> u64,
//!     }
//! }
//! ```
//! That makes a type for each method's message and one, `Counter`, that stands for the interface.
//! Arguments and replies are what implements [`Wire`](tub::Wire): numbers, texts, lists and options of
//! such, structs declared by [`wire_struct!`], [many bytes](tub::Bulk), and references.
//!
//! # An object
//!
//! An actor that handles these messages is such an object. It has no locks: one message at a time is
//! what an actor sees, and the calls of one caller in the order in which they were made.
//!
//! ```
//! # tahoe_objects::remote_interface! {
//! #     interface Counter = "example.counter.v1" { 0 => Count { more: u64 } -> u64 }
//! # }
//! use tahoe_objects::actix::{Actor, Context, Handler, System};
//! use tahoe_objects::tub::{Ref, RemoteError, start};
//!
//! struct Tally(u64);
//!
//! impl Actor for Tally {
//!     type Context = Context<Self>;
//! }
//!
//! impl Handler<Count> for Tally {
//!     type Result = Result<u64, RemoteError>;
//!
//!     fn handle(&mut self, Count { more }: Count, _: &mut Self::Context) -> Self::Result {
//!         self.0 = self.0.checked_add(more).ok_or(RemoteError::BadArguments)?;
//!         Ok(self.0)
//!     }
//! }
//!
//! System::new().block_on(async {
//!     let counter: Ref<Counter> = Counter::of(start(Tally(40)));
//!     assert_eq!(counter.call(Count { more: 2 }).await, Ok(42));
//! });
//! ```
//! A [`Ref`](tub::Ref) is all that a caller ever sees of an object, here as in another process. When the
//! last one is dropped, wherever it was, the object stops.
//!
//! # Two processes and a furl
//!
//! A [`Tub`](tub::Tub) is where a process's objects live, and from where it reaches those of others.
//! This program has one, registers its object in it, and prints the furl:
//!
//! ```no_run
//! # tahoe_objects::remote_interface! {
//! #     interface Counter = "example.counter.v1" { 0 => Count { more: u64 } -> u64 }
//! # }
//! # struct Tally(u64);
//! # impl tahoe_objects::actix::Actor for Tally {
//! #     type Context = tahoe_objects::actix::Context<Self>;
//! # }
//! # impl tahoe_objects::actix::Handler<Count> for Tally {
//! #     type Result = Result<u64, tahoe_objects::tub::RemoteError>;
//! #     fn handle(&mut self, _: Count, _: &mut Self::Context) -> Self::Result { Ok(0) }
//! # }
//! use tahoe_objects::actix::System;
//! use tahoe_objects::tub::{Hint, Identity, Tub, TubOptions, start};
//!
//! fn main() -> std::io::Result<()> {
//!     System::new().block_on(async {
//!         let tub = Tub::new(Identity::random(), TubOptions::default());
//!         let port = tub.listen(([127, 0, 0, 1], 0).into()).await?.port();
//!         tub.set_hints(vec![Hint::tcp("127.0.0.1", port)]);
//!         let furl = tub.register(Counter::of(start(Tally(40))), None);
//!         println!("{}", furl.reveal());
//!         std::future::pending().await
//!     })
//! }
//! ```
//! and this one, given the furl as its argument, calls the object there:
//!
//! ```no_run
//! # tahoe_objects::remote_interface! {
//! #     interface Counter = "example.counter.v1" { 0 => Count { more: u64 } -> u64 }
//! # }
//! use tahoe_objects::actix::System;
//! use tahoe_objects::tub::{Furl, Identity, Tub, TubOptions};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let furl = Furl::parse(&std::env::args().nth(1).ok_or("which furl?")?)?;
//!     System::new().block_on(async {
//!         let tub = Tub::new(Identity::random(), TubOptions::default());
//!         let counter = tub.get::<Counter>(&furl).await?;
//!         println!("{}", counter.call(Count { more: 2 }).await?);
//!         Ok(())
//!     })
//! }
//! ```
//! A furl that is to outlive its process needs the tub's [seed](tub::Identity::from_seed) and the
//! object's [swissnum](tub::Swissnum) on disk, and a port that stays. The examples beside this crate go
//! on from here: `calculator` is these two programs, `attenuated` gives less away than it has and takes
//! it back, in `chat` references travel as arguments, and who is gone is noticed.
//!
//! # How to hold an object
//!
//! It is always a `Ref`; what differs is where it comes from, and what it does when a link is lost.
//!
//! | you have | and want | so you take | when the link is lost |
//! |---|---|---|---|
//! | an actor, or something else that [answers](tub::Object) | to hand it out | `Counter::of(address)`, [`Ref::local`](tub::Ref::local) | it does not depend on one |
//! | a message that brought a reference | to call who sent it | that `Ref` | calls fail; [`lost`](tub::Ref::lost) and [`notify`](tub::Ref::notify) tell |
//! | a method that will answer a reference | to call that at once, in the same round trip | [`Ref::promise`](tub::Ref::promise) | calls fail |
//! | a furl | to know now whether the object is there | [`Tub::get`](tub::Tub::get) | the same |
//! | a furl | to call now and then | [`Tub::sturdy`](tub::Tub::sturdy) | the next call finds the object again |
//! | a furl | to be connected whenever that is possible | [`Tub::keep`](tub::Tub::keep) | it brings a new `Ref` |
//! | a `Ref` | to give less of it, or not for ever | [`Forward`](tub::Forward) | as with the `Ref` behind it |
//!
//! # What is promised
//!
//! - Calls to one object arrive in the order in which they were made, whether or not somebody waits for
//!   the answers. A call that fails with [`Disconnected`](tub::RemoteError::Disconnected) may have run.
//! - What a peer makes this process hold is bounded ([`base::limits`], [`Limits`](tub::Limits)), and a
//!   peer that breaks a bound is cut off. It can crash nothing.
//! - Wrong, unknown and revoked furls are one: [`NoSuchObject`](tub::RemoteError::NoSuchObject).
//!
//! Links run over TCP, over a [network inside the process](tub::LoopbackNet) that delays, breaks and
//! parts as a test asks, or over whatever implements [`Network`](tub::Network).

#![deny(missing_docs, unreachable_pub)]

pub mod base;
pub mod link;
pub mod tub;

/// The actors that answer, so that a program needs no dependency of its own on them.
pub use actix;
