//! What one server has of a file, as far as that was read.

use super::servers::Server;
use crate::base::ShareNum;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module.
pub struct Stock {
    pub server: Arc<Server>,
    pub good: BTreeSet<ShareNum>,
    /// What stands under the file's own index and is not the file's.
    pub damaged: BTreeSet<ShareNum>,
}

impl Stock {
    pub const fn nothing(server: Arc<Server>) -> Self {
        Self { server, good: BTreeSet::new(), damaged: BTreeSet::new() }
    }
}
