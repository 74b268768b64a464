//! Promise 23: bounds hold in sum, whatever strangers, members and users ask at once.
//!
//! A real storage node and a real gateway are flooded, each flood by itself; meanwhile an honest user
//! reads. No process grows by more than [`bounds::GROWTH_MAX`] above what it took when idle, at its
//! peak and not only afterwards, and the honest user waits at most twice as long at the 99th percentile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![allow(clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod bounds;
mod hostile;
mod nodes;

/// One flood's figures.
fn tell(figures: &str) {
    println!("promise 23: {figures}");
}
