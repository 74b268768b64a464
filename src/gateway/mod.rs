//! HTTP in front of the grid: files and directories by cap or by name (`docs/spec/webapi-delta.md`).
//!
//! ```text
//! request ──▶ guard, owner ──▶ route ──▶ object · work · status · welcome ──▶ answer
//!             (who may ask)    (the table of what can be asked)
//! ```
//! - [`listen`]: the socket, TLS and workers
//! - [`serve`]: the one path that every request takes; [`route`]: the table of who answers what
//! - [`asked`], [`state`]: what whoever answers is given: a request, and what the gateway has
//! - [`service`]: the page of a node that has no gateway
//! - [`connections`], `watched`: who is connected, and who is let go when there is no more room
//! - [`guard`], [`owner`], `login`: who may ask, who may change, who is the owner; before anything else
//! - [`proof`]: how a gateway shows whose it is
//! - [`args`], [`conditions`]: what a request asks for, and on what condition; pure
//! - [`body`], [`spool`]: request bodies on their way in; `spill`: long answers on their way out
//! - [`destination`]: a file of this machine that somebody asked for; `public`: those of `/static`
//! - [`object`]: files and directories; [`work`]: checking, and long work on whole trees
//! - [`welcome`], [`status`], [`node_status`], [`history`], `events`: the node and what it has been doing
//! - [`pages`]: everything that is drawn for people; [`shown`]: PDFs in their frames
//! - [`answer`], [`failure`], [`json`], [`mime`], [`sniff`], [`range`]: statuses, headers, types, ranges
//! - [`webport`], [`tls`]: where it listens, and how
//!
//! A cap in an address is the authority over what it names, so addresses are never logged, never
//! sent on as a referrer to others, and stored content is shown without scripts in an origin of its
//! own.

pub mod answer;
pub mod args;
pub mod asked;
pub mod body;
pub mod conditions;
pub mod connections;
pub mod destination;
mod drain;
mod events;
pub mod failure;
pub mod guard;
pub mod history;
pub mod json;
pub mod listen;
mod login;
pub mod metrics;
pub mod mime;
pub mod node_status;
pub mod object;
pub mod owner;
pub mod pages;
pub mod proof;
mod public;
pub mod range;
pub mod route;
pub mod serve;
pub mod service;
pub mod shown;
pub mod sniff;
mod spare_file;
mod spill;
pub mod spool;
pub mod state;
pub mod status;
pub mod tls;
mod watched;
pub mod webport;
pub mod welcome;
pub mod work;

pub use listen::{Running, ServeError, Settings};
pub use state::Gateway;
