//! An encrypted, authenticated link between two keys: Noise_XK over any byte stream.
//!
//! Promises: a peer that finished the handshake holds the private key of the name it goes by; no
//! byte is forged, replayed, reordered or cut off unnoticed. Knows nothing of objects or frames.
//!
//! ```text
//! initiator                                   responder
//! preamble(8) ‖ u16 ‖ e, es            →
//!                                      ←      u16 ‖ e, ee, hello
//! u16 ‖ s, se, hello                   →
//! records                              ↔      records
//!
//! preamble = "PBN1" ‖ version u8 ‖ suite u8 ‖ 0 ‖ 0          (also in the Noise prologue)
//! record   = u16 BE length of the ciphertext ‖ ciphertext    (plaintext ≤ 65,519 bytes)
//! ```
//! XK: a scanner without the responder's key gets no answer and learns no identity, nor what kind of
//! server it found; the initiator's identity travels encrypted; the first request leaves after one round trip.

pub mod braid;
mod cipher;
#[doc(hidden)]
pub mod fuzz;
pub mod handshake;
mod noise;
pub mod pool;
pub mod preamble;
pub mod record;

pub use braid::Braid;
pub use handshake::{Established, Greeted, LinkError, greeted, initiate, respond};
pub use pool::{Buffer, Pool};
pub use preamble::Suite;
pub use record::{Records, Sealed};
