//! Nodes: directories of one-value files, what runs in them, and how it starts and stops.
//!
//! - [`basedir`], [`config`], [`secrets`], [`create`]: the directory
//! - [`kept`]: what is made once and must not be lost
//! - [`check`]: whether a node would start, by its files
//! - [`lock`], [`logs`], [`foreground`], [`signals`]: one process a directory, what it writes, how it ends
//! - [`running`]: a node from its directory; the only place where all layers meet
//! - [`hints`]: how others are told to reach it; `announced`: what they are told of it
//! - [`neighbours`]: the storage servers it has heard of, connected and not, kept over restarts
//! - [`parameters`]: the introducer's encoding parameters, followed while it runs
//! - [`control`]: what the owner's tools ask a running node
//! - `storage`: the space that is offered to others; `seeds`: whose place it takes among servers
//! - `vdrive`, `roots`: directories served, and the two that `/vdrive` names
//! - `service`: the page of a node without a gateway
//! - [`demo`]: a whole grid of such nodes in one process

mod address;
mod announced;
pub mod basedir;
pub mod check;
pub mod config;
pub mod control;
pub mod create;
pub mod demo;
pub mod doors;
mod error;
pub mod foreground;
mod hints;
pub mod kept;
pub mod lock;
mod logs;
mod neighbours;
mod notices;
mod pages;
mod parameters;
mod rates;
mod roots;
pub mod running;
mod saved;
mod secrets;
mod seeds;
mod service;
#[cfg(feature = "sftp")]
pub mod sftp;
pub mod signals;
mod storage;
mod vdrive;

pub use error::NodeError;
