//! What an upload came to.

use super::super::server_id::ServerId;
use crate::base::ShareNum;
use crate::cap::Cap;
use std::collections::BTreeSet;

/// Where the shares of an upload are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    pub servers: Vec<PlacedOn>,
    /// Servers of happiness.
    pub happiness: usize,
    /// Shares that this upload stored.
    pub pushed: usize,
    /// Shares that were there before.
    pub preexisting: usize,
    /// Shares of the file that are nowhere, because no server took them in time; the file is stored
    /// well enough without.
    pub left_out: usize,
}

/// One server and the shares that it now holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOn {
    pub id: ServerId,
    pub nickname: String,
    pub shares: BTreeSet<ShareNum>,
}

/// A stored file.
#[derive(Debug, Clone)]
pub struct Uploaded {
    pub cap: Cap,
    pub placed: Placement,
}
