//! HTTP in front of the grid: put a file and get its cap, get a file by its cap.
//!
//! - [`serve`]: listening, limits, and the one handler through which every request goes
//! - [`guard`]: who may ask and who may change; applied before anything else
//! - [`route`]: what a request asks for; pure
//! - [`put`], [`get`], [`welcome`]: the answers
//! - [`spool`]: request bodies on their way in
//! - [`answer`], [`mime`], [`range`]: statuses, headers, types and ranges
//! - [`webport`], [`tls`]: where it listens, and how
//!
//! A cap in an address is the authority to read a file, so addresses are never logged, never sent
//! on as a referrer, and stored content is shown without scripts in an origin of its own.

pub mod answer;
pub mod get;
pub mod guard;
pub mod mime;
pub mod put;
pub mod range;
pub mod route;
pub mod serve;
pub mod spool;
pub mod tls;
pub mod webport;
pub mod welcome;

pub use serve::{Gateway, Running, ServeError, Settings};
