//! HTTP in front of the grid: files and directories by cap or by name (`docs/spec/webapi-delta.md`).
//!
//! ```text
//! request ──▶ guard, owner ──▶ route ──▶ object · work · status · welcome ──▶ answer
//!             (who may ask)    (the table of what can be asked)
//! ```
//! - [`serve`]: the one path that every request takes; [`route`]: the table of who answers what
//! - [`asked`], [`state`]: what whoever answers is given: a request, and what the gateway has
//! - [`service`]: the page of a node that has no gateway
//! - [`guard`], [`owner`], `login`: who may ask, who may change, who is the owner; before anything else
//! - [`proof`]: how a gateway shows whose it is
//! - [`args`]: what a request asks for; pure
//! - [`body`]: request bodies on their way in
//! - [`destination`]: a file of this machine that somebody asked for; `public`: those of `/static`
//! - [`object`]: files and directories; [`work`]: checking, and long work on whole trees
//! - [`welcome`], [`status`], [`node_status`], `events`: the node and what it has been doing
//! - [`pages`]: everything that is drawn for people; [`shown`]: PDFs in their frames
//! - [`answer`], [`failure`], [`json`], [`sniff`]: statuses, headers, types
//! - [`crate::http`]: sockets, bodies, ranges and conditions, which every front end shares
//!
//! A cap in an address is the authority over what it names, so addresses are never logged, never
//! sent on as a referrer to others, and stored content is shown without scripts in an origin of its
//! own.

pub mod answer;
pub mod args;
pub mod asked;
pub mod body;
pub mod destination;
mod events;
pub mod failure;
pub mod guard;
pub mod json;
mod login;
mod looked;
pub mod metrics;
pub mod node_status;
pub mod object;
pub mod owner;
pub mod pages;
pub mod proof;
mod public;
pub mod route;
pub mod serve;
pub mod service;
pub mod shown;
pub mod sniff;
pub mod state;
pub mod status;
pub mod welcome;
pub mod work;

pub use state::Gateway;
