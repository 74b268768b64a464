//! Which tubs may be dialled, and where they are.
//!
//! The hints inside a cap are advice of whoever made the cap. If they were followed unasked, a
//! stored page could make its reader's node connect to anything; so only what the owner configured,
//! a verified announcement named, or the user allowed is dialled.

use crate::base::lock::locked;
use crate::tub::{Hint, TubId};
use std::collections::HashMap;
use std::sync::Mutex;

/// The tubs that a node knows from elsewhere than caps.
pub trait KnownTubs: Send + Sync {
    /// Where to reach `tub`: the newest of what was configured or announced; `None` if unknown.
    fn hints(&self, tub: TubId) -> Option<Vec<Hint>>;

    /// The user allowed `tub` to be dialled at these hints, for now.
    fn allow(&self, tub: TubId, hints: Vec<Hint>);
}

/// Known tubs in memory.
#[derive(Default)]
pub struct TubBook(Mutex<HashMap<TubId, Vec<Hint>>>);

impl TubBook {
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes what was configured or announced; later hints win.
    pub fn learn(&self, tub: TubId, hints: Vec<Hint>) {
        locked(&self.0).insert(tub, hints);
    }
}

impl KnownTubs for TubBook {
    fn hints(&self, tub: TubId) -> Option<Vec<Hint>> {
        locked(&self.0).get(&tub).cloned()
    }

    fn allow(&self, tub: TubId, hints: Vec<Hint>) {
        let mut book = locked(&self.0);
        book.entry(tub).or_insert(hints);
    }
}
