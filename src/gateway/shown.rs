//! Stored PDFs that pages show in a frame, each at an address of its own for a while.

use crate::base::base32;
use crate::base::limits::{SHOWN_MAX, SHOWN_SECONDS};
use crate::base::lock::locked;
use crate::base::system::{Clock, random};
use crate::cap::Cap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// What is shown now. Clones are the same.
#[derive(Clone, Default)]
pub struct Shown(Arc<Inner>);

#[derive(Default)]
struct Inner {
    clock: Clock,
    /// Oldest first.
    all: Mutex<VecDeque<One>>,
}

struct One {
    handle: String,
    cap: Cap,
    ends: u64,
}

impl Shown {
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, all: Mutex::default() }))
    }

    /// What is still good.
    fn all(&self) -> MutexGuard<'_, VecDeque<One>> {
        let now = self.0.clock.now();
        let mut all = locked(&self.0.all);
        all.retain(|one| one.ends > now);
        all
    }

    /// The path at which a file is from now on, for a while.
    pub fn path(&self, cap: &Cap) -> String {
        let handle = base32::encode(&random::<32>());
        let path = format!("/shown/{handle}");
        let ends = self.0.clock.now().saturating_add(SHOWN_SECONDS);
        let mut all = self.all();
        all.push_back(One { handle, cap: cap.clone(), ends });
        if all.len() > SHOWN_MAX {
            all.pop_front();
        }
        path
    }

    pub fn find(&self, handle: &str) -> Option<Cap> {
        self.all().iter().find(|one| one.handle == handle).map(|one| one.cap.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::LitCap;

    #[test]
    fn an_address_is_good_for_a_while_and_there_are_never_too_many() {
        let clock = Clock::manual(1_000);
        let shown = Shown::new(clock.clone());
        let cap = Cap::from(LitCap::new(b"%PDF-".to_vec()));
        let handle = |path: &str| path.strip_prefix("/shown/").unwrap().to_owned();
        let first = handle(&shown.path(&cap));
        assert!(shown.find(&first).is_some() && shown.find("").is_none());
        let second = handle(&shown.path(&cap));
        assert_ne!(first, second);
        for _ in 0..SHOWN_MAX - 1 {
            shown.path(&cap);
        }
        assert!(shown.find(&first).is_none() && shown.find(&second).is_some());
        clock.advance(SHOWN_SECONDS);
        assert!(shown.find(&second).is_none());
    }
}
