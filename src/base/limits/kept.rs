//! Of what a node keeps alive.

use std::time::Duration;

/// Lines of what a node keeps: each is a cap with all below it.
pub const KEPT_MAX: usize = 100_000;
/// From one look at all that is kept to the next.
pub const KEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
/// From the start of a node to the first, at least; up to twice as long.
pub const KEEP_AFTER: Duration = Duration::from_secs(10 * 60);
/// Between two looks at whether it is time for that.
pub const KEEP_LOOK: Duration = Duration::from_secs(10 * 60);
/// Leases last 31 days; each is renewed so often.
pub const KEEP_RENEW_DAYS: u64 = 7;
/// Each file's shares are read so often.
pub const KEEP_VERIFY_DAYS: u64 = 90;
/// A file that lacks shares and is in no danger is given so long before it is repaired: a server that is back
/// tomorrow causes no traffic.
pub const KEEP_PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// A repair that did not make a file whole is tried again after so long.
pub const KEEP_RETRY: Duration = Duration::from_secs(3 * 24 * 3600);
/// Things that are looked at at once.
pub const KEEP_AT_ONCE: usize = 4;
/// Bytes a second at which shares are read for each of these.
pub const KEEP_RATE: u64 = 1 << 20;
/// So long in all a look at one file rests after that, so that others have their turn.
pub const KEEP_REST_MAX: Duration = Duration::from_secs(10 * 60);
/// Larger files are counted and not read: reading one would take a home's line for hours.
pub const KEEP_VERIFY_MAX: u64 = 4 << 30;
/// So long a look at one thing waits for the transfers of people.
pub const KEEP_POLITE_TIME: Duration = Duration::from_secs(2);
/// What is known is written down after so many things, or so long.
pub const KEEP_SAVE_EVERY: u32 = 1_000;
pub const KEEP_SAVE_AFTER: Duration = Duration::from_secs(60);
/// Files of which it is known since when they lack shares: some 6 MiB.
pub const KEEP_SHORT_MAX: usize = 100_000;
/// Things that a round tells of one by one.
pub const KEEP_TROUBLES_MAX: usize = 200;
/// The list of what is kept.
pub const KEEPER_LIST_MAX: u64 = 64 << 20;
/// What is known of all that, as it is written down.
pub const KEEPER_RECORD_MAX: u64 = 32 << 20;
