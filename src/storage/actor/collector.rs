//! Runs collections of leases now and then, a few buckets at a time between other disk work; and lets
//! the store look at its clocks, and at what it keeps.

use crate::base::limits::{CLOCK_SAVE, COLLECT_AFTER, COLLECT_EVERY, COLLECT_PAUSE, SCRUB_LOOK};
use crate::disk::jobs::Jobs;
use crate::storage::{LeaseAge, Scrub, ShareStore};
use actix_rt::time::sleep;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// When leases are collected.
#[derive(Clone, Copy, Debug)]
pub struct Expiry {
    pub age: LeaseAge,
    /// From the start of the server to the first collection.
    pub after: Duration,
    /// From the end of one collection to the next.
    pub every: Duration,
}

impl Expiry {
    /// Of leases of this age, as often as the limits say.
    pub const fn of(age: LeaseAge) -> Self {
        Self { age, after: COLLECT_AFTER, every: COLLECT_EVERY }
    }
}

/// Collects until the store is gone, which this does not keep.
pub(super) async fn keep_collecting(store: Weak<dyn ShareStore>, jobs: Jobs, expiry: Expiry) {
    sleep(expiry.after).await;
    while let Some(store) = store.upgrade() {
        collect(store, &jobs, expiry.age).await;
        sleep(expiry.every).await;
    }
}

/// Lets the store look at its clocks until it is gone, which this does not keep.
pub(super) async fn keep_time(store: Weak<dyn ShareStore>, jobs: Jobs) {
    loop {
        sleep(CLOCK_SAVE).await;
        let Some(store) = store.upgrade() else { return };
        jobs.run(move || store.tick()).await;
    }
}

/// Has the store read what it keeps, as often as that is wanted, until it is gone, which this does not
/// keep.
pub(super) async fn keep_scrubbing(store: Weak<dyn ShareStore>, jobs: Jobs, scrub: Scrub) {
    loop {
        sleep(SCRUB_LOOK).await;
        let Some(store) = store.upgrade() else { return };
        jobs.run(move || store.scrub(scrub)).await;
    }
}

async fn collect(store: Arc<dyn ShareStore>, jobs: &Jobs, age: LeaseAge) {
    let mut steps = store.collection(age);
    loop {
        let step = jobs.run(move || {
            let more = steps();
            more.then_some(steps)
        });
        let Some(Some(rest)) = step.await else { return };
        steps = rest;
        sleep(COLLECT_PAUSE).await;
    }
}
